"""Maintenance: fewer files, the same corpus, whatever a kill leaves behind; nothing that a release needs is removed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.corpus import CorpusStore
from synthdata.corpus.digest import digest
from synthdata.corpus.maintain import maintain
from synthdata.corpus.verify import verify
from synthdata.errors import LockedError
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate, Origin
from synthdata.settings import Settings

HASHING = {"recipe": {"encoder": {"backend": "hashing", "dim": 32}}}


def admit(corpus: Corpus, seed: int) -> None:
    corpus.admit([Candidate(text, origin=Origin.SYNTHETIC) for text in lessons(12, seed)])


@pytest.fixture(scope="module")
def two_rounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Corpus.init(
        tmp_path_factory.mktemp("maintain") / "c",
        [ReferenceRow(text, "", str(i), "") for i, text in enumerate(lessons(150, 1))],
        settings=Settings.from_dict(HASHING, "test"),
    )
    for seed in range(2, 4):
        admit(made, seed)
    return made.store.path


@pytest.fixture
def corpus(two_rounds: Path, tmp_path: Path) -> Corpus:
    return Corpus.open(shutil.copytree(two_rounds, tmp_path / "c"))


def content(store: CorpusStore) -> tuple[str, int, list[str], list[tuple[object, ...]]]:
    events = store.events().rows()
    return digest(store), store.snapshots().height, sorted(store.admitted_ids()), events


def test_rows_digest_and_time_travel_stay_and_files_become_few(corpus: Corpus) -> None:
    store = corpus.store
    before, earlier = content(store), digest(store, as_of=1)
    done = {row.table: row for row in maintain(store, keep_rounds=1, keep_hours=0)}
    assert (done["decisions"].files_before, done["decisions"].files_after) == (2, 1)
    assert done["decisions"].removed == 0, "the version of the last round names both files"
    store = CorpusStore.open(store.path)
    assert content(store) == before
    assert digest(store, as_of=1) == earlier
    assert verify(store) == []
    admit(Corpus.open(store.path), 7)
    after = content(store)
    again = {row.table: row for row in maintain(store, keep_rounds=1, keep_hours=0)}
    assert (again["decisions"].files_before, again["decisions"].files_after) == (2, 1)
    assert again["decisions"].removed == 2, "the small files of rounds 1 and 2"
    assert content(store) == after
    assert digest(store, as_of=1) == earlier
    assert verify(store) == []


def test_versions_since_the_oldest_release_stay_readable(corpus: Corpus) -> None:
    store = corpus.store
    released = store.decisions_table.version()
    rows = store.decisions(["id"]).height
    with store.writing():
        payload = {"out": "release", "rows": 1, "added": [], "removed": []}
        store.append_event("release", "first", payload, store.latest_round())
    admit(corpus, 7)
    maintain(store, keep_rounds=1, keep_hours=0)
    old = pl.scan_delta(DeltaTable(store.decisions_table.folder, version=released)).select("id").collect()
    assert old.height == rows


def test_files_that_a_reader_may_have_open_stay(corpus: Corpus) -> None:
    done = maintain(corpus.store, keep_rounds=1, keep_hours=1)
    assert [row.removed for row in done] == [0, 0, 0, 0, 0]


def test_maintenance_waits_for_no_writer_and_disturbs_none(corpus: Corpus) -> None:
    with corpus.store.writing(), pytest.raises(LockedError):
        maintain(CorpusStore.open(corpus.store.path), keep_rounds=1, keep_hours=0)


MAINTAIN = """
import sys
from synthdata.corpus import CorpusStore
from synthdata.corpus.maintain import maintain
store = CorpusStore.open(sys.argv[1])
print("begun", flush=True)
maintain(store, 1, 0)
"""


def test_a_backup_as_the_manual_has_it_restores_the_same_corpus(corpus: Corpus, tmp_path: Path) -> None:
    copied, lock = tmp_path / "backup", corpus.store.path / "writer.lock"
    slow_copy = f"cp --archive {corpus.store.path} {copied} && echo copied && read line"
    holder = subprocess.Popen(
        ["flock", str(lock), "sh", "-c", slow_copy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "copied\n"
    with pytest.raises(LockedError):
        admit(corpus, 7)
    holder.communicate("done\n", timeout=30)
    before = content(corpus.store)
    admit(corpus, 7)
    assert content(corpus.store) != before
    restored = CorpusStore.open(copied)
    assert content(restored) == before
    assert verify(restored) == []
    admit(Corpus.open(copied), 7)
    assert content(CorpusStore.open(copied)) == content(corpus.store)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.08])
def test_a_kill_at_any_moment_changes_nothing(corpus: Corpus, delay: float) -> None:
    before = content(corpus.store)
    child = subprocess.Popen(
        [sys.executable, "-c", MAINTAIN, str(corpus.store.path)], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"begun\n"
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    store = CorpusStore.open(corpus.store.path)
    assert content(store) == before
    assert verify(store) == []
    maintain(store, keep_rounds=1, keep_hours=0)
    assert content(store) == before
    assert verify(store) == []
