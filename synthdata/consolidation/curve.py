"""The loss curve of a training, as lines of JSON and as a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 640, 320, 48
# Steps that the drawn mean looks back on: single batches of four rows jump.
WINDOW = 5


def write_curve(folder: Path, losses: Sequence[float]) -> None:
    """`loss.jsonl` with one `{"step", "loss"}` a line, and `loss.svg`."""
    lines = [json.dumps({"step": step, "loss": round(loss, 6)}) for step, loss in enumerate(losses, 1)]
    (folder / "loss.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    (folder / "loss.svg").write_text(draw(losses), encoding="utf-8")


def draw(losses: Sequence[float]) -> str:
    """The curve as SVG: dots for the batches, a line for their mean over the last steps."""
    top, bottom = max(losses, default=1.0), min([0.0, *losses])
    across, down = (WIDTH - 2 * MARGIN) / max(1, len(losses) - 1), (HEIGHT - 2 * MARGIN) / ((top - bottom) or 1)

    def place(step: int, value: float) -> tuple[float, float]:
        return round(MARGIN + step * across, 1), round(HEIGHT - MARGIN - (value - bottom) * down, 1)

    smooth = [sum(losses[max(0, i + 1 - WINDOW) : i + 1]) / min(i + 1, WINDOW) for i in range(len(losses))]
    dots = "".join('<circle cx="{}" cy="{}" r="2"/>'.format(*place(i, loss)) for i, loss in enumerate(losses))
    line = " ".join("{},{}".format(*place(i, loss)) for i, loss in enumerate(smooth))
    last = f"{smooth[0]:.3f} to {smooth[-1]:.3f}" if smooth else "no step"
    text = f"Training loss over {len(losses)} steps: {last} nats a token"
    axis = f"M{MARGIN} {MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" '
        f'font-size="13"><title>{text}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<path d="{axis}" fill="none" stroke="#555"/><g fill="#9bb7d4">{dots}</g>'
        f'<polyline points="{line}" fill="none" stroke="#1f5f9e" stroke-width="2"/>'
        f'<text x="{MARGIN}" y="{MARGIN - 16}">{text}</text>'
        f'<text x="{MARGIN - 6}" y="{MARGIN + 4}" text-anchor="end">{top:.2f}</text>'
        f'<text x="{MARGIN - 6}" y="{HEIGHT - MARGIN}" text-anchor="end">{bottom:.0f}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - MARGIN + 18}" text-anchor="end">step {len(losses)}</text></svg>\n'
    )
