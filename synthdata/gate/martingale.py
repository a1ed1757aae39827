"""Has the stream of real contexts moved? A conformal test martingale: wealth that grows if new rows are ever novel.

Each new row bets against exchangeability with the rows before it: its p-value is the rank of its nearest-row cosine
among all rows so far, itself included, ties broken at random. Under exchangeability these p-values are independent and
uniform, so the wealth is a martingale and passes 100 in its whole life with probability at most 1 %, whenever one looks
(Ville's inequality; Vovk, Nouretdinov and Gammerman 2003). The bets are powers of p, and a small share of the wealth
changes its bet at every step, so that a late change is found too (the jumper of Vovk et al. 2021).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthdata.protocols import Vectors

Floats = NDArray[np.float64]
# The bets are densities e p^(e - 1): the first is no bet at all, the last bets on very small p-values.
_BETS = np.array([4, 3, 2, 1]) / 4
_JUMP = 1 / 100


def begin() -> Floats:
    """The logarithm of the wealth on each bet before the first row: one in all."""
    return np.full(len(_BETS), -np.log(len(_BETS)))


def log_wealth(bets: Floats) -> float:
    """The logarithm of the whole wealth."""
    return float(np.logaddexp.reduce(bets))


def step(bets: Floats, p: float) -> Floats:
    """The wealth on each bet after a p-value in (0, 1]."""
    shared = log_wealth(bets) + np.log(_JUMP / len(_BETS))
    mixed = np.logaddexp(bets + np.log1p(-_JUMP), shared)
    return np.asarray(mixed + np.log(_BETS) + (_BETS - 1) * np.log(p))


class Bag:
    """The rows so far, each with its largest cosine to another one."""

    def __init__(self, rows: Vectors) -> None:
        wide = np.asarray(rows, dtype=np.float64)
        self._rows = [wide]
        products = wide @ wide.T
        np.fill_diagonal(products, -1)
        self._nearest: Floats = products.max(axis=1, initial=-1)

    def take(self, row: Vectors, tie: float) -> float:
        """Enter a centred unit row (d,) and give its p-value; `tie` in (0, 1] is uniform and its own."""
        x = np.asarray(row, dtype=np.float64)
        cosines = np.concatenate([part @ x for part in self._rows])
        own = float(cosines.max(initial=-1))
        self._nearest = np.maximum(self._nearest, cosines)
        less, same = int((self._nearest < own).sum()), int((self._nearest == own).sum()) + 1
        self._rows.append(x[None])
        self._nearest = np.append(self._nearest, own)
        return (less + tie * same) / len(self._nearest)


def bet(bag: Bag, rows: Vectors, ties: Sequence[float], bets: Floats) -> tuple[Floats, float]:
    """The wealth after these rows (n, d), and the highest logarithm that it reached on the way."""
    highest = log_wealth(bets)
    for row, tie in zip(rows, ties, strict=True):
        bets = step(bets, bag.take(row, tie))
        highest = max(highest, log_wealth(bets))
    return bets, highest
