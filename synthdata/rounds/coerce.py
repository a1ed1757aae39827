"""Texts as people have them, strings and dicts, into candidates and reference rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from synthdata.errors import InputError
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate, Origin

# A text by itself, a dict with `content` and any other field of `Candidate`, or a Candidate.
TextLike = str | Mapping[str, Any] | Candidate
# A text by itself, a dict with `content`, `context` or both, or a row.
ReferenceLike = str | Mapping[str, Any] | ReferenceRow

_CANDIDATE = {field.name for field in fields(Candidate)}
_REFERENCE = {field.name for field in fields(ReferenceRow)}


def as_candidates(texts: Sequence[TextLike]) -> list[Candidate]:
    """One candidate a text; equal ones are told apart by `occurrence`, whatever stands between them.

    Raises:
        InputError: a single string, or a row of another shape; names its place and what is wrong.
    """
    _refuse_string(texts)
    seen: Counter[str] = Counter()
    rows = []
    for place, text in enumerate(texts):
        row = _candidate(text, place)
        before = seen[row.id]
        seen[row.id] += 1
        rows.append(replace(row, occurrence=row.occurrence + before) if before else row)
    return rows


def as_reference(rows: Sequence[ReferenceLike]) -> list[ReferenceRow]:
    """One reference row a text; a row without a task counts as a task of its own.

    Raises:
        InputError: a single string, or a row of another shape; names its place and what is wrong.
    """
    _refuse_string(rows)
    return [_reference(row, place) for place, row in enumerate(rows)]


def _candidate(text: TextLike, place: int) -> Candidate:
    if isinstance(text, Candidate):
        return text
    if isinstance(text, str):
        return Candidate(text)
    values = _checked(text, place, _CANDIDATE, "content")
    if "origin" in values:
        try:
            values["origin"] = Origin(values["origin"])
        except ValueError as error:
            raise InputError(f"row {place}: {error}; there are {', '.join(Origin)}") from error
    return Candidate(**values)


def _reference(row: ReferenceLike, place: int) -> ReferenceRow:
    if isinstance(row, ReferenceRow):
        return row
    if isinstance(row, str):
        return ReferenceRow(row, "", "")
    values = {"content": "", "context": "", "task_id": ""} | _checked(row, place, _REFERENCE, "")
    if not values["content"] and not values["context"]:
        raise InputError(f"row {place}: has neither `content` nor `context`")
    return ReferenceRow(**values)


def _checked(row: object, place: int, known: set[str], needed: str) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise InputError(f"row {place}: is a {type(row).__name__}; give a string or a dict with `content`")
    unknown = sorted(str(name) for name in row if name not in known)
    if unknown:
        raise InputError(f"row {place}: unknown field {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    if needed and not isinstance(row.get(needed), str):
        raise InputError(f"row {place}: `{needed}` must be a string")
    return {str(name): value for name, value in row.items()}


def _refuse_string(rows: object) -> None:
    if isinstance(rows, str):
        raise InputError("a single string is no list of texts; wrap it in a list")
