"""Bounded reading of a path: which files are read, and their JSON rows, one at a time.

Files are untrusted. No line or document is held beyond its bound, nothing is decoded but UTF-8 and strict JSON, and a
row that cannot be used is a `QuarantinedRow`, not an exception. What a row means is not known here.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn, TypeGuard

from synthdata.errors import InputError
from synthdata.io.files import refuse_undecodable
from synthdata.records import QuarantinedRow
from synthdata.sources.kept import told_text
from synthdata.sources.messages import is_message
from synthdata.sources.packing import check_file, ending_of, open_bytes
from synthdata.sources.streamed import blocks_of, list_items
from synthdata.text.redaction import without_secrets
from synthdata.text.unicode import replace_unprintable

# A whole-file document (a JSON list of runs, a .traj) may hold this many times `max_row_bytes`, uncompressed.
DOCUMENT_ROWS = 8
MAX_DEPTH = 200
_HEAD = 500
_HALF = re.compile("[\ud800-\udfff]")
_BLOCK = 1 << 20
_DOCUMENTS = (".json", ".traj")
_LINES = (".jsonl", ".ndjson")
_PARQUET = (".parquet",)
_EVALS = (".eval",)
_PROTOBUF = (".pb", ".binpb", ".otlp")
DATA_ENDINGS = (*_DOCUMENTS, *_LINES, *_PARQUET)
_ENDINGS = (*DATA_ENDINGS, *_EVALS, *_PROTOBUF)

Kind = Literal["lines", "document", "parquet", "eval", "protobuf"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read. `name` is relative to the path asked for; `alone` where that path was the file itself."""

    path: Path
    name: str
    alone: bool

    def __post_init__(self) -> None:
        refuse_undecodable(self.path)

    @property
    def kind(self) -> Kind:
        """By the name's ending without that of a compression; an unknown ending is read as lines."""
        ending = ending_of(self.name)[0]
        if ending in _PARQUET:
            return "parquet"
        if ending in _EVALS or ending in _PROTOBUF:
            return "eval" if ending in _EVALS else "protobuf"
        return "document" if ending in _DOCUMENTS else "lines"


@dataclass(frozen=True, slots=True)
class Row:
    """One JSON value with its place. `line` counts lines of a line file and items of a document, from 1.

    `size` is how many bytes it took, 0 where nobody counted. `repaired` says what was mended so that it is JSON.
    """

    file: str
    line: int
    value: object
    size: int = field(default=0, compare=False)
    repaired: tuple[str, ...] = ()

    def quarantined(self, reason: str) -> QuarantinedRow:
        """This row, refused."""
        head = json.dumps(self.value, ensure_ascii=False, default=str)
        return QuarantinedRow(self.file, self.line, told_text(reason), printable(told_text(head)))


def printable(raw: bytes | str) -> str:
    """The first 500 characters without secrets, everything unprintable replaced, safe for a terminal and a table."""
    text = raw[: 4 * _HEAD].decode("utf-8", "replace") if isinstance(raw, bytes) else raw[: 4 * _HEAD]
    # Before it is cut: half a key is known to nobody.
    return replace_unprintable(without_secrets(text)[:_HEAD])


def list_files(path: Path | str, besides: Callable[[SourceFile], bool] | None = None) -> list[SourceFile]:
    """The files to read, sorted by name; of a folder also those of other endings that `besides` takes.

    A file is taken whatever its name. In a folder, at any depth, the files ending in .json, .jsonl, .ndjson, .traj
    (so also .traj.json), .parquet, .eval, .pb, .binpb or .otlp are taken, each also with .gz, .zst, .bz2 or .xz; hidden
    ones (a name that begins with a dot) and READMEs are skipped, and links to folders are not followed.

    Raises:
        InputError: no such path, a folder with no such file, or the folder of a corpus.
    """
    path = Path(path)
    if path.is_file():
        return [SourceFile(path, path.name, alone=True)]
    if (path / "corpus.json").is_file():
        raise InputError(f"{path}: is a corpus, not input; use `synthdata export` and read what that writes")
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder; give the path of a log file or of a folder of them")
    seen = [(file.relative_to(path), file) for file in path.rglob("*") if file.is_file()]
    files = [SourceFile(file, name.as_posix(), alone=False) for name, file in sorted(seen) if not _passed_over(name)]
    taken = [file for file in files if _known(file) or (besides is not None and besides(file))]
    if not taken:
        endings = ", ".join(_ENDINGS)
        raise InputError(f"{path}: no file to read in this folder; files ending in {endings} (or .gz) are read")
    return sorted(taken, key=lambda file: file.name)


