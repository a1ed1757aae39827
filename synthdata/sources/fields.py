"""Typed access to the JSON of untrusted logs: the right type, or a `RowError` that names the field.

No format is known here, and nothing is repaired: a value is taken as it stands or the row is refused.
"""

from __future__ import annotations

import math
from typing import Any

from synthdata.text.redaction import without_secrets


class RowError(ValueError):
    """Why one row cannot be used; the boundary in `sources` turns it into a quarantined row."""


# A key that the cut goes through is longer than this only where it is a page of base64.
_BEYOND = 4000


def quoted(value: object, length: int = 40) -> str:
    """A value of a row in a message: its beginning, without secrets. A key that is cut first is known to nobody."""
    text = value if isinstance(value, str) else repr(value)
    return repr(shortened(text, length))


def shortened(text: str, length: int) -> str:
    """The beginning of a text without secrets."""
    return without_secrets(text[: length + _BEYOND])[:length]


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


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "a text"
    if isinstance(value, bool):
        return "true or false"
    return {"dict": "an object", "list": "a list", "NoneType": "null"}.get(
        type(value).__name__, f"the number {value}"[:40]
    )
