"""The sets whose collision is held under a budget, and what a row would make of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrics.spectrum import SecondMoment
from synthdata.gate.anchor import ContentCalibration
from synthdata.protocols import Vectors

Floats = NDArray[np.float64]


class CollisionBudget:
    """A set of contents whose collision is held under a budget: the window W plus admitted rows.

    Rows of the loop are asked about in blocks: the redundancy of a whole block against what stands is one matrix
    product, and a row that enters raises that of the others by the square of its cosine to them.
    """

    def __init__(self, content: ContentCalibration) -> None:
        moment = SecondMoment(content.window.shape[1])
        moment.add(content.window)
        if content.partners is not None:
            moment.merge(SecondMoment.of_sums(content.partners.upper, content.partners.numbers))
        self._stand_on(moment)

    def _stand_on(self, moment: SecondMoment) -> None:
        self.moment = moment
        self._entered: list[int] = []
        self._rows: Floats = np.empty((0, moment.d))
        self.look_ahead(np.empty((0, moment.d)), np.empty((0, 0)))

    def add(self, vectors: Vectors) -> None:
        """Add admitted rows (n, d)."""
        self.look_ahead(np.empty((0, self.moment.d)), np.empty((0, 0)))
        if len(vectors):
            self.moment.add(vectors)
            self._begin()

    @classmethod
    def of_moment(cls, moment: SecondMoment) -> CollisionBudget:
        """The budget of a set whose sums, with W, are these."""
        budget = cls.__new__(cls)
        budget._stand_on(moment)
        return budget

    def look_ahead(self, rows: Floats, squares: Floats) -> None:
        """Make a block of unit rows (b, d) ready; `squares` (b, b) are their squared cosines to each other."""
        if self._entered:
            self.moment.add(self._rows[self._entered])
        self._rows, self._squares = rows, squares
        self._begin()
        # n * m(x) = x^T S x: the sum of squared cosines of each row of the block to all rows of the scope.
        self._sums = self.moment.redundancies(rows) * self.moment.n

    def enter(self, place: int) -> None:
        """Add the row at this place of the block."""
        self._pairs += 2 * float(self._sums[place])
        self._sums += self._squares[place]
        self._entered.append(place)
        self._n += 1

    def collision(self) -> float:
        """Collision probability of the scope now."""
        return min(1, max(0, self._pairs / (self._n * (self._n - 1))))

    def with_row(self, place: int) -> tuple[float, float, float]:
        """(p, m, p') of the block's row: collision, the row's redundancy, collision with it ((n-1)p + 2m)/(n+1)."""
        p, m = self.collision(), min(1, max(0, float(self._sums[place]) / self._n))
        return p, m, ((self._n - 1) * p + 2 * m) / (self._n + 1)

    def _begin(self) -> None:
        """Count from what the moment holds: its sum over pairs of different rows."""
        self._entered = []
        self._n = self.moment.n
        self._pairs = self.moment.collision_probability() * (self._n * (self._n - 1)) if self._n > 1 else 0
