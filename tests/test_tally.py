"""Counts and samples that are carried from round to round are what all rows say, whatever became of their files."""

from __future__ import annotations

import logging
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from synthdata.corpus import CorpusStore
from synthdata.corpus.tables import Table
from synthdata.dashboard.overview import overview
from synthdata.dashboard.reading import Reader
from synthdata.errors import InputError
from synthdata.monitor.sample import MOST, admitted_sample
from synthdata.monitor.status import status
from synthdata.monitor.tally import COLUMNS, rounds_of, tally, total

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import dashboard_corpus


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A corpus of 6,000 decisions, 1,200 of them admitted, in twelve rounds."""
    path = tmp_path_factory.mktemp("tally") / "corpus"
    dashboard_corpus.corpus_of(path, 6000, rounds=12, dim=16)
    return path


@pytest.fixture
def corpus(made, tmp_path):
    shutil.copytree(made, tmp_path / "corpus")
    return tmp_path / "corpus"


def test_the_counts_are_those_of_the_rows_as_of_any_round(corpus):
    store = CorpusStore.open(corpus)
    rows = store.decisions(COLUMNS)
    for as_of in (None, 12, 5, 1, 0):
        until = rows if as_of is None else rows.filter(pl.col("round") <= as_of)
        counted = tally(store, as_of)
        lines = {tuple(line[:-1]): line[-1] for line in counted.iter_rows()}
        assert lines == Counter(until.iter_rows())
        assert total(counted, "reason") == Counter(until["reason"].drop_nulls().to_list())
        names = ["round", "kind", "anchor", "candidates", "admit", "reject", "quarantine"]
        assert rounds_of(counted).equals(store.rounds(as_of).select(names))
    with pytest.raises(InputError, match="no round 13"):
        tally(store, 13)


def test_what_is_carried_on_from_the_fourth_round_is_what_is_made_at_once(corpus, tmp_path):
    part = dashboard_corpus.corpus_of(tmp_path / "part", 2000, rounds=4, dim=16)
    store, runs = part.store, list(part.store.trajectories())
    tally(store), admitted_sample(store)
    assert {path.name for path in store.derived_dir.glob("*/00000004")} == {"00000004"}
    with store.writing():
        for number in range(5, 13):
            decisions, vectors = dashboard_corpus._round(part, number, 500, runs)
            store.commit_round(decisions, vectors, round_key=f"key {number}", recipe="drawn", anchor=0)
    whole = CorpusStore.open(corpus)
    assert tally(store).equals(tally(whole)) and admitted_sample(store).equals(admitted_sample(whole))
    assert [path.name for path in (store.derived_dir / "tallies").iterdir()] == ["00000012"]


@pytest.mark.parametrize("name", ["frame.parquet", "sum"])
@pytest.mark.parametrize("how", ["lost", "cut", "changed"])
def test_a_damaged_file_is_told_and_made_again(corpus, caplog, name, how):
    store = CorpusStore.open(corpus)
    before = tally(store), admitted_sample(store)
    for path in store.derived_dir.glob(f"*/*/*/{name}"):
        data = bytearray(path.read_bytes())
        if how == "lost":
            path.unlink()
        elif how == "cut":
            path.write_bytes(data[: len(data) // 2])
        else:
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        after = tally(store), admitted_sample(store)
    assert all(a.equals(b) for a, b in zip(before, after, strict=True))
    assert caplog.text.count("so that it is made again") == 2
    caplog.clear()
    assert tally(store).equals(before[0]) and not caplog.text


def test_files_of_another_history_are_not_taken(corpus, tmp_path):
    other = dashboard_corpus.corpus_of(tmp_path / "other", 240, rounds=12, dim=16).store
    tally(other)
    store = CorpusStore.open(corpus)
    before = tally(store)
    shutil.rmtree(store.derived_dir / "tallies")
    shutil.copytree(other.derived_dir / "tallies", store.derived_dir / "tallies")
    # Rounds of these corpora have the same keys, so one is given another.
    (path,) = (store.derived_dir / "tallies").glob("*/*")
    path.rename(path.with_name("0" * 64))
    assert tally(store).equals(before)


def test_rows_that_were_taken_back_are_neither_counted_as_held_nor_sampled(corpus):
    store = CorpusStore.open(corpus)
    ids = sorted(store.admitted_ids())
    sample = admitted_sample(store)
    assert sample["id"].to_list() == ids[:MOST] and status(store)["in_corpus"] == len(ids)
    gone = set(random.Random(0).sample(ids, 50))
    with store.writing():
        store.append_event("retract", "one", {"ids": sorted(gone)}, 12)
    left = [name for name in ids[:MOST] if name not in gone]
    assert admitted_sample(store)["id"].to_list() == left
    assert status(store)["in_corpus"] == store.admitted(columns=["id"]).height == len(ids) - 50
    assert admitted_sample(store, 7)["id"].to_list() == sorted(store.admitted_ids(7))[:MOST]


def test_a_page_reads_no_more_rows_than_two_rounds_have(corpus, monkeypatch):
    store = CorpusStore.open(corpus)
    tally(store), admitted_sample(store)
    heights, plain = [], Table.read

    def read(table, columns=None, where=None):
        frame = plain(table, columns, where)
        heights.append((table.name, frame.height))
        return frame

    monkeypatch.setattr(Table, "read", read)
    assert overview(Reader(corpus).current())["facts"]["candidates"] == 6000
    assert max(height for name, height in heights if name == "decisions") <= 1000
