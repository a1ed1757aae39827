"""The pictures of the page: inline SVG in the colours of the page's style; each has a title and tells its numbers.

No script, no font and no address; labels are escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# Narrow, so that the letters stay readable on a telephone.
_WIDTH = 420
_ROW, _LABEL, _TOLD = 26, 130, 64
_HEIGHT, _LEFT, _BOTTOM, _TOP = 200, 44, 34, 12


@dataclass(frozen=True)
class Range:
    """A value beside an interval, drawn on a scale of its own; `told` is the value in words."""

    label: str
    value: float
    low: float
    high: float
    told: str


def histogram_svg(title: str, edges: Sequence[float], counts: Sequence[int], across: str) -> str:
    """Counts between edges, one more edge than counts; `across` names the horizontal axis."""
    top = max([*counts, 1])
    step = (_WIDTH - _LEFT - 8) / max(1, len(counts))
    floor = _HEIGHT - _BOTTOM
    parts = [
        f'<rect class="bar" x="{_LEFT + n * step + 0.5:.1f}" y="{floor - height:.1f}" width="{max(1.0, step - 1):.1f}" '
        f'height="{height:.1f}"/>'
        for n, height in enumerate((floor - _TOP) * count / top for count in counts)
    ]
    ends = [(edges[0], _LEFT, "start"), (edges[len(edges) // 2], _LEFT + (len(edges) // 2) * step, "middle")]
    ends.append((edges[-1], _WIDTH - 8, "end"))
    parts += [f'<text x="{x:.1f}" y="{floor + 15}" text-anchor="{side}">{edge:.3g}</text>' for edge, x, side in ends]
    parts += [
        f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{top:,}</text>',
        f'<text x="{_LEFT - 4}" y="{floor}" text-anchor="end">0</text>',
        f'<path class="axis" d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - 8}"/>',
    ]
    highest = max(range(len(counts)), key=lambda n: (counts[n], -n))
    description = (
        f"{sum(counts):,} texts; most, {counts[highest]:,}, between {edges[highest]:.3g} and {edges[highest + 1]:.3g}"
    )
    return _figure(title, description, _HEIGHT, parts)


def bars_svg(title: str, labels: Sequence[str], values: Sequence[float], descriptions: Sequence[str]) -> str:
    """One horizontal bar a label, with its value in words at the end."""
    highest = max([*values, 1e-9])
    room = _WIDTH - _LABEL - _TOLD
    parts = []
    for n, (label, value, words) in enumerate(zip(labels, values, descriptions, strict=True)):
        y, width = n * _ROW + 6, room * value / highest
        parts.append(
            f'<text x="{_LABEL - 6}" y="{y + 14}" text-anchor="end">{escape(_short(label))}</text>'
            f'<rect class="bar" x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_ROW - 8}"/>'
            f'<text x="{_LABEL + width + 5:.1f}" y="{y + 14}">{escape(words)}</text>'
        )
    parts.append(f'<path class="axis" d="M{_LABEL} 2V{len(values) * _ROW + 4}"/>')
    sentence = ", ".join(f"{label}: {words}" for label, words in zip(labels, descriptions, strict=True))
    return _figure(title, sentence, len(values) * _ROW + 8, parts)


def ranges_svg(title: str, ranges: Sequence[Range]) -> str:
    """One line a range: the interval as a band, the value as a dot, filled where it lies outside."""
    parts = []
    for n, item in enumerate(ranges):
        y = n * _ROW + _ROW / 2 + 2
        lowest, highest = min(item.low, item.value), max(item.high, item.value)
        margin = 0.08 * (highest - lowest) or 1.0

        def place(value: float, lowest: float = lowest - margin, highest: float = highest + margin) -> float:
            return _LABEL + (_WIDTH - _LABEL - _TOLD) * (value - lowest) / (highest - lowest)

        low, high, x = place(item.low), place(item.high), place(item.value)
        kind = "inside" if item.low <= item.value <= item.high else "outside"
        parts.append(
            f'<text x="{_LABEL - 6}" y="{y + 4}" text-anchor="end">{escape(_short(item.label))}</text>'
            f'<path class="axis" d="M{_LABEL} {y}H{_WIDTH - _TOLD}"/>'
            f'<rect class="band" x="{low:.1f}" y="{y - 7}" width="{max(2.0, high - low):.1f}" height="14"/>'
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="5"/>'
            f'<text x="{_WIDTH - _TOLD + 6}" y="{y + 4}">{escape(item.told)}</text>'
        )
    sentence = ", ".join(f"{r.label}: {r.told}, interval {r.low:.3g} to {r.high:.3g}" for r in ranges)
    return _figure(title, sentence, len(ranges) * _ROW + 6, parts)


def _short(label: str) -> str:
    return label if len(label) <= 19 else label[:18] + "\N{HORIZONTAL ELLIPSIS}"


def _figure(title: str, description: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{''.join(parts)}</svg>"
    )
