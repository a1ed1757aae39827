"""From the rows of files to records: which reader takes a row, what the operator's word adds, what is quarantined.

A row that cannot be used becomes a `QuarantinedRow` and the rest goes on; a path of which nothing can be used is an
`InputError`. No format is known here beyond the tuple of readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, Protocol

from synthdata.errors import InputError
from synthdata.records import Candidate, Origin, QuarantinedRow, Trajectory
from synthdata.settings import RuntimeSettings
from synthdata.sources import atif, candidates, mint, native, openai_chat, swe_agent, tau_bench, traces
from synthdata.sources.fields import RowError
from synthdata.sources.files import DOCUMENT_ROWS, Row, SourceFile, list_files, read_rows, refuse

_MAX_ROW_BYTES = RuntimeSettings().max_row_bytes
_SHOWN = 3
_RANK = {Origin.SYNTHETIC: 0, Origin.ON_POLICY: 1, Origin.REAL: 2}


class Reader(Protocol):
    """What a reader module offers: `sniff` gives None where it accepts a value, else its reason; `read` the runs."""

    NAME: str

    def sniff(self, value: object, /) -> str | None:
        """None, or why this reader cannot read the value."""

    def read(self, value: object, /) -> list[Trajectory]:
        """The runs in the value, without provenance; raises `RowError` where a field is not what it must be."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The operator's word on all runs of a path."""

    origin: Origin
    licence: str


READERS: tuple[Reader, ...] = (native, atif, tau_bench, swe_agent, mint, openai_chat)


def read_trajectories(
    path: Path | str, *, origin: Origin, licence: str = "", max_row_bytes: int = _MAX_ROW_BYTES
) -> Iterator[Trajectory | QuarantinedRow]:
    """All runs of a file or folder, in the order of file name and line.

    `source` is the file's name relative to `path`; `origin` and `licence` are the operator's word (a record that names
    a lesser origin or a source of its own keeps it). A file is never held whole unless it is one JSON document.

    Raises:
        InputError: nothing there, a damaged file, no usable run at all (with the first reasons), or a row that calls
            itself real while `origin` does not.
    """
    usable = 0
    first: list[QuarantinedRow] = []
    for file in list_files(path):
        for item in _file_trajectories(file, Stamp(origin, licence), max_row_bytes):
            if isinstance(item, Trajectory):
                usable += 1
            elif len(first) < _SHOWN:
                first.append(item)
            yield item
    if not usable:
        raise InputError(_nothing(path, "trajectory", first))


def read_candidates(
    path: Path | str, *, origin: Origin, max_row_bytes: int = _MAX_ROW_BYTES
) -> Iterator[Candidate | QuarantinedRow]:
    """All candidates of a file or folder (JSONL, JSON list, Parquet), in the order of file name and line.

    `occurrence` counts the earlier rows of this input that give the same candidate. `source` is the row's own, else the
    file's name relative to `path`.

    Raises:
        InputError: as `read_trajectories`.
    """
    seen: Counter[str] = Counter()
    first: list[QuarantinedRow] = []
    for file in list_files(path):
        for row in _rows(file, max_row_bytes):
            item = row if isinstance(row, QuarantinedRow) else _candidate(row, origin)
            if isinstance(item, Candidate):
                before = seen[item.id]
                seen[item.id] += 1
                item = replace(item, occurrence=before) if before else item
            elif len(first) < _SHOWN:
                first.append(item)
            yield item
    if not seen:
        raise InputError(_nothing(path, "candidate", first))


def sniff_kind(path: Path | str, *, max_row_bytes: int = _MAX_ROW_BYTES) -> Literal["trajectories", "candidates"]:
    """What a path holds, by its first row that either could be.

    A row that a reader other than `openai_chat` accepts is a trajectory. Rows of `messages` could be both: with a tool
    call or a tool's answer in them they are trajectories, else candidates. Parquet holds candidates.

    Raises:
        InputError: nothing there, or no row that is either.
    """
    first: list[QuarantinedRow] = []
    for file in list_files(path):
        if file.kind == "parquet":
            return "candidates"
        for row in chain.from_iterable(map(_parts, _rows(file, max_row_bytes))):
            if isinstance(row, Row):
                kind = kind_of_row(row.value)
                if kind:
                    return kind
                row = row.quarantined(_tried(row.value))
            if len(first) < _SHOWN:
                first.append(row)
    raise InputError(_nothing(path, "trajectory and no candidate", first))


def kind_of_row(value: object) -> Literal["trajectories", "candidates"] | None:
    """What one row could be, a run before a candidate; None if neither."""
    others = [reader for reader in (*READERS, traces) if reader.NAME != openai_chat.NAME]
    if any(reader.sniff(value) is None for reader in others):
        return "trajectories"
    chat = openai_chat.sniff(value) is None
    if isinstance(value, dict) and candidates.sniff(value) is None:
        plain = "content" in value or "completion" in value
        return "candidates" if plain or not (chat and _uses_tools(value["messages"])) else "trajectories"
    return "trajectories" if chat else None


