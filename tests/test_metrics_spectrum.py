"""Vendi score, collision and N2 of a set: closed forms, slow definitions, orders, copies and sizes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics import collision_probability, effective_number, vendi_score


def unit(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def slow_collision(x):
    n = len(x)
    return sum(float(x[i] @ x[j]) ** 2 for i in range(n) for j in range(n) if i != j) / (n * (n - 1))


def groups(m, size):
    return np.repeat(np.eye(m), size, axis=0)


sets = st.builds(unit, st.integers(2, 12), st.integers(1, 9), st.integers(0, 2**31))


def test_identical_rows_are_one_kind():
    same = np.repeat(unit(1, 7), 9, axis=0)
    assert collision_probability(same) == pytest.approx(1)
    assert effective_number(same) == pytest.approx(1)
    for q in (0, 0.5, 1, 2, math.inf):
        assert vendi_score(same, q) == pytest.approx(1)


def test_orthogonal_rows_are_n_kinds():
    rows = np.eye(12)
    assert collision_probability(rows) == 0
    assert effective_number(rows) == math.inf
    for q in (0, 0.5, 1, 2, math.inf):
        assert vendi_score(rows, q) == pytest.approx(12)


@pytest.mark.parametrize("m", [2, 5, 9])
def test_m_orthogonal_groups_count_as_m_and_centred_as_m_minus_one(m):
    rows = groups(m, 400)
    for q in (0, 1, 2):
        assert vendi_score(rows, q) == pytest.approx(m)
    assert effective_number(rows) == pytest.approx((400 * m - 1) / 399)
    centred = rows - rows.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    for q in (0, 1, 2):
        assert vendi_score(centred, q) == pytest.approx(m - 1)
    assert effective_number(centred) == pytest.approx(m - 1, rel=0.02)


def test_opposite_clusters_count_as_one():
    rows = np.array([[1.0, 0.0], [-1.0, 0.0]] * 5)
    assert effective_number(rows) == pytest.approx(1)


def test_random_directions_collide_once_in_d_at_every_size():
    for n in (500, 4000):
        assert effective_number(unit(n, 50)) == pytest.approx(50, rel=0.03)


@given(sets)
def test_collision_is_its_definition(x):
    assert collision_probability(x) == pytest.approx(slow_collision(x), abs=1e-12)


@given(sets)
def test_vendi_is_the_entropy_of_the_full_kernel_in_both_forms(x):
    shares = np.linalg.eigvalsh(x @ x.T) / len(x)
    shares = shares[shares > 1e-10]
    assert vendi_score(x) == pytest.approx(math.exp(-(shares * np.log(shares)).sum()), rel=1e-9)
    assert vendi_score(x, 0.5) == pytest.approx(np.sqrt(shares).sum() ** 2, rel=1e-9)
    assert vendi_score(x, 2) == pytest.approx(len(x) ** 2 / np.square(x @ x.T).sum(), rel=1e-9)
    assert vendi_score(x, math.inf) == pytest.approx(1 / shares.max(), rel=1e-9)


@given(sets)
def test_vendi_falls_with_order_within_its_bounds(x):
    numbers = [vendi_score(x, q) for q in (0, 0.5, 1, 2, 9, math.inf)]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(numbers))
    assert numbers[-1] >= 1 - 1e-9 and numbers[0] <= min(x.shape)


@given(sets)
def test_inverse_order_two_vendi_is_the_collision_with_its_diagonal(x):
    n = len(x)
    assert 1 / vendi_score(x, 2) == pytest.approx(1 / n + (1 - 1 / n) * collision_probability(x))
    assert vendi_score(x) >= n / (1 + (n - 1) * collision_probability(x)) - 1e-9


@given(sets)
def test_doubling_all_rows_changes_collision_by_one_over_n(x):
    p, n = collision_probability(x), len(x)
    assert collision_probability(np.vstack([x, x])) == pytest.approx(p + (1 - p) / (2 * n - 1))


def test_float32_rows_agree_with_float64():
    x = unit(300, 40)
    assert effective_number(x.astype(np.float32)) == pytest.approx(effective_number(x), rel=1e-5)
    assert vendi_score(x.astype(np.float32)) == pytest.approx(vendi_score(x), rel=1e-5)


def test_rows_of_many_blocks_are_the_sum_of_their_parts():
    # More rows than one block of the sum of outer products.
    x = unit(20_000, 5)
    moment = x.T @ x
    expected = (np.square(moment).sum() - np.square(np.square(x).sum(axis=1)).sum()) / (len(x) * (len(x) - 1))
    assert collision_probability(x.astype(np.float32)) == pytest.approx(expected, rel=1e-6)
    assert vendi_score(x, 2) == pytest.approx(len(x) ** 2 / np.square(moment).sum(), rel=1e-12)
    x[17_000] *= 2
    with pytest.raises(ValueError, match="row 17000 has squared length 4"):
        collision_probability(x)


@given(sets, st.sampled_from([1e-8, 1e-6, 1e-3]))
def test_vendi_is_continuous_at_order_one(x, step):
    for q in (1 - step, 1 + step):
        assert vendi_score(x, q) == pytest.approx(vendi_score(x), rel=20 * step + 1e-6)


def test_high_orders_neither_underflow_nor_overflow():
    rows = np.eye(50)
    for q in (200, 1e4, 1e300):
        assert vendi_score(rows, q) == pytest.approx(50)
    assert vendi_score(groups(3, 4), 1e4) == pytest.approx(3)


@pytest.mark.parametrize("d", [3, 400])
def test_the_sampling_error_of_collision_is_no_bias(d):
    # The mean over small samples is the value of a large one: the U-statistic has no bias in n.
    small = [collision_probability(unit(6, d, seed)) for seed in range(400)]
    assert np.mean(small) == pytest.approx(1 / d, abs=4 * np.std(small) / 20)


def test_wrong_orders_are_refused():
    for q in (-1, math.nan):
        with pytest.raises(ValueError, match="q must"):
            vendi_score(np.eye(3), q)
