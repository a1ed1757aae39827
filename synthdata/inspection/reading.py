"""From a path to its texts, one at a time: samples of any JSONL, JSON or Parquet, or the step contexts of agent runs.

The file is read as a stream. What cannot be used is a `QuarantinedRow` with its reason.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from synthdata.errors import InputError
from synthdata.inspection.fields import choose, field_names, longest_field
from synthdata.records import Origin, QuarantinedRow
from synthdata.settings import Settings
from synthdata.sources import read_trajectories
from synthdata.sources.fields import RowError
from synthdata.sources.files import Row, SourceFile, check_file, list_files, read_rows, refuse
from synthdata.sources.reading import kind_of_row

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Text:
    """One text with its place and the name of the field that it comes from."""

    file: str
    line: int
    field: str
    text: str


def read_texts(path: Path, settings: Settings, fields: Sequence[str] = ()) -> Iterator[Text | QuarantinedRow]:
    """All texts of a file or folder, in the order of file name and row.

    Where no field is asked for and the first row of the beginning that is a sample or a run is a run, all of it is read
    as runs, each of which gives the contexts of a few of its steps.

    Raises:
        InputError: nothing there, a damaged file, or no row that has the field asked for.
    """
    files = list_files(path)
    if not fields and _holds_runs(files, settings):
        yield from _contexts(path, settings)
        return
    found, names = False, list[str]()
    for file in files:
        rows = _rows(file, settings.runtime.max_row_bytes)
        head = list(islice(rows, settings.runtime.inspect.head_rows))
        values = [row.value for row in head if isinstance(row, Row)]
        longest, names = longest_field(values), names or field_names(values)
        for row in chain(head, rows):
            for item in _texts(row, fields, longest):
                found = found or isinstance(item, Text)
                yield item
    if fields and not found:
        has = ", ".join(f"`{name}`" for name in names[:20]) or "no field at all"
        raise InputError(f"{path}: no row has a text in the field `{'`, `'.join(fields)}`; the first rows have {has}")


def _texts(row: Row | QuarantinedRow, fields: Sequence[str], longest: str) -> list[Text | QuarantinedRow]:
    if isinstance(row, QuarantinedRow):
        return [row]
    try:
        name, texts = choose(row.value, fields, longest)
    except (RowError, RecursionError) as error:
        return [row.quarantined(str(error))]
    return [
        Text(row.file, row.line, name, text) if text.strip() else row.quarantined(f"a blank text in `{name}`")
        for text in texts
    ]


def _holds_runs(files: Sequence[SourceFile], settings: Settings) -> bool:
    for file in files:
        if file.kind == "parquet":
            return False
        rows = read_rows(file, settings.runtime.max_row_bytes)
        for row in islice(rows, settings.runtime.inspect.head_rows):
            kind = kind_of_row(row.value) if isinstance(row, Row) else None
            if kind:
                return kind == "trajectories"
    return False


def _contexts(path: Path, settings: Settings) -> Iterator[Text | QuarantinedRow]:
    from synthdata.reflection import focus_steps, render_context

    limit = settings.recipe.anchor.steps_per_trajectory
    for number, run in enumerate(
        read_trajectories(path, origin=Origin.SYNTHETIC, max_row_bytes=settings.runtime.max_row_bytes), 1
    ):
        if isinstance(run, QuarantinedRow):
            yield run
            continue
        for step in focus_steps(run, limit):
            yield Text(run.source, number, "contexts of steps", render_context(run, step))


def _rows(file: SourceFile, bound: int) -> Iterator[Row | QuarantinedRow]:
    return _parquet(file, bound) if file.kind == "parquet" else read_rows(file, bound)


def _parquet(file: SourceFile, bound: int) -> Iterator[Row | QuarantinedRow]:
    """Rows of a Parquet file with all its columns, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        check_file(file)
        with _unpacked(file) as handle:
            for batch in pq.ParquetFile(handle).iter_batches(_BATCH):
                for value in batch.to_pylist():
                    number += 1
                    yield _bounded(file.name, number, value, bound)
    except (pa.ArrowException, ValueError, OverflowError, OSError, InputError) as error:
        yield refuse(file, f"cannot be read as Parquet ({str(error)[:200]}); write it again, or convert it to JSONL")


def _unpacked(file: SourceFile) -> IO[bytes]:
    """The file's bytes, seekable; gzip is unpacked into a temporary file first."""
    with file.path.open("rb") as handle:
        if handle.read(2) != b"\x1f\x8b":
            return file.path.open("rb")
    target = tempfile.TemporaryFile()  # noqa: SIM115 - handed to the caller, who closes it
    with gzip.open(file.path, "rb") as packed:
        shutil.copyfileobj(packed, target)
    target.seek(0)
    return target


def _bounded(name: str, number: int, value: dict[str, Any], bound: int) -> Row | QuarantinedRow:
    kept = {key: item for key, item in value.items() if item is not None}
    if len(json.dumps(kept, ensure_ascii=False, default=str)) > bound:
        return QuarantinedRow(name, number, f"row larger than max_row_bytes = {bound}; raise runtime.max_row_bytes")
    return Row(name, number, kept)
