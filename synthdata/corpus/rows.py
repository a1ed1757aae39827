"""Records to table rows and back: the declared columns of the four tables.

Pure conversion, no reading or writing. Scores stay float64 to the bit, NaN included, and a number is never text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthdata.errors import InputError
from synthdata.records import Candidate, Decision, Origin, Reason, Trajectory, Verdict, to_json

ViewVectors = tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]

# Columns that are a decision's own fields.
_OF_VERDICT = (
    "verdict", "stage", "reason", "score", "threshold", "neighbour_id", "neighbour_text", "detail", "cell", "judged",
)  # fmt: skip
VECTOR_COLUMNS = {"context": "context_vector", "content": "content_vector"}

_TYPES: dict[str, Any] = {"str": pl.String, "int": pl.Int64, "Origin": pl.String}

EXPERIENCE = pl.Schema(
    {"seq": pl.Int64, "id": pl.String, "task_id": pl.String, "success": pl.Boolean, "reward": pl.Float64}
    | dict.fromkeys(("source", "licence", "origin", "format", "agent_model", "record"), pl.String)
)

DECISIONS = pl.Schema(
    {"id": pl.String, "round": pl.Int64, "row": pl.Int64, "position": pl.Int64}
    | {f.name: _TYPES[str(f.type)] for f in fields(Candidate)}
    | dict.fromkeys(("verdict", "stage", "reason"), pl.String)
    | {"score": pl.Float64, "threshold": pl.Float64}
    | dict.fromkeys(("neighbour_id", "neighbour_text", "detail"), pl.String)
    | {"cell": pl.Int64, "numbers": pl.List(pl.Struct({"name": pl.String, "value": pl.Float64}))}
    | dict.fromkeys(("judged", "round_key", "kind", "recipe"), pl.String)
    | {"anchor": pl.Int64, "parent_version": pl.Int64}
    | dict.fromkeys(VECTOR_COLUMNS.values(), pl.List(pl.Float32))
)

EVENTS = pl.Schema({"seq": pl.Int64, "kind": pl.String, "key": pl.String, "round": pl.Int64, "payload": pl.String})

SNAPSHOTS = pl.Schema(
    {"round": pl.Int64, "view": pl.String, "metric": pl.String}
    | dict.fromkeys(("value", "low", "high"), pl.Float64)
    # Why there is no value.
    | {"note": pl.String}
)


def experience_frame(trajectories: Sequence[Trajectory], first_seq: int) -> pl.DataFrame:
    """One row a trajectory; `record` is its whole JSON text.

    Raises:
        InputError: a text holds half a surrogate pair, which no UTF-8 file can keep.
    """
    rows = []
    for seq, item in enumerate(trajectories, first_seq):
        row = {name: getattr(item, name, None) for name in EXPERIENCE}
        row |= {"seq": seq, "origin": str(item.origin), "record": to_json(item)}
        rows.append(row)
    try:
        return pl.DataFrame(rows, schema=EXPERIENCE)
    except UnicodeEncodeError as error:
        raise InputError(f"a trajectory holds text that is not Unicode: {error}; quarantine it when reading") from error


def decision_frame(decisions: Sequence[Decision], vectors: Mapping[str, ViewVectors]) -> pl.DataFrame:
    """One row a decision in the given order, without the columns that belong to the round as a whole.

    `position` counts the admitted rows from 0 in the given order, null for the others.
    """
    candidates = [decision.candidate for decision in decisions]
    admitted = np.array([decision.verdict is Verdict.ADMIT for decision in decisions], dtype=bool)
    values: dict[str, Sequence[Any]] = {"id": [candidate.id for candidate in candidates]}
    values |= {f.name: [getattr(candidate, f.name) for candidate in candidates] for f in fields(Candidate)}
    values |= {name: [getattr(decision, name) for decision in decisions] for name in _OF_VERDICT}
    values |= {"row": range(len(decisions)), "position": (np.cumsum(admitted) - 1).tolist()}
    columns = [_column(name, column) for name, column in values.items()]
    position = pl.when(pl.Series(admitted, dtype=pl.Boolean)).then("position").alias("position")
    frame = pl.DataFrame([*columns, _numbers_column(decisions)]).with_columns(position)
    for view, column in enumerate(VECTOR_COLUMNS.values()):
        frame = frame.join(_vector_frame(decisions, vectors, view, column), on="id", how="left", maintain_order="left")
    return frame


def to_candidate(row: Mapping[str, Any]) -> Candidate:
    """The candidate of a row of `decisions`."""
    values = {f.name: row[f.name] for f in fields(Candidate)}
    # Null in rows of a corpus that is older than the column.
    values["chat"] = values["chat"] or ""
    return Candidate(**values | {"origin": Origin(row["origin"])})


def to_decision(row: Mapping[str, Any]) -> Decision:
    """The decision of a row of `decisions`."""
    names = ("stage", "score", "threshold", "neighbour_id", "neighbour_text", "detail", "cell", "judged")
    return Decision(
        candidate=to_candidate(row),
        verdict=Verdict(row["verdict"]),
        reason=Reason(row["reason"]) if row["reason"] is not None else None,
        numbers={item["name"]: item["value"] for item in row["numbers"]},
        **{name: row[name] for name in names},
    )


def vector_matrix(frame: pl.DataFrame, view: str) -> NDArray[np.float32]:
    """The vectors of one view (`context` or `content`), shape (rows, d), float32; (0, 0) for no rows.

    Raises:
        InputError: no such view, or a row that never reached the gate and so has no vector.
    """
    if view not in VECTOR_COLUMNS:
        raise InputError(f"no view {view!r}; there are {', '.join(VECTOR_COLUMNS)}")
    column = frame[VECTOR_COLUMNS[view]]
    if column.null_count():
        raise InputError(f"{column.null_count()} of {len(column)} rows have no {view} vector; filter them out first")
    if column.is_empty():
        return np.zeros((0, 0), dtype=np.float32)
    width = int(column.list.len().item(0))
    return column.list.to_array(width).to_numpy().astype(np.float32, copy=False)


def _column(name: str, values: Sequence[Any]) -> pl.Series:
    """A column of the table of decisions from values as they stand in the records."""
    kind = DECISIONS[name]
    if kind != pl.String:
        return pl.Series(name, values, dtype=kind)
    texts = [value if value is None else str(value) for value in values]
    try:
        return pl.Series(name, texts, dtype=kind)
    except UnicodeEncodeError:
        return pl.Series(name, [text if text is None else _storable(text) for text in texts], dtype=kind)


def _numbers_column(decisions: Sequence[Decision]) -> pl.Series:
    """The numbers of each decision, by their names."""
    named = [sorted(decision.numbers.items()) for decision in decisions]
    flat = pl.DataFrame(
        {
            "place": np.repeat(np.arange(len(named)), [len(numbers) for numbers in named]),
            "name": [name for numbers in named for name, _ in numbers],
            "value": [float(value) for numbers in named for _, value in numbers],
        },
        schema={"place": pl.Int64, "name": pl.String, "value": pl.Float64},
    )
    grouped = flat.group_by("place").agg(pl.struct("name", "value").alias("numbers"))
    every = pl.DataFrame({"place": np.arange(len(named))}, schema={"place": pl.Int64})
    column = every.join(grouped, on="place", how="left", maintain_order="left")["numbers"]
    return column.fill_null(pl.Series([[]], dtype=DECISIONS["numbers"]))


def _vector_frame(
    decisions: Sequence[Decision], vectors: Mapping[str, ViewVectors], view: int, column: str
) -> pl.DataFrame:
    ids, vectors_found = [], []
    for decision in decisions:
        pair = vectors.get(decision.candidate.id)
        if pair is not None and pair[view] is not None:
            ids.append(decision.candidate.id)
            vectors_found.append(pair[view])
    if not ids:
        return pl.DataFrame(schema={"id": pl.String, column: pl.List(pl.Float32)})
    matrix = np.asarray(vectors_found, dtype=np.float32)
    return pl.DataFrame({"id": ids, column: pl.Series(matrix).arr.to_list()})


def _storable(text: str) -> str:
    # Half a surrogate pair cannot be UTF-8; it is kept as its escape so that the rejected row can still be shown.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
