"""Rows of files that are tables or plain lines: CSV, TSV, TXT, Parquet and Arrow, a few at a time.

Arrow types are read as their plain values and nothing else: no extension type is loaded, nothing is unpickled.
"""

from __future__ import annotations

import base64
import csv
import datetime
import decimal
import io
import json
import math
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal

from synthdata.errors import InputError
from synthdata.records import QuarantinedRow
from synthdata.sources.fields import quoted, shortened
from synthdata.sources.files import Row, SourceFile, printable, refuse
from synthdata.sources.intake import picture_signature
from synthdata.sources.packing import check_file, ending_of, open_bytes, packing

if TYPE_CHECKING:
    import pyarrow as pa

Form = Literal["csv", "tsv", "text", "parquet", "arrow"]
_FORMS: dict[str, Form] = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "text", ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow",
}  # fmt: skip
ENDINGS = tuple(_FORMS)
_BATCH = 256
_HEAD_LINES = 20
_HEADER_WORDS = 12
_COUNTS = ("lineage_depth", "sample_index")


def form_of(name: str) -> Form | None:
    """Which table a file is, by its name; None for JSON and anything else."""
    return _FORMS.get(ending_of(name)[0])


def table_rows(file: SourceFile, bound: int, columns: Collection[str] = ()) -> Iterator[Row | QuarantinedRow]:
    """The rows of a table, empty ones skipped; a line of text is a row that is a text.

    Of Parquet and Arrow only `columns` are read, where any are named.

    Raises:
        InputError: the file was asked for alone and is damaged, empty, or no table.
    """
    form = form_of(file.name)
    try:
        check_file(file)
        if form in ("parquet", "arrow"):
            yield from _columnar(file, bound, columns)
            return
        with open_bytes(file) as handle:
            yield from _delimited(file, handle, bound, form or "text")
    except OSError as error:
        yield refuse(file, f"cannot be read: {error.strerror or error}; check the file and its permissions")
    except InputError as error:
        if file.alone:
            raise
        yield QuarantinedRow(file.name, 0, str(error))


def _delimited(file: SourceFile, handle: BinaryIO, bound: int, form: Form) -> Iterator[Row | QuarantinedRow]:
    # A byte that is no UTF-8 spoils its own row, not the file.
    with io.TextIOWrapper(handle, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        head = [line for line in (text.readline(bound + 1) for _ in range(_HEAD_LINES)) if line]
        if "\x00" in "".join(head[:2]):
            raise InputError(f"{file.name}: NUL bytes: perhaps UTF-16; save it as UTF-8")
        tabs = {line.count("\t") for line in head}
        if form == "text" and (len(tabs) != 1 or tabs == {0}):
            yield from _text_lines(file, _lines(head, text, bound), bound)
            return
        delimiter = _delimiter(head[0]) if form == "csv" else "\t"
        yield from _cells(file, _lines(head, text, bound), delimiter, bound)


def _lines(head: list[str], text: io.TextIOWrapper, bound: int) -> Iterator[str]:
    yield from head
    while line := text.readline(bound + 1):
        yield line


def _text_lines(file: SourceFile, lines: Iterator[str], bound: int) -> Iterator[Row | QuarantinedRow]:
    long = False
    number = 0
    for line in lines:
        going_on, long = long, not line.endswith("\n") and len(line) > bound
        number += not going_on
        if long and not going_on:
            yield QuarantinedRow(file.name, number, _too_large(bound, "line"), printable(line))
        if going_on or long or not line.strip():
            continue
        yield _valid(file, number, line.rstrip("\r\n"), [line])


def _delimiter(header: str) -> str:
    """The delimiter that gives the header most columns, the comma among equals."""
    return max(",;\t|", key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))


def _cells(file: SourceFile, lines: Iterator[str], delimiter: str, bound: int) -> Iterator[Row | QuarantinedRow]:
    csv.field_size_limit(bound)
    reader = csv.reader(lines, delimiter=delimiter)
    names = _header(file, next(reader, []))
    start = reader.line_num + 1
    try:
        for cells in reader:
            if any(cells):
                yield _row_of_cells(file, start, names, cells)
            start = reader.line_num + 1
    except csv.Error as error:
        yield QuarantinedRow(
            file.name, start, f"{error}; is a quotation mark left open here? From this line on nothing was read"
        )


