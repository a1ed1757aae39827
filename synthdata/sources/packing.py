"""Compressed files: gzip, zstd, bzip2 and xz, known by their first bytes, checked as a whole before a row is used."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from synthdata.errors import InputError

if TYPE_CHECKING:
    from synthdata.sources.files import SourceFile

# How a compressed file begins, by the ending that it has.
_PACKS = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd", ".bz2": b"BZh", ".xz": b"\xfd7zXZ\x00"}
PACKED = tuple(_PACKS)
_KINDS = {".gz": "gzip"}
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, OSError)
_BLOCK = 1 << 20


def ending_of(name: str) -> tuple[str, str]:
    """The ending of a file's name in lower case without that of a compression, and that of the compression."""
    path = Path(name.lower())
    if path.suffix not in PACKED:
        return path.suffix, ""
    return path.with_suffix("").suffix, path.suffix


def packing(file: SourceFile) -> str:
    """The compression that the file's first bytes show, as an ending; empty where there is none."""
    with file.path.open("rb") as handle:
        head = handle.read(max(map(len, _PACKS.values())))
    return next((ending for ending, magic in _PACKS.items() if head.startswith(magic)), "")


def open_bytes(file: SourceFile) -> BinaryIO:
    """The uncompressed bytes; a compression is known by the first bytes, whatever the name."""
    opened: object
    match packing(file):
        case ".gz":
            opened = gzip.open(file.path, "rb")  # noqa: SIM115 - handed to the caller, who closes it
        case ".bz2":
            opened = bz2.open(file.path, "rb")  # noqa: SIM115 - as above
        case ".xz":
            opened = lzma.open(file.path, "rb")  # noqa: SIM115 - as above
        case ".zst":
            import pyarrow as pa

            opened = io.BufferedReader(pa.input_stream(str(file.path), compression="zstd"))
        case _:
            opened = file.path.open("rb")
    return opened  # type: ignore[return-value]


def check_file(file: SourceFile) -> None:
    """Read it through once, so that a damaged file is refused as a whole before any of its rows is used.

    Raises:
        InputError: it is empty, or its compression is truncated or corrupt.
    """
    if not file.path.stat().st_size:
        raise InputError(f"{file.name}: the file is empty; remove it, or write at least one row")
    pack, named = packing(file), ending_of(file.name)[1]
    try:
        if named and pack != named:
            raise EOFError(f"it does not begin as {_KINDS.get(named, named[1:])} does")
        with open_bytes(file) as handle:
            content = handle.read(_BLOCK).strip(b"\xef\xbb\xbf \t\r\n")
            while pack and handle.read(_BLOCK):
                pass
    except DAMAGED as error:
        if not (pack or named):
            raise
        _refuse_packed(file, pack or named, error)
    if not content:
        raise InputError(f"{file.name}: the file is empty; remove it, or write at least one row")


def _refuse_packed(file: SourceFile, pack: str, error: Exception) -> NoReturn:
    kind = _KINDS.get(pack, pack[1:])
    message = f"{file.name}: truncated or corrupt {kind} ({error}); none of it was used: copy or compress it again"
    raise InputError(message) from error
