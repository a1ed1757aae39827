"""One Delta table: its schema, its atomic appends and its reads. The only place that imports deltalake.

Knows nothing of rounds or verdicts. Delta's own history is never the only home of a fact, because log retention and
compaction may drop it: what must last is a column. Vectors are `List(Float32)`; Delta cannot scan `pl.Array` columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import polars as pl
from arro3.core import Table as ArrowTable
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from synthdata.corpus.file_notes import note_files
from synthdata.corpus.panics import panics_held_back
from synthdata.corpus.row_digest import rows_digest
from synthdata.corpus.seals import REPAIR, SealBook
from synthdata.corpus.table_log import LogState, files_at, log_state, opened_at
from synthdata.errors import CorruptStoreError, InputError, SynthdataError
from synthdata.io.files import sync_path
from synthdata.io.refusals import refusal, unless_refused

# What the table library leaves of a file that it was writing when it was killed.
_PART = re.compile(r"#\d+$")
_LONGEST = 300
_LOGGED = re.compile(r"\d{20}\.json")


@dataclass(frozen=True)
class Table:
    """A Delta table in `folder` with a declared schema; files are pruned by the integer `stats_column`.

    What is appended is sealed in the `book`, where there is one.
    """

    folder: Path
    schema: pl.Schema
    stats_column: str
    book: SealBook | None = None

    @property
    def name(self) -> str:
        """The table's name, which is its folder's."""
        return self.folder.name

    @property
    def key(self) -> str:
        """The integer column by whose ranges rows are sealed."""
        return "seq" if "seq" in self.schema else "round"

    def create(self) -> None:
        """Make the empty table; an existing one is left as it is.

        Raises:
            InputError: the disk refuses.
        """
        # Only one integer column gets statistics, so no text of a row is copied into the log.
        configuration: dict[str, str | None] = {
            "delta.appendOnly": "true",
            "delta.dataSkippingStatsColumns": self.stats_column,
            "delta.enableExpiredLogCleanup": "false",
        }
        empty = ArrowTable.from_arrow(pl.DataFrame(schema=self.schema))
        try:
            with panics_held_back():
                schema = Schema.from_arrow(empty.schema)
                DeltaTable.create(self.folder, schema, mode="ignore", configuration=configuration)
        except (DeltaError, OSError) as error:
            raise InputError(f"{self.folder}: cannot be made: {_why(error)}") from error

    def open(self) -> DeltaTable:
        """The table as it is now.

        Raises:
            CorruptStoreError: the log is missing or cannot be read.
        """
        with _log_named(self.folder):
            return DeltaTable(self.folder)

    def state(self) -> LogState:
        """What differs as soon as the table does.

        Raises:
            CorruptStoreError: the log is missing or cannot be read.
        """
        with _log_named(self.folder):
            return log_state(self.folder)

    def _opened(self) -> DeltaTable:
        """The same for reading alone, which costs little where the log is as it was the last time."""
        with _log_named(self.folder):
            return opened_at(self.folder, log_state(self.folder))

    def history(self) -> list[dict[str, Any]]:
        """What each commit says of itself, the newest first.

        Raises:
            CorruptStoreError: the log cannot be read.
        """
        try:
            return self.open().history()
        except (DeltaError, ValueError) as error:
            raise _unreadable(self.folder / "_delta_log", "cannot be read", error) from error

    def version(self) -> int:
        """The number of the last commit; 0 is the empty table."""
        return int(self._opened().version())

    def append(self, frame: pl.DataFrame, metadata: dict[str, str], transaction: tuple[str, int] | None = None) -> int:
        """Append all rows in one commit that is on disk when this returns; the new version.

        `transaction` is an application name and number that Delta refuses to commit twice at once.

        Raises:
            CorruptStoreError: another process committed in between, so the writer lock was not respected.
            InputError: the disk refuses.
        """
        table = self.open()
        number = [Transaction(*transaction)] if transaction else None
        properties = CommitProperties(custom_metadata=dict(metadata), app_transactions=number, max_commit_retries=0)
        rows = frame.select(list(self.schema)).cast(self.schema)
        sealed = self._announce(rows, int(table.version()) + 1)
        # A table of an older version of this schema gets the new columns with its next commit.
        mode: Literal["merge"] | None = "merge" if self._absent(table) else None
        try:
            with panics_held_back():
                write_deltalake(
                    table, ArrowTable.from_arrow(rows), mode="append", schema_mode=mode, commit_properties=properties
                )
        except CommitFailedError as error:
            raise CorruptStoreError(f"{self.folder}: another process wrote in between: {_first_line(error)}") from error
        except (DeltaError, OSError) as error:
            raise InputError(f"{self.folder}: cannot be written: {_why(error)}") from error
        version = int(table.version())
        added = self._sync(version)
        if sealed is not None:
            sealed.confirm()
        note_files(self.folder.parent, added)
        return version

    def _announce(self, rows: pl.DataFrame, version: int) -> SealBook | None:
        """Seal the rows of the next commit ahead of it; the book that waits for its end."""
        if self.book is None or rows.is_empty():
            return None
        # What a write that failed before this one has left.
        self.book.settle()
        low, high = int(rows[self.key].min()), int(rows[self.key].max())  # type: ignore[arg-type]
        known = self.book.read().ranges(self.name)
        if any(seal.low <= high and seal.high >= low for seal in known):
            rows = pl.concat([self.read(None, pl.col(self.key).is_between(low, high)), rows])
        self.book.rows(self.name, version, low, high, rows.height, rows_digest(rows))
        return self.book

    def read(self, columns: Sequence[str] | None = None, where: pl.Expr | None = None) -> pl.DataFrame:
        """The rows for which `where` holds, only the named columns; row order is not defined, so sort.

        Raises:
            CorruptStoreError: a file is missing or damaged; the message names it.
            InputError: no such column.
        """
        unknown = sorted(set(columns or ()) - set(self.schema))
        if unknown:
            raise InputError(f"{self.folder.name}: no column {', '.join(unknown)}; there are {', '.join(self.schema)}")
        table = self._opened()
        with _damage_named(self.folder):
            lazy = self._scan(table)
            if where is not None:
                lazy = lazy.filter(where)
            return lazy.select(list(columns or self.schema)).collect()

    def _scan(self, table: DeltaTable) -> pl.LazyFrame:
        uris = table.file_uris()
        if all(unquote(uri) == uri for uri in uris):
            # Columns that are younger than the table are null in all its rows.
            absent = [pl.lit(None, dtype=self.schema[name]).alias(name) for name in self._absent(table)]
            return pl.scan_delta(table).with_columns(absent)
        # polars takes an escaped path (a space is %20) for the name of a file, so here it is told the names. It prunes
        # by the statistics in the files then, not by those of the log.
        names = [unquote(uri) for uri in uris]
        return pl.scan_parquet(names, schema=self.schema, glob=False, missing_columns="insert")

    def _absent(self, table: DeltaTable) -> list[str]:
        """Columns of the schema that the table was made without."""
        there = {field.name for field in table.schema().fields}
        return [name for name in self.schema if name not in there]

    def compact(self) -> None:
        """Rewrite small files as few large ones in one commit, and shorten the log's reading by a checkpoint.

        Raises:
            CorruptStoreError: another process committed in between, or a file cannot be read.
            InputError: the disk refuses; the table is as it was.
        """
        table = self.open()
        before = int(table.version())
        try:
            with panics_held_back():
                table.optimize.compact()
        except (CommitFailedError, DeltaError, OSError) as error:
            raise _unreadable(self.folder, "cannot be compacted", error) from error
        after = int(self.version())
        if after > before:
            self._sync(after)
            self.open().create_checkpoint()

    def vacuum(self, keep_versions: Sequence[int], keep_hours: int) -> list[str]:
        """Remove files that none of these versions names and that were dropped over so many hours ago; their paths.

        Raises:
            InputError: the disk refuses.
        """
        try:
            return self.open().vacuum(
                keep_hours, dry_run=False, enforce_retention_duration=False, keep_versions=list(keep_versions)
            )
        except (DeltaError, OSError) as error:
            raise InputError(f"{self.folder}: cannot be vacuumed: {_why(error)}") from error

    def last_logged(self) -> int:
        """The version of the last entry of the log, by the names of its files alone; -1 without any."""
        folder = self.folder / "_delta_log"
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return max((int(name[:20]) for name in names if _LOGGED.fullmatch(name)), default=-1)

    def rows(self) -> int:
        """How many rows there are, by what the log says of the files."""
        added = self._added()
        if "num_records" not in added.columns or added["num_records"].null_count():
            return self.read([self.key]).height
        return int(added["num_records"].sum())

    def largest_key(self) -> int:
        """The largest number in the column by which rows are sealed, 0 without rows, by what the log says of the files.

        Where the log says it not of all of them, the rows are asked.
        """
        added = self._added()
        column = f"max.{self.key}"
        if column in added.columns and not added[column].null_count():
            return int(added[column].max() or 0)  # type: ignore[arg-type]
        return int(self.read([self.key])[self.key].to_numpy().max(initial=0))

    def present_files(self) -> list[Path]:
        """The data files of the current version.

        Raises:
            CorruptStoreError: one is missing, or not as large as the log says.
        """
        present = self.files()
        for path, size in present.items():
            if not path.is_file():
                raise CorruptStoreError(f"{path}: missing; restore it from a copy")
            if path.stat().st_size != size:
                raise CorruptStoreError(f"{path}: has {path.stat().st_size} bytes, not {size}; restore it from a copy")
        return list(present)

    def log_files(self) -> list[Path]:
        """The files of the log; the hint at the newest checkpoint is left out, since the library can do without it."""
        folder = self.folder / "_delta_log"
        return sorted(path for path in folder.iterdir() if path.name[:20].isdigit() and not _PART.search(path.name))

    def sweep_parts(self) -> None:
        """Remove what writers that were killed left half-written; the caller holds the writer lock."""
        for folder in (self.folder, self.folder / "_delta_log"):
            for path in folder.iterdir() if folder.is_dir() else ():
                if _PART.search(path.name):
                    path.unlink(missing_ok=True)

    def files(self) -> dict[Path, int]:
        """The data files of the current version with the sizes in bytes that the log says they have."""
        added = self._added().select("path", "size_bytes").sort("path")
        return {self.folder / unquote(path): int(size) for path, size in added.iter_rows()}

    def _added(self) -> pl.DataFrame:
        # Statistics are parsed here and not before, so that a damaged entry may open and fail now.
        with _log_named(self.folder):
            return files_at(self.folder, log_state(self.folder))

    def _sync(self, version: int) -> list[Path]:
        """Flush a version to the disk; its files of data and log."""
        # delta-rs leaves flushing to the system; a round that was reported must outlive a power cut.
        log = self.folder / "_delta_log" / f"{version:020}.json"
        actions = [json.loads(line) for line in log.read_bytes().splitlines()]
        added = [self.folder / unquote(action["add"]["path"]) for action in actions if "add" in action]
        for path in (*added, log, log.parent, self.folder):
            sync_path(path)
        checkpoint = log.with_name(f"{version:020}.checkpoint.parquet")
        return [*added, log, *([checkpoint] if checkpoint.is_file() else [])]


class KeptRows:
    """All rows of a small table, read again where its log has changed since: a round asks for them some thirty times.

    Raises:
        CorruptStoreError: the table cannot be read.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._read: tuple[LogState, pl.DataFrame] | None = None

    def __call__(self) -> pl.DataFrame:
        """The rows as the table is now; row order is not defined, so sort."""
        state = self._table.state()
        if self._read is None or self._read[0] != state:
            self._read = state, self._table.read()
        return self._read[1]


