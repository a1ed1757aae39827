"""What a path holds, samples or runs of agents: the question of every verb that takes either."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Literal

from synthdata.errors import InputError
from synthdata.records import QuarantinedRow
from synthdata.settings import RuntimeSettings
from synthdata.sources import openai_chat
from synthdata.sources.called import writes_calls
from synthdata.sources.choice import choose
from synthdata.sources.dataset import HEAD, file_rows
from synthdata.sources.fields import RowError, quoted
from synthdata.sources.files import Row, is_chat
from synthdata.sources.listing import list_any
from synthdata.sources.messages import uses_tools
from synthdata.sources.openai_chat import conversation_of
from synthdata.sources.reading import parts, run_reader
from synthdata.sources.shapes import shape_of
from synthdata.sources.tables import form_of
from synthdata.sources.transcripts import is_transcript
from synthdata.sources.wrapped import agent_runs

RowKind = Literal["trajectories", "candidates"]

_MAX_ROW_BYTES = RuntimeSettings().max_row_bytes


def sniff_kind(path: Path | str, *, max_row_bytes: int = _MAX_ROW_BYTES) -> RowKind:
    """What a path holds, by its first row that either could be; tables hold samples.

    A row that a reader other than `openai_chat` accepts is a run. Rows of `messages` could be both: with a tool call or
    a tool's answer in them they are runs, else samples. Turns of ShareGPT are samples.

    Raises:
        InputError: nothing there, or no row that is either; it says what was found and what to write.
    """
    heads: list[tuple[str, list[object]]] = []
    broken = ""
    listing = list_any(path)
    for file in listing.files:
        if file.kind in ("eval", "protobuf") or is_transcript(file):
            return "trajectories"
        if form_of(file.name) or file.name in listing.maps:
            return "candidates"
        head: list[object] = []
        for row in islice(file_rows(file, max_row_bytes), HEAD):
            if isinstance(row, QuarantinedRow):
                broken = broken or f"{row.file}, line {row.line}: {row.reason}"
                continue
            inner = (part.value for part in parts(row) if isinstance(part, Row))
            if agent_runs(row.value):
                return "trajectories"
            for kind in map(kind_of_row, inner):
                if kind:
                    return kind
            head.append(row.value)
        heads.append((file.name, head))
    return _kind_by_values(path, [(name, head) for name, head in heads if head], broken)


def _kind_by_values(path: Path | str, heads: list[tuple[str, list[object]]], broken: str) -> RowKind:
    """Where no row says by its names what it is, the values of the first file that has any do, or what is wrong."""
    if not heads:
        raise InputError(f"{path}: no row in it can be read; the first reason: {broken or 'there is none'}")
    reason = ""
    for name, head in heads:
        try:
            if choose(name, head) is not None:
                return "candidates"
        except InputError as error:
            reason = reason or str(error)
    raise InputError(
        reason or f"{heads[0][0]}: rows are neither texts nor objects with columns: {quoted(heads[0][1][0], 80)}"
    )


def kind_of_row(value: object) -> RowKind | None:
    """What one row could be, a run before a sample; None if neither by its names alone."""
    if run_reader(value):
        return "trajectories"
    messages = conversation_of(value)
    if is_chat(messages) and openai_chat.sniff(value) is None and not _has_content(value):
        runs = uses_tools(messages) or writes_calls(messages)
        return "trajectories" if runs and not _is_sharegpt(messages) else "candidates"
    if isinstance(value, str | list):
        return "candidates" if value and _is_text_or_turns(value) else None
    try:
        return "candidates" if isinstance(value, dict) and shape_of(value) is not None else None
    except RowError:
        return None


def _is_sharegpt(messages: list[dict[str, Any]]) -> bool:
    """Turns of `from` and `value`: so data sets for training are written, and no program logs its runs so."""
    return all("from" in message and "role" not in message for message in messages)


def _has_content(value: object) -> bool:
    return isinstance(value, dict) and any(value.get(key) is not None for key in ("content", "completion", "chosen"))


def _is_text_or_turns(value: str | list[object]) -> bool:
    first = value[0]
    return isinstance(value, str) or (isinstance(first, dict) and bool({"role", "from"} & first.keys()))
