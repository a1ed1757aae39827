"""A conditional logit over the admissible commands (McFadden 1974): the small policy, which fits in a second.

Good moves are imitated; with step credit, moves labelled bad are made unlikely (log of one minus their chance).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from experiments.loop.features import SIZE, features
from experiments.loop.runs import Row, State

# Row-passes that every fit is worth, however many rows it has; chosen with RIDGE on tuning seeds for arm e.
PASSES = 480
RIDGE = 3.0


@dataclass(frozen=True)
class Logit:
    """Weights of the features; all nought plays at random."""

    weights: NDArray[np.float64]

    @classmethod
    def untrained(cls) -> Logit:
        """Before anything was learnt."""
        return cls(np.zeros(SIZE))

    def __call__(self, state: State) -> NDArray[np.float64]:
        """The chance of each admissible command."""
        return self.over(features(state))

    def over(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same from the features of a state, (commands, features), for states that are asked about again."""
        return _softmax(table @ self.weights)


def fit(rows: Sequence[Row], labels: Sequence[bool]) -> Logit:
    """The policy of largest penalised likelihood; labels say which rows are imitated and which are spoken against."""
    if not rows:
        return Logit.untrained()
    tables = [features(row.state) for row in rows]
    sizes = np.array([len(table) for table in tables])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    stacked = np.concatenate(tables)
    chosen = starts + np.array([row.state.admissible.index(row.command) for row in rows])
    good = np.array(labels, dtype=bool)
    weight = PASSES / len(rows)
    owner = np.repeat(np.arange(len(rows)), sizes)

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = stacked @ theta
        scores -= np.maximum.reduceat(scores, starts)[owner]
        mass = np.exp(scores)
        chance = mass / np.add.reduceat(mass, starts)[owner]
        own = np.clip(chance[chosen], 1e-9, 1 - 1e-9)
        told = np.where(good, -np.log(own), -np.log1p(-own))
        # d/d score: of -log p it is p - [chosen], of -log(1 - p) it is p_own ([chosen] - p) / (1 - p_own).
        slope = np.where(good, 1.0, -own / (1 - own))[owner] * chance
        slope[chosen] -= np.where(good, 1.0, -own / (1 - own))
        gradient = weight * (slope @ stacked) + RIDGE * theta
        return float(weight * told.sum() + RIDGE / 2 * theta @ theta), gradient

    found = minimize(loss, np.zeros(SIZE), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return Logit(found.x)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    mass = np.exp(scores - scores.max())
    return mass / mass.sum()
