"""The store's contract: what is written is read back to the bit, twice is once, and any round can be seen again."""

import json
import math
import os
import stat
import string

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthdata.corpus import EVENT_KINDS, CorpusStore, to_candidate, to_decision
from synthdata.corpus.digest import digest
from synthdata.corpus.verify import verify
from synthdata.errors import InputError, LockedError
from synthdata.records import Candidate, Decision, Observation, Origin, Reason, Step, ToolCall, Trajectory, Verdict

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
NUMBER = st.floats(width=64)


def new_store(folder, views="two"):
    with CorpusStore.making(folder, views=views, recipe={"encoder": {"dim": 4}}) as store, store.new_anchor(0):
        return store


def decision(text, verdict=Verdict.ADMIT, **values):
    reason = Reason.NEAR_DUPLICATE if verdict is Verdict.REJECT else None
    return Decision(Candidate(content=text, context=f"about {text}"), verdict, reason=reason, **values)


def unit_vectors(decisions, dim=4):
    vectors = {}
    for item in decisions:
        rng = np.random.default_rng(int(item.candidate.id[:8], 16))
        pair = rng.standard_normal((2, dim)).astype(np.float32)
        pair /= np.linalg.norm(pair, axis=1, keepdims=True)
        vectors[item.candidate.id] = (pair[0], pair[1])
    return vectors


def commit(store, decisions, key, **values):
    with store.writing():
        stamp = {"round_key": key, "recipe": "recipe", "anchor": 0} | values
        return store.commit_round(decisions, unit_vectors(decisions), **stamp)


@st.composite
def decisions_of_any_kind(draw):
    texts = draw(st.lists(TEXT.filter(bool), min_size=1, max_size=8, unique=True))
    made = []
    for text in texts:
        verdict = draw(st.sampled_from(Verdict))
        candidate = Candidate(
            content=text,
            context=draw(TEXT),
            external_id=draw(TEXT),
            origin=draw(st.sampled_from(Origin)),
            source=draw(TEXT),
            payload=json.dumps(draw(TEXT)),
            sample_index=draw(st.integers(0, 5)),
        )
        made.append(
            Decision(
                candidate,
                verdict,
                stage=draw(st.sampled_from(["exact", "collision", ""])),
                reason=None if verdict is Verdict.ADMIT else draw(st.sampled_from(Reason)),
                score=draw(st.none() | NUMBER),
                threshold=draw(st.none() | NUMBER),
                neighbour_text=draw(TEXT),
                cell=draw(st.none() | st.integers(0, 9)),
                numbers=draw(st.dictionaries(st.text(string.ascii_lowercase, min_size=1), NUMBER, max_size=3)),
            )
        )
    return made


@settings(max_examples=15, deadline=None)
@given(decisions=decisions_of_any_kind())
def test_a_round_is_read_back_to_the_bit_and_twice_is_once(tmp_path_factory, decisions):
    store = new_store(tmp_path_factory.mktemp("corpora") / "corpus")
    assert commit(store, decisions, "key") == 1
    before = (digest(store), store.decisions_table.version())

    # repr tells -0.0 from 0.0 and calls NaN equal to itself.
    rows = store.decisions().iter_rows(named=True)
    assert [repr(to_decision(row)) for row in rows] == [repr(sorted_numbers(item)) for item in decisions]
    admitted = [item.candidate for item in decisions if item.verdict is Verdict.ADMIT]
    assert [to_candidate(row) for row in store.admitted().iter_rows(named=True)] == admitted
    expected = unit_vectors(decisions)
    for view, name in enumerate(("context", "content")):
        stored = store.vectors(store.decisions(), name)
        assert np.array_equal(stored, np.stack([expected[item.candidate.id][view] for item in decisions]))

    assert commit(store, decisions, "key") == 1
    assert commit(store, list(reversed(decisions)), "another key") == 1
    assert (digest(store), store.decisions_table.version()) == before
    assert verify(store) == []


def sorted_numbers(item):
    return Decision(**{n: getattr(item, n) for n in item.__slots__} | {"numbers": dict(sorted(item.numbers.items()))})


