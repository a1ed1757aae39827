"""Admitted rows as chat messages, in the two containers that every trainer reads, and their provenance beside them.

Provenance stays out of the training rows: a trainer would otherwise have to know which columns to drop.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

# A one-view row has no context of its own; a trainer still wants a user turn before the assistant's.
PLAIN_PROMPT = "Share one lesson."
_PROVENANCE = (
    "id", "external_id", "origin", "trajectory_id", "task_id", "source", "licence", "generator", "prompt_sha256",
    "sample_index", "lineage_depth", "round", "position", "cell", "judged",
)  # fmt: skip


def training_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """`{"messages": [user, assistant]}` a row: the context asks, the content answers."""
    rows = []
    for context, content in frame.select("context", "content").iter_rows():
        prompt = context or PLAIN_PROMPT
        rows.append({"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": content}]})
    return rows


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """One JSON object a line, UTF-8."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """The same rows as Parquet with plain `string` and `list` types, which every version of datasets reads."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    schema = pa.schema([("messages", pa.list_(message))])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)


def provenance_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Where each training row comes from, in the same order."""
    return frame.select(_PROVENANCE).with_row_index("row")
