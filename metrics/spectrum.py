"""Diversity from the spectrum of the similarity matrix: Vendi scores, collision probability, effective number.

Rows are unit vectors, the kernel of the Vendi score is their inner product, that of the collision its square. All of
it depends on the embedding, and squares are blind to sign: two opposite clusters count as one. `SecondMoment` gives
the same numbers from a stream. No thresholds and no decisions here.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import blas

from metrics._checks import Matrix, unit_rows

_RANK_TOLERANCE = 1e-10


def vendi_score(x: ArrayLike, q: float = 1.0) -> float:
    """Vendi score of order q: the exponential of the Renyi entropy of the eigenvalues of X X^T / n.

    In [1, min(n, d)]: 1 for identical rows, n for orthogonal ones. Grows with n until it saturates, so compare at equal
    n or use `effective_number`. `q = 1` is Shannon, `q = 2` is n^2 / ||X X^T||^2, `q = inf` one over the largest share,
    `q = 0` the rank. Costs O(n d min(n, d) + min(n, d)^3).

    Friedman and Dieng 2023 (arXiv 2210.02410), order q by Pasarkar and Dieng 2024 (arXiv 2310.12952).

    Raises:
        ValueError: no rows, rows that are not finite unit vectors, or q < 0.
    """
    rows = unit_rows(x)
    # The dual form has the same non-zero eigenvalues and is the cheaper one as soon as n > d.
    gram = rows.T @ rows if len(rows) > rows.shape[1] else rows @ rows.T
    return _spectral_number(gram, q)


def collision_probability(x: ArrayLike) -> float:
    """Mean squared cosine over pairs of different rows, in [0, 1]: how alike two random rows are.

    The unbiased U-statistic, so its expectation does not depend on n. 1 for identical rows, 0 for orthogonal ones, 1/d
    for random directions. Costs O(n d min(n, d)). Copies raise it by O(1/n): duplicating all rows changes p to
    p + (1 - p) / (2n - 1).

    Raises:
        ValueError: fewer than two rows, or rows that are not finite unit vectors.
    """
    rows = unit_rows(x, minimum=2)
    n = len(rows)
    gram = rows.T @ rows if n > rows.shape[1] else rows @ rows.T
    quartic = float(np.square(np.einsum("ij,ij->i", rows, rows)).sum())
    return _clip((float(np.square(gram).sum()) - quartic) / (n * (n - 1)))


def effective_number(x: ArrayLike) -> float:
    """N2 = 1 / collision probability: how many equally common, unlike kinds would collide as often. At least 1.

    Free of n (unlike the Vendi score), infinite where no two rows share anything. The order-2 diversity of Leinster and
    Cobbold 2012 with similarity cos^2. Centred data of m balanced orthogonal groups give m - 1.

    Raises:
        ValueError: as `collision_probability`.
    """
    return _inverse(collision_probability(x))


class SecondMoment:
    """The sum S of x x^T over a stream of unit rows: collision, N2, Vendi and redundancy without keeping the rows.

    float64, d * d * 8 bytes whatever n. `add` and `redundancy` of one row cost O(d^2). Two streams merge exactly, and
    rows can be taken out again. Adding and removing millions of rows leaves rounding of some 1e-16 a step.
    """

    def __init__(self, d: int) -> None:
        if d < 1:
            raise ValueError(f"d must be at least 1, got {d}")
        self.d = d
        self.n = 0
        # Upper triangle in Fortran order: what BLAS updates in place, half the work of an outer product.
        self._upper: Matrix = np.zeros((d, d), order="F")
        self._pairs = 0.0

    def add(self, x: ArrayLike) -> None:
        """Take in one row, shape (d,), or many, shape (n, d).

        Raises:
            ValueError: another width, or rows that are not finite unit vectors; nothing was added then.
        """
        rows = self._rows(x)
        if len(rows) == 1:
            row = rows[0]
            self._pairs += 2.0 * self._quadratic(row)
            self._upper = blas.dsyr(1.0, row, a=self._upper, overwrite_a=1)
        elif len(rows):
            gram = rows.T @ rows
            quartic = float(np.square(np.einsum("ij,ij->i", rows, rows)).sum())
            cross = float((self.matrix() * gram).sum())
            self._pairs += 2.0 * cross + float(np.square(gram).sum()) - quartic
            self._upper += np.triu(gram)
        self.n += len(rows)

    def remove(self, x: ArrayLike) -> None:
        """Take out one or many rows that were added before; what was never added cannot be told and spoils the sums.

        Raises:
            ValueError: more rows than there are, another width, or rows that are not finite unit vectors.
        """
        rows = self._rows(x)
        if len(rows) > self.n:
            raise ValueError(f"cannot remove {len(rows)} rows from {self.n}")
        for row in rows:
            self._upper = blas.dsyr(-1.0, row, a=self._upper, overwrite_a=1)
            self._pairs -= 2.0 * self._quadratic(row)
        self.n -= len(rows)
        if self.n < 2:
            self._pairs = 0.0

    def merge(self, other: SecondMoment) -> None:
        """Take in all rows of another stream of the same width; the order of merging does not matter."""
        if other.d != self.d:
            raise ValueError(f"widths differ: {self.d} and {other.d}")
        self._pairs += other._pairs + 2.0 * float((self.matrix() * other.matrix()).sum())
        self._upper = np.asfortranarray(self._upper + other._upper)
        self.n += other.n

    def matrix(self) -> Matrix:
        """S itself, symmetric, shape (d, d)."""
        return self._upper + np.triu(self._upper, 1).T

    def redundancy(self, x: ArrayLike) -> float:
        """m(x) = x^T S x / n, in [0, 1]: the mean squared cosine of one unit row to all rows so far.

        Adding x gives p' = ((n - 1) p + 2 m(x)) / (n + 1), so p rises exactly when m(x) > p.

        Raises:
            ValueError: an empty stream, another width, or not one finite unit vector.
        """
        rows = self._rows(x)
        if len(rows) != 1:
            raise ValueError(f"redundancy takes one row, got {len(rows)}")
        if not self.n:
            raise ValueError("redundancy against an empty stream is undefined")
        return _clip(self._quadratic(rows[0]) / self.n)

    def collision_with(self, x: ArrayLike) -> float:
        """The collision probability that adding one row would give, without adding it; needs one row before."""
        m = self.redundancy(x)
        return _clip((self._pairs + 2.0 * self.n * m) / ((self.n + 1) * self.n))

    def collision_probability(self) -> float:
        """As the function of that name, over the stream; ValueError under two rows."""
        if self.n < 2:
            raise ValueError(f"collision probability needs at least 2 rows, got {self.n}")
        return _clip(self._pairs / (self.n * (self.n - 1)))

    def effective_number(self) -> float:
        """As the function of that name, over the stream; ValueError under two rows."""
        return _inverse(self.collision_probability())

    def vendi_score(self, q: float = 1.0) -> float:
        """As the function of that name, over the stream, from d eigenvalues; ValueError on an empty stream."""
        if not self.n:
            raise ValueError("the Vendi score of an empty stream is undefined")
        return _spectral_number(self.matrix(), q)

    def _quadratic(self, row: Matrix) -> float:
        return float(row @ blas.dsymv(1.0, self._upper, row))

    def _rows(self, x: ArrayLike) -> Matrix:
        given = np.asarray(x, dtype=np.float64)
        rows = unit_rows(given.reshape(1, -1) if given.ndim == 1 else given, minimum=0)
        if rows.shape[1] != self.d:
            raise ValueError(f"rows must have {self.d} columns, got {rows.shape[1]}")
        return rows


def _spectral_number(gram: Matrix, q: float) -> float:
    if not q >= 0:
        raise ValueError(f"q must be at least 0, got {q}")
    values = np.linalg.eigvalsh(gram)
    shares = values / values.sum()
    shares = shares[shares > _RANK_TOLERANCE]
    if q == 0:
        return float(len(shares))
    if math.isinf(q):
        return float(1.0 / shares[-1])
    if abs(q - 1.0) < 1e-9:
        return float(np.exp(-(shares * np.log(shares)).sum()))
    return float(np.square(shares).sum() ** -1.0) if q == 2 else float((shares**q).sum() ** (1.0 / (1.0 - q)))


def _clip(p: float) -> float:
    """Rounding can leave [0, 1] by 1e-16; never more, as the rows were checked."""
    return min(1.0, max(0.0, p))


def _inverse(p: float) -> float:
    return math.inf if p == 0.0 else 1.0 / p
