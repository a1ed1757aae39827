"""Entropy of counts: closed forms, orderings that hold for every distribution, and agreement with scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from metrics import hill_number, jensen_shannon, shannon_entropy

counts = st.lists(st.integers(0, 10_000), min_size=1, max_size=40).filter(any)
pairs = st.integers(1, 20).flatmap(
    lambda m: st.tuples(*[st.lists(st.integers(0, 1000), min_size=m, max_size=m).filter(any)] * 2)
)


@pytest.mark.parametrize("m", [1, 2, 7, 1000])
def test_equal_counts_give_log_m_and_m(m):
    assert shannon_entropy([3] * m) == pytest.approx(math.log(m), abs=1e-12)
    for q in (0, 0.5, 1, 2, 30, math.inf):
        assert hill_number([3] * m, q) == pytest.approx(m)


def test_known_values():
    assert shannon_entropy([1, 3]) == pytest.approx(0.25 * math.log(4) + 0.75 * math.log(4 / 3))
    assert hill_number([1, 3], 2) == pytest.approx(1 / (1 / 16 + 9 / 16))
    assert hill_number([1, 3, 0], 0) == 2
    assert hill_number([1, 3], math.inf) == pytest.approx(4 / 3)


@given(counts)
def test_hill_numbers_fall_with_order_and_stay_between_one_and_the_occupied_cells(values):
    numbers = [hill_number(values, q) for q in (0, 0.3, 1, 1.5, 2, 5, 200, math.inf)]
    assert all(a >= b - 1e-9 * a for a, b in itertools.pairwise(numbers))
    assert numbers[-1] >= 1 - 1e-9
    assert numbers[0] == np.count_nonzero(values)
    assert numbers[2] == pytest.approx(math.exp(shannon_entropy(values)))


@given(counts)
def test_entropy_agrees_with_scipy(values):
    assert shannon_entropy(values) == pytest.approx(float(scipy.stats.entropy(values)), abs=1e-12)


@given(counts, st.floats(1e-150, 1e150))
def test_only_proportions_count(values, scale):
    assert shannon_entropy(np.array(values) * scale) == pytest.approx(shannon_entropy(values), abs=1e-9)


@given(pairs)
def test_jensen_shannon_is_symmetric_bounded_and_scipys_squared(pair):
    p, q = pair
    value = jensen_shannon(p, q)
    assert value == pytest.approx(jensen_shannon(q, p), abs=1e-15)
    assert 0 <= value <= math.log(2)
    assert value == pytest.approx(float(jensenshannon(p, q)) ** 2, abs=1e-9)
    assert jensen_shannon(p, p) == 0


def test_jensen_shannon_of_disjoint_counts_is_log_two():
    assert jensen_shannon([5, 0, 1], [0, 2, 0]) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    "bad", [[], [0, 0], [1, -1], [1, math.nan], [math.inf, 1], [[1, 2], [3, 4]]], ids=lambda v: str(v)
)
def test_what_is_no_distribution_is_refused(bad):
    for metric in (shannon_entropy, lambda v: hill_number(v, 2), lambda v: jensen_shannon(v, v)):
        with pytest.raises(ValueError, match="count"):
            metric(bad)


def test_wrong_orders_and_lengths_are_refused():
    for q in (-1, math.nan):
        with pytest.raises(ValueError, match="q must"):
            hill_number([1, 2], q)
    with pytest.raises(ValueError, match="same cells"):
        jensen_shannon([1, 2], [1, 2, 3])
