"""One row of a candidate file, JSONL or Parquet, as a `Candidate`. Which fields there are is in docs/formats.md.

Whether a candidate is any good is the gate's question: here a row only has to say, in the right types, what it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from synthdata.records import Candidate, Chat, QuarantinedRow, canonical_json
from synthdata.records.chat import Message
from synthdata.sources.fields import RowError, as_count, as_list, as_name, as_object
from synthdata.sources.files import MAX_DEPTH, Row, SourceFile, check_file, refuse

_BATCH = 256
_NAMES = ("id", "source", "licence", "task_id", "trajectory_id", "generator", "origin")
FIELDS = ("content", "context", "prompt", "completion", "messages", "lineage_depth", "sample_index", "payload", *_NAMES)
_BESIDE = ("tools", "functions")


def sniff(value: object) -> str | None:
    """None if the row can be a candidate, else why not."""
    if not isinstance(value, dict):
        return "not an object"
    if isinstance(value.get("content"), str) or ("prompt" in value and "completion" in value):
        return None
    if isinstance(value.get("messages"), list):
        return None
    return "no text `content`, no `prompt` with `completion`, no list of `messages`"


def read(value: object, name: str) -> Candidate:
    """The candidate that a row describes, of occurrence 0 and without an origin.

    Raises:
        RowError: no usable content, or a known field of the wrong type.
    """
    reason = sniff(value)
    if reason:
        raise RowError(reason)
    row = as_object(value, "row")
    texts = _texts(row)
    depth, index = (
        as_count(row.get("lineage_depth"), "lineage_depth"),
        as_count(row.get("sample_index"), "sample_index"),
    )
    payload, own = row.get("payload"), as_name(row.get("context"), "context")
    fields: dict[str, Any] = dict(
        external_id=as_name(row.get("id"), "id"),
        source=as_name(row.get("source"), "source") or name,
        licence=as_name(row.get("licence"), "licence"),
        task_id=as_name(row.get("task_id"), "task_id"),
        trajectory_id=as_name(row.get("trajectory_id"), "trajectory_id"),
        lineage_depth=1 if depth is None else depth,
        generator=as_name(row.get("generator"), "generator"),
        sample_index=index or 0,
        payload="" if payload is None else canonical_json(payload),
    )
    if isinstance(texts, Chat):
        return Candidate.of_chat(texts, **fields | ({"context": own} if own else {}))
    return Candidate(content=texts[0], context=own or texts[1], **fields)


def _texts(row: dict[str, Any]) -> tuple[str, str] | Chat:
    """Content and context of `content`, or of `prompt` and `completion` as texts; else the conversation that it is."""
    if isinstance(row.get("content"), str):
        return row["content"], ""
    if "prompt" not in row or "completion" not in row:
        return _chat(row, _messages(row["messages"], "messages", "user"), 0)
    if isinstance(row["prompt"], str) and isinstance(row["completion"], str):
        return row["completion"], row["prompt"]
    prompt = _messages(row["prompt"], "prompt", "user")
    return _chat(row, [*prompt, *_messages(row["completion"], "completion", "assistant")], len(prompt))


def _messages(value: object, where: str, role: str) -> list[Message]:
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    return [as_object(m, f"{where}[{i}]") for i, m in enumerate(as_list(value, where))]


def _chat(row: dict[str, Any], messages: list[Message], prompt_length: int) -> Chat:
    tools = row.get("tools", row.get("functions"))
    extra = {name: row[name] for name in row if name not in (*FIELDS, *_BESIDE)}
    try:
        return Chat(messages, _tool_list(tools), prompt_length, extra=extra)
    except ValueError as error:
        raise RowError(str(error)) from error


def _tool_list(tools: object) -> list[Any]:
    """Tool definitions, also as the JSON text of a list, which is how columns of tables hold them."""
    if isinstance(tools, str):
        if not tools.strip():
            return []
        try:
            tools = json.loads(tools)
        except ValueError as error:
            raise RowError(f"`tools` is text, but no JSON: {error}") from error
    return as_list(tools, "tools")


def parquet_rows(file: SourceFile, max_row_bytes: int) -> Iterator[Row | QuarantinedRow]:
    """The rows of a Parquet file, a few at a time; columns that are null count as absent.

    Raises:
        InputError: the file was asked for alone and is no readable Parquet file.
    """
    import polars as pl

    check_file(file)
    try:
        frame = pl.scan_parquet(file.path)
        frame = frame.select([name for name in frame.collect_schema().names() if name in (*FIELDS, *_BESIDE)])
        for start in range(0, frame.select(pl.len()).collect().item(), _BATCH):
            batch = frame.slice(start, _BATCH).collect()
            for number, row in enumerate(batch.iter_rows(named=True), start + 1):
                yield _checked(file.name, number, row, max_row_bytes)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        yield refuse(file, f"cannot be read as Parquet ({str(error)[:200]}); write it again, or convert it to JSONL")


def _checked(name: str, number: int, row: dict[str, Any], bound: int) -> Row | QuarantinedRow:
    value = {key: item for key, item in row.items() if item is not None}
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        return QuarantinedRow(name, number, f"a column cannot be written as JSON (at most {MAX_DEPTH} levels): {error}")
    if size > bound:
        return QuarantinedRow(name, number, f"row larger than max_row_bytes = {bound}; raise runtime.max_row_bytes")
    return Row(name, number, value)
