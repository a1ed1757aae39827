"""Numbers for people: the same digits on the terminal, on pages and in notebooks."""

from __future__ import annotations

import math

# Under this a number is no more than a trace.
_TRACE = 5e-7


def number(value: float | None, absent: str = "-") -> str:
    """Four significant digits and no powers of ten under a million millionths; `absent` where there is no number."""
    if value is None or not math.isfinite(value):
        return absent
    if value == int(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    short = f"{value:.4g}"
    if "e-" not in short:
        return short
    return f"{value:.6f}".rstrip("0") if abs(value) >= _TRACE else "under 0.000001"


def signed(value: float | None, absent: str = "-") -> str:
    """A change with its sign."""
    shown = number(value, absent)
    return f"+{shown}" if value is not None and value > 0 and math.isfinite(value) else shown


def counted(count: int, thing: str) -> str:
    """How many there are of a thing whose plural ends in s: "1 row", "2 rows"."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def percent(value: float | None, absent: str = "-") -> str:
    """A share as per cent, with a decimal under ten."""
    if value is None or not math.isfinite(value):
        return absent
    return f"{100 * value:.1f} %" if abs(value) < 0.1 else f"{100 * value:.0f} %"