@settings(max_examples=10, deadline=None)
@given(
    texts=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True),
    cut=st.integers(0, 8),
    data=st.data(),
)
def test_digest_knows_neither_order_nor_pieces(tmp_path_factory, texts, cut, data):
    folder = tmp_path_factory.mktemp("corpora")
    decisions = [decision(text, score=ord(text) / 7) for text in texts]
    whole, pieces, other = (new_store(folder / name) for name in ("whole", "pieces", "other"))
    commit(whole, decisions, "all")
    shuffled = data.draw(st.permutations(decisions))
    for number, part in enumerate((shuffled[:cut], shuffled[cut:])):
        commit(pieces, part, f"part {number}")
    assert digest(whole) == digest(pieces)
    changed = [decision(texts[0], Verdict.REJECT, score=ord(texts[0]) / 7), *decisions[1:]]
    commit(other, changed, "all")
    assert digest(other) != digest(whole)


def test_digest_is_the_documented_hash(tmp_path):
    import hashlib

    store = new_store(tmp_path / "corpus")
    assert digest(store) == hashlib.sha256(b"").hexdigest()
    scores = [None, math.nan, -1e-9, 0.12345649, -math.inf]
    made = [decision(f"text {n}", Verdict.REJECT if n % 2 else Verdict.ADMIT, score=s) for n, s in enumerate(scores)]
    commit(store, made, "key")
    shown = ["", "nan", "0.000000", "0.123456", "-inf"]
    lines = [f"{d.candidate.id}\t{d.verdict}\t{d.reason or ''}\t{s}\n" for d, s in zip(made, shown, strict=True)]
    assert digest(store) == hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


