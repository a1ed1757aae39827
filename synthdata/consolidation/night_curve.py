"""The exam over nights as a picture: the share of held-out states whose first choice was a best move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthdata.consolidation.practice_rule import BEST_MOVES
from synthdata.io.files import atomic_write

WIDTH, HEIGHT, LEFT, FLOOR = 640, 320, 56, 272


def write_exam_curve(path: Path, sleeps: Sequence[Mapping[str, Any]]) -> bool:
    """Draw the nights that were examined in choosing, and say whether there was one."""
    measured = [
        (number, one)
        for number, slept in enumerate(sleeps, 1)
        for one in slept["measured"]
        if one["name"] == BEST_MOVES
    ]
    if measured:
        kept = [sleeps[number - 1]["kept"] for number, _ in measured]
        atomic_write(path, draw([(number, one, k) for (number, one), k in zip(measured, kept, strict=True)]))
    return bool(measured)


def draw(nights: Sequence[tuple[int, Mapping[str, Any], bool]]) -> str:
    """Points for the model before the first night and after each; whiskers are the interval of the change.

    A hollow point is an adapter that was rolled back: the next night began where the one before had ended.
    """
    last = nights[-1][0]
    first = nights[0][1]["before"]

    def x(night: float) -> float:
        return round(LEFT + night * (WIDTH - LEFT - 40) / last, 1)

    def y(share: float) -> float:
        return round(FLOOR - share * (FLOOR - 48), 1)

    points = [(0, first), *((number, one["after"]) for number, one, kept in nights if kept)]
    line = " ".join(f"{x(night)},{y(share)}" for night, share in points)
    marks = f'<circle cx="{x(0)}" cy="{y(first)}" r="5"/>'
    for number, one, kept in nights:
        low, high = (one["before"] + one[name] for name in ("low", "high"))
        marks += f'<path d="M{x(number)} {y(max(0, low))}V{y(min(1, high))}" stroke="#1f5f9e" stroke-width="2"/>'
        fill = "" if kept else ' fill="#fff" stroke="#1f5f9e" stroke-width="2"'
        marks += f'<circle cx="{x(number)}" cy="{y(one["after"])}" r="5"{fill}/>'
        marks += f'<text x="{x(number) - 8}" y="{y(one["after"]) - 12}" text-anchor="end">{one["after"]:.2f}</text>'
    grid = "".join(
        f'<path d="M{LEFT} {y(share)}H{WIDTH - 20}" stroke="#ddd"/>'
        f'<text x="{LEFT - 8}" y="{y(share) + 4}" text-anchor="end">{share:.0%}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    labels = ["before", *(f"night {number}" for number in range(1, last + 1))]
    names = "".join(
        f'<text x="{x(number)}" y="{FLOOR + 20}" text-anchor="middle">{label}</text>'
        for number, label in enumerate(labels)
    )
    title = f"Best moves on held-out games: {first:.2f} before, {nights[-1][1]['after']:.2f} after night {last}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" '
        f'font-size="13"><title>{title}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{grid}'
        f'<text x="{LEFT}" y="24">{title}</text>'
        f'<polyline points="{line}" fill="none" stroke="#1f5f9e" stroke-width="2"/>'
        f'<g fill="#1f5f9e" stroke="none">{marks}</g>{names}</svg>\n'
    )
