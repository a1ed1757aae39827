"""Definitions of tools that stand beside a conversation: in a column, in its system message, or in its metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

COLUMNS = ("tools", "functions", "tool_definitions", "available_tools")
_SYSTEMS = ("system", "developer")


def listed_tools(value: object) -> tuple[Any, ...]:
    """The definitions in a value: of a list, of JSON text of one, or what else stands there as one."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return (value,)
    if isinstance(value, list):
        return tuple(value)
    return (value,) if value else ()


def tools_beside(row: dict[str, Any], messages: Sequence[object]) -> tuple[Any, ...]:
    """The definitions of a row's tools: of its columns, else of its first system message, else of its metadata."""
    first = messages[0] if messages and isinstance(messages[0], dict) else {}
    places = [row]
    if str(first.get("role", first.get("from"))).lower() in _SYSTEMS:
        places.append(first)
    places.append(_object(row.get("metadata")))
    return next((tools for place in places for key in COLUMNS if (tools := listed_tools(place.get(key)))), ())


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, str) and value[:1] == "{":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
