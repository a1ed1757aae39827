"""Typed access to the JSON of untrusted logs: the right type, or a `RowError` that names the field.

No format is known here, and nothing is repaired: a value is taken as it stands or the row is refused.
"""

from __future__ import annotations

import math
from typing import Any

from synthdata.records import Observation, ToolCall, canonical_json


class RowError(ValueError):
    """Why one row cannot be used; the boundary in `sources` turns it into a quarantined row."""


def as_object(value: object, where: str) -> dict[str, Any]:
    """The JSON object at `where`; `null` counts as an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RowError(f"`{where}` must be an object, not {_kind(value)}")
    return value


def as_list(value: object, where: str) -> list[Any]:
    """The JSON list at `where`; `null` counts as an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise RowError(f"`{where}` must be a list, not {_kind(value)}")
    return value


def as_flag(value: object, where: str) -> bool | None:
    """True, false or null."""
    if value is None or isinstance(value, bool):
        return value
    raise RowError(f"`{where}` must be true or false, not {_kind(value)}")


def as_number(value: object, where: str) -> float | None:
    """A finite number or null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RowError(f"`{where}` must be a number, not {_kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RowError(f"`{where}` must be a finite number")
    return number


def as_count(value: object, where: str) -> int | None:
    """A whole number from 0 up, or null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise RowError(f"`{where}` must be a whole number from 0 up, not {_kind(value)}")
    return value


def as_name(value: object, where: str) -> str:
    """A short text such as an id; a whole number becomes its digits, null the empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise RowError(f"`{where}` must be a text, not {_kind(value)}")


def content_text(value: object) -> str:
    """The text of a message's content.

    Null is empty, text is itself, the parts of a list are joined by line breaks. A text part (`{"text": ...}` of type
    text, input_text or output_text) gives its text; any other part or value stands as JSON text, so nothing is lost.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(_part_text(part) for part in value)
    return canonical_json(value)


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        plain = part.get("type", "text") in ("text", "input_text", "output_text")
        if plain:
            return str(part["text"])
    return canonical_json(part)


def arguments_text(value: object) -> str:
    """Tool arguments: verbatim where the log holds text, canonical JSON for anything else, empty for none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else canonical_json(value)


def tool_call(value: object, where: str) -> ToolCall:
    """A call as OpenAI logs it (`function` with `name` and `arguments`) or flat, as tau2 does."""
    call = as_object(value, where)
    body = as_object(call["function"], f"{where}.function") if "function" in call else call
    name = as_name(body.get("name"), f"{where}.name")
    identity = as_name(call.get("id"), f"{where}.id")
    return ToolCall(name, arguments_text(body.get("arguments")), identity or None)


def observation(content: object, call_id: object, where: str) -> Observation:
    """What came back, with the id of the call that it answers if there is one."""
    return Observation(content_text(content), as_name(call_id, where) or None)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "a text"
    if isinstance(value, bool):
        return "true or false"
    return {"dict": "an object", "list": "a list", "NoneType": "null"}.get(
        type(value).__name__, f"the number {value}"[:40]
    )
