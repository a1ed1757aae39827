"""All pairs of vectors within a cosine, exactly, without looking at most of them.

Rows are turned so that their leading directions carry most of their length. The product of two rows is at most the
product of these heads plus the product of what is left over's lengths (Cauchy and Schwarz); with the left-over length
as one more coordinate that bound is itself one matrix product, a sixth as dear as the full one at 384 dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from synthdata.protocols import Vectors
from synthdata.similarity.index import ROUNDING

Rows = NDArray[np.int64]

_HEAD = 63
_SAMPLE = 8192
LATER = 512
_EARLIER = 2048
# Of a tile in which more pairs than this may be near, the full product is cheaper than looking at each.
_DENSE = 1 / 64


def pairs_within(vectors: Vectors, threshold: float) -> Iterator[tuple[Rows, Rows, NDArray[np.float64]]]:
    """Pairs (later, earlier, cosine) of unit rows (n, d) with a cosine of at least `threshold`, a tile at a time.

    `earlier` < `later`; every pair comes once, by blocks of later rows in order. The bound holds for any vectors, so
    that none is missed; how much it saves depends on them. float32 products err by less than the slack that is added,
    and each cosine is one float64 sum. Time O(n^2), memory O(n) and the pairs of a tile.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    heads = _heads(rows)
    for first in range(0, len(rows), LATER):
        later = slice(first, first + LATER)
        for start in range(0, min(first + LATER, len(rows)), _EARLIER):
            earlier = slice(start, min(start + _EARLIER, first + LATER))
            found = _tile(rows, heads, later, earlier, threshold)
            if len(found[0]):
                yield found


def _tile(
    rows: Vectors, heads: Vectors, later: slice, earlier: slice, threshold: float
) -> tuple[Rows, Rows, NDArray[np.float64]]:
    least = np.float32(threshold - ROUNDING)
    bound = heads[later] @ heads[earlier].T
    if bound.max() < least:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
    near = bound >= least
    if heads is not rows and near.mean() > _DENSE:
        near = rows[later] @ rows[earlier].T >= least
    left, right = np.nonzero(near)
    left, right = left + later.start, right + earlier.start
    below = right < left
    left, right = left[below], right[below]
    cosines = np.empty(len(left), dtype=np.float64)
    for start in range(0, len(left), _SAMPLE):
        part = slice(start, start + _SAMPLE)
        cosines[part] = (rows[left[part]].astype(np.float64) * rows[right[part]]).sum(axis=1)
    keep = cosines >= threshold
    return left[keep], right[keep], cosines[keep]


def _heads(rows: Vectors) -> Vectors:
    """The rows' leading coordinates and the length of the rest, (n, 64); the rows themselves where they are short."""
    if rows.shape[1] <= _HEAD + 1 or not len(rows):
        return rows
    sample = rows[:: max(1, len(rows) // _SAMPLE)].astype(np.float64)
    basis = np.linalg.eigh(sample.T @ sample)[1][:, -_HEAD:]
    heads = np.empty((len(rows), _HEAD + 1), dtype=np.float32)
    for start in range(0, len(rows), _SAMPLE):
        part = rows[start : start + _SAMPLE].astype(np.float64)
        head = part @ basis
        heads[start : start + _SAMPLE, :_HEAD] = head
        rest = np.maximum(np.square(part).sum(axis=1) - np.square(head).sum(axis=1), 0.0)
        heads[start : start + _SAMPLE, _HEAD] = np.sqrt(rest)
    return heads
