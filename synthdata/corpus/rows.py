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
    rows = []
    admitted = 0
    for number, decision in enumerate(decisions):
        row = _candidate_row(decision.candidate) | _verdict_row(decision)
        row |= {"row": number, "position": None, "judged": decision.judged}
        if decision.verdict is Verdict.ADMIT:
            row["position"] = admitted
            admitted += 1
        rows.append(row)
    plain = pl.Schema({name: kind for name, kind in DECISIONS.items() if name not in VECTOR_COLUMNS.values()})
    frame = pl.DataFrame(rows, schema=plain)
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


def _candidate_row(candidate: Candidate) -> dict[str, Any]:
    row: dict[str, Any] = {"id": candidate.id}
    for item in fields(Candidate):
        value = getattr(candidate, item.name)
        row[item.name] = _storable(str(value)) if isinstance(value, str) else value
    return row


def _verdict_row(decision: Decision) -> dict[str, Any]:
    return {
        "verdict": str(decision.verdict),
        "stage": decision.stage,
        "reason": str(decision.reason) if decision.reason is not None else None,
        "score": _number(decision.score),
        "threshold": _number(decision.threshold),
        "neighbour_id": decision.neighbour_id,
        "neighbour_text": _storable(decision.neighbour_text),
        "detail": _storable(decision.detail),
        "cell": None if decision.cell is None else int(decision.cell),
        "numbers": [{"name": name, "value": float(decision.numbers[name])} for name in sorted(decision.numbers)],
    }


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


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _storable(text: str) -> str:
    # Half a surrogate pair cannot be UTF-8; it is kept as its escape so that the rejected row can still be shown.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