def _header(file: SourceFile, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        raise InputError(f"{file.name}: two columns have the same name: {shortened(', '.join(named), 200)}")
    if any(len(name.split()) > _HEADER_WORDS for name in named) or not named:
        raise InputError(
            f"{file.name}: no header: the first line must name the columns; it begins {quoted(cells[0], 80)}"
        )
    return names


def _row_of_cells(file: SourceFile, number: int, names: list[str], cells: list[str]) -> Row | QuarantinedRow:
    if len(cells) != len(names):
        reason = (
            f"{len(cells)} cells, the header names {len(names)}: quote cells that hold the delimiter or line breaks"
        )
        return QuarantinedRow(file.name, number, reason, printable(" | ".join(cells)))
    # A column without a name is the running number that pandas writes.
    row: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=True) if name}
    for name in _COUNTS:
        if row.get(name, "").isdigit():
            row[name] = int(row[name])
    return _valid(file, number, row, cells)


def _valid(file: SourceFile, number: int, value: object, texts: Sequence[str]) -> Row | QuarantinedRow:
    try:
        for text in texts:
            text.encode("utf-8")
    except UnicodeEncodeError:
        head = printable("".join(texts).encode("utf-8", "surrogateescape"))
        return QuarantinedRow(file.name, number, "invalid UTF-8: save the file as UTF-8", head)
    if any("\x00" in text for text in texts):
        return QuarantinedRow(file.name, number, "a NUL byte in it", printable("".join(texts)))
    return Row(file.name, number, value)


def _too_large(bound: int, what: str = "row") -> str:
    return f"{what} larger than max_row_bytes = {bound}; raise runtime.max_row_bytes"


def _columnar(file: SourceFile, bound: int, columns: Collection[str]) -> Iterator[Row | QuarantinedRow]:
    import pyarrow as pa

    number = 0
    kind = "Parquet" if form_of(file.name) == "parquet" else "Arrow"
    try:
        with _unpacked(file) as handle:
            for batch in _batches(handle, kind, columns):
                for value in batch.to_pylist():
                    number += 1
                    yield bounded(file.name, number, value, bound)
    except (pa.ArrowException, ValueError, OverflowError, OSError, KeyError, TypeError) as error:
        yield refuse(
            file, f"cannot be read as {kind} ({shortened(str(error), 200)}); write it again, or convert it to JSONL"
        )


def _batches(handle: IO[bytes], kind: str, columns: Collection[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if kind == "Parquet":
        file = pq.ParquetFile(handle)
        names = [name for name in file.schema_arrow.names if name in columns] if columns else None
        yield from file.iter_batches(_BATCH, columns=names)
        return
    begin = handle.read(6)
    handle.seek(0)
    if begin == b"ARROW1":
        opened = pa.ipc.open_file(handle)
        batches = (opened.get_batch(i) for i in range(opened.num_record_batches))
    else:
        batches = iter(pa.ipc.open_stream(handle))
    for batch in batches:
        names = [name for name in batch.schema.names if name in columns] if columns else batch.schema.names
        chosen = batch.select(names)
        for start in range(0, chosen.num_rows, _BATCH):
            yield chosen.slice(start, _BATCH)


def _unpacked(file: SourceFile) -> IO[bytes]:
    """The file's bytes, seekable; what is compressed is unpacked into a temporary file first."""
    if not packing(file):
        return file.path.open("rb")
    target = tempfile.TemporaryFile()  # noqa: SIM115 - handed to the caller, who closes it
    with open_bytes(file) as packed:
        shutil.copyfileobj(packed, target)
    target.seek(0)
    return target


def bounded(name: str, number: int, value: dict[str, Any], bound: int, sparse: bool = True) -> Row | QuarantinedRow:
    """A row of a table of typed columns as JSON values; null columns and keys are left out."""
    # Not-a-number is how tables say that nothing is there; what travels with the row must say what it means.
    kept = {key: plain(item, key != "payload", sparse) for key, item in value.items() if item is not None}
    kept = {key: item for key, item in kept.items() if item is not None}
    try:
        size = len(json.dumps(kept, ensure_ascii=False, allow_nan=False).encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        return QuarantinedRow(name, number, f"a column cannot be written as JSON: {error}")
    if size > bound:
        return QuarantinedRow(name, number, _too_large(bound))
    return Row(name, number, kept)


def plain(value: object, nan: bool = True, sparse: bool = True) -> object:
    """A value of a typed column as JSON has it: dates as text, bytes by their number, absent keys left out.

    Bytes of a picture are its base64. With `nan` a number that is none counts as absent.

    A struct column gives each row the keys of all rows, absent ones as null: where `sparse`, these are left out.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return None if nan and not math.isfinite(value) else value
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if item is not None or key == "content" or not sparse}
        return {key: plain(item, nan, sparse) for key, item in kept.items()}
    if isinstance(value, list | tuple):
        return [plain(item, nan, sparse) for item in value]
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        # A picture is taken in as it is in JSON; of other bytes the number is all that is read.
        begins = picture_signature(value)
        return f"data:;base64,{base64.b64encode(value).decode()}" if begins else {"bytes": len(value)}
    if isinstance(value, decimal.Decimal | datetime.timedelta):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__}")
