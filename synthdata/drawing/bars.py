"""Bars across and columns of rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from synthdata.drawing.figure import Drawing, floor_line, last_of, level_lines, round_steps
from synthdata.text.display import printable
from synthdata.text.numbers import number


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its length, the class of its colour, and its value in words where that is no plain number."""

    label: str
    value: float
    kind: str = "accent"
    words: str = ""

    @property
    def shown(self) -> str:
        """The value in words."""
        return self.words or number(self.value)


def bars(title: str, rows: Sequence[Bar]) -> Drawing:
    """Horizontal bars, longest first or in the given order of a funnel, each with its label over it."""
    step, width = 34, 360
    top = max((row.value for row in rows), default=0) or 1
    parts = []
    for i, row in enumerate(rows):
        y = i * step
        length = max(row.value / top * (width - 2), 1.5 if row.value > 0 else 0)
        parts.append(f'<text class="label" x="1" y="{y + 12}">{escape(printable(row.label, 60))}</text>')
        value = escape(printable(row.shown, 20))
        parts.append(f'<text class="value" x="{width - 1}" y="{y + 12}" text-anchor="end">{value}</text>')
        parts.append(f'<rect class="track" x="1" y="{y + 17}" width="{width - 2}" height="8" rx="4"/>')
        parts.append(f'<rect class="fill {row.kind}" x="1" y="{y + 17}" width="{length:.1f}" height="8" rx="4"/>')
    description = ", ".join(f"{row.label}: {row.shown}" for row in rows)
    return Drawing(title, description, width, max(1, len(rows)) * step, parts)


def columns(title: str, rounds: Sequence[tuple[int, Sequence[Bar]]]) -> Drawing:
    """A stacked column a round; all columns share one scale."""
    width, height, base, left = 720, 170, 150, 44
    top = max((sum(bar.value for bar in stack) for _, stack in rounds), default=0) or 1
    step = min(48.0, (width - left - 5) / max(1, len(rounds)))
    every = max(1, round(34 / step))
    levels = [(tick, base - tick / top * (base - 8)) for tick in round_steps(0, float(top), 3)[1:]]
    parts, sentences = level_lines(levels, left, width - 5), []
    for i, (at, stack) in enumerate(rounds):
        x, y = left + i * step, float(base)
        for bar in stack:
            tall = bar.value / top * (base - 8)
            y -= tall
            label = escape(f"round {at}: {bar.shown} {bar.label}")
            parts.append(
                f'<rect class="fill {bar.kind}" x="{x + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" '
                f'height="{tall:.1f}"><title>{label}</title></rect>'
            )
        if i % every == 0:
            parts.append(f'<text class="tick" x="{x + step / 2:.1f}" y="{base + 15}" text-anchor="middle">{at}</text>')
        sentences.append(f"round {at}: " + ", ".join(f"{bar.label} {bar.shown}" for bar in stack))
    parts.append(floor_line(left, width - 5, base))
    return Drawing(title, "; ".join(last_of(sentences)), width, height, parts)
