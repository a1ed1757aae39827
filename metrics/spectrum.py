"""Diversity from the spectrum of the similarity matrix: Vendi scores, collision probability, effective number.

Rows are unit vectors, the kernel of the Vendi score is their inner product, that of the collision its square. All of
it depends on the embedding, and squares are blind to sign: two opposite clusters count as one. `SecondMoment` gives
the same numbers from a stream. No thresholds and no decisions here.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike

from metrics._rows import Matrix, Vector, fourth_powers, outer_sum, same_width, unit_row, unit_rows
from metrics.entropy import hill_number

# Shares of the spectrum under this are rounding: a rank of d would otherwise be read from n copies of one row.
_RANK_TOLERANCE = 1e-10


def vendi_score(x: ArrayLike, q: float = 1.0) -> float:
    """Vendi score of order q: the effective number of different rows of x (n, d), the Hill number of the spectrum.

    (sum l^q)^(1/(1-q)) over the eigenvalues l of X X^T / n. `q = 1` is the exponential of their Shannon entropy,
    `q = 2` is n^2 / ||X X^T||^2, `q = inf` one over the largest, `q = 0` the rank (shares under 1e-10 are rounding).

    Range: [1, min(n, d)]; 1 for identical rows, n for orthogonal ones; falls as q rises. Cost: O(n d min(n, d) +
    min(n, d)^3), with d^2 or n^2 numbers of memory. Size: grows with n until it saturates, the slower the lower q, so
    compare at equal n or use `effective_number`. Fails: rewards noise, which is as unlike everything as a new idea; is
    at most d, whatever the texts; rows that were not centred share a direction, which hides the rest.

    Friedman and Dieng 2023 (arXiv 2210.02410), order q by Pasarkar and Dieng 2024 (arXiv 2310.12952), growth with n by
    Ospanov and Farnia 2025 (arXiv 2410.21719).

    Raises:
        ValueError: no rows, rows that are not finite unit vectors, or q < 0.
    """
    return _spectral_number(_gram(x, minimum=1)[1], q)


def collision_probability(x: ArrayLike) -> float:
    """How alike two random rows of x (n, d) are: the mean squared cosine over pairs of different rows.

    Range: [0, 1]; 1 for identical rows, 0 for orthogonal ones, 1/d for random directions. Cost: O(n d min(n, d)).
    Size: the unbiased U-statistic, so its expectation does not depend on n; copies raise it by O(1/n), and writing
    every row twice gives p + (1 - p) / (2n - 1). Fails: it is ruled by the common kinds and hardly sees a rare one
    vanish; opposite vectors collide like equal ones.

    Leinster and Cobbold 2012, with similarity cos^2; its plug-in form is the order-2 Vendi score.

    Raises:
        ValueError: fewer than two rows, or rows that are not finite unit vectors.
    """
    n, gram, quartic = _gram(x, minimum=2)
    return _clip((float(np.square(gram).sum()) - quartic) / (n * (n - 1)))


def effective_number(x: ArrayLike) -> float:
    """N2 = 1 / collision probability: how many equally common, unlike kinds would collide as often.

    Range: [1, inf], infinite where no two rows share anything. m equal orthogonal groups give m, centred m - 1. Cost:
    O(n d min(n, d)). Size: free of n up to sampling error, unlike the Vendi score, which is at most n.
    Fails: as `collision_probability`; among a few rows it is unstable, since it divides by a small number.

    The order-2 diversity of Leinster and Cobbold 2012 with similarity cos^2.

    Raises:
        ValueError: as `collision_probability`.
    """
    return _inverse(collision_probability(x))


class SecondMoment:
    """The sum S of x x^T over a stream of unit rows: collision, N2, Vendi and redundancy without keeping the rows.

    Memory: d * d * 8 bytes whatever n, the stream's number of rows. `add` and `redundancy` of one row cost O(d^2), for
    a contiguous float64 row without a copy. Two streams merge exactly, and rows can be taken out again. Sums are
    compensated: after 10^5 rows in and out, collision is that of the rows left to within 1e-9. Not safe for writing
    from several threads.
    """

    def __init__(self, d: int) -> None:
        if d < 1:
            raise ValueError(f"d must be at least 1, got {d}")
        self.d = d
        self.n = 0
        # Upper triangle in Fortran order: what BLAS updates in place, half the work of an outer product.
        self._upper: Matrix = np.zeros((d, d), order="F")
        # Sum over ordered pairs of different rows of cos^2, and what rounding lost of it (Knuth's two-sum).
        self._pairs = 0.0
        self._lost = 0.0
        # The row asked about last and its x^T S x: who adds a row has asked for its redundancy just before.
        self._asked, self._answer = b"", 0.0

    def sums(self) -> tuple[Matrix, Vector]:
        """All that a stream remembers, for `of_sums`: the upper triangle of S (d, d), and its three numbers."""
        return self._upper, np.array([self.n, self._pairs, self._lost])

    @classmethod
    def of_sums(cls, upper: Matrix, numbers: Vector) -> SecondMoment:
        """The stream whose `sums` these are, to the bit."""
        moment = cls(len(upper))
        moment._upper = np.array(upper, order="F")
        n, moment._pairs, moment._lost = numbers.tolist()
        moment.n = int(n)
        return moment

    def add(self, x: ArrayLike) -> None:
        """Take in one row, shape (d,), in O(d^2), or many, shape (n, d), in O(n d^2).

        Raises:
            ValueError: another width, or rows that are not finite unit vectors; nothing was added then.
        """
        given = np.asarray(x)
        if given.ndim == 1:
            row = unit_row(given, self.d)
            self._count(2.0 * self._quadratic(row))
            self._upper = scipy.linalg.blas.dsyr(1.0, row, a=self._upper, overwrite_a=1)
            self._asked = b""
            self.n += 1
            return
        n, gram, quartic = outer_sum(given, minimum=0)
        same_width(self._upper, gram)
        self._count(2.0 * self._inner(gram))
        self._count(float(np.square(gram).sum()) - quartic)
        self._upper += np.triu(gram)
        self._asked = b""
        self.n += n

    def remove(self, x: ArrayLike) -> None:
        """Take out one or many rows that were added before, O(d^2) a row.

        What was never added cannot be told apart and spoils the sums.

        Raises:
            ValueError: more rows than there are, another width, or rows that are not finite unit vectors; nothing was
                removed then.
        """
        given = np.asarray(x)
        rows = unit_row(given, self.d)[None] if given.ndim == 1 else unit_rows(given, minimum=0)
        same_width(self._upper, rows)
        if len(rows) > self.n:
            raise ValueError(f"cannot remove {len(rows)} rows from {self.n}")
        for row in rows:
            self._upper = scipy.linalg.blas.dsyr(-1.0, row, a=self._upper, overwrite_a=1)
            self._asked = b""
            self._count(-2.0 * self._quadratic(row))
        self.n -= len(rows)
        if self.n < 2:
            self._pairs = self._lost = 0.0
        if not self.n:
            self._upper[:] = 0.0
            self._asked = b""

    def merge(self, other: SecondMoment) -> None:
        """Take in all rows of another stream, O(d^2); the order of merging does not matter, and `other` stays.

        Raises:
            ValueError: a stream of another width.
        """
        same_width(self._upper, other._upper)
        self._count(other._pairs)
        self._count(other._lost + 2.0 * self._inner(other._upper))
        self._upper = self._upper + other._upper
        self._asked = b""
        self.n += other.n

    def redundancy(self, x: ArrayLike) -> float:
        """m(x) = x^T S x / n: the mean squared cosine of one unit row (d,) to all rows so far, in [0, 1]. O(d^2).

        Adding x gives p' = ((n - 1) p + 2 m(x)) / (n + 1), so p rises exactly when m(x) > p. Free of n in expectation.

        Raises:
            ValueError: an empty stream, another shape, or not a finite unit vector.
        """
        if not self.n:
            raise ValueError("redundancy against an empty stream is undefined: add a row first")
        return _clip(self._quadratic(unit_row(x, self.d)) / self.n)

    def redundancies(self, x: ArrayLike) -> Vector:
        """`redundancy` of each row of x (n, d), shape (n,), in O(n d^2) as one matrix product; equal to rounding.

        Raises:
            ValueError: an empty stream, or rows that are not finite unit vectors.
        """
        if not self.n:
            raise ValueError("redundancy against an empty stream is undefined: add a row first")
        rows = unit_rows(x, minimum=0)
        same_width(self._upper, rows)
        if not len(rows):
            return np.empty(0)
        # x^T S x is twice x^T T x, where T is the upper triangle with half the diagonal.
        triangle = self._upper.copy(order="F")
        np.fill_diagonal(triangle, triangle.diagonal() / 2.0)
        products = scipy.linalg.blas.dtrmm(1.0, triangle, rows.T, trans_a=1)
        return np.asarray(np.clip(2.0 * np.einsum("ji,ij->i", products, rows) / self.n, 0.0, 1.0))

    def collision_probability(self) -> float:
        """As the function of that name, over the stream, in O(1).

        Raises:
            ValueError: fewer than two rows.
        """
        if self.n < 2:
            raise ValueError(f"collision probability needs at least 2 rows, got {self.n}")
        return _clip((self._pairs + self._lost) / (self.n * (self.n - 1)))

    def effective_number(self) -> float:
        """As the function of that name, over the stream, in O(1).

        Raises:
            ValueError: fewer than two rows.
        """
        return _inverse(self.collision_probability())

    def vendi_score(self, q: float = 1.0) -> float:
        """As the function of that name, over the stream, from d eigenvalues in O(d^3).

        Raises:
            ValueError: an empty stream, or q < 0.
        """
        if not self.n:
            raise ValueError("the Vendi score of an empty stream is undefined: add a row first")
        return _spectral_number(self._upper, q)

    def _count(self, term: float) -> None:
        total = self._pairs + term
        remaining = total - self._pairs
        self._lost += (self._pairs - (total - remaining)) + (term - remaining)
        self._pairs = total

    def _quadratic(self, row: Vector) -> float:
        key = row.tobytes()
        if key != self._asked:
            self._asked, self._answer = key, float(np.vdot(row, scipy.linalg.blas.dsymv(1.0, self._upper, row)))
        return self._answer

    def _inner(self, other: Matrix) -> float:
        """Sum of products of S with a symmetric matrix, of which the upper triangle is read."""
        return float(2.0 * np.vdot(self._upper, np.triu(other)) - np.vdot(self._upper.diagonal(), other.diagonal()))


def _gram(x: ArrayLike, minimum: int) -> tuple[int, Matrix, float]:
    """(n, the smaller of X^T X and X X^T, sum of |x|^4): both have the same eigenvalues and the same sum of squares."""
    given = np.asarray(x)
    if given.ndim == 2 and given.shape[0] > given.shape[1]:
        return outer_sum(given, minimum)
    rows = unit_rows(given, minimum)
    return len(rows), rows @ rows.T, fourth_powers(rows)


def _spectral_number(upper: Matrix, q: float) -> float:
    values = np.linalg.eigvalsh(upper, UPLO="U")
    return hill_number(np.where(values > _RANK_TOLERANCE * values.sum(), values, 0.0), q)


def _clip(p: float) -> float:
    """Rounding can leave [0, 1] by 1e-16; never more, as the rows were checked."""
    return min(1.0, max(0.0, p))


def _inverse(p: float) -> float:
    return math.inf if p == 0.0 else 1.0 / p
