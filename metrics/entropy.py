"""Entropy of counts: how evenly mass lies over cells, and how far two such distributions are apart. Natural logarithms.

Only counts come in here; what the cells are is the caller's affair. All of it is biased low when there are few
observations a cell, so compare at equal sums.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray


def shannon_entropy(counts: ArrayLike) -> float:
    """How evenly counts (m,) lie over m cells: the Shannon entropy of their shares, in nats.

    Range: [0, log m]; log m for equal counts, 0 where one cell has all. Cost: O(m). Size: the plug-in estimate, about
    (m - 1) / (2 N) nats too low for N observations (Miller 1955), so compare at equal N. Fails: it does not know which
    cells are alike, and says nothing of how far it is from the right shares; a log hides the loss of rare cells.

    Shannon 1948.

    Raises:
        ValueError: not of shape (m,), negative or not finite counts, or nothing counted at all.
    """
    return float(scipy.special.entr(_shares(counts)).sum())


def hill_number(counts: ArrayLike, q: float) -> float:
    """Effective number of cells of order q: as many equally full cells would be as diverse as the counts (m,).

    (sum p^q)^(1/(1-q)) of the shares p. `q = 0` counts the occupied cells, `q = 1` is the exponential of the Shannon
    entropy, `q = 2` the inverse Simpson index, `q = inf` one over the largest share.

    Range: [1, m]; m for equal counts; falls as q rises. Cost: O(m). Size: biased low for few observations a cell, most
    of all at q = 0 (a rare cell is not met yet), so compare at equal sums. Fails: q = 0 takes a cell of one row for a
    full one, q >= 2 hardly sees the rare cells; which cells are alike is unknown to it.

    Hill 1973; Jost 2006.

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
        return float(np.exp(scipy.special.entr(shares).sum()))
    # Scaled by the largest share, so that a large q cannot underflow.
    top = shares.max()
    return float(np.exp((q * np.log(top) + np.log(((shares / top) ** q).sum())) / (1.0 - q)))


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """How far two count vectors (m,) over the same cells are apart: Jensen-Shannon divergence of their shares, in nats.

    Range: [0, log 2]; 0 for equal shares, log 2 for disjoint ones; symmetric; its square root is a metric. Cost: O(m).
    Size: biased high, by about (m - 1) / 8 (1/N + 1/M) nats for N and M observations of one distribution, so compare at
    equal sums. Fails: a cell that is lost weighs no more than its share was; near cells count as unlike as far ones.

    Lin 1991; Endres and Schindelin 2003.

    Raises:
        ValueError: as `shannon_entropy`, or different lengths.
    """
    left, right = _shares(p), _shares(q)
    if left.shape != right.shape:
        raise ValueError(f"both need the same cells, got {left.shape} and {right.shape}")
    middle = 0.5 * (left + right)
    value = 0.5 * float((scipy.special.rel_entr(left, middle) + scipy.special.rel_entr(right, middle)).sum())
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
