"""How far one set of unit rows has moved from another. No baseline and no alarm here."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrics._checks import Matrix, unit_rows


def mmd2(x: ArrayLike, y: ArrayLike) -> float:
    """Squared maximum mean discrepancy with kernel cos^2, the unbiased U-statistic, in [-1, 2].

    Around 0 (also a little below) for two samples of one distribution, whatever their sizes; twice the collision
    probability for two sets that are orthogonal to each other. It compares second moments alone, so it is blind to the
    sign of a direction. O((n + m) d^2). Gretton et al. 2012.

    Raises:
        ValueError: fewer than two rows on either side, other widths, or rows that are not finite unit vectors.
    """
    left, right = unit_rows(x, minimum=2), unit_rows(y, minimum=2)
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"widths differ: {left.shape[1]} and {right.shape[1]}")
    left_moment, right_moment = left.T @ left, right.T @ right
    across = float((left_moment * right_moment).sum()) / (len(left) * len(right))
    return _within(left, left_moment) + _within(right, right_moment) - 2.0 * across


def _within(rows: Matrix, moment: Matrix) -> float:
    quartic = float(np.square(np.einsum("ij,ij->i", rows, rows)).sum())
    return (float(np.square(moment).sum()) - quartic) / (len(rows) * (len(rows) - 1))