def both(first: pl.Expr | None, second: pl.Expr | None) -> pl.Expr | None:
    """A filter that asks for both conditions; None asks for nothing."""
    if first is None or second is None:
        return second if first is None else first
    return first & second


@contextmanager
def _log_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except (TableNotFoundError, FileNotFoundError) as error:
        raise CorruptStoreError(f"{folder}: the table's log is missing; restore it from a copy") from error
    except (DeltaError, OSError, ValueError) as error:
        raise _unreadable(folder / "_delta_log", "cannot be read", error) from error


@contextmanager
def _damage_named(folder: Path) -> Iterator[None]:
    try:
        with panics_held_back():
            yield
    except SynthdataError:
        raise
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _unreadable(folder, "a data file is missing or damaged", error) from error


def _why(error: BaseException) -> str:
    """What the disk says, where it refuses, which stands some lines down; else the first line."""
    return refusal(error) or _first_line(error)


def _unreadable(place: Path, what: str, error: BaseException) -> SynthdataError:
    return unless_refused(error, place, CorruptStoreError(f"{place}: {what}: {_first_line(error)}; {REPAIR}"))


def _first_line(error: BaseException) -> str:
    line = next(iter(str(error).splitlines()), type(error).__name__)
    # The table library shows whole objects of its own.
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