@settings(max_examples=5, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_every_past_round_stays_as_it_was(tmp_path_factory, sizes, data):
    store = new_store(tmp_path_factory.mktemp("corpora") / "corpus")
    seen = {0: (digest(store), [], set())}
    for number, size in enumerate(sizes, 1):
        verdicts = data.draw(st.lists(st.sampled_from(Verdict), min_size=size, max_size=size))
        made = [decision(f"round {number} text {n}", verdict) for n, verdict in enumerate(verdicts)]
        assert commit(store, made, f"key {number}") == number
        ids = store.admitted(columns=["id"])["id"].to_list()
        seen[number] = (digest(store), ids, store.admitted_ids())
    for number, (hashed, ids, as_set) in seen.items():
        assert digest(store, as_of=number) == hashed
        assert store.admitted(as_of=number)["id"].to_list() == ids
        assert store.admitted_ids(as_of=number) == as_set
        assert store.rounds(as_of=number)["round"].to_list() == list(range(1, number + 1))
    with pytest.raises(InputError, match=f"the last one is {len(sizes)}"):
        store.decisions(as_of=len(sizes) + 1)


def test_rounds_counts_and_lookups(tmp_path):
    store = new_store(tmp_path / "corpus")
    assert (store.latest_round(), store.find_round("one"), store.decision("a")) == (0, None, None)
    first = [decision("a"), decision("b", Verdict.REJECT), decision("c"), decision("d", Verdict.QUARANTINE)]
    assert commit(store, first, "one") == 1
    assert commit(store, [], "nothing") == 1
    assert commit(store, [decision("e")], "two", recipe="other") == 2
    rows = store.rounds().select(
        "round", "round_key", "recipe", "version", "candidates", "admit", "reject", "quarantine"
    )
    assert rows.rows() == [(1, "one", "recipe", 1, 4, 2, 1, 1), (2, "two", "other", 2, 1, 1, 0, 0)]
    assert (store.find_round("two"), store.find_round("nothing"), store.latest_round()) == (2, None, 2)
    ids = {item.candidate.content: item.candidate.id for item in (*first, decision("e"))}
    assert store.known_ids([*ids.values(), "nobody"], "recipe", 0) == set(ids.values())
    # Under another anchor only what is admitted is known.
    assert store.known_ids(list(ids.values()), "recipe", 1) == {ids[name] for name in "ace"}
    assert store.decisions(["position"])["position"].to_list() == [0, None, 1, None, 0]
    assert set(store.decisions(["judged"])["judged"]) == {"none"}


def test_a_candidate_is_found_by_id_external_id_and_prefix(tmp_path):
    store = new_store(tmp_path / "corpus")
    many = [Decision(Candidate(content=f"text {n}", external_id=f"row-{n % 20}"), Verdict.ADMIT) for n in range(40)]
    commit(store, many, "one")
    name = many[0].candidate.id
    assert to_decision(store.decision(name)) == many[0]
    assert store.decision(name[:20])["id"] == name
    assert store.decision("no such") is None
    with pytest.raises(InputError, match=f"names 2 candidates: .*{name}"):
        store.decision("row-0")
    with pytest.raises(InputError, match="give more characters"):
        store.decision(next(c for c in "0123456789abcdef" if sum(d.candidate.id.startswith(c) for d in many) > 1))


def test_reconsidering_decides_again_and_the_last_word_counts(tmp_path):
    store = new_store(tmp_path / "corpus")
    commit(store, [decision("a", Verdict.REJECT), decision("b")], "one")
    assert commit(store, [decision("a")], "two", kind="reconsider") == 2
    assert store.decision(decision("a").candidate.id)["verdict"] == "admit"
    assert store.admitted(columns=["content"])["content"].to_list() == ["b", "a"]
    assert verify(store) == []


def test_a_round_is_refused_that_decides_one_candidate_twice(tmp_path):
    store = new_store(tmp_path / "corpus")
    with pytest.raises(InputError, match="decided twice"):
        commit(store, [decision("a"), decision("a")], "one")
    assert store.latest_round() == 0


def test_removed_rows_leave_and_come_back_when_admitted_again(tmp_path):
    store = new_store(tmp_path / "corpus")
    a, b = decision("a"), decision("b")
    commit(store, [a, b], "one")
    commit(store, [decision("c")], "two")
    with store.writing():
        payload = {"ids": [a.candidate.id], "source": "x"}
        assert store.append_event("retract", "x", payload, 2)
        assert not store.append_event("retract", "x", payload, 2)
        assert store.append_event("freeze", "x", {}, 2)
    assert store.admitted(columns=["content"])["content"].to_list() == ["b", "c"]
    assert store.admitted(as_of=1, columns=["content"])["content"].to_list() == ["a", "b"]
    assert store.events("retract")["key"].to_list() == ["x"]
    assert store.events()["seq"].to_list() == [0, 1]
    commit(store, [a], "three", kind="reconsider")
    assert store.admitted(columns=["content"])["content"].to_list() == ["b", "c", "a"]
    assert verify(store) == []


def test_events_are_a_closed_list(tmp_path):
    store = new_store(tmp_path / "corpus")
    with store.writing():
        with pytest.raises(InputError, match="unknown event 'delete'; there are retract"):
            store.append_event("delete", "x", {}, 0)
        with pytest.raises(InputError, match="needs `ids`"):
            store.append_event("evict", "x", {}, 0)
        for kind in EVENT_KINDS:
            assert store.append_event(kind, "key", {"ids": []}, 0)
    assert store.events()["kind"].to_list() == list(EVENT_KINDS)


def test_snapshots_are_written_once(tmp_path):
    store = new_store(tmp_path / "corpus")
    commit(store, [decision("a")], "one")
    rows = [{"view": "raw", "metric": "n2", "value": 3.5, "low": math.nan, "high": None}]
    with store.writing():
        assert store.write_snapshot(1, rows) == 1
        assert store.write_snapshot(1, rows) == 0
        assert store.write_snapshot(1, [*rows, {**rows[0], "view": "round"}]) == 1
    table = store.snapshots()
    assert table.select("round", "view", "metric", "value").rows() == [(1, "raw", "n2", 3.5), (1, "round", "n2", 3.5)]
    assert math.isnan(table["low"][0])
    assert table["high"][0] is None
    assert store.snapshots(as_of=0).is_empty()


def trajectory(number):
    call = ToolCall("look", '{"at": "ünïcode \u2028"}')
    step = Step(0, "agent", action=f"go {number}", tool_calls=(call,), observations=(Observation("a room"),))
    return Trajectory(task="find the key", steps=(step,), success=number % 2 == 0, reward=number / 3, source="game")


def test_experience_is_kept_whole_and_once(tmp_path):
    store = new_store(tmp_path / "corpus")
    runs = [trajectory(n) for n in range(300)]
    with store.writing():
        assert store.add_experience([*runs[:200], runs[0]]) == 200
        assert store.add_experience(runs) == 100
        assert store.add_experience(runs) == 0
    assert store.experience_count() == 300
    assert list(store.trajectories()) == runs
    chosen = [runs[270].id, runs[3].id]
    assert [item.id for item in store.trajectories(chosen)] == chosen
    with pytest.raises(InputError, match="no trajectory nope"):
        list(store.trajectories([runs[0].id, "nope"]))
    assert store.reflected_trajectory_ids() == set()
    about = Decision(Candidate(content="x", trajectory_id=runs[5].id), Verdict.QUARANTINE)
    commit(store, [about, decision("y")], "one")
    assert store.reflected_trajectory_ids() == {runs[5].id}
    assert verify(store) == []


def test_half_a_surrogate_pair_does_not_stop_a_round(tmp_path):
    store = new_store(tmp_path / "corpus")
    broken = Decision(Candidate(content="bad \ud800 text"), Verdict.QUARANTINE, reason=Reason.MALFORMED)
    commit(store, [broken, decision("fine")], "one")
    assert store.decision(broken.candidate.id)["content"] == "bad \\ud800 text"
    assert verify(store) == []


def test_rows_without_a_vector_are_kept_and_not_given_a_false_one(tmp_path):
    store = new_store(tmp_path / "corpus")
    a, b = decision("a"), decision("b", Verdict.REJECT)
    with store.writing():
        pair = {a.candidate.id: (None, np.eye(4, dtype=np.float32)[1])}
        store.commit_round([a, b], pair, round_key="one", recipe="recipe", anchor=0)
    with pytest.raises(InputError, match="1 of 2 rows have no content vector"):
        store.vectors(store.decisions(), "content")
    assert store.vectors(store.admitted(), "content").tolist() == [[0, 1, 0, 0]]
    assert store.vectors(store.admitted(as_of=0), "content").shape == (0, 0)
    with pytest.raises(InputError, match="no view"):
        store.vectors(store.admitted(), "rows")


def test_create_and_open_say_what_they_refuse(tmp_path):
    store = new_store(tmp_path / "corpus", views="one")
    again = CorpusStore.open(tmp_path / "corpus")
    assert (again.views, again.anchor, len(again.secret)) == ("one", 0, 32)
    assert again.secret == store.secret
    assert stat.S_IMODE(os.stat(tmp_path / "corpus" / "corpus.json").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "corpus").st_mode) == 0o700
    with pytest.raises(InputError, match="already a corpus"):
        new_store(tmp_path / "corpus")
    with pytest.raises(InputError, match="not a corpus"):
        CorpusStore.open(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        new_store(tmp_path / "docs")
    with pytest.raises(InputError, match="is a file"):
        new_store(tmp_path / "docs" / "note.txt")


@pytest.mark.parametrize(("version", "message"), [(3, "install a newer"), (0, "older than 1.*--inherit")])
def test_other_formats_are_refused(tmp_path, version, message):
    new_store(tmp_path / "corpus")
    path = tmp_path / "corpus" / "corpus.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": version}))
    with pytest.raises(InputError, match=message):
        CorpusStore.open(tmp_path / "corpus")


