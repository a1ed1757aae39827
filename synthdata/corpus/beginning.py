"""How a corpus comes to be: which places are refused, what a killed `init` leaves, and folders that appear as a whole.

A corpus is finished when its first anchor is in place; until then `init` begins anew, and nothing else opens it.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from synthdata.corpus.header import NAME, Header, read_header, write_header
from synthdata.corpus.seals import DONE, FOLDER
from synthdata.errors import CorruptStoreError, InputError
from synthdata.io.files import atomic_folder, is_temporary, refuse_undecodable, sweep_temporaries
from synthdata.io.refusals import refusal

ANCHORS, HELDOUT, PICTURES = "anchors", "heldout", "blobs"
TABLES = ("experience", "decisions", "events", "snapshots")
FOLDERS = (ANCHORS, HELDOUT, "cache", "derived")
# What a killed `init` may leave before there is a header; the pictures of its reference are put first of all.
_BEFORE_HEADER = frozenset({f".{NAME}.part", "writer.lock", "writer.json", "writer.part", PICTURES, "cache"})
# What the table library takes for something else than part of a name: escapes, separators, what no URL may hold.
_MISREAD = re.compile(r"%[0-9A-Fa-f]{2}|[#?\\\[\]|^\x00-\x1f\x7f]")


def refuse_misread(path: Path) -> None:
    """Refuse a place whose full path, links followed, holds what the tables cannot be written or found under.

    Raises:
        InputError: one of these, which it names.
    """
    refuse_undecodable(path.resolve())
    match = _MISREAD.search(str(path.resolve()))
    if match:
        raise InputError(
            f"{str(path.resolve())!r}: a corpus cannot lie in a folder with {match[0]!r} in its path; rename it, or "
            r"name another without # ? \ [ ] | ^, control characters and escapes such as %20 (spaces are fine)"
        )


def refuse_no_place(path: Path) -> None:
    """Refuse a folder that cannot be made or written, before any work is done for it.

    Raises:
        InputError: it is a file, lies under one, or its nearest existing folder may not be written.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; name a folder")
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        raise InputError(f"{path}: {nearest} is a file, so no folder can be made under it")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{path}: {nearest} may not be written; change its permissions or name another folder")


def refuse_occupied(path: Path) -> None:
    """Refuse a place where no corpus can be made: a misread path, a file, other people's folder, a finished corpus.

    Raises:
        InputError: one of these.
    """
    refuse_misread(path)
    refuse_no_place(path)
    if (path / NAME).exists():
        if not is_unfinished(path):
            raise InputError(f"{path}: is already a corpus; use it, or name another folder")
    elif path.is_dir() and any(not (item.name in _BEFORE_HEADER or is_temporary(item.name)) for item in path.iterdir()):
        raise InputError(f"{path}: is not empty and not a corpus; name another folder")


def sweep_unfinished(corpus: Path) -> None:
    """Remove what writers that were killed left half-written; the caller holds the writer lock."""
    for pattern in (
        f".{NAME}.*.part",
        f".{FOLDER}.part",
        f"{FOLDER}/.*.part",
        f"{HELDOUT}/.*.part",
        f"{ANCHORS}/.*.part",
    ):
        _remove(corpus.glob(pattern))
    _remove(corpus.glob(f"{ANCHORS}/*/**/.*.part"))
    # Readers make derived files too, so there only what dead processes left goes.
    sweep_temporaries(corpus / "derived")


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def is_unfinished(corpus: Path) -> bool:
    """Whether the `init` of this corpus has not put its first anchor in place; rows or seals without one are damage."""
    done = corpus / FOLDER / DONE
    sealed = done.is_file() and f'"{ANCHORS}/0/'.encode() in done.read_bytes()
    return not (corpus / ANCHORS / "0").is_dir() and not sealed and not any((corpus / "decisions").glob("*.parquet"))


def refuse_pipes(corpus: Path) -> None:
    """Refuse what is neither file nor folder, or a link to such: to read a pipe or a device may never end.

    Raises:
        CorruptStoreError: one is there. Pictures and the cache, which may be many, are not looked through.
        InputError: a folder of the truth may not be read: what is in it would seem not to be there.
    """
    for folder, folders, names in os.walk(corpus, onerror=partial(_refuse_unread, corpus)):
        if folder == str(corpus):
            folders[:] = [name for name in folders if name not in (PICTURES, "cache")]
        for name in names:
            path = os.path.join(folder, name)
            try:
                mode = os.stat(path).st_mode
            except OSError as error:
                # A link that leads nowhere is a missing file, and one of a writer may go while it is looked at.
                _refuse_unread(corpus, error)
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                text = f"{path}: is a pipe, a socket or a device, no file; remove it, then `verify {corpus} --repair`"
                raise CorruptStoreError(text)


def _refuse_unread(corpus: Path, error: OSError) -> None:
    refused = refusal(error)
    # Derived files can be made again, and whoever reads them says so.
    if refused and Path(error.filename).relative_to(corpus).parts[:1] != ("derived",):
        raise InputError(f"{error.filename}: {refused}") from error


def open_header(path: Path) -> Header:
    """The header of a finished corpus.

    Raises:
        InputError: not a corpus, one of another format version, one whose `init` was cut off, or a misread path.
        CorruptStoreError: corpus.json cannot be read.
    """
    header = read_header(path)
    refuse_misread(path)
    refuse_pipes(path)
    if is_unfinished(path):
        raise InputError(f"{path}: its `init` has not ended; wait for it, or run it again if it was cut off")
    return header


def begin(path: Path, header: Header) -> Header:
    """Write header and folders; of an `init` that was cut off only the secret and the caches stay. What was written."""
    if (path / NAME).exists():
        header = replace(header, secret=read_header(path).secret)
    for name in (ANCHORS, HELDOUT, *TABLES):
        if (path / name).exists():
            shutil.rmtree(path / name)
    write_header(path, header)
    for name in FOLDERS:
        (path / name).mkdir(exist_ok=True)
    return header


@contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """A folder to write into, which takes its place with all its files when the block ends, or not at all.

    Raises:
        InputError: the place is taken.
    """
    if final.exists():
        raise InputError(f"{final}: is there already and is never written again")
    with atomic_folder(final) as part:
        yield part
