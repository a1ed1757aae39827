"""A map: clouds of dots under labelled circles, which may lead somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from synthdata.drawing.figure import Drawing
from synthdata.text.display import printable

Plane = NDArray[np.float64]


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


_WIDTH, _HEIGHT, _EDGE = 720, 480, 34
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Lettering:
    """A class of labels: about how wide a letter is, how high a line, and the most letters of one."""

    name: str
    letter: float
    line: float
    most: int


# On a phone the map has half its size: fewer labels then, in letters twice as large. The style sheet shows one of both.
_BROAD, _NARROW = _Lettering("broad", 6.4, 13.0, 48), _Lettering("narrow", 12.8, 26.0, 24)


def scatter(title: str, description: str, clouds: Sequence[tuple[str, Plane]], spots: Sequence[Spot]) -> Drawing:
    """Clouds of dots (class, points (n, 2) in [-1, 1]) under labelled circles; a cloud is one path, for small pages.

    The first spots lie on top and are labelled first; a label that finds no room is left out.
    """
    parts = [f'<rect class="field" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>']
    for kind, dots in clouds:
        marks = "".join("M{:.0f} {:.0f}h0".format(*_place(float(x), float(y))) for x, y in dots)
        parts.append(f'<path class="cloud {kind}" d="{marks}"/>' if marks else "")
    parts += [_circle(spot) for spot in reversed(spots)]
    for lettering in (_BROAD, _NARROW):
        taken: list[Box] = []
        parts += [_label(spot, lettering, taken) for spot in spots if spot.label]
    role = "group" if any(spot.link for spot in spots) else "img"
    return Drawing(title, description, _WIDTH, _HEIGHT, parts, role)


def _place(x: float, y: float) -> tuple[float, float]:
    return _EDGE + (x + 1) / 2 * (_WIDTH - 2 * _EDGE), _EDGE + (1 - y) / 2 * (_HEIGHT - 2 * _EDGE)


def _radius(spot: Spot) -> float:
    return 4 + 22 * spot.radius


def _circle(spot: Spot) -> str:
    x, y = _place(spot.x, spot.y)
    says = f"<title>{escape(printable(spot.says, 120))}</title>" if spot.says else ""
    drawn = f'<circle class="spot {spot.kind}" cx="{x:.1f}" cy="{y:.1f}" r="{_radius(spot):.1f}">{says}</circle>'
    if not spot.link:
        return drawn
    return f'<a href="{escape(spot.link)}" aria-label="{escape(printable(spot.says, 120))}">{drawn}</a>'


def _label(spot: Spot, lettering: _Lettering, taken: list[Box]) -> str:
    """The label over its circle, or under it; `taken` are the boxes of the labels that stand already."""
    x, y = _place(spot.x, spot.y)
    text = printable(spot.label, lettering.most)
    width = len(text) * lettering.letter
    left = min(max(x - width / 2, 2.0), _WIDTH - width - 2)
    for base in (y - _radius(spot) - 4, y + _radius(spot) + lettering.line):
        box = (left, base - lettering.line, left + width, base)
        # The upper half of a large label may not leave the map.
        if box[1] >= 0 and all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken):
            taken.append(box)
            return f'<text class="label {lettering.name}" x="{left:.1f}" y="{base:.1f}">{escape(text)}</text>'
    return ""
