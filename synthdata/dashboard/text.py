"""Untrusted text and numbers on their way into a page: cut, made visible, never markup. Escaping is the templates'."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

LONG, SHORT = 4000, 280
_KEPT = {"\n", "\t"}
# Control, format (bidirectional, zero-width), surrogate, private and unassigned characters, line and paragraph ends.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def shown(text: str | None, limit: int = LONG) -> str:
    """The first `limit` characters with unseen ones as escapes, and a note of how many more there are."""
    text = text or ""
    safe = "".join(
        c if c in _KEPT or unicodedata.category(c) not in _UNSEEN else f"\\x{ord(c):02x}" for c in text[:limit]
    )
    return safe if len(text) <= limit else f"{safe} … [{len(text) - limit:,} more characters]"


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


def words(name: str | None) -> str:
    """A name of the store (`cell_quota`) as words (`cell quota`)."""
    return (name or "").replace("_", " ")


def finite(value: Any) -> Any:  # noqa: ANN401 - a JSON document
    """A JSON document in which NaN and infinity are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
