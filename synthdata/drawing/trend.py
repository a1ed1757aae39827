"""A number over rounds with the band in which real text lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from synthdata.drawing.figure import Drawing, floor_line, last_of, level_lines, round_steps, shown_rounds, span_of
from synthdata.text.numbers import number

_WIDTH, _HEIGHT = 340, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 52, 10, 22
# The least height of a picture, relative to the values in it.
_LEAST_SPAN = 0.25


@dataclass(frozen=True, slots=True)
class Point:
    """A value of one round, None where there was none, and where real text would lie, None where that is unknown."""

    round: int
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where rounds and values lie in the picture."""

    first: int
    last: int
    low: float
    high: float

    def x(self, at: int) -> float:
        share = (at - self.first) / (self.last - self.first) if self.last > self.first else 0.5
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * share

    def y(self, value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (self.high - value) / (self.high - self.low)


def trend(title: str, points: Sequence[Point]) -> Drawing | None:
    """A line over rounds with axes and the band of real text under it; None where no round has a value.

    The last value is written beside its dot. A dot says its round and value to a pointer; the description and the table
    beside the picture say them to everybody else.
    """
    known = [p for p in points if p.value is not None]
    if not known:
        return None
    scale = _scale(points)
    parts = [_band(list(run), scale) for has, run in groupby(points, key=_banded) if has]
    levels = [(tick, scale.y(tick)) for tick in round_steps(scale.low, scale.high, 4)]
    parts += level_lines(levels, _LEFT, _WIDTH - _RIGHT)
    for has, run in groupby(points, key=lambda p: p.value is not None):
        line = [f"{scale.x(p.round):.1f},{scale.y(p.value):.1f}" for p in run if p.value is not None]
        parts.append(f'<polyline class="line" points="{" ".join(line)}"/>' if has and len(line) > 1 else "")
    parts += [_dot(p, scale, p is known[-1]) for p in known]
    base = _HEIGHT - _BOTTOM
    parts.append(floor_line(_LEFT, _WIDTH - _RIGHT, base))
    for at in shown_rounds(scale.first, scale.last):
        name = f"round {at}" if at == scale.first else str(at)
        parts.append(f'<text class="tick" x="{scale.x(at):.1f}" y="{base + 14}" text-anchor="middle">{name}</text>')
    return Drawing(title, ", ".join(last_of(list(map(_sentence, known)))), _WIDTH, _HEIGHT, parts)


def _scale(points: Sequence[Point]) -> _Scale:
    levels = [v for p in points for v in (p.value, p.low, p.high) if v is not None]
    low, high = min(levels), max(levels)
    # A change of a few percent must not fill the picture: without a band nothing else says how small it is.
    room = span_of(max(high - low, _LEAST_SPAN * max(abs(low), abs(high))))
    return _Scale(points[0].round, points[-1].round, (low + high - 1.16 * room) / 2, (low + high + 1.16 * room) / 2)


def _banded(point: Point) -> bool:
    return point.low is not None and point.high is not None


def _band(run: Sequence[Point], scale: _Scale) -> str:
    edges = [
        (scale.x(p.round), scale.y(p.low), scale.y(p.high)) for p in run if p.low is not None and p.high is not None
    ]
    if len(edges) == 1:
        x, low, high = edges[0]
        return f'<rect class="band" x="{x - 4:.1f}" y="{high:.1f}" width="8" height="{max(low - high, 1):.1f}"/>'
    top = [f"{x:.1f},{high:.1f}" for x, _, high in edges]
    bottom = [f"{x:.1f},{low:.1f}" for x, low, _ in reversed(edges)]
    return f'<polygon class="band" points="{" ".join(top + bottom)}"/>'


def _dot(point: Point, scale: _Scale, end: bool) -> str:
    assert point.value is not None
    x, y = scale.x(point.round), scale.y(point.value)
    kind, radius = ("dot end", "3.5") if end else ("dot", "2")
    place = f'cx="{x:.1f}" cy="{y:.1f}"'
    value = f'<text class="value" x="{x + 8:.1f}" y="{y + 4:.1f}">{number(point.value)}</text>' if end else ""
    # The larger, unseen dot is what a pointer hits.
    hit = f'<circle class="hit" {place} r="7"><title>round {point.round}: {number(point.value)}</title></circle>'
    return f'<circle class="{kind}" {place} r="{radius}"/>{hit}{value}'


def _sentence(point: Point) -> str:
    band = "" if point.low is None else f" (real text {number(point.low)} to {number(point.high)})"
    return f"round {point.round}: {number(point.value)}{band}"
