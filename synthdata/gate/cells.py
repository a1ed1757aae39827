"""Context cells: spherical k-means over the reference, and the cell of a new context.

Frozen into the anchor at calibration; a new cell comes only from a new anchor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthdata.protocols import Vectors

Floats = NDArray[np.float64]


def centre(vectors: Vectors, mean: Vectors | Floats) -> tuple[Vectors, NDArray[np.float32]]:
    """Unit vectors (n, d) after subtracting `mean`, and the norms they had before scaling; zero stays zero.

    Without centring everything is similar, because texts of one corpus share a template (science: second moments of
    centred, unit-norm embeddings).
    """
    # No rows come without a width.
    shifted = np.asarray(vectors, dtype=np.float32).reshape(-1, len(mean)) - mean
    norms = np.linalg.norm(shifted, axis=1).astype(np.float32)
    safe = np.where(norms > 0, norms, 1)
    return (shifted / safe[:, None]).astype(np.float32), norms


def cell_count(rows: int, least: int, largest: int) -> int:
    """How many cells a reference of `rows` rows carries: floor(sqrt(rows)) within [least, most]."""
    return int(np.clip(int(np.sqrt(rows)), least, largest))


def spherical_kmeans(x: Vectors, cells: int, seed: int, iterations: int = 30) -> Vectors:
    """Unit centroids (cells, d) of unit rows x (n, d), k-means++ start, cosine objective (Dhillon & Modha 2001).

    Deterministic for a seed. An emptied cell restarts at the row that its own centroid fits worst. Cost
    O(iterations * n * cells * d).
    """
    centroids = _plus_plus(x, cells, np.random.default_rng(seed))
    labels = np.full(len(x), -1)
    for _ in range(iterations):
        similarity = x @ centroids.T
        new = similarity.argmax(axis=1)
        if np.array_equal(new, labels):
            break
        labels = new
        sums = np.zeros(centroids.shape, dtype=np.float64)
        np.add.at(sums, labels, x)
        empty = np.flatnonzero(np.bincount(labels, minlength=cells) == 0)
        worst = np.argsort(similarity.max(axis=1), kind="stable")
        sums[empty] = x[worst[: len(empty)]]
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        # A cell whose rows cancel out keeps its old centroid: it has no direction of its own.
        centroids = np.where(norms > 0, sums / np.where(norms > 0, norms, 1), centroids).astype(np.float32)
    return centroids


def _plus_plus(x: Vectors, cells: int, rng: np.random.Generator) -> Vectors:
    chosen = [int(rng.integers(len(x)))]
    distance = 1 - x @ x[chosen[0]]
    for _ in range(cells - 1):
        weight = np.clip(distance, 0, None).astype(np.float64) ** 2
        total = weight.sum()
        pick = int(rng.choice(len(x), p=weight / total)) if total > 0 else int(rng.integers(len(x)))
        chosen.append(pick)
        distance = np.minimum(distance, 1 - x @ x[pick])
    return x[chosen].copy()


def smoothed_shares(counts: NDArray[np.signedinteger[Any]]) -> Floats:
    """(count + 1) / (total + m) of each of m cells, (m,): shares that add up to 1, none of them nought."""
    return np.asarray((counts + 1) / (counts.sum() + len(counts)), dtype=np.float64)


def smoothed_share(counts: NDArray[np.signedinteger[Any]], cell: int) -> float:
    """The share of one cell, without making those of all others."""
    return (int(counts[cell]) + 1) / (int(counts.sum()) + len(counts))


def assign(x: Vectors, centroids: Vectors) -> tuple[NDArray[np.int64], Floats]:
    """The nearest centroid of each unit row x (n, d), (n,), and the cosine to it, (n,); ties go to the lower cell."""
    similarity = x @ centroids.T
    cells = similarity.argmax(axis=1)
    return cells.astype(np.int64), similarity[np.arange(len(x)), cells].astype(np.float64)