def test_the_header_moves_to_an_anchor_that_exists(tmp_path):
    store = new_store(tmp_path / "corpus")
    with store.writing():
        with pytest.raises(InputError, match="no such anchor"):
            store.set_anchor(1)
        store.anchor_dir(1).mkdir()
        store.set_anchor(1)
        store.update_settings(runtime={"threads": 4})
    again = CorpusStore.open(store.path)
    assert (again.anchor, again.anchor_dir()) == (1, store.path / "anchors" / "1")
    assert again.settings == {"recipe": {"encoder": {"dim": 4}}, "runtime": {"threads": 4}}


def test_nothing_is_written_without_the_lock(tmp_path):
    store = new_store(tmp_path / "corpus")
    with pytest.raises(LockedError, match=r"store\.writing"):
        store.commit_round([decision("a")], {}, round_key="one", recipe="recipe", anchor=0)
    with store.writing(), pytest.raises(LockedError, match=f"process {os.getpid()} on"):
        commit(CorpusStore.open(store.path), [decision("a")], "one")


def test_derived_files_of_older_versions_go_once_new_ones_exist(tmp_path):
    store = new_store(tmp_path / "corpus")
    old = store.derived_path("bands.npz")
    old.write_bytes(b"old")
    commit(store, [decision("a")], "one")
    new = store.derived_path("bands.npz")
    assert new != old
    assert store.sweep_derived() == []
    new.write_bytes(b"new")
    assert store.sweep_derived() == [old.parent]
    assert (old.exists(), new.read_bytes()) == (False, b"new")


def test_unknown_columns_are_named(tmp_path):
    store = new_store(tmp_path / "corpus")
    with pytest.raises(InputError, match="no column colour; there are id, round"):
        store.decisions(["colour"])
    assert store.decisions(["id"], where=pl.col("score") > 1).is_empty()
