"""What chance alone does to a cell: bounds on its real share, and how many rows of so many may fall into it.

Clopper and Pearson 1934 for the share, the binomial distribution for the rows; both exact.
"""

from __future__ import annotations

import scipy


def share_bounds(count: int, total: int, confidence: float) -> tuple[float, float]:
    """Exact two-sided bounds of a share of which `count` of `total` were seen, at this confidence.

    (0, 1) where nothing was seen.
    """
    outside = (1 - confidence) / 2
    low = float(scipy.special.betaincinv(count, total - count + 1, outside)) if count else 0
    high = float(scipy.special.betaincinv(count + 1, total - count, 1 - outside)) if count < total else 1
    return low, high


def share_at_most(count: int, total: int, confidence: float) -> float:
    """The exact one-sided upper bound of a share of which `count` of `total` were seen; 1 where nothing was."""
    return float(scipy.special.betaincinv(count + 1, total - count, confidence)) if count < total else 1


def rows_at_most(rows: int, share: float, quantile: float) -> int:
    """The least k for which at most k of `rows` draws fall into a cell of this share with probability `quantile`.

    0 for a quantile of 0, which turns the allowance off.
    """
    if quantile <= 0 or rows <= 0:
        return 0
    if share >= 1:
        return rows
    # bdtrik is continuous; rounding may put it a hair over the whole number that is meant.
    rows_limit = int(-(-float(scipy.special.bdtrik(quantile, rows, share)) // 1))
    below = max(rows_limit - 1, 0)
    return below if float(scipy.special.bdtr(below, rows, share)) >= quantile else rows_limit
