"""Exact intervals: closed forms, agreement with scipy's own, and the numbers that the design quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from metrics.proportion import exact_interval, exact_lower, exact_upper


@given(st.integers(1, 400), st.floats(0, 1), st.floats(0.5, 0.999))
def test_the_interval_is_scipys(trials, share, confidence):
    hits = round(share * trials)
    expected = binomtest(hits, trials).proportion_ci(confidence, method="exact")
    assert exact_interval(hits, trials, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_closed_forms():
    assert exact_interval(0, 0) == (0.0, 1.0)
    assert exact_upper(0, 299) == pytest.approx(1 - 0.05 ** (1 / 299))
    assert exact_lower(50, 50) == pytest.approx(0.05 ** (1 / 50))


def test_none_of_368_is_under_one_percent_and_none_of_367_is_not():
    assert exact_interval(0, 368)[1] < 0.01 < exact_interval(0, 367)[1]
    assert exact_upper(0, 299) < 0.01 < exact_upper(0, 298)


@pytest.mark.parametrize(("hits", "trials", "confidence"), [(-1, 5, 0.9), (6, 5, 0.9), (1, 5, 0.0), (1, 5, 1.0)])
def test_impossible_counts_are_refused(hits, trials, confidence):
    with pytest.raises(ValueError, match=r"share|confidence"):
        exact_lower(hits, trials, confidence)
