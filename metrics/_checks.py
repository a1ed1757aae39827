"""What every metric demands of its arrays, said once: shape, finite values, unit rows. No metric lives here."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]

# float32 unit vectors are off by some 1e-7; anything beyond this was not normalised.
_UNIT_TOLERANCE = 1e-3


def unit_rows(x: ArrayLike, minimum: int = 1) -> Matrix:
    """A float64 matrix of unit rows, shape (n, d).

    Raises:
        ValueError: not two-dimensional, fewer than `minimum` rows, not finite, or a row that is not of unit length.
    """
    rows = np.asarray(x, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"rows must have shape (n, d), got {rows.shape}")
    if len(rows) < minimum:
        raise ValueError(f"needs at least {minimum} rows, got {len(rows)}")
    squares = np.einsum("ij,ij->i", rows, rows)
    # Written so that NaN, which compares false, is caught as well.
    bad = np.flatnonzero(~(np.abs(squares - 1.0) <= _UNIT_TOLERANCE))
    if len(bad):
        raise ValueError(f"rows must be finite unit vectors; row {bad[0]} has squared length {squares[bad[0]]:g}")
    return rows
