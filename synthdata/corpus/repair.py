"""Repair of what can be proven: a file of the chain by the other one, the header by its copy, lost rows by their seal.

Rows whose log entry was lost lie on in their data file; they are written again only if they are, to the bit, those that
were sealed. A checkpoint says what the entries of its log say, and goes where it is damaged. Nothing is
guessed: what cannot be proven stays damaged, and `verify` goes on saying so.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from synthdata.corpus.beginning import refuse_pipes
from synthdata.corpus.file_notes import forget_absent
from synthdata.corpus.header import NAME, read_header
from synthdata.corpus.lock import WriterLock
from synthdata.corpus.row_digest import rows_digest
from synthdata.corpus.sealed_files import sha256_of
from synthdata.corpus.sealed_rows import changed_files
from synthdata.corpus.seals import AHEAD, DONE, FOLDER, Seal, read_chain, read_seals, write_chain
from synthdata.corpus.store import CorpusStore
from synthdata.corpus.tables import Table
from synthdata.errors import CorruptStoreError
from synthdata.io.files import atomic_write, sync_path


def repair(corpus: Path) -> list[str]:
    """Restore what the seals prove; a sentence about each thing that was restored.

    Raises:
        InputError: not a corpus.
        LockedError: another process is writing.
        CorruptStoreError: the damage is more than the seals can undo.
    """
    if not (corpus / FOLDER).is_dir():
        read_header(corpus)
        return []
    refuse_pipes(corpus)
    for path in (corpus / NAME, *(corpus / FOLDER / name for name in (AHEAD, DONE, NAME))):
        if path.is_dir():
            raise CorruptStoreError(f"{path}: is a folder where a file belongs; move it away, then run this again")
    with WriterLock(corpus).held():
        done = [*_chain(corpus / FOLDER), *_header(corpus)]
        header = read_header(corpus)
        tables = CorpusStore(corpus, header).tables()
        done += [line for table in tables for line in (*_checkpoints(table, corpus), *_rows(table, corpus))]
        # A write that a kill cut off is ended or cleared away, as the next writer would.
        CorpusStore(corpus, header).seals.settle()
    return done


def _chain(folder: Path) -> Iterator[str]:
    chains: dict[str, tuple[Seal, ...]] = {}
    faults = []
    for name in (AHEAD, DONE):
        try:
            chains[name] = read_chain(folder / name)
        except CorruptStoreError as error:
            faults.append(str(error))
    ahead, done = chains.get(AHEAD, ()), chains.get(DONE, ())
    if not ahead and not done:
        raise CorruptStoreError(f"{folder}: neither file of the chain can be read: {'; '.join(faults)}")
    common = min(len(ahead), len(done))
    if ahead[:common] != done[:common]:
        raise CorruptStoreError(f"{folder}: {AHEAD} and {DONE} tell two different histories; restore it from a copy")
    if len(ahead) < len(done):
        write_chain(folder / AHEAD, done)
        yield f"{folder / AHEAD}: restored from {DONE}, {len(done)} seals"
    elif len(done) < len(ahead) - 1:
        # Whether the last write ended is for the corpus to show.
        write_chain(folder / DONE, ahead[:-1] or ahead)
        yield f"{folder / DONE}: restored from {AHEAD}, {len(ahead)} seals"


def _header(corpus: Path) -> Iterator[str]:
    path, copy = corpus / NAME, corpus / FOLDER / NAME
    seals = read_seals(corpus / FOLDER)
    wanted = {seals.files()[NAME], *([seals.pending.files.get(NAME, "")] if seals.pending else [])}
    if path.is_file() and sha256_of(path) in wanted:
        return
    if not copy.is_file() or sha256_of(copy) not in wanted:
        raise CorruptStoreError(f"{path}: is not as it was written, and its copy {copy} is not either; restore it")
    atomic_write(path, copy.read_bytes(), mode=0o600)
    yield f"{path}: restored from {copy}"


def _checkpoints(table: Table, corpus: Path) -> Iterator[str]:
    log = table.folder / "_delta_log"
    derived = sorted([*log.glob("*.checkpoint*.parquet"), *log.glob("_last_checkpoint")])
    try:
        damaged = bool({*changed_files(corpus, table)} & {*derived})
    except CorruptStoreError:
        damaged = bool(derived)
    entries = sorted(int(path.name[:20]) for path in log.glob("*.json") if path.stem.isdigit())
    if not damaged or entries != list(range(len(entries))):
        return
    # Aside, and back where the table cannot be read without them either: then they are not what is damaged.
    with tempfile.TemporaryDirectory(dir=corpus, prefix=".checkpoints-", suffix=".part") as aside:
        for path in derived:
            shutil.move(path, aside)
        try:
            table.read([table.key])
        except CorruptStoreError:
            for path in derived:
                shutil.move(Path(aside) / path.name, path)
            return
    sync_path(log)
    yield f"{log}: {len(derived)} files of its checkpoints were damaged and are gone; its entries say the same"


def _rows(table: Table, corpus: Path) -> Iterator[str]:
    seals = read_seals(corpus / FOLDER)
    there = table.read([table.key])[table.key]
    for seal in seals.ranges(table.name):
        if there.is_between(seal.low, seal.high).any():
            continue
        rows = _sealed_rows(table, seal)
        if rows is not None:
            # Before the entry is written again, since a kill may come between that and its note.
            forget_absent(corpus)
            replace(table, book=None).append(rows, {"restored": str(seal.number)})
            yield f"{table.folder}: {table.key} {seal.low} to {seal.high} restored, {seal.rows} rows, by their seal"


def _sealed_rows(table: Table, seal: Seal) -> pl.DataFrame | None:
    """The rows of a seal from a data file that the log does not name any more; None where there are none."""
    for path in sorted(table.folder.glob("*.parquet")):
        try:
            frame = pl.read_parquet(path, columns=None)
        except (pl.exceptions.PolarsError, OSError):
            continue
        absent = [
            pl.lit(None, dtype=kind).alias(name) for name, kind in table.schema.items() if name not in frame.columns
        ]
        rows = frame.with_columns(absent).select(list(table.schema)).cast(table.schema)
        rows = rows.filter(pl.col(table.key).is_between(seal.low, seal.high))
        if rows.height == seal.rows and rows_digest(rows) == seal.digest:
            return rows
    return None
