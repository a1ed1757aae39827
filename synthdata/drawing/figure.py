"""The frame of a picture, the numbers and lines beside it, and its two ways of being shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from synthdata.text.display import printable
from synthdata.text.numbers import number

STYLE = (Path(__file__).parent / "chart.css").read_text(encoding="utf-8")
# A picture over this is drawn at half its size on a phone, with letters twice as large.
_WIDE = 500
# How much higher a picture is that stands alone, for its title and for a note.
_HEAD, _FOOT, _EDGE = 30, 18, 10
_NAMES = 12
_LEAST = 1e-300


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of `width` by `height` units: its elements, and what it says to who does not see it.

    `role` is `img`, one thing to a reader of the screen, or `group` where it holds links.
    """

    title: str
    description: str
    width: int
    height: int
    parts: Sequence[str]
    role: str = "img"

    def inline(self, key: str) -> str:
        """The picture inside a page that has the style sheet; `key` makes its ids unique there."""
        head = f'role="{self.role}" aria-labelledby="{key}-title {key}-desc"'
        return (
            f'<svg class="{self._kind}" viewBox="0 0 {self.width} {self.height}" {head}>'
            f'<title id="{key}-title">{_text(self.title)}</title><desc id="{key}-desc">{_text(self.description)}</desc>'
            f"{''.join(self.parts)}</svg>"
        )

    def alone(self, note: str = "") -> str:
        """The picture as a file of its own, on its own ground, under its title and over a note."""
        width, height = self.width + 2 * _EDGE, self.height + _HEAD + (_FOOT if note else 0) + _EDGE
        below = f'<text class="tick" x="{_EDGE}" y="{height - _EDGE}">{_text(note)}</text>' if note else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{self._kind} alone" viewBox="0 0 {width} {height}" '
            f'width="{width}" role="img"><title>{_text(self.title)}</title><desc>{_text(self.description)}</desc>'
            f"<style>{STYLE.replace(':root, ', '')}</style>"
            f'<rect class="ground" width="{width}" height="{height}"/>'
            f'<text class="head" x="{_EDGE}" y="20">{_text(self.title)}</text>'
            f'<g transform="translate({_EDGE} {_HEAD})">{"".join(self.parts)}</g>{below}</svg>\n'
        )

    @property
    def _kind(self) -> str:
        return "chart wide" if self.width > _WIDE else "chart"


def _text(text: str) -> str:
    return escape(printable(text))


def level_lines(levels: Sequence[tuple[float, float]], left: float, right: float, unit: str = "") -> list[str]:
    """A pale line across for each pair of a value and its height, with the value at the left end."""
    parts = []
    for value, y in levels:
        shown = f"{100 * value:.3g} %" if unit == "%" else number(value)
        parts.append(f'<line class="grid" x1="{left:g}" x2="{right:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 5:g}" y="{y + 3:.1f}" text-anchor="end">{shown}</text>')
    return parts


def floor_line(left: float, right: float, y: float) -> str:
    """The line on which a picture stands."""
    return f'<line class="axis" x1="{left:g}" x2="{right:g}" y1="{y:g}" y2="{y:g}"/>'


def last_of(sentences: Sequence[str], unit: str = "round") -> list[str]:
    """The last of many sentences, with a word on how many came before: a description is read out whole."""
    more = len(sentences) - _NAMES
    return ([f"{more} earlier {unit}s"] if more > 0 else []) + list(sentences[-_NAMES:])


def span_of(*spans: float) -> float:
    """The first of these that a scale can be divided by, else 1: floats next to 0 underflow."""
    return next((span for span in spans if span > _LEAST), 1.0)


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
