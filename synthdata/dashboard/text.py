"""Numbers, names and documents on their way into a page; what is shown of a text is visible.py's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from synthdata.text import numbers

SHORT = 280


def number(value: float | None) -> str:
    """Four significant digits; a dash where there is no number."""
    return numbers.number(value, "–")


def signed(value: float | None) -> str:
    """A change with its sign; a dash where there is no number."""
    return numbers.signed(value, "–")


def points(change: float) -> str:
    """A change of a share in points of a hundred, with its sign; nothing is `0.0`."""
    rounded = round(100 * change, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def percent(value: float | None) -> str:
    """A share as per cent, with a decimal under ten; a dash where there is no number."""
    return numbers.percent(value, "–")


def finite(value: Any) -> Any:  # noqa: ANN401 - a JSON document
    """A JSON document in which NaN and infinity are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
