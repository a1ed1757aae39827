"""Texts that a candidate may repeat, findable at three levels: exact, lexical, semantic.

Two of them exist at a time: one of everything admitted before the round and the reference's contents, one of the rows
admitted in the round. What a likeness means is decided by the stages.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthdata.protocols import Vectors
from synthdata.settings import GateSettings
from synthdata.similarity.index import ROUNDING, VectorIndex
from synthdata.similarity.minhash import LexicalIndex, Sketch


class Library:
    """Rows by number, in order of arrival, with their ids, contents and cells."""

    def __init__(self, dim: int, settings: GateSettings) -> None:
        self.ids: list[str] = []
        self.contents: list[str] = []
        self.cells: list[int] = []
        self._exact: dict[str, int] = {}
        self._lexical = LexicalIndex(settings)
        self._vectors = VectorIndex(dim)

    def __len__(self) -> int:
        return len(self.ids)

    def sketches(self, contents: Sequence[str]) -> list[Sketch]:
        """What `add` and `near` need of texts, in bulk."""
        return self._lexical.sketches(contents)

    def add(
        self,
        ids: Sequence[str],
        contents: Sequence[str],
        cells: Sequence[int],
        vectors: Vectors,
        sketches: Sequence[Sketch],
        keys: Sequence[str],
    ) -> None:
        """Append rows; `vectors` are centred unit contents (n, d), `keys` their exact keys."""
        start = len(self.ids)
        self.ids.extend(ids)
        self.contents.extend(contents)
        self.cells.extend(int(cell) for cell in cells)
        for offset, key in enumerate(keys):
            self._exact.setdefault(key, start + offset)
        self._lexical.enter(range(start, len(self.ids)), sketches)
        self._vectors.add(vectors)

    def exact(self, key: str) -> int | None:
        """The first row with this exact key."""
        return self._exact.get(key)

    def near(self, sketch: Sketch) -> list[tuple[int, float]]:
        """Rows whose true Jaccard reaches the threshold, nearest first."""
        return self._lexical.find(sketch)

    def nearest(self, vectors: Vectors) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Cosine and row of the nearest content of each vector; -1 and -1 where there are no rows."""
        if not len(self):
            return np.full(len(vectors), -1, dtype=np.float64), np.full(len(vectors), -1, dtype=np.int64)
        scores, rows = self._vectors.search(vectors, 1)
        return scores[:, 0], rows[:, 0]

    def vector(self, row: int) -> Vectors:
        """The centred unit content of a row, (d,)."""
        return self._vectors.reconstruct(row)

    def within(self, vector: Vectors, tau: float) -> list[tuple[int, float]]:
        """Rows at cosine `tau` or nearer, nearest first; exact, so none is missed."""
        if not len(self):
            return []
        scores, rows = self._vectors.within(vector, tau)
        return sorted(zip(rows.tolist(), scores.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))


class LookAhead:
    """The nearest row of a library for each vector of a block, kept true while rows of that block enter.

    One search of the whole block and one product of the block with itself take the place of a search a row, whose
    scores they equal to the bit: float32 finds, one float64 sum a pair decides, and of equal scores the older row wins.
    """

    def __init__(self, library: Library, vectors: Vectors) -> None:
        self._vectors = vectors
        self._products = vectors @ vectors.T
        self._scores, self._rows = library.nearest(vectors)
        self._next = len(library)
        self._entered: list[int] = []

    def enter(self, place: int) -> None:
        """The vector at this place of the block has been added to the library."""
        self._entered.append(place)

    def nearest(self, place: int) -> tuple[float, int]:
        """Cosine and row of the nearest row to the vector at this place; -1 and -1 where there are none."""
        best, row = float(self._scores[place]), int(self._rows[place])
        if self._entered:
            rough = self._products[place, self._entered]
            close = np.flatnonzero(rough >= rough.max() - ROUNDING)
            theirs = self._vectors[[self._entered[i] for i in close]].astype(np.float64)
            exact = (theirs * self._vectors[place]).sum(axis=1)
            first = int(np.argmax(exact))
            if exact[first] > best or row < 0:
                best, row = float(exact[first]), self._next + int(close[first])
        return best, row