def _passed_over(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts) or name.name.lower().startswith("readme")


def _known(file: SourceFile) -> bool:
    return ending_of(file.name)[0] in _ENDINGS


def read_rows(file: SourceFile, max_row_bytes: int) -> Iterator[Row | QuarantinedRow]:
    """The rows of one JSON file, in order, empty lines skipped.

    A document gives the items of its list, or itself: a list of chat messages is one row, and so is an object. A
    `.json` file that holds one value a line is read as lines. In a folder a file that cannot be read at all is one
    quarantined row of line 0, so that one broken file does not stop a night.

    Raises:
        InputError: the file was asked for alone and is empty, unreadable, or a truncated or corrupt gzip.
    """
    try:
        check_file(file)
        with open_bytes(file) as handle:
            if file.kind == "document":
                yield from _document(file, handle, max_row_bytes)
            else:
                yield from _lines(file, handle, max_row_bytes)
    except OSError as error:
        yield refuse(file, f"cannot be read: {error.strerror or error}; check the file and its permissions")
    except InputError as error:
        if file.alone:
            raise
        yield QuarantinedRow(file.name, 0, str(error))


def refuse(file: SourceFile, reason: str) -> QuarantinedRow:
    """A fault of a whole file: an `InputError` where it was asked for alone, else a quarantined row of line 0."""
    if file.alone:
        raise InputError(f"{file.name}: {reason}")
    return QuarantinedRow(file.name, 0, reason)


def _lines(file: SourceFile, handle: BinaryIO, bound: int) -> Iterator[Row | QuarantinedRow]:
    number = 0
    while raw := handle.readline(bound + 1):
        number += 1
        if len(raw) > bound and not raw.endswith(b"\n"):
            while (more := handle.readline(_BLOCK)) and not more.endswith(b"\n"):
                pass
            reason = f"line longer than max_row_bytes = {bound}; split the row, or raise runtime.max_row_bytes"
            yield QuarantinedRow(file.name, number, reason, printable(raw))
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if raw.strip():
            yield parse(file.name, number, raw)


def parse(name: str, number: int, raw: bytes) -> Row | QuarantinedRow:
    """One line as strict JSON, repaired where that is unambiguous, or the reason why not."""
    try:
        return Row(name, number, strict_json(raw), len(raw))
    except (ValueError, RecursionError) as error:
        return _repaired(name, number, raw) or QuarantinedRow(name, number, explain(error), printable(raw))


def _repaired(name: str, number: int, raw: bytes) -> Row | None:
    """The row with halves of surrogate pairs replaced; what is not finite stays so, for the reader to leave out."""
    if b"\x00" in raw:
        return None
    repairs: list[str] = []

    def constant(name: str) -> float:
        repairs.append(name)
        return float(name)

    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=constant)
        if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
            _check_depth(value)
        value, halves = _without_halves(value)
    except (ValueError, RecursionError):
        return None
    notes = [f"{count} times {spelled}, which is no JSON" for spelled, count in sorted(Counter(repairs).items())]
    notes += [f"half of a surrogate pair in {halves} texts replaced by U+FFFD"] if halves else []
    return Row(name, number, value, len(raw), tuple(notes)) if notes else None


def whole_text(value: object) -> object:
    """The value with halves of surrogate pairs replaced: JSON inside a text of JSON may hold them unseen."""
    return _without_halves(value)[0]


