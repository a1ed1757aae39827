"""Mixtures of known kinds: which way every number goes when kinds are lost, and which numbers depend on the size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import (
    collision_probability,
    coverage_radius,
    effective_number,
    hill_number,
    jensen_shannon,
    mmd2,
    prdc,
    shannon_entropy,
    vendi_score,
)

D = 32


def mixture(n, kinds, seed, of=16, spread=0.5):
    """(rows (n, D), labels): `kinds` of `of` fixed kinds, the first ones, equally likely."""
    rng = np.random.default_rng([seed, n, kinds])
    middles = np.random.default_rng(99).normal(size=(of, D))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    labels = rng.integers(kinds, size=n)
    noise = rng.normal(size=(n, D)) / np.sqrt(D)
    rows = middles[labels] + spread * noise
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), labels


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.integers(2, 8))
def test_losing_half_of_the_kinds_lowers_every_tile(seed, kept):
    (real, real_cells), (fresh, fresh_cells), (half, half_cells) = (
        mixture(400, 2 * kept, seed),
        mixture(400, 2 * kept, seed + 1),
        mixture(400, kept, seed + 2),
    )
    healthy, lost = (np.bincount(cells, minlength=2 * kept) for cells in (fresh_cells, half_cells))
    counts = np.bincount(real_cells, minlength=2 * kept)
    assert effective_number(half) < effective_number(fresh)
    assert vendi_score(half) < vendi_score(fresh)
    assert shannon_entropy(lost) < shannon_entropy(healthy)
    assert hill_number(lost, 1) < 0.7 * hill_number(healthy, 1)
    assert jensen_shannon(counts, lost) > jensen_shannon(counts, healthy)
    assert prdc(real, half)["coverage"] < prdc(real, fresh)["coverage"]
    assert coverage_radius(real, half) > coverage_radius(real, fresh)
    assert mmd2(real, half) > mmd2(real, fresh)


@settings(max_examples=10)
@given(st.integers(0, 2**31))
def test_effective_number_is_free_of_size_and_vendi_is_not(seed):
    rows, _ = mixture(1600, 16, seed, spread=1.0)
    order = np.random.default_rng(seed).permutation(1600)
    small = [effective_number(rows[order[i : i + 100]]) for i in range(0, 1600, 100)]
    error = np.std(small, ddof=1)
    # Of one sample of 100 against all: within its own sampling error. The mean of 16 has a quarter of it, and what the
    # inverse of an unbiased number is biased by, its squared relative error.
    assert abs(small[0] - effective_number(rows)) < 5 * error
    assert abs(np.mean(small) - effective_number(rows)) < 5 * error / 4 + 2 * error**2 / np.mean(small)
    assert vendi_score(rows[order[:30]]) < 0.85 * vendi_score(rows)


@given(st.integers(2, 20), st.integers(2, 30))
def test_equal_orthogonal_groups_are_counted(m, size):
    rows = np.eye(m).repeat(size, axis=0)
    n = m * size
    assert effective_number(rows) == pytest.approx((n - 1) / (size - 1))
    assert vendi_score(rows) == pytest.approx(m)
    centred = rows - rows.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert vendi_score(centred) == pytest.approx(m - 1)
    # Between groups the cosine is then -1 / (m - 1).
    expected = ((size - 1) + (n - size) / (m - 1) ** 2) / (n - 1)
    assert collision_probability(centred) == pytest.approx(expected)
    assert 1 / expected == pytest.approx(m - 1, rel=m / size)


@pytest.mark.parametrize(("n", "m", "k"), [(400, 400, 5), (400, 200, 5), (200, 600, 3)])
def test_coverage_of_one_distribution_is_what_its_docstring_expects(n, m, k):
    expected = 1 - np.prod([(n - 1 - j) / (n + m - 1 - j) for j in range(k)])
    found = [prdc(mixture(n, 8, seed)[0], mixture(m, 8, seed + 100)[0], k) for seed in range(8)]
    assert np.mean([value["coverage"] for value in found]) == pytest.approx(expected, abs=0.015)
    assert np.mean([value["density"] for value in found]) == pytest.approx(1, abs=0.08)


def test_a_new_sample_of_the_same_counts_diverges_by_its_bias():
    rng = np.random.default_rng(0)
    m, n = 50, 5000
    found = [jensen_shannon(*rng.multinomial(n, np.full(m, 1 / m), size=2)) for _ in range(200)]
    assert np.mean(found) == pytest.approx((m - 1) / 8 * 2 / n, rel=0.05)
    entropies = [shannon_entropy(rng.multinomial(n, np.full(m, 1 / m))) for _ in range(200)]
    assert np.log(m) - np.mean(entropies) == pytest.approx((m - 1) / (2 * n), rel=0.05)
