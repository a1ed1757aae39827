"""Files and folders that appear whole or not at all, and stay after a power cut.

Everything is made under a temporary name beside its place, flushed, renamed, and the folder is flushed. Temporary names
begin with a dot and end with `.part`; what a killed process leaves under them is never read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthdata.errors import InputError

_OWNED = re.compile(r"\.([0-9a-f]{8})-(\d+)-\d+\.part$")


def refuse_undecodable(path: Path) -> None:
    """Refuse a name that no text can hold: rows, events and reports say what file they are about.

    Raises:
        InputError: it is not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: this name is not UTF-8, so that nothing can be said of it; rename it") from error


def sync_path(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_beside(path: Path) -> Path:
    """A name in the same folder that no other writer, of this process or another, uses."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}-{threading.get_ident()}.part")


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def sweep_temporaries(folder: Path) -> None:
    """Remove, at any depth, what `temporary_beside` named for processes of this machine that are no more."""
    for path in [path for path in folder.rglob(".*.part") if _OWNED.search(path.name)]:
        machine, process = _OWNED.search(path.name).groups()  # type: ignore[union-attr]
        if machine == _machine() and not process_lives(int(process)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def process_lives(process: int) -> bool:
    """Whether this machine runs a process of that id, whoever owns it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def parsed_json(text: str | bytes) -> Any:  # noqa: ANN401 - whatever the file holds
    """JSON of a file that somebody may have damaged.

    Raises:
        ValueError: it is none, or is nested deeper than can be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def is_temporary(name: str) -> bool:
    """Whether this is the name of something that was not finished."""
    return name.startswith(".") and name.endswith(".part")


def atomic_write(path: Path, data: str | bytes, mode: int = 0o644) -> None:
    """Replace a file by this content, text as UTF-8; its folder must exist.

    Raises:
        OSError: the disk refuses; the earlier file is as it was.
    """
    content = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    with atomic_file(path, mode) as part:
        part.write_bytes(content)


def own_file(path: Path) -> None:
    """Give a file that is about to be written in place other names no share in it: a copy by hard links stays as it is.

    Raises:
        OSError: the disk refuses.
    """
    if path.exists() and path.stat().st_nlink > 1:
        atomic_write(path, path.read_bytes(), mode=path.stat().st_mode & 0o777)


@contextmanager
def atomic_file(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """A temporary file for the block to write, which then replaces `path`; where the block fails nothing changes.

    Raises:
        OSError: the disk refuses.
    """
    part = temporary_beside(path)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
    try:
        yield part
        sync_path(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_path(path.parent)


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """An empty folder for the block to fill, which then takes the place of `final`; where the block fails it is gone.

    An earlier folder of that name is replaced. Between its going and the new one's coming there is neither: a kill in
    that moment leaves the old one as `.NAME.old`, which the next call puts back before it begins.

    Raises:
        OSError: the disk refuses.
    """
    old = final.with_name(f".{final.name}.old")
    if old.exists() and not final.exists():
        old.rename(final)
    # One name, so that what a killed writer left goes: whoever makes a folder holds the lock of its place.
    part = final.with_name(f".{final.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        for path in (*sorted(part.rglob("*")), part):
            sync_path(path)
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            final.rename(old)
        part.rename(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    sync_path(final.parent)
    shutil.rmtree(old, ignore_errors=True)
