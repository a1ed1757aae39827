"""How a corpus comes to be sealed, and how its header stays so: a new one at `init`, an older one with its next write.

Of an older corpus nothing can be known but what is found: its seals say so, and hold from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from synthdata.corpus.beginning import ANCHORS, HELDOUT
from synthdata.corpus.header import FORMAT, NAME, UNSEALED, Header, header_text, write_header
from synthdata.corpus.row_digest import rows_digest
from synthdata.corpus.sealed_files import files_under, sha256_of
from synthdata.corpus.seals import FOLDER, REPAIR, Seal, SealBook, begin_chain
from synthdata.corpus.tables import Table
from synthdata.errors import CorruptStoreError
from synthdata.io.files import atomic_folder, atomic_write

# Rows of an older table that are sealed as one: what is wrong is then named as closely.
_ROWS = 1000


def begin_seals(corpus: Path, header: Header) -> None:
    """Seal a corpus that is being made: its header alone."""
    with atomic_folder(corpus / FOLDER) as part:
        begin_chain(part, [Seal(0, "", files={NAME: _sha256(header)})])
        atomic_write(part / NAME, header_text(header), mode=0o600)


def adopt(corpus: Path, header: Header, tables: Sequence[Table]) -> Header:
    """Seal a corpus that was made before there were seals, as it is found; its header, which says so from now on.

    A kill leaves it unsealed, or sealed with a header that the next writer ends.
    """
    sealed = replace(header, format=FORMAT)
    if not (corpus / FOLDER).is_dir():
        files = {name: sha256_of(corpus / name) for under in (ANCHORS, HELDOUT) for name in files_under(corpus, under)}
        seals = [Seal(0, "", files={NAME: _sha256(sealed)} | files, found=True)]
        for table in tables:
            for low, high, rows, digest in _as_found(table):
                last = seals[-1]
                version = table.version()
                seals.append(Seal(last.number + 1, last.hash, table.name, version, low, high, rows, digest, found=True))
        with atomic_folder(corpus / FOLDER) as part:
            begin_chain(part, seals)
            atomic_write(part / NAME, header_text(sealed), mode=0o600)
    write_header(corpus, sealed)
    return sealed


def check_header(corpus: Path, header: Header, book: SealBook) -> None:
    """Refuse a corpus.json that is not the one which was sealed.

    Raises:
        CorruptStoreError: it was changed, or the seals that it speaks of are missing.
    """
    if not book.there():
        if header.format != UNSEALED:
            raise CorruptStoreError(f"{corpus / FOLDER}: is missing; {REPAIR}")
        return
    seals = book.read()
    known = [
        seal.files[NAME] for seal in (*seals.done, *([seals.pending] if seals.pending else [])) if NAME in seal.files
    ]
    # One that is being sealed says format 1 until its last step.
    if not {sha256_of(corpus / NAME), _sha256(replace(header, format=FORMAT))} & set(
        known[-2 if seals.pending else -1 :]
    ):
        raise CorruptStoreError(f"{corpus / NAME}: is not as it was written; {REPAIR}")


def replace_header(corpus: Path, header: Header, book: SealBook) -> None:
    """Write a header with its seal and its second copy."""
    book.files({NAME: _sha256(header)})
    write_header(corpus, header)
    book.confirm()
    atomic_write(corpus / FOLDER / NAME, header_text(header), mode=0o600)


def _as_found(table: Table) -> Iterator[tuple[int, int, int, str]]:
    """Ranges of keys that hold all rows, with count and digest of the rows of each."""
    keys = table.read([table.key])[table.key].unique().sort().to_list()
    step = _ROWS if table.key == "seq" else 1
    for start in range(0, len(keys), step):
        low, high = keys[start], keys[min(start + step, len(keys)) - 1]
        frame = table.read(None, pl.col(table.key).is_between(low, high))
        yield low, high, frame.height, rows_digest(frame)


def _sha256(header: Header) -> str:
    return hashlib.sha256(header_text(header).encode()).hexdigest()
