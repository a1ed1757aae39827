"""A table is opened anew as soon as its log is another: by a commit, a change, another corpus at its place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from synthdata.corpus.table_log import opened_at
from synthdata.corpus.tables import KeptRows, Table
from synthdata.errors import CorruptStoreError

SCHEMA = pl.Schema({"round": pl.Int64, "text": pl.String})


def table_of(folder: Path, *texts: str) -> Table:
    table = Table(folder, SCHEMA, "round")
    table.create()
    for number, text in enumerate(texts, start=1):
        append(table, number, text)
    return table


def append(table: Table, number: int, text: str) -> None:
    table.append(pl.DataFrame({"round": [number], "text": [text]}), {})


def texts(frame: pl.DataFrame) -> list[str]:
    return sorted(frame["text"])


def test_what_others_commit_is_seen_at_once(tmp_path: Path) -> None:
    table, other = table_of(tmp_path / "t", "one"), Table(tmp_path / "t", SCHEMA, "round")
    kept = KeptRows(table)
    assert texts(kept()) == texts(table.read()) == ["one"]
    append(other, 2, "two")
    assert texts(kept()) == texts(table.read()) == ["one", "two"]
    assert (table.version(), table.rows(), table.largest_key()) == (2, 2, 2)
    append(table, 3, "three")
    assert (other.version(), other.rows(), other.largest_key(), texts(other.read())) == (3, 3, 3, texts(kept()))


def test_a_table_is_opened_once_for_a_state_of_its_log(tmp_path: Path) -> None:
    table = table_of(tmp_path / "t", "one", "two")
    table.read()
    before = opened_at.cache_info().misses
    for _ in range(5):
        table.read(["round"])
        table.rows()
        table.version()
    assert opened_at.cache_info().misses == before


def test_an_entry_that_is_damaged_after_the_first_look_is_found(tmp_path: Path) -> None:
    table = table_of(tmp_path / "t", "one", "two")
    assert table.read().height == 2
    entry = tmp_path / "t" / "_delta_log" / f"{1:020}.json"
    entry.write_bytes(entry.read_bytes()[:-20])
    with pytest.raises(CorruptStoreError, match="_delta_log"):
        table.read()


def test_a_log_that_goes_is_missed(tmp_path: Path) -> None:
    table = table_of(tmp_path / "t", "one")
    kept = KeptRows(table)
    kept()
    shutil.rmtree(tmp_path / "t" / "_delta_log")
    for look in (kept, table.read, table.version, table.rows):
        with pytest.raises(CorruptStoreError, match="log is missing"):
            look()


def test_another_table_at_the_same_place_is_another(tmp_path: Path) -> None:
    table = table_of(tmp_path / "t", "one", "two")
    kept = KeptRows(table)
    assert texts(kept()) == ["one", "two"]
    table_of(tmp_path / "copy", "red", "two")
    shutil.rmtree(tmp_path / "t")
    os.rename(tmp_path / "copy", tmp_path / "t")
    assert texts(kept()) == texts(table.read()) == ["red", "two"]
