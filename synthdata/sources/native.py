"""This project's own JSONL of trajectories: one `synthdata.records.to_json` text a line.

Reading it back gives the same record with the same id. A stored origin cannot rise here: see `sources`.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from synthdata.records import Trajectory, canonical_json, from_json
from synthdata.sources.fields import RowError

NAME = "native"
_NEEDED = ("task", "steps", "origin", "lineage_depth")


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    if not isinstance(value, dict):
        return "not an object"
    missing = [key for key in _NEEDED if key not in value]
    return f"no `{missing[0]}`" if missing else None


def read(value: object) -> list[Trajectory]:
    """The record as it was written."""
    row: Any = value
    try:
        return [from_json(Trajectory, canonical_json(row))]
    except ValidationError as error:
        first = error.errors()[0]
        raise RowError(f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}") from error
