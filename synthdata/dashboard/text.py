"""Numbers, names and documents on their way into a page; what is shown of a text is visible.py's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

SHORT = 280


def number(value: float | None) -> str:
    """Four significant digits; a dash where there is no number."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.4g}"


def percent(value: float | None) -> str:
    """A share as per cent, with a decimal under ten."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{100 * value:.1f} %" if abs(value) < 0.1 else f"{100 * value:.0f} %"


def finite(value: Any) -> Any:  # noqa: ANN401 - a JSON document
    """A JSON document in which NaN and infinity are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
