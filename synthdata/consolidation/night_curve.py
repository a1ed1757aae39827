"""The exam over nights as a picture: the share of held-out states whose first choice was a best move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthdata.consolidation.practice_rule import BEST_MOVES
from synthdata.drawing import Drawing
from synthdata.drawing.figure import floor_line, last_of, level_lines
from synthdata.io.files import atomic_write

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _FLOOR = 480, 240, 46, 440, 24, 216


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
    last, first = nights[-1][0], nights[0][1]["before"]

    def x(night: float) -> float:
        return round(_LEFT + night * (_RIGHT - _LEFT) / last, 1)

    def y(share: float) -> float:
        return round(_FLOOR - share * (_FLOOR - _TOP), 1)

    points = [(0, first), *((number, one["after"]) for number, one, kept in nights if kept)]
    line = " ".join(f"{x(night)},{y(share)}" for night, share in points)
    parts = level_lines([(share, y(share)) for share in (0, 0.25, 0.5, 0.75, 1)], _LEFT, _RIGHT, "%")
    parts += [f'<polyline class="line" points="{line}"/>', f'<circle class="dot" cx="{x(0)}" cy="{y(first)}" r="5"/>']
    for number, one, kept in nights:
        low, high = (one["before"] + one[name] for name in ("low", "high"))
        parts.append(f'<path class="whisker" d="M{x(number)} {y(max(0, low))}V{y(min(1, high))}"/>')
        kind = "dot" if kept else "hollow"
        parts.append(f'<circle class="{kind}" cx="{x(number)}" cy="{y(one["after"])}" r="5"/>')
        place = f'x="{x(number) - 8}" y="{y(one["after"]) - 10}" text-anchor="end"'
        parts.append(f'<text class="value" {place}>{one["after"]:.2f}</text>')
    parts.append(floor_line(_LEFT, _RIGHT, _FLOOR))
    for number, name in enumerate(["before", *(f"night {number}" for number in range(1, last + 1))]):
        parts.append(f'<text class="tick" x="{x(number)}" y="{_FLOOR + 16}" text-anchor="middle">{name}</text>')
    title = f"Best moves on held-out games: {first:.2f} before, {nights[-1][1]['after']:.2f} after night {last}"
    sentences = [f"night {n}: {one['after']:.2f}{'' if kept else ', rolled back'}" for n, one, kept in nights]
    description = ", ".join([f"before: {first:.2f}", *last_of(sentences, "night")])
    return Drawing(title, description, _WIDTH, _HEIGHT, parts).alone(
        "Hollow: rolled back. Whiskers: interval of the change."
    )
