"""Inline SVG: a trend or one value on the band of real text, bars, stacked columns, a map.

Colours are classes of the style sheet. Each figure has a title and a description that says its numbers, and stands
beside a table of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from synthdata.dashboard.text import number
from synthdata.text.display import printable

_WIDTH, _HEIGHT = 340, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 52, 10, 22
# The least height of a picture, relative to the values in it.
_LEAST_SPAN = 0.25
_TOLD = 12
# A figure over this is drawn at half its size on a phone, with letters twice as large.
_WIDE = 500
Plane = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """A value of one round, None where there was none, and where real text would lie, None where that is unknown."""

    round: int
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its length, and the class of its colour."""

    label: str
    value: float
    kind: str = "accent"


def figure(
    key: str, title: str, description: str, size: tuple[int, int], parts: Sequence[str], role: str = "img"
) -> Markup:
    """An SVG with `<title>` and `<desc>`; `key` makes their ids unique on the page.

    An image is one thing to a reader of the screen; what holds links is a group.
    """
    width, height = size
    kind = "chart wide" if width > _WIDE else "chart"
    return Markup(
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="{role}" aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-desc">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def trend(key: str, title: str, points: Sequence[Point]) -> Markup:
    """A line over rounds with axes and the band of real text under it; the last value is written beside its dot.

    A dot tells its round and value to a pointer; the table beside the figure tells them to everybody else.
    """
    known = [p for p in points if p.value is not None]
    levels = [v for p in points for v in (p.value, p.low, p.high) if v is not None]
    if not known or not levels:
        return Markup("")
    low, high = min(levels), max(levels)
    # A change of a few percent must not fill the picture: without a band nothing else says how small it is.
    room = max(high - low, _LEAST_SPAN * max(abs(low), abs(high))) or 1.0
    low, high = (low + high - 1.16 * room) / 2, (low + high + 1.16 * room) / 2
    first, last = points[0].round, points[-1].round

    def x(at: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * ((at - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    parts = [_band([(x(p.round), y(p.low), y(p.high)) for p in run]) for run in _banded(points)]  # type: ignore[arg-type]
    for tick in round_steps(low, high, 4):
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(
            f'<text class="tick" x="{_LEFT - 5}" y="{y(tick) + 3:.1f}" text-anchor="end">{number(tick)}</text>'
        )
    for has, run in groupby(points, key=lambda p: p.value is not None):
        line = [f"{x(p.round):.1f},{y(p.value):.1f}" for p in run if p.value is not None]
        parts.append(f'<polyline class="line" points="{" ".join(line)}"/>' if has and len(line) > 1 else "")
    for p in known:
        assert p.value is not None
        label = f"round {p.round}: {number(p.value)}"
        kind, radius = ("dot end", "3.5") if p is known[-1] else ("dot", "2")
        place = f'cx="{x(p.round):.1f}" cy="{y(p.value):.1f}"'
        # The larger, unseen dot is what a pointer hits.
        parts.append(f'<circle class="{kind}" {place} r="{radius}"/>')
        parts.append(f'<circle class="hit" {place} r="7"><title>{label}</title></circle>')
    end = known[-1]
    assert end.value is not None
    parts.append(
        f'<text class="value" x="{x(end.round) + 8:.1f}" y="{y(end.value) + 4:.1f}">{number(end.value)}</text>'
    )
    base = _HEIGHT - _BOTTOM
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>')
    for at in shown_rounds(first, last):
        name = f"round {at}" if at == first else str(at)
        parts.append(f'<text class="tick" x="{x(at):.1f}" y="{base + 14}" text-anchor="middle">{name}</text>')
    return figure(key, title, _told(known), (_WIDTH, _HEIGHT), parts)


def round_steps(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers between two bounds."""
    rough = (high - low) / max(1, count)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first = math.ceil(low / step)
    return [round(i * step, 10) for i in range(first, math.floor(high / step) + 1)]


def shown_rounds(first: int, last: int) -> list[int]:
    """The rounds that an axis names: the first, the last, and some between."""
    every = max(1, math.ceil((last - first) / 4))
    between = [at for at in range(first, last, every) if last - at > every / 2 or at == first]
    return [*between, last] if last > first else [first]


def bullet(key: str, title: str, now: Point, before: float | None = None) -> Markup:
    """The value of one round as a mark on the band of real text; a pale mark is the round before. Reads with one round.

    Without a band the scale begins at 0 and ends beyond the value.
    """
    if now.value is None:
        return Markup("")
    marks = [v for v in (now.value, before, now.low, now.high) if v is not None]
    low, high = (min(marks), max(marks)) if now.low is not None else (min(0.0, *marks), max(marks))
    room = 0.18 * ((high - low) or abs(high) or 1.0)
    low, high = low - (room if now.low is not None else 0), high + room
    width, height, middle = 320, 44, 14

    def x(value: float) -> float:
        return 4 + (width - 8) * (value - low) / (high - low)

    parts = [f'<rect class="track" x="4" y="{middle - 5}" width="{width - 8}" height="10" rx="5"/>']
    label = f"{number(now.value)}"
    if now.low is not None and now.high is not None:
        left, right = x(now.low), x(now.high)
        parts.append(
            f'<rect class="band real" x="{left:.1f}" y="{middle - 9}" width="{max(right - left, 2):.1f}" height="18"/>'
        )
        label += f", real text {number(now.low)} to {number(now.high)}"
        ends = [(left, now.low, "end"), (right, now.high, "start")]
        for at, value, side in ends if now.low < now.high else [(left, now.low, "middle")]:
            wide = 5.5 * len(number(value))
            least, most = {"end": (wide, width), "start": (0.0, width - wide), "middle": (wide / 2, width - wide / 2)}[
                side
            ]
            parts.append(
                f'<text class="tick" x="{min(max(at, least), most):.1f}" y="{height - 6}" text-anchor="{side}">'
                f"{number(value)}</text>"
            )
    if before is not None:
        parts.append(f'<rect class="fill pale" x="{x(before) - 1.5:.1f}" y="{middle - 8}" width="3" height="16"/>')
        label += f", the round before {number(before)}"
    parts.append(f'<rect class="fill" x="{x(now.value) - 2.5:.1f}" y="{middle - 12}" width="5" height="24" rx="2"/>')
    return figure(key, title, label, (width, height), parts)


def _banded(points: Sequence[Point]) -> list[list[Point]]:
    runs = groupby(points, key=lambda p: p.low is not None and p.high is not None)
    return [list(run) for has, run in runs if has]


def _band(edges: list[tuple[float, float, float]]) -> str:
    if len(edges) == 1:
        x, low, high = edges[0]
        return f'<rect class="band" x="{x - 4:.1f}" y="{high:.1f}" width="8" height="{max(low - high, 1):.1f}"/>'
    top = [f"{x:.1f},{high:.1f}" for x, _, high in edges]
    bottom = [f"{x:.1f},{low:.1f}" for x, low, _ in reversed(edges)]
    return f'<polygon class="band" points="{" ".join(top + bottom)}"/>'


def _told(known: Sequence[Point]) -> str:
    sentences = []
    for point in known[-_TOLD:]:
        band = "" if point.low is None else f" (real text {number(point.low)} to {number(point.high)})"
        sentences.append(f"round {point.round}: {number(point.value)}{band}")
    earlier = f"{len(known) - _TOLD} earlier rounds, then " if len(known) > _TOLD else ""
    return earlier + ", ".join(sentences)


def bars(key: str, title: str, rows: Sequence[Bar]) -> Markup:
    """Horizontal bars, longest first or in the given order of a funnel, each with its label over it."""
    step, width = 34, 360
    top = max((row.value for row in rows), default=0) or 1
    parts = []
    for i, row in enumerate(rows):
        y = i * step
        length = max(row.value / top * (width - 2), 1.5 if row.value else 0)
        parts.append(f'<text class="label" x="1" y="{y + 12}">{escape(printable(row.label, 60))}</text>')
        parts.append(f'<text class="value" x="{width - 1}" y="{y + 12}" text-anchor="end">{number(row.value)}</text>')
        parts.append(f'<rect class="track" x="1" y="{y + 17}" width="{width - 2}" height="8" rx="4"/>')
        parts.append(f'<rect class="fill {row.kind}" x="1" y="{y + 17}" width="{length:.1f}" height="8" rx="4"/>')
    description = ", ".join(f"{row.label}: {number(row.value)}" for row in rows)
    return figure(key, title, description, (width, max(1, len(rows)) * step), parts)


def columns(key: str, title: str, rounds: Sequence[tuple[int, Sequence[Bar]]]) -> Markup:
    """A stacked column a round; all columns share one scale."""
    width, height, base, left = 720, 170, 150, 44
    top = max((sum(bar.value for bar in stack) for _, stack in rounds), default=0) or 1
    step = min(48.0, (width - left - 5) / max(1, len(rounds)))
    every = max(1, round(34 / step))
    parts, sentences = [], []
    for tick in round_steps(0, float(top), 3)[1:]:
        y = base - tick / top * (base - 8)
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 5}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 5}" y="{y + 3:.1f}" text-anchor="end">{number(tick)}</text>')
    for i, (at, stack) in enumerate(rounds):
        x, y = left + i * step, float(base)
        for bar in stack:
            tall = bar.value / top * (base - 8)
            y -= tall
            parts.append(
                f'<rect class="fill {bar.kind}" x="{x + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" '
                f'height="{tall:.1f}"><title>round {at}: {number(bar.value)} {bar.label}</title></rect>'
            )
        if i % every == 0:
            parts.append(f'<text class="tick" x="{x + step / 2:.1f}" y="{base + 15}" text-anchor="middle">{at}</text>')
        sentences.append(f"round {at}: " + ", ".join(f"{bar.label} {number(bar.value)}" for bar in stack))
    parts.append(f'<line class="axis" x1="{left}" x2="{width - 5}" y1="{base}" y2="{base}"/>')
    earlier = f"{len(sentences) - _TOLD} earlier rounds, then " if len(sentences) > _TOLD else ""
    return figure(key, title, earlier + "; ".join(sentences[-_TOLD:]), (width, height), parts)


def pair_of_histograms(
    key: str,
    title: str,
    edges: Sequence[float],
    ours: Sequence[float],
    real: Sequence[float],
    names: Sequence[str] = (),
) -> Markup:
    """Shares between edges of two sides: ours as bars, real ones as a stepped line over them.

    `names` are those of the bars where they stand for something that has no order.
    """
    spans = [printable(name, 40) for name in names] or [
        f"{number(low)} to {number(high)}" for low, high in pairwise(edges)
    ]
    width, height, left, base = 360, 170, 42, 146
    top = max(*ours, *real, 1e-9)
    step = (width - left - 8) / len(ours)
    levels = [base - share / top * (base - 12) for share in real]
    parts = []
    for tick in round_steps(0, top, 3)[1:]:
        y = base - tick / top * (base - 12)
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 5}" y="{y + 3:.1f}" text-anchor="end">{100 * tick:.3g} %</text>')
    for i, share in enumerate(ours):
        tall = share / top * (base - 12)
        label = escape(f"{spans[i]}: {100 * share:.1f} %, real {100 * real[i]:.1f} %")
        parts.append(
            f'<rect class="fill pale" x="{left + i * step + 0.5:.1f}" y="{base - tall:.1f}" width="{step - 1:.1f}" '
            f'height="{tall:.1f}"><title>{label}</title></rect>'
        )
    line = [f"{left + (i + side) * step:.1f},{y:.1f}" for i, y in enumerate(levels) for side in (0, 1)]
    parts.append(f'<polyline class="line real" points="{" ".join(line)}"/>')
    parts.append(f'<line class="axis" x1="{left}" x2="{width - 8}" y1="{base}" y2="{base}"/>')
    for edge in () if names else (0, len(ours) // 2, len(ours)):
        side = "start" if edge == 0 else "end" if edge == len(ours) else "middle"
        parts.append(
            f'<text class="tick" x="{left + edge * step:.1f}" y="{base + 14}" text-anchor="{side}">'
            f"{edges[edge]:.3g}</text>"
        )
    label = "; ".join(
        f"{spans[i]}: {100 * share:.0f} % of ours, {100 * real[i]:.0f} % of real rows" for i, share in enumerate(ours)
    )
    return figure(key, title, label, (width, height), parts)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on a map: coordinates in [-1, 1], radius in [0, 1], the class of its colour, a label or none.

    `link` is where a click leads, empty for nowhere, and `says` what a pointer on it and a reader of the screen hear.
    """

    x: float
    y: float
    radius: float
    kind: str = ""
    label: str = ""
    link: str = ""
    says: str = ""


_MAP_WIDTH, _MAP_HEIGHT, _EDGE = 720, 480, 34
# About how wide a letter of a label is, and how high its line.
_LETTER, _LINE = 6.4, 13.0


def scatter(
    key: str, title: str, description: str, clouds: Sequence[tuple[str, Plane]], spots: Sequence[Spot]
) -> Markup:
    """Clouds of dots (class, points (n, 2) in [-1, 1]) under labelled circles; a cloud is one path, for small pages.

    The first spots lie on top and are labelled first; a label that finds no room is left out.
    """
    parts = [f'<rect class="field" width="{_MAP_WIDTH}" height="{_MAP_HEIGHT}" rx="8"/>']
    for kind, dots in clouds:
        marks = "".join("M{:.0f} {:.0f}h0".format(*_place(float(x), float(y))) for x, y in dots)
        parts.append(f'<path class="cloud {kind}" d="{marks}"/>' if marks else "")
    parts += [_circle(spot) for spot in reversed(spots)]
    taken: list[tuple[float, float, float, float]] = []
    parts += [_label(spot, taken) for spot in spots if spot.label]
    role = "group" if any(spot.link for spot in spots) else "img"
    return figure(key, title, description, (_MAP_WIDTH, _MAP_HEIGHT), parts, role)


def _place(x: float, y: float) -> tuple[float, float]:
    return _EDGE + (x + 1) / 2 * (_MAP_WIDTH - 2 * _EDGE), _EDGE + (1 - y) / 2 * (_MAP_HEIGHT - 2 * _EDGE)


def _radius(spot: Spot) -> float:
    return 4 + 22 * spot.radius


def _circle(spot: Spot) -> str:
    x, y = _place(spot.x, spot.y)
    says = f"<title>{escape(printable(spot.says, 120))}</title>" if spot.says else ""
    drawn = f'<circle class="spot {spot.kind}" cx="{x:.1f}" cy="{y:.1f}" r="{_radius(spot):.1f}">{says}</circle>'
    if not spot.link:
        return drawn
    return f'<a href="{escape(spot.link)}" aria-label="{escape(printable(spot.says, 120))}">{drawn}</a>'


def _label(spot: Spot, taken: list[tuple[float, float, float, float]]) -> str:
    """The label over its circle, or under it; `taken` are the boxes of the labels that stand already."""
    x, y = _place(spot.x, spot.y)
    text = printable(spot.label, 48)
    width = len(text) * _LETTER
    left = min(max(x - width / 2, 2.0), _MAP_WIDTH - width - 2)
    for base in (y - _radius(spot) - 4, y + _radius(spot) + _LINE):
        box = (left, base - _LINE, left + width, base)
        if all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken):
            taken.append(box)
            return f'<text class="label" x="{left:.1f}" y="{base:.1f}">{escape(text)}</text>'
    return ""
