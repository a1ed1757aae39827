"""Exact inner-product search over unit vectors: no recall to tune, no miss to measure.

A float32 matrix product finds, float64 decides: products round differently for other block sizes, so every hit is
looked up with a little slack and scored again by one fixed summation. Scores, order and membership therefore depend on
the vectors alone. Files written here are caches that the store can make again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synthdata.errors import CorruptStoreError
from synthdata.io.files import atomic_file
from synthdata.protocols import Vectors
from synthdata.similarity.threads import in_threads

Scores = NDArray[np.float64]
Ids = NDArray[np.int64]

# float32 inner products of unit vectors of up to some thousand dimensions err by less than 1e-5; hits within it are
# fetched as well and scored again.
ROUNDING = 1e-5
# Queries and rows whose products are made at a time; they take 4 MB, and blocks of queries go to threads.
_QUERY_ROWS, _TILE_ROWS = 256, 4096
_SCORE_ROWS = 16384
# Blocks that are answered before the next ones are begun.
_TOGETHER = 16


class VectorIndex:
    """Rows numbered 0, 1, ... in the order of `add`; all answers are exact and equal scores go by the lower id.

    Memory is 4 * dim bytes a row; a search costs O(n * dim) a query. Vectors are used as given: unit vectors make the
    inner product a cosine, the zero vector scores 0 with everything.
    """

    def __init__(self, dim: int) -> None:
        if dim < 1:
            raise ValueError(f"dim must be at least 1, got {dim}")
        self.dim = dim
        self._held: Vectors = np.empty((0, dim), dtype=np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, vectors: ArrayLike) -> None:
        """Append rows, shape (n, dim) or (dim,).

        Raises:
            ValueError: another width, or a value that is not finite; nothing was added then.
        """
        rows = self._rows(vectors)
        count = self._count + len(rows)
        if count > len(self._held):
            # Twice the room, so that adding row by row copies each row about once.
            room = np.empty((max(count, 2 * self._count), self.dim), dtype=np.float32)
            room[: self._count] = self._held[: self._count]
            self._held = room
        self._held[self._count : count] = rows
        self._count = count

    def search(self, vectors: ArrayLike, k: int) -> tuple[Scores, Ids]:
        """The `k` best rows of each query: scores and ids, each of shape (queries, min(k, n)), best first."""
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        queries, width = self._rows(vectors), min(k, len(self))
        if not (width and len(queries)):
            return np.empty((len(queries), width)), np.empty((len(queries), width), dtype=np.int64)
        scores, ids = zip(*in_threads(partial(self._best, width), _blocks(queries)), strict=True)
        return np.concatenate(scores), np.concatenate(ids)

    def within(self, vector: ArrayLike, threshold: float) -> tuple[Scores, Ids]:
        """All rows whose inner product with one vector is at least `threshold`, best first."""
        rows = self._rows(vector)
        if len(rows) != 1:
            raise ValueError(f"within takes one vector, got {len(rows)}; use within_many")
        return self._near(threshold, rows)[0]

    def within_many(self, vectors: ArrayLike, threshold: float) -> Iterator[tuple[Scores, Ids]]:
        """As `within` for each of many vectors, in order; a generator, so that memory stays bounded by some blocks."""
        blocks = _blocks(self._rows(vectors))
        for start in range(0, len(blocks), _TOGETHER):
            for near in in_threads(partial(self._near, threshold), blocks[start : start + _TOGETHER]):
                yield from near

    def nearest(self, vector: ArrayLike) -> tuple[float, int] | None:
        """Score and id of the best row, None from an empty index."""
        if not len(self):
            return None
        scores, ids = self.search(vector, 1)
        return float(scores[0, 0]), int(ids[0, 0])

    def reconstruct(self, ids: ArrayLike) -> Vectors:
        """The stored rows of these ids, shape (len(ids), dim).

        Raises:
            IndexError: an id that was never given out.
        """
        wanted = np.atleast_1d(np.asarray(ids, dtype=np.int64))
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"row ids must lie in [0, {len(self)}), got {int(wanted.min())} to {int(wanted.max())}")
        if not wanted.size:
            return np.empty((0, self.dim), dtype=np.float32)
        return np.asarray(self._held[wanted])

    def save(self, path: Path | str) -> None:
        """Write the index so that a kill at any moment leaves the old file or the new one, whole."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(target) as part, part.open("wb") as file:
            np.save(file, self._held[: self._count], allow_pickle=False)

    @classmethod
    def load(cls, path: Path | str) -> VectorIndex:
        """Open a saved index memory-mapped: pages come in as they are searched, the first `add` copies them.

        Raises:
            CorruptStoreError: no such file, or not rows of numbers; it can be rebuilt from the vectors.
        """
        try:
            stored = np.lib.format.open_memmap(path, mode="r")
        except (OSError, ValueError) as error:
            raise CorruptStoreError(f"{path}: not a readable vector index, delete it and rebuild: {error}") from error
        if stored.dtype != np.float32 or stored.ndim != 2 or not stored.shape[1]:
            raise CorruptStoreError(f"{path}: holds no rows of float32; delete it and rebuild")
        index = cls(stored.shape[1])
        index._held, index._count = stored, len(stored)
        return index

    def _rows(self, vectors: ArrayLike) -> Vectors:
        rows = np.ascontiguousarray(np.atleast_2d(np.asarray(vectors, dtype=np.float32)))
        if rows.size == 0:
            return np.empty((0, self.dim), dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            raise ValueError(f"vectors must have shape (n, {self.dim}), got {np.shape(vectors)}")
        if not np.isfinite(rows).all():
            raise ValueError("vectors hold NaN or infinity")
        return rows

    def _best(self, width: int, block: Vectors) -> tuple[Scores, Ids]:
        every = np.arange(len(block))
        scores = np.full((len(block), width), -np.inf)
        ids = np.full((len(block), width), len(self), dtype=np.int64)
        for start, products in self._tiles(block):
            # A row further off than rounding explains, from the best so far or of this tile, cannot be among the best.
            least = np.maximum(scores[:, -1] - ROUNDING, _largest(products, width) - 2 * ROUNDING)
            which, rows = _places(products >= least[:, None])
            if len(which):
                which = np.concatenate([np.repeat(every, width), which])
                exact = np.concatenate([scores.ravel(), self._score(block, which[scores.size :], rows + start)])
                rows = np.concatenate([ids.ravel(), rows + start])
                order = np.lexsort((rows, -exact, which))
                best = order[np.searchsorted(which[order], every)[:, None] + np.arange(width)]
                scores, ids = exact[best], rows[best]
        return scores, ids

    def _near(self, threshold: float, block: Vectors) -> list[tuple[Scores, Ids]]:
        close = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
        for start, products in self._tiles(block):
            which, rows = _places(products >= np.float32(threshold - ROUNDING))
            close.append((which, rows + start))
        which, neighbours = (np.concatenate(column) for column in zip(*close, strict=True))
        exact = self._score(block, which, neighbours)
        keep = exact >= threshold
        which, exact, neighbours = which[keep], exact[keep], neighbours[keep]
        order = np.lexsort((neighbours, -exact, which))
        cuts = np.searchsorted(which[order], np.arange(1, len(block)))
        return list(zip(np.split(exact[order], cuts), np.split(neighbours[order], cuts), strict=True))

    def _tiles(self, block: Vectors) -> Iterator[tuple[int, Vectors]]:
        """The rounded products of a block with all rows, (queries, rows of a tile), and each tile's first row."""
        for start in range(0, len(self), _TILE_ROWS):
            yield start, block @ self._held[start : min(start + _TILE_ROWS, len(self))].T

    def _score(self, block: Vectors, which: Ids, neighbours: Ids) -> Scores:
        scores = np.empty(len(neighbours), dtype=np.float64)
        for start in range(0, len(neighbours), _SCORE_ROWS):
            part = slice(start, start + _SCORE_ROWS)
            rows = self._held[neighbours[part]].astype(np.float64)
            scores[part] = (rows * block[which[part]]).sum(axis=1)
        return scores


def _blocks(queries: Vectors) -> list[Vectors]:
    return [queries[start : start + _QUERY_ROWS] for start in range(0, len(queries), _QUERY_ROWS)]


def _places(near: NDArray[np.bool_]) -> tuple[Ids, Ids]:
    """Rows and columns of what holds in a matrix, as `np.nonzero` gives them; of one long row it finds them sooner."""
    rows, columns = np.divmod(np.flatnonzero(near), near.shape[1])
    return rows, columns


def _largest(products: Vectors, place: int) -> Vectors:
    """The largest value of each row, or the one at a later place, (n,); the least where a row has no such place."""
    if place == 1:
        return np.asarray(products.max(axis=1))
    last = max(products.shape[1] - place, 0)
    return np.asarray(np.partition(products, last, axis=1)[:, last])
