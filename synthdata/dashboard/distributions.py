"""Distributions of the admitted rows beside those of real data: cells, lengths, and how near the nearest text is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthdata.dashboard.coverage import spread
from synthdata.dashboard.reading import Reading
from synthdata.gate.cells import centre
from synthdata.gate.epochs import current_anchor
from synthdata.gate.reference import load_reference
from synthdata.monitor.sample import admitted_sample
from synthdata.protocols import Vectors

# Of either side, so that both are samples of nearly one size: the nearest of more is nearer.
MOST_ROWS = 600
_BINS = 16
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Shape:
    """Shares of rows between edges, one more edge than shares, of the admitted rows and of real ones.

    `names` are those of the bars where they stand for something that has no order.
    """

    key: str
    name: str
    says: str
    edges: Sequence[float]
    ours: Sequence[float]
    real: Sequence[float]
    names: Sequence[str] = ()


def distributions(reading: Reading) -> list[Shape]:
    """All shapes that this corpus has; measured once for each version of it."""
    if reading.shapes is None:
        shares = cell_shares(reading)
        reading.shapes = [*([shares] if shares else []), *_of_contents(reading)]
    return reading.shapes


def _of_contents(reading: Reading) -> list[Shape]:
    """The shapes of the content view from at most MOST_ROWS rows of either side; none where a side has under two."""
    store = reading.store
    anchor = current_anchor(store, as_of=reading.as_of)
    if anchor.content is None:
        return []
    rows = admitted_sample(store, reading.as_of).filter(pl.col("content_vector").is_not_null())
    reference = load_reference(store.anchor_dir())
    real = [i for i, row in enumerate(reference.rows) if row.content]
    size = min(rows.height, len(real), MOST_ROWS)
    if size < _LEAST:
        return []
    kept = rows[:size]
    theirs = [real[i] for i in spread(len(real), size)]
    mean = anchor.content.mean
    x, y = centre(store.vectors(kept, "content"), mean)[0], centre(reference.content[theirs], mean)[0]
    ours, beside = _nearest(x), _nearest(y)
    novelty: NDArray[np.float32] = (x @ y.T).max(axis=1)
    lengths = kept["words"].to_list(), [len(reference.rows[i].content.split()) for i in theirs]
    return [
        _shape("lengths", "Words of a text", f"From {size} rows of either side.", *map(np.array, lengths)),
        _shape("nearest", "How near the nearest other text is",
               "Cosine after centring; a heap at the right end says that many texts repeat another.", ours, beside),
        _shape("novelty", "How near the nearest real text is",
               "Cosine to the nearest real row, of real rows to the nearest other: bars to the left of the line are "
               "new, bars at the right end copy real text.", novelty, beside),
    ]  # fmt: skip


def cell_shares(reading: Reading) -> Shape | None:
    """The share of each of the largest cells among admitted and among real rows; None with fewer than two cells."""
    cells = sorted(reading.map.cells, key=lambda cell: (-cell.real_share, cell.number))[:_BINS]
    if len(cells) < _LEAST or not reading.map.rows:
        return None
    names = [f"{cell.number} ({', '.join(cell.terms[:2])})" if cell.terms else str(cell.number) for cell in cells]
    says = f"The {len(cells)} largest cells of real data, largest first; the table under Cells has all."
    return Shape(
        "shares", "Share of each cell", says, range(len(cells) + 1),
        [cell.share for cell in cells], [cell.real_share for cell in cells], names,
    )  # fmt: skip


def _shape(key: str, name: str, says: str, ours: NDArray[np.generic], real: NDArray[np.generic]) -> Shape:
    both = np.concatenate([ours, real]).astype(np.float64)
    # The longest one in a hundred would leave the rest in one bar.
    top = float(np.percentile(both, 99))
    low = float(both.min())
    edges = np.linspace(low, top if top > low else low + 1, _BINS + 1)
    parts = [np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] / len(side) for side in (ours, real)]
    return Shape(key, name, says, edges.tolist(), parts[0].tolist(), parts[1].tolist())


def _nearest(x: Vectors) -> NDArray[np.float32]:
    """Of each row its largest cosine to another row."""
    cosines = x @ x.T
    np.fill_diagonal(cosines, -1)
    nearest: NDArray[np.float32] = cosines.max(axis=1)
    return nearest
