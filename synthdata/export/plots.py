"""Two figures for the dataset card, as SVG without scripts, fonts or outside addresses; each has a text for readers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 240, 56, 32, 28
_INK, _MARK, _PALE = "#333", "#1f6feb", "#c9d7ea"
_MOST_BARS = 60


def trend_svg(title: str, points: Sequence[tuple[int, float]], band: tuple[float, float] | None) -> str:
    """A number by round, with the band in which real text of that size lies where it is known."""
    values = [value for _, value in points] + list(band or ())
    top = max(values, default=1.0) * 1.1 or 1.0
    first, last = points[0][0], points[-1][0]

    def place(number: int, value: float) -> tuple[float, float]:
        across = 0.5 if last == first else (number - first) / (last - first)
        return _LEFT + across * (_WIDTH - _LEFT - 16), _level(value, top)

    parts = []
    if band is not None:
        high, low = _level(band[1], top), _level(band[0], top)
        parts.append(
            f'<rect x="{_LEFT}" y="{high:.1f}" width="{_WIDTH - _LEFT}" height="{max(1.0, low - high):.1f}" '
            f'fill="{_PALE}"/><text x="{_WIDTH - 4}" y="{high - 4:.1f}" text-anchor="end">real text of that size</text>'
        )
    places = [place(*point) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{_MARK}" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_MARK}"/>' for x, y in places]
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 8}">round {first}</text>')
    if last != first:
        parts.append(f'<text x="{_WIDTH - 4}" y="{_HEIGHT - 8}" text-anchor="end">round {last}</text>')
    x, y = places[-1]
    parts.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="end">{points[-1][1]:.3g}</text>')
    description = ", ".join(f"round {number}: {value:.4g}" for number, value in points[-10:])
    return _figure(title, description, top, parts)


def shares_svg(title: str, written: Sequence[float], real: Sequence[float]) -> str:
    """Shares of the largest cells among the rows written (bars) beside those of real data (marks)."""
    order = sorted(range(len(real)), key=lambda i: (-real[i], i))[:_MOST_BARS]
    top = max([*(written[i] for i in order), *(real[i] for i in order)], default=1.0) * 1.1 or 1.0
    step = (_WIDTH - _LEFT - 8) / max(1, len(order))
    parts = []
    for n, i in enumerate(order):
        x, y = _LEFT + n * step, _level(written[i], top)
        parts.append(
            f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{max(1.0, step - 2):.1f}" '
            f'height="{_HEIGHT - _BOTTOM - y:.1f}" fill="{_PALE}"/>'
        )
        mark = _level(real[i], top)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x + step:.1f}" y1="{mark:.1f}" y2="{mark:.1f}" stroke="{_MARK}" '
            'stroke-width="2"/>'
        )
    parts.append(
        f'<text x="{_LEFT}" y="{_HEIGHT - 8}">cells by real share; bars: rows written, lines: real data</text>'
    )
    description = ", ".join(f"cell {i}: {written[i]:.1%} written, {real[i]:.1%} real" for i in order[:10])
    return _figure(title, description, top, parts)


def _level(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _BOTTOM - _TOP)


def _figure(title: str, description: str, top: float, parts: Sequence[str]) -> str:
    floor = _HEIGHT - _BOTTOM
    axis = (
        f'<line x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{floor}" stroke="{_INK}"/>'
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{floor}" y2="{floor}" stroke="{_INK}"/>'
        f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{top:.3g}</text>'
        f'<text x="{_LEFT - 4}" y="{floor}" text-anchor="end">0</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-family="sans-serif" '
        f'font-size="12" fill="{_INK}"><title>{escape(title)}</title><desc>{escape(description)}</desc>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        f'<text x="{_LEFT}" y="16" font-weight="bold">{escape(title)}</text>{axis}{"".join(parts)}</svg>\n'
    )
