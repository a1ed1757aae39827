"""Files of the truth that never change once they are there: sealed before they appear, checked before they are used.

These are the anchors with their epochs, the held-out list and corpus.json. Rows of tables are in sealed_rows.py.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from synthdata.corpus.beginning import whole_folder
from synthdata.corpus.seals import REPAIR, Seal, SealBook, Seals
from synthdata.errors import CorruptStoreError, InputError
from synthdata.io.files import sync_path


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file, computed once as long as it stays the same file of the same time and size."""
    stat = path.stat()
    return _sha256(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)
def _sha256(path: Path, inode: int, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_files(corpus: Path, under: str, book: SealBook) -> None:
    """Refuse files under a folder of the corpus (or that one file) that are not what was sealed.

    Raises:
        CorruptStoreError: one is missing, was changed, or was put there by somebody else.
    """
    if not book.there():
        return
    wrong = next(wrong_files(corpus, under, book.read()), None)
    # A writer may have added a file since the seals were read.
    wrong = wrong and next(wrong_files(corpus, under, book.read()), None)
    if wrong:
        raise CorruptStoreError(f"{corpus / wrong[0]}: {wrong[1]}; {REPAIR}")


def wrong_files(corpus: Path, under: str, seals: Seals) -> Iterator[tuple[str, str]]:
    """Path in the corpus of each file that is not as sealed, and what is wrong with it."""
    sealed = seals.files(under)
    coming = dict(seals.pending.files) if seals.pending else {}
    for name, expected in sealed.items():
        path = corpus / name
        if not path.is_file():
            yield name, "is missing"
        elif sha256_of(path) not in (expected, coming.get(name)):
            yield name, "is not as it was written"
    for name in files_under(corpus, under):
        if name not in sealed and name not in coming:
            yield name, "is there, but no seal knows it"


def files_under(corpus: Path, under: str) -> list[str]:
    """Paths in the corpus of the finished files under one of its folders."""
    paths = (path.relative_to(corpus) for path in (corpus / under).rglob("*") if path.is_file())
    # What begins with a dot is a writer's, and is not finished.
    return sorted(str(path) for path in paths if not any(part.startswith(".") for part in path.parts))


@contextmanager
def sealed_folder(corpus: Path, final: Path, book: SealBook) -> Iterator[Path]:
    """A folder to fill, which takes its place whole and sealed when the block ends, or not at all.

    Raises:
        InputError: the place is taken.
    """
    with whole_folder(final) as part:
        yield part
        names = files_under(part, ".")
        book.files({str((final / name).relative_to(corpus)): sha256_of(part / name) for name in names})
    book.confirm()


@contextmanager
def sealed_addition(corpus: Path, folder: Path, book: SealBook) -> Iterator[Path]:
    """A folder to fill with files that are then added, sealed, to one that is there; a JSON file comes last.

    Raises:
        InputError: another file of that name is there.
    """
    part = folder / ".added.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        # JSON proves that what it describes is complete.
        paths = sorted(part.iterdir(), key=lambda path: (path.suffix == ".json", path.name))
        sums = {str((folder / path.name).relative_to(corpus)): sha256_of(path) for path in paths}
        known = book.read().files()
        for name, value in sums.items():
            if known.get(name, value) != value:
                raise InputError(f"{corpus / name}: is there already and is never written again")
        if sums.keys() - known.keys():
            book.files(sums)
            for path in paths:
                sync_path(path)
                os.replace(path, folder / path.name)
            sync_path(folder)
            book.confirm()
    finally:
        shutil.rmtree(part, ignore_errors=True)


def discard_folder(corpus: Path, folder: Path, book: SealBook) -> None:
    """Remove a folder on which nothing rests, as a killed writer leaves it, and say so in the chain."""
    book.files(dict.fromkeys(book.read().files(f"{folder.relative_to(corpus)}/"), ""))
    shutil.rmtree(folder)
    book.confirm()


def end_files(corpus: Path, seal: Seal, seals: Seals) -> bool:
    """Whether all files of a pending seal are in their places; where not, those that are are removed again.

    A removal is ended.
    """
    gone = [name for name, value in seal.files.items() if not value]
    for name in gone:
        (corpus / name).unlink(missing_ok=True)
    there = {name for name, value in seal.files.items() if value and _is(corpus / name, value)}
    if len(there) + len(gone) == len(seal.files):
        return True
    for name in there - seals.files().keys():
        (corpus / name).unlink()
    return False


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256
