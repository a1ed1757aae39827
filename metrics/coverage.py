"""How much of a reference a sample still reaches, and how much of the sample lies where the reference is.

Distances are Euclidean between unit rows. Everything is exact and worked in blocks, so memory stays bounded; nothing
here decides what the reference is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics._checks import Matrix, unit_rows

_BLOCK = 1024
# Squared distances of equal rows come out as some 1e-16 instead of 0; real neighbours are far above this.
_SAME = 1e-12


def prdc(reference: ArrayLike, x: ArrayLike, k: int = 5) -> dict[str, float]:
    """Precision, recall, density and coverage of a sample against a reference, by k-nearest-neighbour balls.

    `precision`: share of the sample inside some reference ball; `recall`: share of the reference inside some sample
    ball; `density`: how many reference balls hold a sample row, over k (may exceed 1); `coverage`: share of reference
    balls that hold a sample row. A sample from the reference's own distribution has an expected coverage near 1 - 2^-k.
    O((n + m)^2 d). Depends on k and on both sizes: compare at equal ones. Precision rises while a generator collapses.
    A reference row with k exact copies has a ball of radius zero that nothing can enter: deduplicate first.

    Naeem et al. 2020 (arXiv 2002.09797); a point counts as inside when it is strictly nearer than the radius.

    Raises:
        ValueError: k < 1, either side not more than k rows, other widths, or rows that are not finite unit vectors.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    real, fake = unit_rows(reference, minimum=k + 1), unit_rows(x, minimum=k + 1)
    _same_width(real, fake)
    real_radii, fake_radii = _radii(real, k), _radii(fake, k)
    balls = np.zeros(len(fake))
    recalled = np.zeros(len(real), dtype=bool)
    covered = np.zeros(len(real), dtype=bool)
    for rows, distances in _squared(real, fake):
        inside = distances < real_radii[rows, None]
        balls += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
        recalled[rows] = (distances < fake_radii[None, :]).any(axis=1)
    return {
        "precision": float((balls > 0).mean()),
        "recall": float(recalled.mean()),
        "density": float(balls.mean() / k),
        "coverage": float(covered.mean()),
    }


def coverage_radius(reference: ArrayLike, x: ArrayLike, percentile: float = 95.0) -> float:
    """Percentile over the reference of the distance to the nearest sample row, in [0, 2]: the radius that covers it.

    0 where every reference row is in the sample. 100 gives the k-centre radius, which one outlier sets. Falls as the
    sample grows. O(n m d).

    Raises:
        ValueError: no rows on either side, other widths, rows that are not finite unit vectors, or no such percentile.
    """
    if not 0.0 <= percentile <= 100.0:
        raise ValueError(f"percentile must lie in [0, 100], got {percentile}")
    real, fake = unit_rows(reference), unit_rows(x)
    _same_width(real, fake)
    nearest = np.concatenate([distances.min(axis=1) for _, distances in _squared(real, fake)])
    return float(np.percentile(np.sqrt(nearest), percentile))


def tail_coverage(
    reference: Sequence[Sequence[str]], sample: Sequence[Sequence[str]], n: int = 1, rare: int = 3
) -> float:
    """Share of the reference's rare n-grams (at most `rare` times there) that the sample still holds, in [0, 1].

    The tail goes first when a model feeds on itself (Shumailov et al. 2024). Documents are token lists. Rises with the
    number of sample tokens, so compare at equal ones. 1 where the reference has no rare n-gram, as nothing can be lost.

    Raises:
        ValueError: n or `rare` under 1, or a document that is a string.
    """
    if n < 1 or rare < 1:
        raise ValueError(f"n and rare must be at least 1, got {n} and {rare}")
    tail = {gram for gram, count in Counter(_grams(reference, n)).items() if count <= rare}
    if not tail:
        return 1.0
    return len(tail & set(_grams(sample, n))) / len(tail)


def _grams(documents: Sequence[Sequence[str]], n: int) -> Iterator[tuple[str, ...]]:
    for document in documents:
        if isinstance(document, str):
            raise ValueError("a document is a list of tokens, not a string: split it first")
        yield from zip(*(document[start:] for start in range(n)), strict=False)


def _same_width(real: Matrix, fake: Matrix) -> None:
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"widths differ: {real.shape[1]} and {fake.shape[1]}")


def _squared(left: Matrix, right: Matrix) -> Iterator[tuple[NDArray[np.intp], Matrix]]:
    """Blocks of rows of `left` with their squared distances to all of `right`."""
    right_squares = np.einsum("ij,ij->i", right, right)
    for start in range(0, len(left), _BLOCK):
        block = left[start : start + _BLOCK]
        squares = np.einsum("ij,ij->i", block, block)[:, None] + right_squares - 2.0 * (block @ right.T)
        yield np.arange(start, start + len(block)), np.where(squares < _SAME, 0.0, squares)


def _radii(rows: Matrix, k: int) -> NDArray[np.float64]:
    """Squared distance to the k-th nearest other row."""
    radii = np.empty(len(rows))
    for which, distances in _squared(rows, rows):
        # The row itself is among the distances, as the one of zero.
        radii[which] = np.partition(distances, k, axis=1)[:, k]
    return radii
