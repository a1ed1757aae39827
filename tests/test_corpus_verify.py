"""Each invariant is broken once, on disk, and `verify` says which one."""

import json

import numpy as np
import polars as pl
import pytest

from synthdata.corpus import CorpusStore
from synthdata.corpus.rows import decision_frame
from synthdata.corpus.verify import verify
from synthdata.errors import CorruptStoreError
from synthdata.records import Candidate, Decision, Reason, Step, Trajectory, Verdict

RUN = Trajectory(task="task", steps=(Step(0, "agent", action="go"),))


@pytest.fixture
def store(tmp_path):
    with CorpusStore.making(tmp_path / "corpus", views="one", recipe={"encoder": {"dim": 3}}) as store:
        with store.new_anchor(0):
            pass
        store.add_experience([RUN])
        for number in (1, 2):
            decisions = [decision(f"text {number} {n}") for n in range(3)]
            store.commit_round(decisions, vectors(decisions), round_key=f"key {number}", recipe="recipe", anchor=0)
        store.append_event("freeze", "x", {}, 1)
        store.write_snapshot(1, [{"view": "raw", "metric": "n2", "value": 1.0, "low": None, "high": None}])
    assert verify(store) == []
    return store


def decision(text, **values):
    return Decision(Candidate(content=text, trajectory_id=RUN.id, **values), Verdict.ADMIT)


def vectors(decisions, length=1.0):
    return {item.candidate.id: (None, np.array([0, length, 0], dtype=np.float32)) for item in decisions}


def add_rows(store, decisions, vectors_of=None, **changes):
    """Append a third round behind the store's back, with some columns changed."""
    stamp = {"round": 3, "round_key": "key 3", "kind": "round", "recipe": "recipe", "anchor": 0, "parent_version": 2}
    frame = decision_frame(decisions, vectors(decisions) if vectors_of is None else vectors_of)
    for name, value in (stamp | changes).items():
        kind = store.decisions_table.schema[name]
        frame = frame.with_columns(pl.lit(value, dtype=kind).alias(name))
    store.decisions_table.append(frame, {})


def checks(store):
    return {finding.check for finding in verify(store)}


def test_an_appended_round_that_keeps_all_rules_passes(store):
    add_rows(store, [decision("new")])
    assert verify(store) == []


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"round": 4}, "round numbers"),
        ({"round_key": "key 2"}, "one commit a round"),
        ({"round": 2, "row": 5, "position": 3}, "one commit a round"),
        ({"row": 1}, "row numbers"),
        ({"position": 1}, "positions"),
        ({"position": None}, "positions"),
        ({"verdict": "perhaps"}, "verdict"),
        ({"verdict": "reject", "position": None}, "reason"),
        ({"verdict": "reject", "position": None, "reason": "dull"}, "reason"),
        ({"reason": str(Reason.LOOP)}, "reason"),
        ({"payload": "{"}, "payload"),
        ({"content": "other"}, "candidate hash"),
        ({"trajectory_id": "gone"}, "lineage"),
        ({"anchor": 7}, "anchor"),
    ],
)
def test_a_broken_rule_is_named(store, changes, check):
    add_rows(store, [decision("new")], **changes)
    assert check in checks(store)


def test_a_candidate_decided_twice_is_found(store):
    add_rows(store, [decision("text 1 0")])
    assert checks(store) == {"decided once"}


@pytest.mark.parametrize(("length", "width", "check"), [(2.0, 3, "unit vectors"), (1.0, 5, "dimension")])
def test_vectors_of_wrong_length_or_dimension_are_found(store, length, width, check):
    item = decision("new")
    vector = np.zeros(width, dtype=np.float32)
    vector[0] = length
    add_rows(store, [item], {item.candidate.id: (None, vector)})
    assert checks(store) == {check}


def test_a_commit_that_said_other_counts_is_found(store):
    log = sorted((store.path / "decisions" / "_delta_log").glob("*.json"))[-1]
    log.write_text(log.read_text().replace('"admit":"3"', '"admit":"9"'))
    assert {finding.detail for finding in verify(store)} == {
        "is not as it was written",
        "admit is 3, its commit said 9",
    }


def test_experience_that_was_changed_is_found(store):
    frame = store.experience_table.read().with_columns(
        pl.lit("0" * 24).alias("id"), pl.lit(1, dtype=pl.Int64).alias("seq")
    )
    store.experience_table.append(frame, {})
    assert checks(store) == {"experience hash"}


def test_doubled_events_and_snapshots_are_found(store):
    for table in (store.events_table, store.snapshots_table):
        table.append(table.read(), {})
    assert checks(store) == {"event order", "event unique", "snapshot unique"}


@pytest.mark.parametrize("table", ["experience", "decisions", "events", "snapshots"])
def test_a_missing_or_cut_file_is_named(store, table):
    path = sorted((store.path / table).glob("*.parquet"))[0]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptStoreError, match=f"{path.name}: has"):
        verify(store)
    path.unlink()
    with pytest.raises(CorruptStoreError, match=f"{path.name}: missing"):
        verify(store)


def test_reading_over_damage_says_where(store):
    path = sorted((store.path / "decisions").glob("*.parquet"))[0]
    data = bytearray(path.read_bytes())
    data[-200:] = bytes(200)
    path.write_bytes(data)
    with pytest.raises(CorruptStoreError, match="decisions: a data file is missing or damaged"):
        store.decisions()


def test_a_log_that_is_damaged_or_gone_says_where(store):
    log = sorted((store.path / "decisions" / "_delta_log").glob("*.json"))[-1]
    log.write_text("{")
    with pytest.raises(CorruptStoreError, match="_delta_log: cannot be read"):
        store.rounds()
    for path in log.parent.iterdir():
        path.unlink()
    with pytest.raises(CorruptStoreError, match="log is missing"):
        store.rounds()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": 1, "views": "one", "secret": "zz"}'])
def test_a_header_that_cannot_be_read_is_corruption(store, text):
    (store.path / "corpus.json").write_text(text)
    with pytest.raises(CorruptStoreError, match=r"corpus\.json"):
        CorpusStore.open(store.path)


def test_a_round_number_that_is_taken_is_not_used_again(store):
    # A commit that took number 3 and left no row behind.
    empty = store.decisions_table.read(where=pl.col("round") > 9)
    store.decisions_table.append(empty, {}, ("round", 3))
    item = decision("new")
    with store.writing(), pytest.raises(CorruptStoreError, match="round 3 was committed before"):
        store.commit_round([item], vectors([item]), round_key="key 3", recipe="recipe", anchor=0)


def test_rebuild_runs_only_on_a_sound_store_and_sweeps(store):
    old = store.derived_dir / "00000001"
    old.mkdir()
    made = []

    def rebuild():
        made.append(store.derived_path("bands"))
        made[0].write_bytes(b"new")

    assert verify(store, rebuild) == []
    assert (made[0].read_bytes(), old.exists()) == (b"new", False)
    add_rows(store, [decision("new")], payload="{")
    assert verify(store, rebuild) != []
    assert len(made) == 1


def test_the_log_holds_no_text_of_a_row(store):
    logs = (store.path / "decisions" / "_delta_log").glob("*.json")
    assert all("text 1" not in path.read_text() for path in logs)
    header = json.loads((store.path / "corpus.json").read_text())
    assert all(
        header["secret"] not in path.read_text() for path in store.path.rglob("*.json") if path.name != "corpus.json"
    )
