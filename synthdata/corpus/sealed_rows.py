"""Rows of the tables against their seals: in full for `verify`, by the sums of known files before each write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from synthdata.corpus.file_notes import file_sum, note_files, read_notes
from synthdata.corpus.row_digest import rows_digest
from synthdata.corpus.seals import REPAIR, Seal, Seals
from synthdata.corpus.tables import Table
from synthdata.errors import CorruptStoreError

_AT_ONCE = 4096


def rows_happened(table: Table, seal: Seal) -> bool:
    """Whether the commit of a pending seal is in the table."""
    key = table.key
    frame = table.read(None, pl.col(key).is_between(seal.low, seal.high))
    return frame.height == seal.rows and rows_digest(frame) == seal.digest


def wrong_rows(table: Table, seals: Seals) -> Iterator[tuple[str, str]]:
    """Which rows of a table are not as sealed, and what is wrong; every row is read, some thousand at a time."""
    ranges, key, covered = seals.ranges(table.name), table.key, 0
    while ranges:
        batch = [ranges.pop(0)]
        while ranges and sum(seal.rows for seal in batch) + ranges[0].rows <= _AT_ONCE:
            batch.append(ranges.pop(0))
        low, high = min(seal.low for seal in batch), max(seal.high for seal in batch)
        frame = table.read(None, pl.col(key).is_between(low, high))
        for seal in batch:
            covered += seal.rows
            part = frame.filter(pl.col(key).is_between(seal.low, seal.high))
            where = f"{key} {seal.low}" + (f" to {seal.high}" if seal.high > seal.low else "")
            if part.height != seal.rows:
                yield where, f"{part.height} rows are there, {seal.rows} were written"
            elif rows_digest(part) != seal.digest:
                yield where, "a value of its rows is not as it was written"
    there = table.read([key]).height
    if there != covered:
        yield f"{table.name}", f"{there} rows are there, the seals know {covered}"


def check_version(table: Table, seals: Seals) -> None:
    """Refuse a table whose log has lost its end: what was written last would be gone without a trace.

    Raises:
        CorruptStoreError: the log's last entry is older than the last seal's.
    """
    last, sealed = table.last_logged(), seals.version(table.name)
    if last < sealed:
        raise CorruptStoreError(
            f"{table.folder / '_delta_log'}: ends at version {last}, {sealed} was written: its end is missing; {REPAIR}"
        )


def changed_files(corpus: Path, table: Table) -> list[Path]:
    """Files of a table's data and log that are not as they were when its rows were last known to be right."""
    noted = read_notes(corpus)
    sums = {path: str(path.relative_to(corpus)) for path in (*table.log_files(), *table.present_files())}
    return [path for path, name in sums.items() if name in noted and noted[name] != file_sum(path)]


def check_tables(corpus: Path, tables: tuple[Table, ...], seals: Seals) -> None:
    """Refuse tables whose rows are not as sealed; they are read only where a file's sum is not noted.

    Raises:
        CorruptStoreError: a file or row is missing or changed; the message names it.
    """
    noted = read_notes(corpus)
    for table in tables:
        check_version(table, seals)
        changed = changed_files(corpus, table)
        if changed:
            raise CorruptStoreError(f"{changed[0]}: is not as it was written; {REPAIR}")
        paths = [*table.log_files(), *table.present_files()]
        known = all(str(path.relative_to(corpus)) in noted for path in paths)
        if known and table.rows() == sum(seal.rows for seal in seals.ranges(table.name)):
            continue
        wrong = next(wrong_rows(table, seals), None)
        if wrong is not None:
            raise CorruptStoreError(f"{table.folder}: {wrong[0]}: {wrong[1]}; {REPAIR}")
        note_files(corpus, paths)
