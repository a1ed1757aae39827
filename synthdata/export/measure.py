"""Collision, N2 and cell shares of the rows that are written, in the anchor's own views.

What was admitted was measured when it was admitted; a training set also holds real rows, several rows of one
candidate, and less than everything, so the numbers are taken again from what stands in the files.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metrics.spectrum import SecondMoment
from synthdata.export.collect import Source
from synthdata.gate.anchor import Anchor
from synthdata.protocols import Encoder, Vectors
from synthdata.records import OUTSIDE, content_hash

_BATCH = 256
_FRACTION = 13


@dataclass
class Measured:
    """Sums over the rows seen so far; nothing of a row is kept.

    `share` of the pieces, chosen by a seeded hash, are measured, so that encoding real rows stays affordable; collision
    is a U-statistic, which a uniform sample does not bias. `alpha` is the level at which a context is outside.
    """

    anchor: Anchor
    encoder: Encoder
    share: float
    seed: int
    alpha: float
    moment: SecondMoment | None = None
    cells: Counter[int] = field(default_factory=Counter)
    rows: int = 0
    _waiting: list[tuple[str, str, Vectors | None, int | None]] = field(default_factory=list)

    def add(self, piece: Source, rows: int) -> None:
        """Count the rows that a piece has in the set; each speaks of one of its views, the last for those beyond."""
        place = int(content_hash(str(self.seed), "measure", piece.key, length=_FRACTION), 16) / float(1 << 52)
        if place >= self.share or not piece.views:
            return
        for i in range(rows):
            content, context = piece.views[min(i, len(piece.views) - 1)]
            cell = None if self.anchor.context.epoch else piece.cell
            # What is stored is the vector of the last view; earlier answers of a chat lie in the region of the chat.
            vector = piece.vector if i >= len(piece.views) - 1 else None
            self._waiting.append((content, context, vector, cell))
        if len(self._waiting) >= _BATCH:
            self._flush()

    def facts(self) -> dict[str, Any]:
        """`rows` measured, `collision`, `n2`, `cell_shares` beside `real_cell_shares`, share outside all cells."""
        self._flush()
        inside = sum(count for cell, count in self.cells.items() if cell >= 0)
        pi = self.anchor.context.real_shares()
        shares = [self.cells[cell] / max(1, inside) for cell in range(len(pi))]
        known = [(p, q) for p, q in zip(shares, pi, strict=True) if p > 0]
        enough = self.moment is not None and self.moment.n > 1
        return {
            "rows": self.rows,
            "collision": self.moment.collision_probability() if enough and self.moment else None,
            "n2": self.moment.effective_number() if enough and self.moment else None,
            "outside": self.cells[OUTSIDE] / max(1, self.rows),
            "kl_to_real": float(sum(p * np.log(p / q) for p, q in known)) if inside else None,
            "cell_shares": shares,
            "real_cell_shares": [float(p) for p in pi],
        }

    def _flush(self) -> None:
        half = self.anchor.content
        if not self._waiting or half is None:
            self._waiting = []
            return
        waiting, self._waiting = self._waiting, []
        content = _encoded([(text, vector) for text, _, vector, _ in waiting], self.encoder)
        unit, norms = half.centred(content)
        self.moment = self.moment or SecondMoment(unit.shape[1])
        live = unit[norms > 0]
        if len(live):
            self.moment.add(live)
        self.rows += len(waiting)
        self.cells.update(cell for _, _, _, cell in waiting if cell is not None)
        placed = [i for i, (_, _, _, cell) in enumerate(waiting) if cell is None]
        if placed:
            two = self.anchor.views == "two"
            vectors = self.encoder.encode([waiting[i][1] for i in placed]) if two else content[placed]
            self.cells.update(self.anchor.context.locate(vectors, self.alpha).cells.tolist())


def _encoded(rows: list[tuple[str, Vectors | None]], encoder: Encoder) -> Vectors:
    """The vectors of the rows; those that are stored are not made again."""
    missing = [i for i, (_, vector) in enumerate(rows) if vector is None]
    fresh = dict(zip(missing, encoder.encode([rows[i][0] for i in missing]), strict=True)) if missing else {}
    made = [fresh[i] if vector is None else vector for i, (_, vector) in enumerate(rows)]
    return np.asarray(made, dtype=np.float32)
