"""What stands around the next rows of the loop among the rows of their own round, without a search a row."""

from __future__ import annotations

import numpy as np

from synthdata.gate.duplicates import DuplicateIndex, Neighbours, Text
from synthdata.protocols import Vectors
from synthdata.similarity.index import ROUNDING


class LookAhead:
    """The rows of a library around each vector of a block, kept true while rows of that block enter.

    One search of the whole block and one product of the block with itself take the place of a search a row, whose
    scores they equal to the bit: float32 finds, one float64 sum a pair decides, and of equal scores the older row wins.
    """

    def __init__(self, library: DuplicateIndex, vectors: Vectors, tau: float) -> None:
        self._library, self._vectors, self._tau = library, vectors, tau
        self._products = vectors @ vectors.T
        earlier = library.nearest(vectors)
        self._cosines = earlier.tolist()
        hot = np.flatnonzero(earlier >= tau)
        self._earlier = dict(zip(hot.tolist(), library.within(vectors[hot], tau), strict=True))
        self._next = len(library)
        self._entered: list[int] = []
        self._highest = np.full(len(vectors), -np.inf, dtype=np.float32)

    def enter(self, place: int) -> None:
        """The vector at this place of the block has been added to the library."""
        self._entered.append(place)
        np.maximum(self._highest, self._products[place], out=self._highest)

    def near(self, place: int, text: Text | None, seen: float) -> Neighbours:
        """What the library holds around the vector at this place and its text (None: a copy of nothing).

        A nearest row at a cosine under `seen` need not be found: `cosine` is then any number not above `seen`.
        """
        cosine = self._cosines[place]
        if self._highest[place] < min(self._tau, max(seen, cosine)) - ROUNDING and place not in self._earlier:
            return Neighbours(cosine)
        near, (scores, rows) = Neighbours(cosine), self._in_block(place)
        if len(scores):
            near.cosine = max(cosine, float(scores.max()))
        within = scores >= self._tau
        scores, rows = scores[within], rows[within]
        if place in self._earlier:
            before = self._earlier[place]
            scores, rows = np.concatenate([before[0], scores]), np.concatenate([before[1], rows])
        order = np.lexsort((rows, -scores))
        self._library.sort_out(near, scores[order], rows[order], text)
        return near

    def _in_block(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores and rows of those entered rows of the block that may be the nearest or within tau."""
        entered = np.array(self._entered, dtype=np.int64)
        if not len(entered):
            return np.empty(0), entered
        rough = self._products[place, entered]
        close = np.flatnonzero(rough >= min(float(rough.max()), self._tau) - ROUNDING)
        theirs = self._vectors[entered[close]].astype(np.float64)
        return (theirs * self._vectors[place]).sum(axis=1), self._next + close
