"""Records as canonical JSON text and back."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, TypeVar

from pydantic import TypeAdapter

from synthdata.records.decision import Candidate
from synthdata.records.experience import Trajectory
from synthdata.records.identity import canonical_json
from synthdata.records.reflection import Reflection


def to_json(record: Trajectory | Reflection | Candidate) -> str:
    """Canonical JSON text of a record; `from_json` reads it back to an equal record."""
    return canonical_json({f.name: _plain(getattr(record, f.name)) for f in fields(record)})


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)  # type: ignore[call-overload]
    return value


R = TypeVar("R", Trajectory, Reflection, Candidate)


# Made at the first record of its kind: most commands read none, and it takes a while.
_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def from_json(kind: type[R], text: str) -> R:
    """Read a record written by `to_json`.

    Raises:
        pydantic.ValidationError: the text is not such a record; callers quarantine the row.
    """
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    record: R = _ADAPTERS[kind].validate_json(text)
    return record