def _without_halves(value: object) -> tuple[object, int]:
    """The value with halves of surrogate pairs replaced, and in how many texts they stood."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _replaced(value)
    return value, 0


def _replaced(value: object) -> tuple[object, int]:
    if isinstance(value, str):
        return (_HALF.sub("\N{REPLACEMENT CHARACTER}", value), 1) if _HALF.search(value) else (value, 0)
    if isinstance(value, list):
        listed = [_replaced(item) for item in value]
        return [item for item, _ in listed], sum(count for _, count in listed)
    if isinstance(value, dict):
        named = [(_replaced(key), _replaced(item)) for key, item in value.items()]
        return {str(key): item for (key, _), (item, _) in named}, sum(a + b for (_, a), (_, b) in named)
    return value, 0


def strict_json(raw: bytes) -> object:
    """JSON as RFC 8259 has it: UTF-8, no NaN or infinity, at most 200 levels, text that is valid Unicode.

    Raises:
        ValueError: it is not; json.JSONDecodeError and UnicodeDecodeError among it.
    """
    if b"\x00" in raw:
        raise ValueError(f"NUL byte at byte {raw.index(0)}")
    value: object = _STRICT.decode(raw.decode("utf-8"))
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    if b"\\ud" in raw or b"\\uD" in raw:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def explain(error: Exception) -> str:
    """Why a row is not strict JSON, for the person who has to mend it."""
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8 at byte {error.start}"
    if isinstance(error, UnicodeEncodeError):
        return "half of a surrogate pair in a text: not valid Unicode"
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, RecursionError):
        return f"nested deeper than {MAX_DEPTH} levels"
    return f"invalid JSON: {error}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _check_depth(value: object) -> None:
    level, open_nodes = 0, [value] if isinstance(value, dict | list) else []
    while open_nodes:
        level += 1
        if level > MAX_DEPTH:
            raise RecursionError
        groups = (node.values() if isinstance(node, dict) else node for node in open_nodes)
        open_nodes = [child for group in groups for child in group if isinstance(child, dict | list)]


def _document(file: SourceFile, handle: BinaryIO, bound: int) -> Iterator[Row | QuarantinedRow]:
    limit = bound * DOCUMENT_ROWS
    raw = handle.read(limit + 1)
    if len(raw) > limit and raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
        yield from _streamed(file, blocks_of(io.BytesIO(raw), handle), bound)
        return
    if len(raw) > limit:
        reason = (
            f"document larger than {DOCUMENT_ROWS} x max_row_bytes = {limit} bytes; write it as JSONL, one run a line"
        )
        yield QuarantinedRow(file.name, 1, reason, printable(raw))
        return
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    repaired: tuple[str, ...] = ()
    try:
        value = strict_json(raw)
    except (ValueError, RecursionError) as error:
        first = raw.lstrip().split(b"\n", 1)
        if len(first) == 2 and isinstance(parse(file.name, 1, first[0]), Row):
            yield from _lines(file, io.BytesIO(raw), bound)
            return
        whole = _repaired(file.name, 1, raw)
        if whole is None:
            yield QuarantinedRow(file.name, 1, explain(error), printable(raw))
            return
        value, repaired = whole.value, whole.repaired
    items = value if isinstance(value, list) and not is_chat(value) else [value]
    for number, item in enumerate(items, 1):
        yield Row(file.name, number, item, len(raw) // len(items), repaired)


def _streamed(file: SourceFile, blocks: Iterator[bytes], bound: int) -> Iterator[Row | QuarantinedRow]:
    """The items of a list that is too large for one document, one at a time.

    Where an item is broken, nothing says where the next one begins: from there on nothing is read.
    """
    number = 0
    try:
        for number, (value, item) in enumerate(list_items(_STRICT, blocks, bound), 1):
            if len(item) > bound:
                reason = f"item larger than max_row_bytes = {bound}; split the row, or raise runtime.max_row_bytes"
                yield QuarantinedRow(file.name, number, reason, printable(item))
            elif "\x00" in item or "\\ud" in item or "\\uD" in item or item.count("[") + item.count("{") > MAX_DEPTH:
                yield parse(file.name, number, item.encode("utf-8"))
            else:
                yield Row(file.name, number, value, len(item))
    except (ValueError, RecursionError) as error:
        yield QuarantinedRow(file.name, number + 1, f"{explain(error)}; from this item on nothing was read")


def is_chat(value: object) -> TypeGuard[list[dict[str, Any]]]:
    """Whether this is a list of chat messages, that is one conversation and not a list of rows."""
    return isinstance(value, list) and bool(value) and all(map(is_message, value))
