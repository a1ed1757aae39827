"""Claude Code session JSONL and OTLP traces, read by the `agentpile` package (the `traces` extra).

agentpile maps both to ATIF, which the `atif` reader takes on. Here is only what lies between: recognising the files,
handing over bounded and checked rows, and putting back the text that agentpile set aside.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthdata.errors import InputError
from synthdata.records import QuarantinedRow, Trajectory
from synthdata.sources import atif
from synthdata.sources.fields import as_object
from synthdata.sources.files import Row, SourceFile, refuse

NAME = "traces"
_EVENT_KEYS = ("sessionId", "leafUuid", "parentUuid", "messageId")
_READERS = {"claude-code": "claude-code-jsonl", "otlp": "otlp-json"}


def sniff(value: object) -> str | None:
    """None if the file that begins with this row is a Claude Code session or an OTLP trace, else why not."""
    return None if dialect(value) else "neither a Claude Code event (`type`, `sessionId`) nor OTLP (`resourceSpans`)"


def dialect(value: object) -> str:
    """`claude-code`, `otlp`, or the empty text."""
    if not isinstance(value, dict):
        return ""
    if isinstance(value.get("resourceSpans", value.get("resource_spans")), list):
        return "otlp"
    event = isinstance(value.get("type"), str) and "role" not in value
    return "claude-code" if event and any(key in value for key in _EVENT_KEYS) else ""


def read(value: object) -> list[Trajectory]:
    """A record of agentpile with its sub-agents."""
    return atif.read(_restored(as_object(value, "record")))


def runs(file: SourceFile, rows: Iterator[Row | QuarantinedRow], limit: int) -> Iterator[Row | QuarantinedRow]:
    """The runs of one file as agentpile's records, after the rows that agentpile does not get to see.

    A session is one run and a trace id is one run. Files that a session names (its sub-agents) are read where they
    are listed themselves. `limit` bounds the bytes handed over.

    Raises:
        InputError: the extra is not installed; or the file was asked for alone and agentpile refuses it.
    """
    kind, number = "", 0
    with tempfile.TemporaryDirectory(prefix="synthdata-") as folder:
        path = Path(folder) / "session.jsonl"
        size = 0
        with path.open("w", encoding="utf-8") as copy:
            for row in rows:
                if isinstance(row, QuarantinedRow):
                    yield row
                    continue
                kind = kind or dialect(row.value)
                refusal = _refusal(row.value, kind)
                if refusal:
                    yield row.quarantined(refusal)
                    continue
                number = number or row.line
                size += copy.write(json.dumps(row.value, ensure_ascii=False) + "\n")
                if size > limit:
                    yield refuse(file, f"a session of more than {limit} characters; split it or raise max_row_bytes")
                    return
        if number:
            yield from _load(file, path, kind, number)


def _refusal(value: object, kind: str) -> str:
    if kind == "otlp":
        return "" if dialect(value) == "otlp" else "not an OTLP document as the rest of the file is"
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return "not an event of a Claude Code session"
    message = value.get("message")
    if value["type"] in ("user", "assistant") and not (isinstance(message, dict) and "content" in message):
        # agentpile would pass over it, and a tool's answer with it.
        return f"an event of type {value['type']} without `message.content`"
    return ""


def _load(file: SourceFile, path: Path, kind: str, number: int) -> Iterator[Row | QuarantinedRow]:
    try:
        import agentpile
    except ImportError as error:
        message = f"{file.name}: reading {kind} logs needs the `traces` extra; install synthdata-gate[traces]"
        raise InputError(message) from error
    try:
        records = [run.to_dict() for run in agentpile.load(path, reader=_READERS[kind])]
    except Exception as error:  # another package's code on untrusted input: whatever it raises, the file is refused
        yield refuse(file, f"agentpile cannot read it as {_READERS[kind]}: {type(error).__name__}: {error}")
        return
    for record in records:
        yield Row(file.name, number, record)


def _restored(record: dict[str, Any]) -> dict[str, Any]:
    """The ATIF record with the values that agentpile replaced by what ATIF allows put back."""
    for step in record.get("steps") or []:
        aside = ((step.get("extra") or {}).get("agentpile")) or {}
        if "message_raw" in aside:
            step["message"] = aside["message_raw"]
        for call in step.get("tool_calls") or []:
            kept = (aside.get("calls") or {}).get(call.get("tool_call_id")) or {}
            if "arguments_raw" in kept:
                call["arguments"] = kept["arguments_raw"]
        results = (step.get("observation") or {}).get("results") or []
        for result, kept in zip(results, aside.get("result_fields") or [], strict=False):
            if kept and "content_raw" in kept:
                result["content"] = kept["content_raw"]
    for child in record.get("subagent_trajectories") or []:
        _restored(child)
    return record
