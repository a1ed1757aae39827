"""Rows to files, one at a time: Parquet with plain types that every version of datasets reads, and JSONL.

Parquet holds tool arguments and tool definitions as JSON text, since a column cannot hold objects of varying shape;
JSONL holds them as objects, which is what chat templates want.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthdata.export.conversation import argument_text, lossless
from synthdata.export.kinds import Kind, Row

_BATCH = 512
SHARD_ROWS = 50_000
MESSAGE_COLUMNS = ("prompt", "completion", "chosen", "rejected", "messages")
OPTIONAL_FIELDS = ("reasoning_content", "tool_calls", "tool_call_id")


class ParquetShards:
    """One split of one kind as `SPLIT-00000-of-00001.parquet` and so on, at most SHARD_ROWS rows each."""

    def __init__(self, folder: Path, split: str, kind: Kind, fields: Iterable[str]) -> None:
        """`fields` are those of OPTIONAL_FIELDS, and `tools`, that some row of the export has."""
        self._folder, self._split, self._kind = folder, split, kind
        self._schema = _schema(kind, set(fields))
        self._writer: Any = None
        self._waiting: list[Row] = []
        self._shards: list[Path] = []
        self._in_shard = 0
        self.rows = 0

    def add(self, row: Row) -> None:
        """Append a row; the folder is made with the first."""
        self._waiting.append(row)
        self.rows += 1
        if len(self._waiting) >= _BATCH:
            self._flush()

    def close(self) -> dict[str, int]:
        """Write what is left and give the shards their final names: rows by file name."""
        self._flush()
        self._end_shard()
        total = len(self._shards)
        names = {}
        for number, path in enumerate(self._shards):
            final = path.with_name(f"{self._split}-{number:05}-of-{total:05}.parquet")
            path.rename(final)
            left = self.rows - SHARD_ROWS * number
            names[f"{self._folder.name}/{final.name}"] = min(left, SHARD_ROWS)
        return names

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        while self._waiting:
            if self._writer is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"{self._split}-{len(self._shards):05}.part"
                self._writer = pq.ParquetWriter(path, self._schema)
                self._shards.append(path)
            room = SHARD_ROWS - self._in_shard
            part, self._waiting = self._waiting[:room], self._waiting[room:]
            made = [_flat(row) for row in part]
            self._writer.write_table(pa.Table.from_pylist(made, schema=self._schema))
            self._in_shard += len(part)
            if self._in_shard == SHARD_ROWS:
                self._end_shard()

    def _end_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._in_shard = None, 0


class Jsonl:
    """A file of one JSON object a line, UTF-8, made with its first row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None
        self.rows = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w", encoding="utf-8")
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self.rows += 1

    def close(self) -> dict[str, int]:
        """End the file: rows by its path under the export, nothing where there were none."""
        if self._file is None:
            return {}
        self._file.close()
        return {f"{self._path.parent.name}/{self._path.name}": self.rows}


def with_objects(row: Row) -> Row:
    """The row with its tool definitions as objects, where their text is JSON."""
    return row | {"tools": lossless(row["tools"])} if "tools" in row else row


def fields_of(row: Row) -> set[str]:
    """Which optional fields the row uses."""
    used = {"tools"} & row.keys()
    for column in MESSAGE_COLUMNS:
        for message in row.get(column, ()) if isinstance(row.get(column), list) else ():
            used |= message.keys() & set(OPTIONAL_FIELDS)
    return used


def _flat(row: Row) -> Row:
    """The row with call arguments as JSON text."""
    made = dict(row)
    for column in MESSAGE_COLUMNS:
        if isinstance(row.get(column), list):
            made[column] = [_flat_message(message) for message in row[column]]
    return made


def _flat_message(message: Row) -> Row:
    if "tool_calls" not in message:
        return message
    calls = [
        call | {"function": {"name": call["function"]["name"], "arguments": argument_text(call)}}
        for call in message["tool_calls"]
    ]
    return message | {"tool_calls": calls}


def _schema(kind: Kind, fields: set[str]) -> Any:  # noqa: ANN401 - pyarrow ships no types
    import pyarrow as pa

    text = pa.string()
    call = pa.struct([("id", text), ("type", text), ("function", pa.struct([("name", text), ("arguments", text)]))])
    optional = {"reasoning_content": text, "tool_calls": pa.list_(call), "tool_call_id": text}
    parts = [("role", text), ("content", text), *((name, optional[name]) for name in OPTIONAL_FIELDS if name in fields)]
    if kind == "messages":
        parts.append(("weight", pa.int32()))
    turns = pa.list_(pa.struct(parts))
    columns: dict[Kind, list[tuple[str, Any]]] = {
        "sft": [("prompt", turns), ("completion", turns)],
        "lesson": [("prompt", turns), ("completion", turns)],
        "messages": [("messages", turns)],
        "preference": [("prompt", turns), ("chosen", turns), ("rejected", turns)],
        "kto": [("prompt", turns), ("completion", turns), ("label", pa.bool_())],
        "self_distillation": [("prompt", turns), ("privileged_context", text)],
        "stepwise": [
            ("prompt", text),
            ("completions", pa.list_(text)),
            ("labels", pa.list_(pa.bool_())),
            ("scores", pa.list_(pa.float64())),
        ],
    }
    tools = [("tools", text)] if "tools" in fields and kind not in ("stepwise", "lesson") else []
    return pa.schema([*columns[kind], *tools])
