"""Exact inner-product search over unit vectors: no recall to tune, no miss to measure. The only importer of faiss.

FAISS finds, float64 decides: its batched kernels round differently for other batch sizes and thread counts, so every
hit is looked up with a little slack and scored again by one fixed summation. Scores, order and membership therefore
depend on the vectors alone. Files written here are caches that the store can make again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import ArrayLike, NDArray

from synthdata.errors import CorruptStoreError
from synthdata.io.files import atomic_file

Scores = NDArray[np.float64]
Ids = NDArray[np.int64]

# FAISS counts values of a call (queries x dim) and by default takes its slow loop below 128,000: at dim 384 that makes
# a call of 256 queries ten times slower than one of 512. Its matrix kernel wins from about four queries on.
faiss.cvar.distance_compute_blas_threshold = 1536

# float32 inner products of unit vectors of up to some thousand dimensions err by less than 1e-5; hits within it are
# fetched as well and scored again.
ROUNDING = 1e-5
_EXTRA = 4
_QUERY_ROWS = 1024
_SCORE_ROWS = 16384


class VectorIndex:
    """Rows numbered 0, 1, ... in the order of `add`; all answers are exact and equal scores go by the lower id.

    Memory is 4 * dim bytes a row; a search costs O(n * dim) a query. Vectors are used as given: unit vectors make the
    inner product a cosine, the zero vector scores 0 with everything.
    """

    def __init__(self, dim: int) -> None:
        if dim < 1:
            raise ValueError(f"dim must be at least 1, got {dim}")
        self.dim = dim
        self._index = faiss.IndexFlatIP(dim)
        self._mapped = False

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: ArrayLike) -> None:
        """Append rows, shape (n, dim) or (dim,).

        Raises:
            ValueError: another width, or a value that is not finite; nothing was added then.
        """
        rows = self._rows(vectors)
        if self._mapped:
            self._own()
        if len(rows):
            self._index.add(rows)

    def search(self, vectors: ArrayLike, k: int) -> tuple[Scores, Ids]:
        """The `k` best rows of each query: scores and ids, each of shape (queries, min(k, n)), best first."""
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        queries = self._rows(vectors)
        width = min(k, len(self))
        scores = np.empty((len(queries), width), dtype=np.float64)
        ids = np.empty((len(queries), width), dtype=np.int64)
        if width:
            for start in range(0, len(queries), _QUERY_ROWS):
                self._search_block(queries, start, scores, ids)
        return scores, ids

    def within(self, vector: ArrayLike, threshold: float) -> tuple[Scores, Ids]:
        """All rows whose inner product with one vector is at least `threshold`, best first."""
        rows = self._rows(vector)
        if len(rows) != 1:
            raise ValueError(f"within takes one vector, got {len(rows)}; use within_many")
        return self._within_block(rows, threshold)[0]

    def within_many(self, vectors: ArrayLike, threshold: float) -> Iterator[tuple[Scores, Ids]]:
        """As `within` for each of many vectors, in order; a generator, so that memory stays bounded by one block."""
        queries = self._rows(vectors)
        for start in range(0, len(queries), _QUERY_ROWS):
            yield from self._within_block(queries[start : start + _QUERY_ROWS], threshold)

    def nearest(self, vector: ArrayLike) -> tuple[float, int] | None:
        """Score and id of the best row, None from an empty index."""
        if not len(self):
            return None
        scores, ids = self.search(vector, 1)
        return float(scores[0, 0]), int(ids[0, 0])

    def reconstruct(self, ids: ArrayLike) -> NDArray[np.float32]:
        """The stored rows of these ids, shape (len(ids), dim).

        Raises:
            IndexError: an id that was never given out.
        """
        wanted = np.atleast_1d(np.asarray(ids, dtype=np.int64))
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"row ids must lie in [0, {len(self)}), got {int(wanted.min())} to {int(wanted.max())}")
        if not wanted.size:
            return np.empty((0, self.dim), dtype=np.float32)
        return np.asarray(self._index.reconstruct_batch(wanted), dtype=np.float32)

    def save(self, path: Path | str) -> None:
        """Write the index so that a kill at any moment leaves the old file or the new one, whole."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(target) as part:
            faiss.write_index(self._index, str(part))

    @classmethod
    def load(cls, path: Path | str) -> VectorIndex:
        """Open a saved index memory-mapped: pages come in as they are searched, the first `add` copies them.

        Raises:
            CorruptStoreError: no such file, or not a flat inner-product index; it can be rebuilt from the vectors.
        """
        try:
            stored = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise CorruptStoreError(f"{path}: not a readable vector index, delete it and rebuild: {error}") from error
        if not isinstance(stored, faiss.IndexFlatIP):
            raise CorruptStoreError(
                f"{path}: holds a {type(stored).__name__}, not a flat inner-product index; rebuild it"
            )
        index = cls(stored.d)
        index._index = stored
        index._mapped = True
        return index

    def _own(self) -> None:
        copy = faiss.IndexFlatIP(self.dim)
        for start in range(0, len(self), _SCORE_ROWS):
            copy.add(self._index.reconstruct_n(start, min(_SCORE_ROWS, len(self) - start)))
        self._index, self._mapped = copy, False

    def _rows(self, vectors: ArrayLike) -> NDArray[np.float32]:
        rows = np.ascontiguousarray(np.atleast_2d(np.asarray(vectors, dtype=np.float32)))
        if rows.size == 0:
            return np.empty((0, self.dim), dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            raise ValueError(f"vectors must have shape (n, {self.dim}), got {np.shape(vectors)}")
        if not np.isfinite(rows).all():
            raise ValueError("vectors hold NaN or infinity")
        return rows

    def _search_block(self, queries: NDArray[np.float32], start: int, scores: Scores, ids: Ids) -> None:
        block = queries[start : start + _QUERY_ROWS]
        width = scores.shape[1]
        fetch = min(width + _EXTRA, len(self))
        rough, neighbours = self._index.search(block, fetch)
        # A row further off than rounding explains cannot be among the best: most queries have no such rival.
        rivals = rough >= rough[:, width - 1 : width] - 2 * ROUNDING
        exact = np.full(neighbours.shape, -np.inf)
        exact[rivals] = self._score(block, np.nonzero(rivals)[0], neighbours[rivals])
        order = np.lexsort((neighbours, -exact), axis=1)[:, :width]
        scores[start : start + len(block)] = np.take_along_axis(exact, order, axis=1)
        ids[start : start + len(block)] = np.take_along_axis(neighbours, order, axis=1)
        if fetch < len(self):
            # A row left out could tie with, or by rounding beat, the last one kept: only then look at all of them.
            open_ended = np.flatnonzero(rough[:, -1] >= scores[start : start + len(block), -1] - ROUNDING)
            for row in open_ended:
                floor = float(scores[start + row, -1])
                all_scores, all_ids = self._within_block(block[row : row + 1], floor)[0]
                scores[start + row], ids[start + row] = all_scores[:width], all_ids[:width]

    def _within_block(self, block: NDArray[np.float32], threshold: float) -> list[tuple[Scores, Ids]]:
        limits, _, neighbours = self._index.range_search(block, threshold - ROUNDING)
        which = np.searchsorted(limits.astype(np.int64)[1:], np.arange(len(neighbours)), side="right")
        exact = self._score(block, which, neighbours)
        keep = exact >= threshold
        which, exact, neighbours = which[keep], exact[keep], neighbours[keep]
        order = np.lexsort((neighbours, -exact, which))
        cuts = np.searchsorted(which[order], np.arange(1, len(block)))
        return list(zip(np.split(exact[order], cuts), np.split(neighbours[order], cuts), strict=True))

    def _score(self, block: NDArray[np.float32], which: Ids, neighbours: Ids) -> Scores:
        scores = np.empty(len(neighbours), dtype=np.float64)
        for start in range(0, len(neighbours), _SCORE_ROWS):
            part = slice(start, start + _SCORE_ROWS)
            rows = self._index.reconstruct_batch(neighbours[part]).astype(np.float64)
            scores[part] = (rows * block[which[part]]).sum(axis=1)
        return scores
