"""How much of a reference a sample still reaches, and how much of the sample lies where the reference is.

Distances are Euclidean between unit rows. Everything is exact and worked in blocks, so memory stays bounded; nothing
here decides what the reference is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics._ngrams import Tokens, all_ngrams, check_order
from metrics._rows import Matrix, same_width, unit_rows

_BLOCK = 1024
# Squared distances of equal rows come out as some 1e-16 instead of 0; real neighbours are far above this.
_SAME = 1e-12


def prdc(reference: ArrayLike, x: ArrayLike, k: int = 5) -> dict[str, float]:
    """Precision, recall, density and coverage of x (m, d) against a reference (n, d), by balls to the k-th neighbour.

    `precision`: share of x inside some reference ball; `recall`: share of the reference inside some ball of x;
    `density`: how many reference balls hold a row of x, over k; `coverage`: share of reference balls that hold one.

    Range: [0, 1], density [0, n / k]. For a sample of the reference's own distribution coverage is expected at
    1 - prod_{j<k} (n - 1 - j) / (n + m - 1 - j), about 1 - 2^-k at equal sizes, and density at 1. Cost: O((n + m)^2 d)
    time, O(n + m) memory by blocks. Size: coverage rises with m and falls with n; compare at equal sizes and equal k.
    Fails: precision rises while a generator collapses onto what is common; one far outlier of the reference makes a
    ball that swallows much, which spoils precision (not coverage); a row with k exact copies has a ball of radius zero
    that nothing enters, so identical rows alone give 0 in all four: deduplicate first.

    Naeem et al. 2020 (arXiv 2002.09797), precision and recall by Kynkaanniemi et al. 2019 (arXiv 1904.06991); a row is
    inside when it is strictly nearer than the radius.

    Raises:
        ValueError: k < 1, either side not more than k rows, other widths, or rows that are not finite unit vectors.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    real, fake = unit_rows(reference, minimum=k + 1), unit_rows(x, minimum=k + 1)
    same_width(real, fake)
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
    """The radius that covers the reference (n, d): a percentile of its distances to the nearest row of x (m, d).

    Range: [0, 2], Euclidean between unit rows; 0 where every reference row is in x, sqrt(2) where they are orthogonal.
    Cost: O(n m d). Size: falls slowly as x grows; compare at equal m. Fails: 100 gives the k-centre radius, which one
    outlier sets; in high dimensions all distances are alike, so that losing half of the kinds moves it little; it does
    not see how often a kind is hit, only whether.

    The k-centre objective (Gonzalez 1985) with a percentile in place of the maximum.

    Raises:
        ValueError: no rows on either side, other widths, rows that are not finite unit vectors, or no such percentile.
    """
    if not 0.0 <= percentile <= 100.0:
        raise ValueError(f"percentile must lie in [0, 100], got {percentile}")
    real, fake = unit_rows(reference), unit_rows(x)
    same_width(real, fake)
    nearest = np.concatenate([distances.min(axis=1) for _, distances in _squared(real, fake)])
    return float(np.percentile(np.sqrt(nearest), percentile))


def tail_coverage(reference: Sequence[Tokens], sample: Sequence[Tokens], n: int = 1, rare: int = 3) -> float:
    """Share of the reference's rare n-grams (at most `rare` times there) that the sample still holds.

    Documents are token lists; n-grams do not cross them. Range: [0, 1]; 1 where the reference has no rare n-gram, as
    nothing can be lost. Cost: O(tokens). Size: rises with the tokens of the sample and falls with those of the
    reference, so it is far under 1 for healthy samples: compare at equal tokens against another real sample. Fails:
    misspellings and names are rare too, and a paraphrase loses the words without losing the thought.

    What is rare goes first when a model feeds on itself: Shumailov et al. 2024 (Nature 631).

    Raises:
        ValueError: n or `rare` under 1, or a document that is a string.
    """
    check_order(n)
    if rare < 1:
        raise ValueError(f"rare must be at least 1, got {rare}")
    held = set(all_ngrams(sample, n))
    tail = {gram for gram, count in Counter(all_ngrams(reference, n)).items() if count <= rare}
    return len(tail & held) / len(tail) if tail else 1.0


def _squared(left: Matrix, right: Matrix) -> Iterator[tuple[NDArray[np.intp], Matrix]]:
    """Blocks of rows of `left` with their squared distances to all of `right`."""
    right_squares = np.einsum("ij,ij->i", right, right)
    for start in range(0, len(left), _BLOCK):
        block = left[start : start + _BLOCK]
        squares = block @ right.T
        squares *= -2.0
        squares += np.einsum("ij,ij->i", block, block)[:, None]
        squares += right_squares
        squares[squares < _SAME] = 0.0
        yield np.arange(start, start + len(block)), squares


def _radii(rows: Matrix, k: int) -> NDArray[np.float64]:
    """Squared distance to the k-th nearest other row."""
    radii = np.empty(len(rows))
    for which, distances in _squared(rows, rows):
        # The row itself is among the distances, as the one of zero.
        distances.partition(k, axis=1)
        radii[which] = distances[:, k]
    return radii
