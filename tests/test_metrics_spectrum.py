"""Spectrum metrics: closed forms, the recursion and additivity that the gate's proof rests on, and slow definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics import SecondMoment, collision_probability, effective_number, vendi_score

METRICS = (collision_probability, effective_number, vendi_score)


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


@given(sets)
def test_stream_by_rows_and_in_one_go_is_the_batch(x):
    by_row, at_once = SecondMoment(x.shape[1]), SecondMoment(x.shape[1])
    for row in x:
        by_row.add(row)
    at_once.add(x)
    for stream in (by_row, at_once):
        assert stream.n == len(x)
        assert stream.collision_probability() == pytest.approx(collision_probability(x), abs=1e-12)
        assert stream.vendi_score(1.0) == pytest.approx(vendi_score(x), rel=1e-9)
        np.testing.assert_allclose(stream.matrix(), x.T @ x, atol=1e-12)


@given(sets)
def test_recursion_tells_the_collision_before_the_row_is_added(x):
    *before, last = x
    stream = SecondMoment(x.shape[1])
    stream.add(np.array(before))
    m = stream.redundancy(last)
    assert m == pytest.approx(float(np.square(np.array(before) @ last).mean()), abs=1e-12)
    if len(before) >= 2:
        n, p = stream.n, stream.collision_probability()
        assert slow_collision(x) == pytest.approx(((n - 1) * p + 2 * m) / (n + 1), abs=1e-12)
        assert (slow_collision(x) <= p + 1e-12) or m > p
    assert stream.collision_with(last) == pytest.approx(slow_collision(x), abs=1e-12)


@given(sets, st.integers(0, 12))
def test_streams_merge_and_take_rows_out_again(x, cut):
    cut = min(cut, len(x))
    left, right = SecondMoment(x.shape[1]), SecondMoment(x.shape[1])
    left.add(x[:cut])
    right.add(x[cut:])
    left.merge(right)
    assert left.collision_probability() == pytest.approx(collision_probability(x), abs=1e-12)
    extra = unit(3, x.shape[1], 1)
    left.add(extra)
    left.remove(extra[:2])
    left.remove(extra[2])
    assert left.n == len(x)
    assert left.collision_probability() == pytest.approx(collision_probability(x), abs=1e-12)


def test_a_long_stream_does_not_drift():
    rows = unit(500, 64)
    stream = SecondMoment(64)
    for _ in range(20):
        stream.add(rows)
        for row in rows:
            stream.remove(row)
    stream.add(rows)
    assert stream.effective_number() == pytest.approx(effective_number(rows), rel=1e-10)


def test_float32_rows_agree_with_float64():
    x = unit(300, 40)
    assert effective_number(x.astype(np.float32)) == pytest.approx(effective_number(x), rel=1e-5)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((3, 4)),
        np.full((3, 4), np.nan),
        np.array([[1.0, 0.0], [math.inf, 0.0]]),
        np.ones((3, 4)),
        np.ones(4) / 2,
        np.empty((0, 4)),
        np.empty((2, 0)),
    ],
    ids=["zero", "nan", "inf", "long", "one-dimensional", "empty", "no-columns"],
)
def test_rows_that_are_no_unit_vectors_are_refused(bad):
    for metric in METRICS:
        with pytest.raises(ValueError, match="row"):
            metric(bad)


@pytest.mark.parametrize("bad", [np.zeros(4), np.full(4, np.nan), np.ones(4), np.eye(3)[0]])
def test_a_stream_refuses_them_and_stays_as_it_was(bad):
    stream = SecondMoment(4)
    stream.add(unit(5, 4))
    before = stream.collision_probability()
    for change in (stream.add, stream.remove, stream.redundancy):
        with pytest.raises(ValueError, match="row"):
            change(bad)
    assert (stream.n, stream.collision_probability()) == (5, before)


def test_too_few_rows_are_refused():
    one = unit(1, 3)
    assert vendi_score(one) == pytest.approx(1)
    stream = SecondMoment(3)
    for call in (lambda: stream.redundancy(one[0]), stream.vendi_score, lambda: stream.remove(one)):
        with pytest.raises(ValueError, match=r"empty|cannot remove"):
            call()
    stream.add(one)
    for call in (lambda: collision_probability(one), lambda: effective_number(one), stream.effective_number):
        with pytest.raises(ValueError, match="at least 2"):
            call()
    assert stream.collision_with(one[0]) == pytest.approx(1)
    stream.remove(one)
    assert stream.n == 0


def test_wrong_orders_and_widths_are_refused():
    with pytest.raises(ValueError, match="q must"):
        vendi_score(np.eye(3), -1)
    with pytest.raises(ValueError, match="widths differ"):
        SecondMoment(3).merge(SecondMoment(4))
    with pytest.raises(ValueError, match="at least 1"):
        SecondMoment(0)
    with pytest.raises(ValueError, match="takes one row"):
        SecondMoment(3).redundancy(np.eye(3))
