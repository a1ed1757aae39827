"""The loss curve of a training, as lines of JSON and as a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from synthdata.drawing import Drawing
from synthdata.drawing.figure import floor_line, level_lines, round_steps

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _FLOOR = 480, 240, 46, 470, 8, 216
# Steps that the drawn mean looks back on: single batches of four rows jump.
WINDOW = 5


def write_curve(folder: Path, losses: Sequence[float]) -> None:
    """`loss.jsonl` with one `{"step", "loss"}` a line, and `loss.svg`."""
    lines = [json.dumps({"step": step, "loss": round(loss, 6)}) for step, loss in enumerate(losses, 1)]
    (folder / "loss.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    (folder / "loss.svg").write_text(draw(losses), encoding="utf-8")


def draw(losses: Sequence[float]) -> str:
    """The curve as SVG: dots for the batches, a line for their mean over the last steps."""
    top, bottom = max([*losses, 0.0]) or 1.0, min([0.0, *losses])
    across, down = (_RIGHT - _LEFT) / max(1, len(losses) - 1), (_FLOOR - _TOP) / (top - bottom)

    def place(step: int, value: float) -> tuple[float, float]:
        return round(_LEFT + step * across, 1), round(_FLOOR - (value - bottom) * down, 1)

    smooth = [sum(losses[max(0, i + 1 - WINDOW) : i + 1]) / min(i + 1, WINDOW) for i in range(len(losses))]
    parts = level_lines([(tick, place(0, tick)[1]) for tick in round_steps(bottom, top, 4)], _LEFT, _RIGHT)
    parts += ['<circle class="mark" cx="{}" cy="{}" r="2"/>'.format(*place(i, loss)) for i, loss in enumerate(losses)]
    line = " ".join("{},{}".format(*place(i, loss)) for i, loss in enumerate(smooth))
    parts += [f'<polyline class="line" points="{line}"/>', floor_line(_LEFT, _RIGHT, _FLOOR)]
    parts.append(f'<text class="tick" x="{_RIGHT}" y="{_FLOOR + 16}" text-anchor="end">step {len(losses)}</text>')
    ends = f"{smooth[0]:.3f} to {smooth[-1]:.3f}" if smooth else "no step"
    title = f"Training loss over {len(losses)} steps: {ends} nats a token"
    drawing = Drawing(title, f"mean of {WINDOW} steps: {ends} nats a token", _WIDTH, _HEIGHT, parts)
    return drawing.alone(f"Dots: batches. Line: mean of the last {WINDOW} steps.")
