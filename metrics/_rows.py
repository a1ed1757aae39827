"""What every metric of vectors does with its rows first: checks, said once, and the sum of outer products in blocks.

Blocks keep memory bounded: float32 rows, also memory-mapped ones, are never widened all at once. No metric lives here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# float32 unit vectors are off by some 1e-7; anything beyond this was not normalised.
_UNIT_TOLERANCE = 1e-3
_BLOCK = 8192


def unit_rows(x: ArrayLike, minimum: int = 1) -> Matrix:
    """A float64 matrix of unit rows, shape (n, d).

    Raises:
        ValueError: not two-dimensional, fewer than `minimum` rows, not finite, or a row that is not of unit length.
    """
    rows = _shaped(x, minimum)
    return _checked(np.asarray(rows, dtype=np.float64), 0)


def unit_row(x: ArrayLike, d: int) -> Vector:
    """One unit row of width d, as float64 of shape (d,); a float64 row is not copied.

    Raises:
        ValueError: another shape, or not a finite unit vector.
    """
    row = np.asarray(x, dtype=np.float64)
    if row.shape != (d,):
        raise ValueError(f"one row of shape ({d},) is needed, got {row.shape}")
    # vdot, because dot and matmul warn of overflow where the check below says more.
    square = float(np.vdot(row, row))
    if not abs(square - 1.0) <= _UNIT_TOLERANCE:
        raise ValueError(f"the row must be a finite unit vector; its squared length is {square:g}")
    return row


def outer_sum(x: ArrayLike, minimum: int = 1) -> tuple[int, Matrix, float]:
    """(n, X^T X, sum over rows of |x|^4) of unit rows X (n, d); O(n d^2) time, O(d^2) memory beside X.

    Raises:
        ValueError: as `unit_rows`.
    """
    rows = _shaped(x, minimum)
    total, quartic = np.zeros((rows.shape[1], rows.shape[1])), 0.0
    for block in _blocks(rows):
        total += block.T @ block
        quartic += fourth_powers(block)
    return len(rows), total, quartic


def fourth_powers(rows: Matrix) -> float:
    """Sum over rows of |x|^4: what a row's square with itself adds, taken off to leave pairs of different rows."""
    return float(np.square(np.einsum("ij,ij->i", rows, rows)).sum())


def same_width(left: Matrix, right: Matrix) -> None:
    """ValueError unless two matrices have as many columns."""
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"widths differ: {left.shape[1]} and {right.shape[1]}")


def _shaped(x: ArrayLike, minimum: int) -> NDArray[np.generic]:
    rows = np.asarray(x)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"rows must have shape (n, d), got {rows.shape}")
    if len(rows) < minimum:
        raise ValueError(f"needs at least {minimum} rows, got {len(rows)}")
    return rows


def _blocks(rows: NDArray[np.generic]) -> Iterator[Matrix]:
    for start in range(0, len(rows), _BLOCK):
        yield _checked(np.asarray(rows[start : start + _BLOCK], dtype=np.float64), start)


def _checked(rows: Matrix, start: int) -> Matrix:
    squares = np.einsum("ij,ij->i", rows, rows)
    # Written so that NaN, which compares false, is caught as well.
    bad = np.flatnonzero(~(np.abs(squares - 1.0) <= _UNIT_TOLERANCE))
    if len(bad):
        row = start + int(bad[0])
        raise ValueError(f"rows must be finite unit vectors; row {row} has squared length {squares[bad[0]]:g}")
    return rows
