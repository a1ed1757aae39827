"""Inspect's `.eval` files: a zip with one JSON file a sample, read one after the other."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator

from synthdata.records import QuarantinedRow
from synthdata.sources.fields import shortened
from synthdata.sources.files import Row, SourceFile, parse, refuse

_HEADERS = ("header.json", "_journal/start.json")


def eval_rows(file: SourceFile, bound: int) -> Iterator[Row | QuarantinedRow]:
    """The samples of a log, in the order of their names, each as `{"eval", "sample"}`.

    A sample larger than `bound` bytes, uncompressed, is quarantined without being held.

    Raises:
        InputError: the file was asked for alone and is no such zip, or is damaged.
    """
    try:
        with zipfile.ZipFile(file.path) as archive:
            names = sorted(
                name for name in archive.namelist() if name.startswith("samples/") and name.endswith(".json")
            )
            about = _about(archive, file, bound)
            if isinstance(about, QuarantinedRow):
                yield about
                return
            if not names:
                yield refuse(file, "an Inspect log without a sample; was the evaluation ever run?")
            for number, name in enumerate(names, 1):
                yield _sample(archive, file, number, name, about, bound)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        advice = "copy it again, or write it anew with `inspect log convert --to json`"
        yield refuse(file, f"cannot be read as an Inspect log ({shortened(str(error), 200)}): {advice}")


def _about(archive: zipfile.ZipFile, file: SourceFile, bound: int) -> object | QuarantinedRow:
    name = next((name for name in _HEADERS if name in archive.namelist()), None)
    if name is None:
        return refuse(file, f"no Inspect log: it has no {' or '.join(_HEADERS)}")
    row = _member(archive, file, 0, name, bound)
    if isinstance(row, QuarantinedRow):
        return refuse(file, f"{name}: {row.reason}")
    return row.value.get("eval") if isinstance(row.value, dict) else None


def _sample(
    archive: zipfile.ZipFile, file: SourceFile, number: int, name: str, about: object, bound: int
) -> Row | QuarantinedRow:
    row = _member(archive, file, number, name, bound)
    if isinstance(row, QuarantinedRow):
        return row
    return Row(file.name, number, {"eval": about, "sample": row.value}, row.size, row.repaired)


def _member(archive: zipfile.ZipFile, file: SourceFile, number: int, name: str, bound: int) -> Row | QuarantinedRow:
    with archive.open(name) as handle:
        raw = handle.read(bound + 1)
    if len(raw) > bound:
        reason = f"{name} is larger than max_row_bytes = {bound}; raise runtime.max_row_bytes"
        return QuarantinedRow(file.name, number, reason)
    return parse(file.name, number, raw)
