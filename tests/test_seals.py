"""Nothing goes or changes unseen: each kind of damage is done once, and found before anything rests on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import polars as pl
import pytest
from command import synthdata
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.corpus import CorpusStore
from synthdata.corpus.digest import digest, events_digest
from synthdata.corpus.header import NAME
from synthdata.corpus.maintain import maintain
from synthdata.corpus.repair import repair
from synthdata.corpus.row_digest import rows_digest
from synthdata.corpus.seals import AHEAD, DONE, FOLDER
from synthdata.corpus.verify import sealed_from, verify
from synthdata.errors import CorruptStoreError, SynthdataError
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.running import running
from synthdata.monitor.status import status
from synthdata.monitor.ticks import ticks
from synthdata.operations.retract import Selector, retract
from synthdata.records import Candidate, Origin, Step, Trajectory
from synthdata.settings import Settings

HASHING = {"recipe": {"encoder": {"backend": "hashing", "dim": 32}}}
OLD = Path(__file__).parent / "data" / "corpus-0.1.zip"


def texts(seed: int) -> list[Candidate]:
    return [Candidate(text, origin=Origin.SYNTHETIC) for text in lessons(12, seed)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [ReferenceRow(text, "", str(i), "") for i, text in enumerate(lessons(150, 1))]
    corpus = Corpus.init(
        tmp_path_factory.mktemp("seals") / "c",
        rows,
        settings=Settings.from_dict(HASHING, "test"),
        heldout=[{"text": "the moon is made of green cheese, said the fox to the crow"}],
    )
    with corpus.store.writing() as store:
        store.add_experience([Trajectory(task="task", steps=(Step(0, "agent", action="go"),))])
    for seed in (2, 3):
        corpus.admit(texts(seed))
    retract(corpus, Selector(ids=(sorted(corpus.store.admitted_ids())[0],)), "a test")
    assert verify(corpus.store) == []
    return corpus.store.path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "c")


def is_found(path: Path) -> bool:
    """Whether a new process would see the damage: in opening, in verifying, and before it decides anything."""
    try:
        findings = verify(CorpusStore.open(path))
    except SynthdataError:
        findings = ["refused"]
    rows = len(list((path / "decisions").glob("*.parquet")))
    try:
        Corpus.open(path).admit(texts(9))
        decided = True
    except SynthdataError:
        decided = False
    if not decided:
        assert len(list((path / "decisions").glob("*.parquet"))) == rows
    return bool(findings) and not decided


TRUTH = (
    "corpus.json", "anchors/0/content.json", "anchors/0/content.npz", "anchors/0/context.json", "anchors/0/context.npz",
    "anchors/0/reference.parquet", "anchors/0/vectors.npz", "heldout/*.jsonl", "decisions/*.parquet",
    "events/*.parquet", "experience/*.parquet", "snapshots/*.parquet", "seals/ahead.jsonl", "seals/done.jsonl",
)  # fmt: skip


@pytest.mark.parametrize("kind", TRUTH)
@pytest.mark.parametrize("damage", ["gone", "cut", "flipped"])
def test_a_file_that_is_gone_cut_or_flipped_is_found(path, kind, damage):
    file = sorted(path.glob(kind))[-1]
    data = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    assert is_found(path)


@pytest.mark.parametrize("kind", [*TRUTH, "decisions/_delta_log/*1.json", "derived/files.jsonl"])
def test_a_pipe_or_a_device_is_refused_before_it_is_read(path, kind):
    file = sorted(path.glob(kind))[-1]
    file.unlink()
    os.mkfifo(file)
    # corpus.json is not even looked into.
    with pytest.raises(CorruptStoreError, match="is a pipe" if kind != "corpus.json" else "is missing"):
        CorpusStore.open(path)
    with pytest.raises(CorruptStoreError, match=f"{re.escape(str(file))}: is a pipe.*remove it"):
        repair(path)
    file.unlink()
    file.symlink_to("/dev/zero")
    with pytest.raises(CorruptStoreError, match="is a pipe"):
        repair(path)


def test_links_to_files_and_to_nowhere_are_no_pipes(path):
    file = path / "anchors/0/content.json"
    file.rename(path.parent / "content.json")
    file.symlink_to(path.parent / "content.json")
    (path / "derived" / "nowhere").symlink_to(path / "nowhere")
    assert verify(CorpusStore.open(path)) == []


@pytest.mark.parametrize("name", ["corpus.json", "seals/ahead.jsonl", "seals/done.jsonl"])
def test_a_folder_in_the_place_of_a_file_is_named_and_moved_away_repaired(path, name):
    (path / name).rename(path.parent / "kept")
    (path / name).mkdir()
    with pytest.raises(CorruptStoreError, match=f"{name}: is a folder where a file belongs; move it away"):
        repair(path)
    (path / name).rmdir()
    assert repair(path) and verify(CorpusStore.open(path)) == []


@pytest.mark.parametrize("name", ["corpus.json", "seals/ahead.jsonl", "seals/done.jsonl"])
@pytest.mark.parametrize("text", ["[" * 100_000 + "\n", '{"format": 1e999}\n', "null\n", "1" * 5000 + "\n"])
def test_json_that_nothing_wrote_is_damage_and_no_bug(path, name, text):
    (path / name).write_text(text)
    with pytest.raises(CorruptStoreError, match="--repair"):
        CorpusStore.open(path)
    assert is_found(path)
    assert repair(path) and verify(CorpusStore.open(path)) == []


@pytest.mark.parametrize("text", ["[" * 100_000, "null", '{"already_decided": 1e999}', '{"work": 1}', "[1e999]"])
def test_notes_that_nothing_wrote_are_left_out(path, text):
    for name in ("last_call.json", "files.jsonl", "running.json", "ticks.jsonl", "sent.json"):
        (path / "derived" / name).write_text(text + "\n")
    store = CorpusStore.open(path)
    assert status(store)["already_decided"] == 0 and running(store) is None and ticks(path) == []
    assert is_found(path) is False


def test_a_number_of_the_anchor_that_was_edited_is_found_by_whoever_reads_it(path):
    file = path / "anchors/0/content.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps(facts | {"collision_max": 0.9138}, indent=1, sort_keys=True))
    with pytest.raises(CorruptStoreError, match=r"content\.json: is not as it was written.*--repair"):
        _ = Corpus.open(path).anchor
    assert is_found(path)


def test_a_file_that_somebody_put_beside_the_held_out_list_is_found(path):
    (path / "heldout" / "more.jsonl").write_text('{"text": "x"}\n')
    assert is_found(path)


@pytest.mark.parametrize("table", ["decisions", "events"])
@pytest.mark.parametrize("share", [0.3, 0.45, 0.6, 0.75, 0.9])
def test_zeros_in_a_log_are_damage_and_no_bug(path, table, share):
    entry = sorted((path / table / "_delta_log").glob("*.json"))[1]
    data = bytearray(entry.read_bytes())
    at = int(share * len(data))
    data[at : at + 16] = bytes(16)
    entry.write_bytes(data)
    assert is_found(path)


@pytest.mark.parametrize("table", ["decisions", "events", "experience"])
def test_a_log_that_lost_its_end_is_found_and_repaired_from_the_data_file(path, table):
    before = (
        digest(CorpusStore.open(path)),
        events_digest(CorpusStore.open(path)),
        CorpusStore.open(path).admitted_ids(),
    )
    sorted((path / table / "_delta_log").glob("*.json"))[-1].unlink()
    with pytest.raises(CorruptStoreError, match="its end is missing"):
        CorpusStore.open(path)
    assert is_found(path)
    assert [line for line in repair(path) if "restored" in line]
    store = CorpusStore.open(path)
    assert (digest(store), events_digest(store), store.admitted_ids()) == before
    assert verify(store) == []
    assert Corpus.open(path).admit(texts(9)).round == 3


def test_a_repair_that_is_stopped_after_its_commit_is_ended_by_the_next(path, monkeypatch):
    class StoppedError(Exception):
        """A kill, as the corpus sees it."""

    with CorpusStore.open(path).writing():
        pass  # every file is noted
    before = digest(CorpusStore.open(path))
    entry = sorted((path / "decisions" / "_delta_log").glob("*.json"))[-1]
    held = entry.read_bytes()
    entry.unlink()

    def stop(corpus: Path, files: object) -> None:
        raise StoppedError

    monkeypatch.setattr("synthdata.corpus.tables.note_files", stop)
    with pytest.raises(StoppedError):
        repair(path)
    monkeypatch.undo()
    assert entry.read_bytes() != held
    repair(path)
    assert verify(CorpusStore.open(path)) == [] and digest(CorpusStore.open(path)) == before
    assert Corpus.open(path).admit(texts(9)).round == 3


def test_rows_that_are_nowhere_any_more_are_not_made_up(path):
    sorted((path / "decisions" / "_delta_log").glob("*.json"))[-1].unlink()
    for file in (path / "decisions").glob("*.parquet"):
        if pl.read_parquet(file)["round"][0] == 2:
            file.unlink()
    assert repair(path) == []
    with pytest.raises(CorruptStoreError, match="its end is missing"):
        CorpusStore.open(path)


@pytest.mark.parametrize("name", [AHEAD, DONE, NAME])
@pytest.mark.parametrize("lines", [0, 3])
def test_one_file_of_the_chain_or_the_header_is_restored_by_its_twin(path, name, lines):
    file = path / NAME if name == NAME else path / FOLDER / name
    if lines:
        file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:lines]))
    else:
        file.unlink()
    assert is_found(path)
    assert repair(path)
    assert verify(CorpusStore.open(path)) == []


def test_a_kill_before_the_commit_and_one_after_it_are_no_damage(path):
    ahead, done = path / FOLDER / AHEAD, path / FOLDER / DONE
    lines = done.read_bytes().splitlines(keepends=True)
    # After the commit: it ended, and the chain's second file does not say so yet.
    done.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    assert verify(CorpusStore.open(path)) == []
    with CorpusStore.open(path).writing():
        pass
    assert done.read_bytes() == ahead.read_bytes()
    # Before it: it was announced, and there is nothing of it.
    store = CorpusStore.open(path)
    store.seals.rows("events", 99, 50, 50, 1, "0" * 64)
    store = CorpusStore.open(path)
    assert verify(store) == []
    with store.writing():
        assert store.append_event("freeze", "x", {"reason": "x"}, 2)
    assert verify(CorpusStore.open(path)) == []
    assert done.read_bytes() == ahead.read_bytes()


def test_files_of_a_write_that_did_not_end_are_cleared_away(path):
    store = CorpusStore.open(path)
    (path / "heldout" / "new.jsonl").write_text("{}\n")
    from synthdata.corpus.sealed_files import sha256_of

    store.seals.files({"heldout/new.jsonl": sha256_of(path / "heldout" / "new.jsonl"), "heldout/other.jsonl": "0" * 64})
    assert verify(CorpusStore.open(path)) == []
    with CorpusStore.open(path).writing():
        pass
    assert not (path / "heldout" / "new.jsonl").exists()
    assert verify(CorpusStore.open(path)) == []


def test_a_compacted_corpus_keeps_its_seals_and_a_lost_note_is_made_again(path):
    maintain(CorpusStore.open(path), keep_rounds=1, keep_hours=0)
    assert verify(CorpusStore.open(path)) == []
    (path / "derived" / "files.jsonl").write_bytes(b'{"file"\x00\n')
    assert Corpus.open(path).admit(texts(9)).round == 3
    assert verify(CorpusStore.open(path)) == []


def cut(log: Path) -> None:
    for path in log.glob("*.checkpoint.parquet"):
        path.write_bytes(path.read_bytes()[:100])


def gone(log: Path) -> None:
    for path in log.glob("*.checkpoint.parquet"):
        path.unlink()


def points_nowhere(log: Path) -> None:
    (log / "_last_checkpoint").write_text('{"version":99,"size":3}')


@pytest.mark.parametrize("damage", [cut, gone, points_nowhere])
def test_a_damaged_checkpoint_is_found_and_goes_since_the_entries_say_the_same(path, damage):
    maintain(CorpusStore.open(path), keep_rounds=1, keep_hours=0)
    before = digest(CorpusStore.open(path))
    log = path / "decisions" / "_delta_log"
    assert list(log.glob("*.checkpoint.parquet"))
    damage(log)
    assert is_found(path)
    told = repair(path)
    assert len(told) == 1 and "checkpoints were damaged" in told[0]
    assert verify(CorpusStore.open(path)) == [] and digest(CorpusStore.open(path)) == before
    assert not list(path.glob(".checkpoints-*")) and repair(path) == []


def test_a_checkpoint_stays_where_the_entries_are_not_whole(path):
    maintain(CorpusStore.open(path), keep_rounds=1, keep_hours=0)
    log = path / "decisions" / "_delta_log"
    (log / f"{0:020}.json").unlink()
    cut(log)
    held = sorted(file.name for file in log.iterdir())
    with pytest.raises(CorruptStoreError, match="cannot be read"):
        repair(path)
    assert sorted(file.name for file in log.iterdir()) == held


def test_a_damaged_note_of_the_last_call_costs_a_line_and_is_written_again(path, caplog):
    (path / "derived" / "last_call.json").write_text("{")
    assert status(CorpusStore.open(path))["already_decided"] == 0 and "the next round writes it again" in caplog.text
    assert is_found(path) is False
    assert json.loads((path / "derived" / "last_call.json").read_text()) == {"already_decided": 0}


def test_an_older_corpus_opens_is_sealed_by_its_next_write_and_then_held(tmp_path):
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(tmp_path / "c")
    store = CorpusStore.open(tmp_path / "c")
    assert "not sealed yet" in sealed_from(store)
    said = digest(store)
    with store.writing():
        pass
    store = CorpusStore.open(tmp_path / "c")
    assert sealed_from(store) == "sealed from round 3 on; what is older was sealed as it was found"
    assert verify(store) == [] and digest(store) == said
    # Killed between the seals and the header that speaks of them.
    header = json.loads((tmp_path / "c" / NAME).read_text())
    (tmp_path / "c" / NAME).write_text(json.dumps(header | {"format": 1}, indent=1, sort_keys=True))
    with CorpusStore.open(tmp_path / "c").writing():
        pass
    assert json.loads((tmp_path / "c" / NAME).read_text())["format"] == 2
    (tmp_path / "c" / "anchors/0/content.json").unlink()
    with pytest.raises(CorruptStoreError):
        CorpusStore.open(tmp_path / "c").anchor_dir()


def test_a_lock_that_is_held_has_a_code_of_its_own_and_monitor_looks_on(path):
    def exit_code(*words):
        done = synthdata(*words)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    with CorpusStore.open(path).writing():
        code, said = exit_code("evict", path, "--rows", "1", "--reason", "x")
        assert code == 75 and "is writing to it" in said
        code, said = exit_code("monitor", path)
        assert code in (0, 1) and "not measured anew now" in said


ROWS = st.lists(
    st.tuples(st.text(max_size=5), st.none() | st.floats(), st.none() | st.lists(st.floats(width=32), max_size=3)),
    min_size=1,
    max_size=6,
)
SCHEMA = pl.Schema({"text": pl.String, "score": pl.Float64, "vector": pl.List(pl.Float32), "seq": pl.Int64})


def frame(rows):
    return pl.DataFrame([(*row, seq) for seq, row in enumerate(rows)], schema=SCHEMA, orient="row")


@given(ROWS, st.randoms())
def test_a_digest_is_of_rows_in_any_order_chunks_and_files(rows, rng):
    whole = frame(rows)
    shuffled = whole.sample(fraction=1, shuffle=True, seed=rng.randrange(1000))
    assert rows_digest(shuffled) == rows_digest(whole)
    assert rows_digest(pl.concat([whole[:1], whole[1:]], rechunk=False)) == rows_digest(whole)
    assert rows_digest(whole.with_columns(new=pl.lit(None, dtype=pl.String))) == rows_digest(whole)


@given(ROWS, ROWS)
def test_other_rows_have_another_digest(one, other):
    assert (rows_digest(frame(one)) == rows_digest(frame(other))) == (repr(one) == repr(other))
