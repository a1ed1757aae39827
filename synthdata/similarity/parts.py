"""The rows of an index in parts that are searched each for itself and answer as one.

A score depends on its two vectors alone, and equal scores go by the lower row: so the best of all parts' best are the
best of all, to the bit, whatever the parts and wherever they are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synthdata.protocols import Vectors
from synthdata.similarity.index import Ids, Scores, VectorIndex

Answer = TypeVar("Answer")
# Queries that go to the parts together.
_ASKED_AT_ONCE = 1024


class RowSearch(Protocol):
    """Exact search over numbered rows; what its methods say is said at `VectorIndex`."""

    dim: int

    def __len__(self) -> int:
        """How many rows there are."""

    def add(self, vectors: ArrayLike) -> None:
        """Append rows."""

    def search(self, vectors: ArrayLike, k: int) -> tuple[Scores, Ids]:
        """The `k` best rows of each query."""

    def within_many(self, vectors: ArrayLike, threshold: float) -> Iterator[tuple[Scores, Ids]]:
        """Of each query all rows whose product with it is at least `threshold`, best first."""

    def reconstruct(self, ids: ArrayLike) -> NDArray[np.float32]:
        """The stored rows of these ids."""

    def save(self, path: Path | str) -> None:
        """Write all rows as one index."""


# Holds the rows of an index somewhere else, in as many parts as it thinks fit.
Dealer = Callable[[RowSearch], RowSearch]


class Parts(Protocol):
    """Consecutive rows, held as one `VectorIndex` a part; `sizes` says how many rows each holds."""

    @property
    def sizes(self) -> Sequence[int]:
        """Rows of each part, in the order of the rows."""

    def ask(self, questions: Sequence[Callable[[VectorIndex], Answer]]) -> list[Answer]:
        """The answer of each part to its question, in their order; a question can be pickled and may be asked twice."""


class HeldParts:
    """Parts in this process."""

    def __init__(self, indexes: Sequence[VectorIndex]) -> None:
        self._indexes = list(indexes)

    @property
    def sizes(self) -> list[int]:
        """Rows of each part."""
        return [len(index) for index in self._indexes]

    def ask(self, questions: Sequence[Callable[[VectorIndex], Answer]]) -> list[Answer]:
        """The answer of each part to its question."""
        return [question(index) for question, index in zip(questions, self._indexes, strict=True)]


class PartedIndex:
    """An index whose first rows lie in `parts`, which do not change, and whose later ones are kept beside them.

    Answers are those of a `VectorIndex` of the same rows, to the bit.
    """

    def __init__(self, dim: int, parts: Parts) -> None:
        self.dim = dim
        self._parts, self._tail = parts, VectorIndex(dim)
        self._starts = np.cumsum([0, *parts.sizes])

    @classmethod
    def over(cls, index: VectorIndex) -> PartedIndex:
        """An index that stays as it is, such as one in a mapped file, and room for later rows."""
        return cls(index.dim, HeldParts([index]))

    def __len__(self) -> int:
        return int(self._starts[-1]) + len(self._tail)

    def add(self, vectors: ArrayLike) -> None:
        """Append rows; the parts are not touched."""
        self._tail.add(vectors)

    def search(self, vectors: ArrayLike, k: int) -> tuple[Scores, Ids]:
        """The `k` best rows of each query: scores and ids, each of shape (queries, min(k, n)), best first."""
        queries = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        width = min(k, len(self))
        scores, ids = np.empty((len(queries), width)), np.empty((len(queries), width), dtype=np.int64)
        for start in range(0, len(queries), _ASKED_AT_ONCE):
            block = slice(start, start + _ASKED_AT_ONCE)
            answers = self._all(partial(_best, queries=queries[block], k=k))
            theirs = np.concatenate([score for score, _ in answers], axis=1)
            rows = np.concatenate([row + first for (_, row), first in zip(answers, self._starts, strict=True)], axis=1)
            order = np.lexsort((rows, -theirs), axis=1)[:, :width]
            scores[block] = np.take_along_axis(theirs, order, axis=1)
            ids[block] = np.take_along_axis(rows, order, axis=1)
        return scores, ids

    def within_many(self, vectors: ArrayLike, threshold: float) -> Iterator[tuple[Scores, Ids]]:
        """Of each query all rows whose product with it is at least `threshold`, best first; a generator by blocks."""
        queries = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        for start in range(0, len(queries) if queries.size else 0, _ASKED_AT_ONCE):
            block = queries[start : start + _ASKED_AT_ONCE]
            answers = self._all(partial(_within, queries=block, threshold=threshold))
            for near in zip(*answers, strict=True):
                scores = np.concatenate([score for score, _ in near])
                rows = np.concatenate([row + first for (_, row), first in zip(near, self._starts, strict=True)])
                order = np.lexsort((rows, -scores))
                yield scores[order], rows[order]

    def reconstruct(self, ids: ArrayLike) -> NDArray[np.float32]:
        """The stored rows of these ids, shape (len(ids), dim).

        Raises:
            IndexError: an id that was never given out.
        """
        wanted = np.atleast_1d(np.asarray(ids, dtype=np.int64))
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"row ids must lie in [0, {len(self)}), got {int(wanted.min())} to {int(wanted.max())}")
        rows = np.empty((len(wanted), self.dim), dtype=np.float32)
        holder = np.searchsorted(self._starts, wanted, side="right") - 1
        places = [np.flatnonzero(holder == part) for part in range(len(self._starts))]
        held = self._ask(
            [partial(_rows, ids=wanted[own] - start) for own, start in zip(places, self._starts, strict=True)]
        )
        for own, found in zip(places, held, strict=True):
            rows[own] = found
        return rows

    def save(self, path: Path | str) -> None:
        """Write all rows as one index."""
        whole = VectorIndex(self.dim)
        for start in range(0, len(self), _ASKED_AT_ONCE * 16):
            whole.add(self.reconstruct(np.arange(start, min(start + _ASKED_AT_ONCE * 16, len(self)))))
        whole.save(path)

    def _all(self, question: Callable[[VectorIndex], Answer]) -> list[Answer]:
        return self._ask([question] * len(self._starts))

    def _ask(self, questions: Sequence[Callable[[VectorIndex], Answer]]) -> list[Answer]:
        """The answers of all parts, and last of the later rows."""
        return [*self._parts.ask(questions[:-1]), questions[-1](self._tail)]


def _best(index: VectorIndex, queries: Vectors, k: int) -> tuple[Scores, Ids]:
    return index.search(queries, k)


def _within(index: VectorIndex, queries: Vectors, threshold: float) -> list[tuple[Scores, Ids]]:
    return list(index.within_many(queries, threshold))


def _rows(index: VectorIndex, ids: Ids) -> Vectors:
    return index.reconstruct(ids)


def held_here(index: RowSearch) -> RowSearch:
    """The dealer that leaves an index where it is."""
    return index


def in_parts(index: RowSearch, parts: int) -> PartedIndex:
    """The rows of an index dealt to so many parts in this process."""
    return PartedIndex(index.dim, HeldParts([part_of(rows) for rows in cut(index, parts)]))


def cut(index: RowSearch, parts: int) -> Iterator[Vectors]:
    """The rows of an index in so many runs of about equal length, (n, dim) each."""
    ends = np.linspace(0, len(index), parts + 1).astype(np.int64)
    return (index.reconstruct(np.arange(low, high)) for low, high in pairwise(ends.tolist()))


def part_of(rows: Vectors) -> VectorIndex:
    """An index of these rows (n, dim)."""
    index = VectorIndex(rows.shape[1])
    index.add(rows)
    return index
