"""Intervals of paired differences over games and over seeds, an exact test of games won, and Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class Difference:
    """A mean over games and seeds, the wider of two t intervals (95 %), and the larger p of the two tests."""

    mean: float
    low: float
    high: float
    p: float


def paired(one: ArrayLike, other: ArrayLike) -> Difference:
    """One minus other, each (seeds, games). Interval by Student's t over games and over seeds: the outer ends of both.

    With one seed the interval is over games alone.
    """
    change = np.asarray(one, dtype=float) - np.asarray(other, dtype=float)
    tests = [_interval(change.mean(axis=0))]
    if len(change) > 1:
        tests.append(_interval(change.mean(axis=1)))
    lows, highs, ps = zip(*tests, strict=True)
    return Difference(float(change.mean()), min(lows), max(highs), max(ps))


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    middle, error = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
    if error == 0:
        return float(middle), float(middle), float(middle == 0)
    width = stats.t.ppf(0.975, len(values) - 1) * error
    p = 2 * stats.t.sf(abs(middle) / error, len(values) - 1)
    return float(middle - width), float(middle + width), float(p)


def sign_test(one: Sequence[float], other: Sequence[float]) -> tuple[int, int, float]:
    """Games at which one is above the other and below it, and the exact two-sided p (McNemar 1947, exact form)."""
    more = sum(a > b for a, b in zip(one, other, strict=True))
    fewer = sum(a < b for a, b in zip(one, other, strict=True))
    p = stats.binomtest(more, more + fewer).pvalue if more + fewer else 1.0
    return more, fewer, float(p)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm 1979): with them the chance of any false claim stays under the level."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted, worst = [0.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = worst
    return adjusted
