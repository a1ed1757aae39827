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
from synthdata.similarity.exact import exact_key
from synthdata.similarity.index import VectorIndex
from synthdata.similarity.minhash import LexicalIndex


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

    def signatures(self, contents: Sequence[str]) -> NDArray[np.uint32]:
        """MinHash signatures of texts, in bulk, for `add` and `near`."""
        return self._lexical.signatures(contents)

    def add(
        self,
        ids: Sequence[str],
        contents: Sequence[str],
        cells: Sequence[int],
        vectors: Vectors,
        signatures: NDArray[np.uint32],
    ) -> None:
        """Append rows; `vectors` are centred unit contents (n, d)."""
        start = len(self.ids)
        self.ids.extend(ids)
        self.contents.extend(contents)
        self.cells.extend(int(cell) for cell in cells)
        for offset, content in enumerate(contents):
            self._exact.setdefault(exact_key(content), start + offset)
        self._lexical.add(list(range(start, len(self.ids))), contents, signatures)
        self._vectors.add(vectors)

    def exact(self, key: str) -> int | None:
        """The first row with this exact key."""
        return self._exact.get(key)

    def near(self, content: str, signature: NDArray[np.uint32]) -> list[tuple[int, float]]:
        """Rows whose true Jaccard reaches the threshold, nearest first."""
        return self._lexical.query(content, signature)

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
