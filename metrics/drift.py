"""How far one set of unit rows has moved from another. No baseline and no alarm here."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrics._rows import Matrix, outer_sum, same_width


def mmd2(x: ArrayLike, y: ArrayLike) -> float:
    """Squared maximum mean discrepancy between x (n, d) and y (m, d) with kernel cos^2: how far apart two sets are.

    Collision within x, plus within y, less twice the collision across. Range: [-1, 2]; around 0, also a little below,
    for two samples of one distribution; two sets that are orthogonal to each other have the sum of their collisions.
    Cost: O((n + m) d^2), memory d^2. Size: the unbiased U-statistic, free of n and m up to sampling error. Fails: it
    compares second moments alone, so it is blind to the sign of a direction and to shapes of equal spread; a set that
    is far more repetitive than the other adds its own collision to the distance.

    Gretton et al. 2012 (JMLR 13, lemma 6).

    Raises:
        ValueError: fewer than two rows on either side, other widths, or rows that are not finite unit vectors.
    """
    n, left, left_own = outer_sum(x, minimum=2)
    m, right, right_own = outer_sum(y, minimum=2)
    same_width(left, right)
    across = float(np.vdot(left, right)) / (n * m)
    return _within(n, left, left_own) + _within(m, right, right_own) - 2.0 * across


def _within(n: int, moment: Matrix, own: float) -> float:
    return (float(np.square(moment).sum()) - own) / (n * (n - 1))
