"""How many texts lie between edges: of one side, or of ours beside real ones."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from synthdata.drawing.figure import Drawing, floor_line, level_lines, round_steps
from synthdata.text.display import printable
from synthdata.text.numbers import number

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BASE, _TOP = 360, 170, 42, 8, 146, 12
_UNDER = 18


def histogram(title: str, edges: Sequence[float], counts: Sequence[int], across: str) -> Drawing:
    """Counts between edges, one more edge than counts; `across` names the horizontal axis."""
    top = max([*counts, 1])
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(counts))
    parts = level_lines([(tick, _level(tick, top)) for tick in round_steps(0, top, 3)[1:]], _LEFT, _WIDTH - _RIGHT)
    for i, ((low, high), count) in enumerate(zip(pairwise(edges), counts, strict=True)):
        y = _level(count, top)
        parts.append(
            f'<rect class="fill" x="{_LEFT + i * step + 0.5:.1f}" y="{y:.1f}" width="{max(1.0, step - 1):.1f}" '
            f'height="{_BASE - y:.1f}"><title>{number(low)} to {number(high)}: {count:,}</title></rect>'
        )
    parts += [floor_line(_LEFT, _WIDTH - _RIGHT, _BASE), *_edge_names(edges, step)]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="tick" x="{middle:.0f}" y="{_HEIGHT + _UNDER - 6}" text-anchor="middle">{escape(across)}</text>'
    )
    highest = max(range(len(counts)), key=lambda i: (counts[i], -i), default=None)
    description = f"{sum(counts):,} texts"
    if highest is not None:
        span = f"{edges[highest]:.3g} and {edges[highest + 1]:.3g}"
        description += f"; most, {counts[highest]:,}, between {span}"
    return Drawing(title, description, _WIDTH, _HEIGHT + _UNDER, parts)


def pair_of_histograms(
    title: str, edges: Sequence[float], ours: Sequence[float], real: Sequence[float], names: Sequence[str] = ()
) -> Drawing:
    """Shares between edges of two sides: ours as bars, real ones as a stepped line over them.

    `names` are those of the bars where they stand for something that has no order.
    """
    spans = [printable(name, 40) for name in names] or [f"{number(a)} to {number(b)}" for a, b in pairwise(edges)]
    top = max(*ours, *real, 1e-9)
    step = (_WIDTH - _LEFT - _RIGHT) / len(ours)
    levels = [(tick, _level(tick, top)) for tick in round_steps(0, top, 3)[1:]]
    parts = level_lines(levels, _LEFT, _WIDTH - _RIGHT, "%")
    for i, (span, mine, theirs) in enumerate(zip(spans, ours, real, strict=True)):
        y = _level(mine, top)
        label = escape(f"{span}: {100 * mine:.1f} %, real {100 * theirs:.1f} %")
        parts.append(
            f'<rect class="fill pale" x="{_LEFT + i * step + 0.5:.1f}" y="{y:.1f}" width="{max(step - 1, 0.5):.1f}" '
            f'height="{_BASE - y:.1f}"><title>{label}</title></rect>'
        )
    heights = [_level(share, top) for share in real]
    line = [f"{_LEFT + (i + side) * step:.1f},{y:.1f}" for i, y in enumerate(heights) for side in (0, 1)]
    parts.append(f'<polyline class="line real" points="{" ".join(line)}"/>')
    parts += [floor_line(_LEFT, _WIDTH - _RIGHT, _BASE), *([] if names else _edge_names(edges, step))]
    shares = zip(spans, ours, real, strict=True)
    sentences = [f"{span}: {100 * a:.0f} % of ours, {100 * b:.0f} % of real rows" for span, a, b in shares]
    return Drawing(title, "; ".join(sentences), _WIDTH, _HEIGHT, parts)


def _level(value: float, top: float) -> float:
    return _BASE - value / top * (_BASE - _TOP)


def _edge_names(edges: Sequence[float], step: float) -> list[str]:
    """The first edge, the one in the middle and the last."""
    last = len(edges) - 1
    parts = []
    for edge, side in ((0, "start"), (last // 2, "middle"), (last, "end")):
        x = _LEFT + edge * step
        parts.append(f'<text class="tick" x="{x:.1f}" y="{_BASE + 14}" text-anchor="{side}">{edges[edge]:.3g}</text>')
    return parts
