"""Shares with exact intervals: what k of n says about the rate behind it, without a normal approximation.

For rates near 0 and 1 at a few hundred trials, which is where judges, canaries and attacks are measured.
"""

from __future__ import annotations

import scipy


def exact_interval(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided Clopper-Pearson interval of a rate, in [0, 1]; (0, 1) for no trials.

    Each side leaves out at most (1 - confidence) / 2, so the interval is conservative. Clopper and Pearson 1934,
    Biometrika 26.

    Raises:
        ValueError: not 0 <= hits <= trials, or a confidence outside (0, 1).
    """
    tail = (1 - confidence) / 2
    return exact_lower(hits, trials, 1 - tail), exact_upper(hits, trials, 1 - tail)


def exact_lower(hits: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided exact lower bound: the rate is at least this with the given confidence; 0 where nothing was hit."""
    _check(hits, trials, confidence)
    return float(scipy.special.betaincinv(hits, trials - hits + 1, 1 - confidence)) if hits else 0.0


def exact_upper(hits: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided exact upper bound: the rate is at most this with the given confidence; 1 where all were hit."""
    _check(hits, trials, confidence)
    return float(scipy.special.betaincinv(hits + 1, trials - hits, confidence)) if hits < trials else 1.0


def _check(hits: int, trials: int, confidence: float) -> None:
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} of {trials} is no share")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not in (0, 1)")
