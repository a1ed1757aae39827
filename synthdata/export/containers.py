"""Rows to files, one at a time: Parquet whose columns of JSON come back as the objects they were, and JSONL.

A column of structs would fill every absent key with null, and a column of texts would hand a trainer arguments that are
encoded twice. `Json` columns (datasets 4.7 and later) do neither; other readers of Parquet see JSON texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthdata.export.kinds import HIDDEN, PICTURES, Kind, Row
from synthdata.export.pictures import SEEN

_BATCH, _BATCH_OF_PICTURES = 512, 16
SHARD_ROWS = 50_000
MESSAGE_COLUMNS = ("prompt", "completion", "chosen", "rejected", "messages")
# Columns that only some rows have; a file has them where one of its rows does.
OPTIONAL_COLUMNS = ("tools", "chat_template_kwargs")
# Pictures, where the export has any: `datasets` gives them back decoded.
IMAGES = "images"
# The reader of JSON columns knows integers of 64 bits.
_LEAST, _MOST = -(2**63), 2**63 - 1
# Line ends to Python's `splitlines`, though not to JSON Lines: as escapes they end no line for anybody.
_LINE_ENDS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "\x85\u2028\u2029"}


class ParquetShards:
    """One split of one kind as `SPLIT-00000-of-00001.parquet` and so on, at most SHARD_ROWS rows each."""

    def __init__(self, folder: Path, split: str, kind: Kind, fields: Iterable[str]) -> None:
        """`fields` are those of OPTIONAL_COLUMNS that some row of the export has."""
        self._folder, self._split, self._kind = folder, split, kind
        self._schema = _schema(kind, set(fields))
        # Rows with pictures are a thousand times as large.
        self._batch = _BATCH_OF_PICTURES if IMAGES in self._schema.names else _BATCH
        self._writer: Any = None
        self._waiting: list[Row] = []
        self._shards: list[Path] = []
        self._in_shard = 0
        self.rows = 0

    def add(self, row: Row) -> None:
        """Append a row; the folder is made with the first."""
        self._waiting.append(row)
        self.rows += 1
        if len(self._waiting) >= self._batch:
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
        import pyarrow.parquet as pq

        while self._waiting:
            if self._writer is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"{self._split}-{len(self._shards):05}.part"
                self._writer = pq.ParquetWriter(path, self._schema)
                self._shards.append(path)
            room = SHARD_ROWS - self._in_shard
            part, self._waiting = self._waiting[:room], self._waiting[room:]
            self._writer.write_table(_table(part, self._schema))
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
        """Append a row, without what stands beside its columns."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w", encoding="utf-8")
        columns = {name: value for name, value in row.items() if name not in HIDDEN}
        self._file.write(json.dumps(columns, ensure_ascii=False).translate(_LINE_ENDS) + "\n")
        self.rows += 1

    def close(self) -> dict[str, int]:
        """End the file: rows by its path under the export, nothing where there were none."""
        if self._file is None:
            return {}
        self._file.close()
        return {f"{self._path.parent.name}/{self._path.name}": self.rows}


def fields_of(row: Row) -> set[str]:
    """Which optional columns the row has, or would have where pictures are wanted."""
    return (set(OPTIONAL_COLUMNS) & row.keys()) | ({IMAGES} if row.get(PICTURES) else set())


def obstacle(row: Row) -> str:
    """Why no chat template, or no reader of the files, can take the row; empty where they can."""
    if row.get("prompt") == [] and ("completion" in row or "chosen" in row):
        return "an answer before anybody spoke: most chat templates stop on an empty prompt"
    for column in MESSAGE_COLUMNS:
        for message in row.get(column, ()) if isinstance(row.get(column), list) else ():
            for call in message.get("tool_calls", ()):
                if not call["function"]["name"]:
                    return "a call without a name"
                if not isinstance(call["function"]["arguments"], dict):
                    return "a call whose arguments are no JSON object, which chat templates cannot render"
    columns = [value for name, value in row.items() if name not in HIDDEN]
    return "" if _fits(columns) else "a number of more than 64 bits, which readers of JSON columns refuse"


def _fits(value: object) -> bool:
    if isinstance(value, str):
        return True
    if isinstance(value, int):
        return _LEAST <= value <= _MOST
    if isinstance(value, dict):
        return all(map(_fits, value.values()))
    return all(map(_fits, value)) if isinstance(value, list) else True


def _schema(kind: Kind, fields: set[str]) -> Any:  # noqa: ANN401 - pyarrow ships no types
    import pyarrow as pa

    text, turns = pa.string(), pa.list_(pa.json_())
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
    shared = ("stepwise", "lesson")
    more = [(name, pa.json_()) for name in OPTIONAL_COLUMNS if name in fields and kind not in shared]
    if IMAGES not in fields or kind not in SEEN:
        return pa.schema([*columns[kind], *more])
    seen = (IMAGES, pa.list_(pa.struct([("bytes", pa.binary()), ("path", text)])))
    schema = pa.schema([*columns[kind], *more, seen])
    features = {field.name: _feature(field.type) for field in schema}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - pyarrow ships no types
    """A column as `datasets` describes it: without this a picture would come back as bytes."""
    import pyarrow as pa

    if kind == pa.json_():
        return {"_type": "Json"}
    if pa.types.is_list(kind):
        return {"_type": "List", "feature": _feature(kind.value_type)}
    if pa.types.is_struct(kind):
        return {"_type": "Image"}
    return {"_type": "Value", "dtype": str(kind)}


def _table(rows: Sequence[Row], schema: Any) -> Any:  # noqa: ANN401 - pyarrow ships no types
    import pyarrow as pa

    columns = [_column([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: Sequence[Any], kind: Any) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """An array; JSON is built as text and then named so, since pyarrow makes no extension arrays from values."""
    import pyarrow as pa

    if kind == pa.json_():
        texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
        return pa.ExtensionArray.from_storage(kind, pa.array(texts, pa.string()))
    if kind == pa.list_(pa.json_()):
        lists = [[json.dumps(item, ensure_ascii=False) for item in value] for value in values]
        plain = pa.array(lists, pa.list_(pa.string()))
        inner = pa.ExtensionArray.from_storage(pa.json_(), plain.values)
        return pa.ListArray.from_arrays(plain.offsets, inner)
    return pa.array(values, kind)
