"""What vectors of a seeded sample of the texts say: repeats in other words, N2 and the Vendi score, with intervals.

An interval is two standard deviations of subsamples without replacement, scaled to the sample's size; with replacement
copies would bias all of these numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.spectrum import effective_number, vendi_score
from synthdata.gate.cells import centre
from synthdata.inspection.copies import Earlier
from synthdata.monitor.views import permutation
from synthdata.protocols import Vectors
from synthdata.settings import InspectSettings

LEAST_ROWS = 20
_WIDTH = 2.0
_BLOCK = 1024


@dataclass(frozen=True)
class Figure:
    """A number with its interval, from `rows` rows; what is not defined is None and `note` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    rows: int = 0
    note: str = ""


def sample_rows(n: int, settings: InspectSettings) -> NDArray[np.int64]:
    """The rows whose meaning is looked at, in ascending order."""
    return np.sort(permutation(n, settings.seed, "inspect")[: settings.semantic_rows])


def centred(vectors: Vectors, mean: Vectors) -> tuple[Vectors, NDArray[np.bool_]]:
    """Centred unit rows of those that differ from the mean, and which these are."""
    x, norms = centre(vectors, mean)
    # Rounding leaves identical rows some 1e-8 off their mean, which is no direction.
    live = norms > 1e-6
    return x[live], live


def spread(vectors: Vectors, settings: InspectSettings) -> dict[str, Figure]:
    """N2 and the Vendi score of order 1 of unit rows (n, d), centred on their mean."""
    if len(vectors) < 2:
        note = f"{len(vectors)} row with content: two are needed"
        return {"n2": Figure(None, rows=len(vectors), note=note), "vendi_1": Figure(None, rows=len(vectors), note=note)}
    x, _ = centred(vectors, vectors.mean(axis=0))
    if len(x) < 2:
        note = "all rows have the same vector: one kind"
        return {"n2": Figure(1.0, rows=len(vectors), note=note), "vendi_1": Figure(1.0, rows=len(vectors), note=note)}
    return {"n2": _effective(x, settings), "vendi_1": _vendi(x, settings)}


def _effective(x: Vectors, settings: InspectSettings) -> Figure:
    """N2 of all rows; its interval from halves, whose deviation is that of the whole sample (factor 1)."""
    value = effective_number(x)
    if not math.isfinite(value):
        return Figure(None, rows=len(x), note="infinite: no two rows share anything")
    if len(x) < LEAST_ROWS:
        return Figure(value, rows=len(x), note=f"no interval: fewer than {LEAST_ROWS} rows")
    n, size = len(x), len(x) // 2
    inside = np.zeros((n, settings.subsamples), dtype=np.float32)
    for k in range(settings.subsamples):
        inside[permutation(n, settings.seed, f"n2 {k}")[:size], k] = 1
    sums = np.zeros(settings.subsamples)
    for start in range(0, n, _BLOCK):
        squares = np.square(x[start : start + _BLOCK] @ x.T)
        squares[np.arange(len(squares)), np.arange(start, start + len(squares))] = 0
        sums += (inside[start : start + _BLOCK] * (squares @ inside)).sum(axis=0, dtype=np.float64)
    draws = size * (size - 1) / np.maximum(sums, np.finfo(np.float64).tiny)
    return _interval(value, draws, size, n)


def _vendi(x: Vectors, settings: InspectSettings) -> Figure:
    """The mean over subsamples of `vendi_rows` rows, or of half of them: it grows with how many rows there are."""
    if len(x) < LEAST_ROWS:
        return Figure(vendi_score(x), rows=len(x), note=f"no interval: fewer than {LEAST_ROWS} rows")
    size = min(settings.vendi_rows, len(x) // 2)
    orders = [permutation(len(x), settings.seed, f"vendi {k}")[:size] for k in range(settings.subsamples)]
    draws = np.array([vendi_score(x[order]) for order in orders])
    return _interval(float(draws.mean()), draws, size, len(x), f"at {size} rows")


def _interval(value: float, draws: NDArray[np.float64], size: int, n: int, note: str = "") -> Figure:
    """Variance of a mean over all n rows from that of subsamples of `size`: times (size / n) / (1 - size / n)."""
    width = _WIDTH * float(draws.std()) * math.sqrt((size / n) / (1 - size / n))
    return Figure(value, value - width, value + width, n, note)


def nearest_earlier(
    vectors: Vectors, tau: float, looked_at: NDArray[np.bool_]
) -> tuple[Earlier, NDArray[np.float64], NDArray[np.float64]]:
    """Of unit rows (n, d): the first earlier row within cosine tau or -1, its cosine, and that to the nearest other.

    The first two only between rows that are `looked_at`. The zero vector is near to nothing.
    """
    n = len(vectors)
    earlier: Earlier = np.full(n, -1, dtype=np.int64)
    score, nearest = np.zeros(n), np.zeros(n)
    for start in range(0, n, _BLOCK):
        block = vectors[start : start + _BLOCK] @ vectors.T
        rows = np.arange(start, start + len(block))
        block[np.arange(len(block)), rows] = -1
        nearest[rows] = block.max(axis=1) if n > 1 else 0.0
        close = (block >= tau) & (np.arange(n)[None, :] < rows[:, None]) & looked_at[None, :] & looked_at[rows, None]
        hit = close.any(axis=1)
        earlier[rows[hit]] = close[hit].argmax(axis=1)
        score[rows[hit]] = block[hit, earlier[rows[hit]]]
    return earlier, score, nearest
