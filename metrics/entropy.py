"""Entropy of counts: how evenly mass lies over cells, and how far two such distributions are apart. Natural logarithms.

Only counts come in here; what the cells are is the caller's affair. All of it is biased low when there are few
observations a cell, so compare at equal sums.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, rel_entr


def shannon_entropy(counts: ArrayLike) -> float:
    """Shannon entropy in nats, in [0, log m] for m cells; log m for equal counts. O(m).

    The plug-in estimate: about (m - 1) / (2 N) nats too low for N observations (Miller 1955).

    Raises:
        ValueError: negative or not finite counts, or nothing counted at all.
    """
    return float(entr(_shares(counts)).sum())


def hill_number(counts: ArrayLike, q: float) -> float:
    """Effective number of cells of order q, in [1, m]: (sum p^q)^(1/(1-q)); m for equal counts. O(m).

    `q = 0` counts the occupied cells, `q = 1` is the exponential of the Shannon entropy, `q = 2` the inverse Simpson
    index, `q = inf` one over the largest share. Falls as q rises. Hill 1973.

    Raises:
        ValueError: as `shannon_entropy`, or q < 0.
    """
    if not q >= 0:
        raise ValueError(f"q must be at least 0, got {q}")
    shares = _shares(counts)
    shares = shares[shares > 0]
    if q == 0:
        return float(len(shares))
    if math.isinf(q):
        return float(1.0 / shares.max())
    # Near 1 the general form divides rounding by zero; its limit is the exponential of the entropy.
    if abs(q - 1.0) < 1e-9:
        return float(np.exp(entr(shares).sum()))
    # Scaled by the largest share, so that a large q cannot underflow.
    top = shares.max()
    return float(np.exp((q * np.log(top) + np.log(((shares / top) ** q).sum())) / (1.0 - q)))


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """Jensen-Shannon divergence of two count vectors over the same cells, in nats, in [0, log 2]. O(m).

    0 for equal shares, log 2 for disjoint ones; symmetric; its square root is a metric. Lin 1991.

    Raises:
        ValueError: as `shannon_entropy`, or different lengths.
    """
    left, right = _shares(p), _shares(q)
    if left.shape != right.shape:
        raise ValueError(f"both need the same cells, got {left.shape} and {right.shape}")
    middle = 0.5 * (left + right)
    value = 0.5 * float((rel_entr(left, middle) + rel_entr(right, middle)).sum())
    return min(math.log(2.0), max(0.0, value))


def _shares(counts: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(counts, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"counts must have shape (m,), got {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("counts must be finite and not negative")
    largest = values.max()
    if largest <= 0:
        raise ValueError("nothing was counted: all counts are zero")
    scaled = values / largest
    return np.asarray(scaled / scaled.sum(), dtype=np.float64)