def _uses_tools(messages: list[dict[str, object]]) -> bool:
    answers = ("tool", "function")
    return any(m.get("tool_calls") or m.get("function_call") or m.get("role") in answers for m in messages)


def _rows(file: SourceFile, max_row_bytes: int) -> Iterator[Row | QuarantinedRow]:
    return candidates.parquet_rows(file, max_row_bytes) if file.kind == "parquet" else read_rows(file, max_row_bytes)


def _parts(row: Row | QuarantinedRow) -> list[Row | QuarantinedRow]:
    """A results file of tau2 as the rows it stands for, any other row as itself."""
    runs = tau_bench.split(row.value) if isinstance(row, Row) else []
    return [Row(row.file, number, run) for number, run in enumerate(runs, 1)] or [row]


def _file_trajectories(file: SourceFile, stamp: Stamp, max_row_bytes: int) -> Iterator[Trajectory | QuarantinedRow]:
    if file.kind == "parquet":
        yield refuse(file, "trajectories are not read from Parquet; give them as JSON or JSONL")
        return
    rows = read_rows(file, max_row_bytes)
    for row in rows:
        if isinstance(row, Row):
            yield from _rest(file, row, rows, DOCUMENT_ROWS * max_row_bytes, stamp)
        else:
            yield row


def _rest(
    file: SourceFile, first: Row, rows: Iterator[Row | QuarantinedRow], limit: int, stamp: Stamp
) -> Iterator[Trajectory | QuarantinedRow]:
    """The runs from the first readable row on: its format decides whether rows are runs or events of one run."""
    events = traces.sniff(first.value) is None
    rows = chain([first], rows)
    for row in traces.runs(file, rows, limit) if events else chain.from_iterable(map(_parts, rows)):
        if isinstance(row, QuarantinedRow):
            yield row
            continue
        reader = traces if events else next((reader for reader in READERS if reader.sniff(row.value) is None), None)
        if reader is None:
            yield row.quarantined(f"no reader accepts this row: {_tried(row.value)}")
        else:
            yield from _trajectories(reader, row, stamp)


def _trajectories(reader: Reader, row: Row, stamp: Stamp) -> list[Trajectory | QuarantinedRow]:
    try:
        found = reader.read(row.value)
    except (RowError, RecursionError) as error:
        return [row.quarantined(f"{reader.NAME}: {error}")]
    return [_stamped(run, reader.NAME, row, stamp) for run in found]


def _stamped(run: Trajectory, name: str, row: Row, stamp: Stamp) -> Trajectory | QuarantinedRow:
    if not run.agent_steps:
        return row.quarantined(f"{name}: no step of an agent in this run, so nothing to learn from")
    # Only a record of our own says where it comes from; in all others `origin` is the default of the class.
    said = run.origin if name == native.NAME else stamp.origin
    return replace(
        run,
        source=run.source or row.file,
        format=run.format or name,
        licence=stamp.licence or run.licence,
        origin=_allowed(said, stamp.origin, row),
    )


def _candidate(row: Row, origin: Origin) -> Candidate | QuarantinedRow:
    said = row.value.get("origin") if isinstance(row.value, dict) else None
    if said is not None and said not in list(Origin):
        return row.quarantined(f"`origin` must be one of {', '.join(Origin)}")
    allowed = origin if said is None else _allowed(Origin(said), origin, row)
    try:
        candidate = candidates.read(row.value, row.file)
    except (RowError, RecursionError) as error:
        return row.quarantined(str(error))
    return replace(candidate, origin=allowed)


def _allowed(said: Origin, origin: Origin, row: Row) -> Origin:
    """The lesser of what a record says of itself and what the operator says of the file; real needs both.

    Raises:
        InputError: the record says real and the operator does not.
    """
    if said is Origin.REAL and origin is not Origin.REAL:
        message = (
            f'{row.file}, line {row.line}, field `origin`: "real". A file cannot make itself real; '
            "pass --origin real if you vouch for it, or remove the field. Nothing of the file was used"
        )
        raise InputError(message)
    return min(said, origin, key=_RANK.__getitem__)


def _tried(value: object) -> str:
    readers = (*READERS, traces)
    return "; ".join(f"{reader.NAME}: {reader.sniff(value)}" for reader in readers)


def _nothing(path: Path | str, what: str, first: list[QuarantinedRow]) -> str:
    shown = [f"  {row.file}, line {row.line}: {row.reason}" for row in first]
    more = "\n".join(shown) or "  there is no row in it"
    return f"{path}: no usable {what}. The first reasons:\n{more}\ndocs/formats.md shows what can be read"
