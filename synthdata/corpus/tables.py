"""One Delta table: its schema, its atomic appends and its reads. The only place that imports deltalake.

Knows nothing of rounds or verdicts. Delta's own history is never the only home of a fact, because log retention and
compaction may drop it: what must last is a column. Vectors are `List(Float32)`; Delta cannot scan `pl.Array` columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import polars as pl
from arro3.core import Table as ArrowTable
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from synthdata.errors import CorruptStoreError, InputError, SynthdataError
from synthdata.io.files import sync_path


@dataclass(frozen=True)
class Table:
    """A Delta table in `folder` with a declared schema; files are pruned by the integer `stats_column`."""

    folder: Path
    schema: pl.Schema
    stats_column: str

    def create(self) -> None:
        """Make the empty table; an existing one is left as it is."""
        # Only one integer column gets statistics, so no text of a row is copied into the log.
        configuration: dict[str, str | None] = {
            "delta.appendOnly": "true",
            "delta.dataSkippingStatsColumns": self.stats_column,
            "delta.enableExpiredLogCleanup": "false",
        }
        empty = ArrowTable.from_arrow(pl.DataFrame(schema=self.schema))
        DeltaTable.create(self.folder, Schema.from_arrow(empty.schema), mode="ignore", configuration=configuration)

    def open(self) -> DeltaTable:
        """The table as it is now.

        Raises:
            CorruptStoreError: the log is missing or cannot be read.
        """
        try:
            return DeltaTable(self.folder)
        except TableNotFoundError as error:
            raise CorruptStoreError(f"{self.folder}: the table's log is missing; restore it from a copy") from error
        except (DeltaError, OSError, ValueError) as error:
            raise CorruptStoreError(f"{self.folder / '_delta_log'}: cannot be read: {_first_line(error)}") from error

    def version(self) -> int:
        """The number of the last commit; 0 is the empty table."""
        return int(self.open().version())

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
        # A table of an older version of this schema gets the new columns with its next commit.
        mode: Literal["merge"] | None = "merge" if self._absent(table) else None
        try:
            write_deltalake(
                table, ArrowTable.from_arrow(rows), mode="append", schema_mode=mode, commit_properties=properties
            )
        except CommitFailedError as error:
            raise CorruptStoreError(f"{self.folder}: another process wrote in between: {_first_line(error)}") from error
        except (DeltaError, OSError) as error:
            raise InputError(f"{self.folder}: cannot be written: {_first_line(error)}") from error
        version = int(table.version())
        self._sync(version)
        return version

    def read(self, columns: Sequence[str] | None = None, where: pl.Expr | None = None) -> pl.DataFrame:
        """The rows for which `where` holds, only the named columns; row order is not defined, so sort.

        Raises:
            CorruptStoreError: a file is missing or damaged; the message names it.
            InputError: no such column.
        """
        unknown = sorted(set(columns or ()) - set(self.schema))
        if unknown:
            raise InputError(f"{self.folder.name}: no column {', '.join(unknown)}; there are {', '.join(self.schema)}")
        table = self.open()
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
        """
        table = self.open()
        before = int(table.version())
        try:
            table.optimize.compact()
        except (CommitFailedError, DeltaError, OSError) as error:
            raise CorruptStoreError(f"{self.folder}: cannot be compacted: {_first_line(error)}") from error
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
            raise InputError(f"{self.folder}: cannot be vacuumed: {_first_line(error)}") from error

    def files(self) -> dict[Path, int]:
        """The data files of the current version with the sizes in bytes that the log says they have."""
        added = pl.DataFrame(self.open().get_add_actions(flatten=True)).select("path", "size_bytes").sort("path")
        return {self.folder / unquote(path): int(size) for path, size in added.iter_rows()}

    def _sync(self, version: int) -> None:
        # delta-rs leaves flushing to the system; a round that was reported must outlive a power cut.
        log = self.folder / "_delta_log" / f"{version:020}.json"
        actions = [json.loads(line) for line in log.read_bytes().splitlines()]
        added = [self.folder / unquote(action["add"]["path"]) for action in actions if "add" in action]
        for path in (*added, log, log.parent, self.folder):
            sync_path(path)


def both(first: pl.Expr | None, second: pl.Expr | None) -> pl.Expr | None:
    """A filter that asks for both conditions; None asks for nothing."""
    if first is None or second is None:
        return second if first is None else first
    return first & second


@contextmanager
def _damage_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except SynthdataError:
        raise
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise CorruptStoreError(f"{folder}: a data file is missing or damaged: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
