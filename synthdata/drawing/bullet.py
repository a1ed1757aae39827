"""Values on the band of real text: one large with the value before it, or one a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from synthdata.drawing.figure import Drawing, span_of
from synthdata.drawing.trend import Point
from synthdata.text.display import printable
from synthdata.text.numbers import number

_WIDTH, _HEIGHT, _MIDDLE = 320, 44, 14
# About how wide a figure of a tick is.
_FIGURE = 5.5


def bullet(title: str, now: Point, before: float | None = None) -> Drawing | None:
    """The value of one round as a mark on the band of real text; a pale mark is the value before. None without a value.

    Without a band the scale begins at 0 and ends beyond the value.
    """
    if now.value is None:
        return None
    marks = [v for v in (now.value, before, now.low, now.high) if v is not None]
    low, high = (min(marks), max(marks)) if now.low is not None else (min(0.0, *marks), max(marks))
    room = 0.18 * span_of(high - low, abs(high))
    low, high = low - (room if now.low is not None else 0), high + room

    def x(value: float) -> float:
        return 4 + (_WIDTH - 8) * (value - low) / (high - low)

    parts = [f'<rect class="track" x="4" y="{_MIDDLE - 5}" width="{_WIDTH - 8}" height="10" rx="5"/>']
    description = number(now.value)
    if now.low is not None and now.high is not None:
        parts += _band(now.low, now.high, x(now.low), x(now.high))
        description += f", real text {number(now.low)} to {number(now.high)}"
    if before is not None:
        parts.append(f'<rect class="fill pale" x="{x(before) - 1.5:.1f}" y="{_MIDDLE - 8}" width="3" height="16"/>')
        description += f", before {number(before)}"
    parts.append(f'<rect class="fill" x="{x(now.value) - 2.5:.1f}" y="{_MIDDLE - 12}" width="5" height="24" rx="2"/>')
    return Drawing(title, description, _WIDTH, _HEIGHT, parts)


def _band(low: float, high: float, left: float, right: float) -> list[str]:
    """The band with its ends in figures, which stay inside the picture; a band of no width has one figure."""
    wide = max(right - left, 2)
    parts = [f'<rect class="band real" x="{left:.1f}" y="{_MIDDLE - 9}" width="{wide:.1f}" height="18"/>']
    ends = [(left, low, "end"), (right, high, "start")]
    for at, value, side in ends if number(low) != number(high) else [((left + right) / 2, low, "middle")]:
        room = _FIGURE * len(number(value))
        least, most = {"end": (room, _WIDTH), "start": (0.0, _WIDTH - room)}.get(side, (room / 2, _WIDTH - room / 2))
        x = min(max(at, least), most)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{_HEIGHT - 6}" text-anchor="{side}">{number(value)}</text>')
    return parts


@dataclass(frozen=True, slots=True)
class Range:
    """A value beside an interval, drawn on a scale of its own."""

    label: str
    value: float
    low: float
    high: float


_LINE, _LABEL, _VALUE, _ACROSS = 26, 150, 64, 420
# The longest label of a line.
_LONGEST = 22


def ranges(title: str, items: Sequence[Range]) -> Drawing:
    """One line a range: the interval as a band, the value as a dot, filled where it lies outside."""
    parts, sentences = [], []
    for i, item in enumerate(items):
        y = i * _LINE + _LINE / 2 + 2
        least, most = min(item.low, item.value), max(item.high, item.value)
        margin = 0.08 * (most - least) or 1.0
        start, span = least - margin, most - least + 2 * margin
        scale = (_ACROSS - _LABEL - _VALUE) / span
        low, high, x = (_LABEL + scale * (value - start) for value in (item.low, item.high, item.value))
        inside = item.low <= item.value <= item.high
        label = item.label if len(item.label) <= _LONGEST else item.label[: _LONGEST - 1] + "…"
        parts.append(
            f'<text class="label" x="{_LABEL - 6}" y="{y + 4}" text-anchor="end">{escape(printable(label))}</text>'
            f'<line class="axis" x1="{_LABEL}" x2="{_ACROSS - _VALUE}" y1="{y}" y2="{y}"/>'
            f'<rect class="band real" x="{low:.1f}" y="{y - 7}" width="{max(2.0, high - low):.1f}" height="14"/>'
            f'<circle class="{"inside" if inside else "outside"}" cx="{x:.1f}" cy="{y}" r="5"/>'
            f'<text class="value" x="{_ACROSS - _VALUE + 8}" y="{y + 4}">{number(item.value)}</text>'
        )
        where = "inside" if inside else "outside"
        sentences.append(f"{item.label}: {number(item.value)}, {where} {number(item.low)} to {number(item.high)}")
    return Drawing(title, "; ".join(sentences), _ACROSS, max(1, len(items)) * _LINE + 4, parts)
