"""Sums of files of the tables whose rows are known to be those that were sealed, so that rows need not be read again.

Notes are derived: where a file has none the rows of its table are read and digested. A note holds a sum of itself, so
that a file that differs from a note that is whole has surely been changed, be it in statistics that no row shows.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from synthdata.io.files import atomic_write, own_file, parsed_json

DERIVED, NOTES = "derived", "files.jsonl"
_BLOCK = 1 << 20


def file_sum(path: Path) -> int:
    """CRC-32 of a file, computed once as long as it stays the same file of the same time and size."""
    stat = path.stat()
    return _crc(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=65536)
def _crc(path: Path, inode: int, changed: int, size: int) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def read_notes(corpus: Path) -> dict[str, int]:
    """The noted sums of data files, by path in the corpus; a line that is not whole says nothing."""
    notes: dict[str, int] = {}
    with suppress(OSError):
        for line in (corpus / DERIVED / NOTES).read_bytes().split(b"\n"):
            with suppress(ValueError, TypeError):
                name, value, own = parsed_json(line)
                if own == _own(name, value):
                    notes[name] = value
    return notes


def note_files(corpus: Path, paths: Iterable[Path]) -> None:
    """Note files whose rows are known to be right."""
    sums = {str(path.relative_to(corpus)): file_sum(path) for path in paths}
    lines = "".join(f"{json.dumps([name, value, _own(name, value)])}\n" for name, value in sums.items())
    path = corpus / DERIVED / NOTES
    # A cache: where it cannot be kept, rows are read again. A line begins anew after one that a kill cut off.
    with suppress(OSError):
        own_file(path)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{lines}")


def forget_absent(corpus: Path) -> None:
    """Drop the notes of files that are not there: one that is written again under its name has other bytes."""
    kept = {name: value for name, value in read_notes(corpus).items() if (corpus / name).is_file()}
    lines = "".join(f"{json.dumps([name, value, _own(name, value)])}\n" for name, value in kept.items())
    atomic_write(corpus / DERIVED / NOTES, lines)


def _own(name: str, value: int) -> int:
    return zlib.crc32(f"{name} {value}".encode())
