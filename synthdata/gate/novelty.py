"""Is a context unlike every real one? A conformal p-value by task, with no assumption but exchangeability.

The score of a row is its largest cosine to real rows, of a calibrating row that to rows of other tasks. A new row of a
new task that is exchangeable with the calibrating tasks gets a p-value of at most alpha with probability at most alpha,
for every number of tasks: a maximum over the other rows can only grow when a row is added, so that leaving one out
refuses in a subset of the events of full conformal prediction (Vovk et al. 2005; by task: Lee, Barber and Willett 2023,
arXiv 2306.06342). It says nothing about power: about a quarter of wholly foreign topics fall at 1 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthdata.protocols import Vectors
from synthdata.similarity.index import VectorIndex

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_FIRST_NEIGHBOURS = 8


@dataclass(frozen=True)
class Scale:
    """Calibrating scores of `tasks` tasks: `scores` (n,) ascending, `below` (n,) the tasks' weight up to each.

    A row weighs one over the rows of its task, so that a task of many rows counts once.
    """

    scores: Floats
    below: Floats
    tasks: int

    @classmethod
    def of(cls, scores: Floats, tasks: Ints) -> Scale:
        """The scale of scores (n,) of rows whose tasks (n,) are numbered 0, 1, ..."""
        order = np.argsort(scores, kind="stable")
        rows = np.bincount(tasks)
        weights = 1 / rows[tasks[order]]
        return cls(scores[order], np.cumsum(weights), int((rows > 0).sum()))

    def p_values(self, scores: Floats) -> Floats:
        """(1 + weight of calibrating scores at most this one) / (tasks + 1), each in (0, 1]."""
        at = np.searchsorted(self.scores, scores, side="right")
        weight = np.concatenate([[0], self.below])[at]
        return np.asarray(np.minimum(1, (1 + weight) / (self.tasks + 1)), dtype=np.float64)


@dataclass(frozen=True)
class Novelty:
    """Real contexts, and how near each is to those of other tasks.

    `rows` (n, d) centred unit vectors, `tasks` (n,) the number of each row's task, `scores` (n,) the largest cosine to
    a row of another task, -1 where there is none.
    """

    rows: Vectors
    tasks: Ints
    scores: Floats

    def p_values(self, x: Vectors) -> Floats:
        """The p-value of each centred unit row of x (m, d); small where nothing real is as near as real rows are."""
        if not len(x):
            return np.empty(0)
        return self.scale.p_values(self._index.search(x, 1)[0][:, 0])

    @cached_property
    def scale(self) -> Scale:
        """The calibrating scores, sorted."""
        return Scale.of(self.scores, self.tasks)

    @cached_property
    def _index(self) -> VectorIndex:
        index = VectorIndex(self.rows.shape[1])
        index.add(self.rows)
        return index


@dataclass(frozen=True)
class SplitNovelty:
    """The same test by split conformal prediction, which needs no real row: centres of one half of the tasks.

    `centroids` (m, d) unit; a score is the largest cosine to one of them, `scale` holds those of the other half.
    """

    centroids: Vectors
    scale: Scale

    def p_values(self, x: Vectors) -> Floats:
        """The p-value of each centred unit row of x (m, d)."""
        return self.scale.p_values(nearness(x, self.centroids))


def nearness(x: Vectors, centroids: Vectors) -> Floats:
    """The largest cosine of each unit row of x (n, d) to a centroid (m, d), summed in float64."""
    return np.asarray((x.astype(np.float64) @ centroids.T.astype(np.float64)).max(axis=1, initial=-1))


def calibrate_novelty(rows: Vectors, tasks: Sequence[str]) -> Novelty:
    """The test from centred unit rows (n, d) and their tasks."""
    numbers = numbered(tasks)
    return Novelty(np.asarray(rows, dtype=np.float32), numbers, _nearest_elsewhere(rows, numbers))


def numbered(tasks: Sequence[str]) -> Ints:
    """Tasks as numbers in the order of their names, so that a row's number does not depend on the order of rows."""
    return np.unique(np.array(tasks, dtype=np.str_), return_inverse=True)[1].astype(np.int64)


def _nearest_elsewhere(rows: Vectors, tasks: Ints) -> Floats:
    """The largest cosine of each row to a row of another task, -1 where all rows are of its own."""
    index = VectorIndex(rows.shape[1])
    index.add(rows)
    scores = np.full(len(rows), -1, dtype=np.float64)
    left, width = np.arange(len(rows)), _FIRST_NEIGHBOURS
    while len(left):
        cosines, ids = index.search(rows[left], width)
        other = tasks[ids] != tasks[left, None]
        defined = other.any(axis=1)
        scores[left[defined]] = np.where(other, cosines, -1).max(axis=1)[defined]
        left = left[~defined]
        if width >= len(rows):
            break
        width *= 4
    return scores


@dataclass(frozen=True)
class Level:
    """What a test at `alpha` is worth with so many tasks.

    `refused` is the largest share of exchangeable rows that it refuses, over references; `upper` bounds that share for
    95 of 100 references (quantile of Beta(k, tasks + 1 - k), exact for a split, close for leave-one-out). Both are 0
    where the reference is too small, and `needed` is how many tasks it takes.
    """

    alpha: float
    tasks: int
    refused: float
    upper: float
    needed: int


def level(alpha: float, tasks: int, confidence: float) -> Level:
    """The level of a test at `alpha` in (0, 1) over this many tasks."""
    from scipy.special import betaincinv

    count = most_refused(alpha, tasks)
    needed = _tasks_needed(alpha)
    if not count:
        return Level(alpha, tasks, 0, 0, needed)
    upper = float(betaincinv(count, tasks + 1 - count, confidence))
    return Level(alpha, tasks, count / (tasks + 1), upper, needed)


def most_refused(alpha: float, tasks: int) -> int:
    """k = floor(alpha (tasks + 1)), by the very division that a p-value is made with."""
    count = int(alpha * (tasks + 1)) + 1
    while count and count / (tasks + 1) > alpha:
        count -= 1
    return count


def _tasks_needed(alpha: float) -> int:
    tasks = max(1, int(1 / alpha) - 2)
    while 1 / (tasks + 1) > alpha:
        tasks += 1
    return tasks
