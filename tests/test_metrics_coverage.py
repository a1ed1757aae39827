"""Coverage and drift: known answers, slow definitions, and where each number goes when a generator collapses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from metrics import collision_probability, coverage_radius, mmd2, prdc, tail_coverage


def unit(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def slow_prdc(real, fake, k):
    def radii(rows):
        return NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(rows).kneighbors(rows)[0][:, k]

    distances = np.linalg.norm(real[:, None] - fake[None], axis=2)
    inside = distances < radii(real)[:, None]
    return {
        "precision": inside.any(axis=0).mean(),
        "recall": (distances < radii(fake)[None]).any(axis=1).mean(),
        "density": inside.sum(axis=0).mean() / k,
        "coverage": (distances.min(axis=1) < radii(real)).mean(),
    }


@given(st.integers(6, 30), st.integers(6, 30), st.integers(2, 8), st.integers(1, 5), st.integers(0, 2**31))
def test_prdc_is_its_definition(n, m, d, k, seed):
    real, fake = unit(n, d, seed), unit(m, d, seed + 1)
    assert prdc(real, fake, k) == pytest.approx(slow_prdc(real, fake, k))


def test_prdc_over_several_blocks():
    real, fake = unit(1500, 6), unit(1100, 6, 1)
    found = prdc(real, fake, 5)
    assert found == pytest.approx(slow_prdc(real, fake, 5))
    assert found["coverage"] == pytest.approx(1 - (1500 / 2600) ** 5, abs=0.03)


def test_a_collapsing_sample_keeps_precision_and_loses_coverage():
    real = unit(400, 8)
    narrow = real[:20].repeat(20, axis=0) + 0.02 * unit(400, 8, 2)
    narrow /= np.linalg.norm(narrow, axis=1, keepdims=True)
    whole, collapsed = prdc(real, unit(400, 8, 1)), prdc(real, narrow)
    assert collapsed["precision"] > whole["precision"]
    assert collapsed["coverage"] < 0.5 * whole["coverage"]
    assert coverage_radius(real, narrow) > coverage_radius(real, unit(400, 8, 1))


def test_a_sample_on_the_reference_covers_it_and_one_elsewhere_does_not():
    real = np.hstack([unit(30, 3), np.zeros((30, 3))])
    away = np.hstack([np.zeros((30, 3)), unit(30, 3)])
    assert prdc(real, real) == pytest.approx({"precision": 1, "recall": 1, "density": 1, "coverage": 1})
    assert prdc(real, away) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}
    assert coverage_radius(real, real) == 0
    assert coverage_radius(real, away) == pytest.approx(math.sqrt(2))


def test_coverage_radius_is_a_percentile_of_nearest_distances():
    real, fake = unit(50, 4), unit(9, 4, 1)
    nearest = NearestNeighbors(n_neighbors=1).fit(fake).kneighbors(real)[0].ravel()
    for percentile in (0, 50, 95, 100):
        assert coverage_radius(real, fake, percentile) == pytest.approx(np.percentile(nearest, percentile))


def test_tail_coverage_counts_rare_types_and_grams():
    reference = [["the", "cat", "sat"], ["the", "dog", "sat"], ["the", "the", "owl"]]
    assert tail_coverage(reference, [["the", "cat"]], rare=1) == pytest.approx(1 / 3)  # cat of cat, dog, owl
    assert tail_coverage(reference, reference) == 1
    assert tail_coverage(reference, []) == 0
    assert tail_coverage(reference, [["cat", "sat"], ["the", "dog"]], n=2) == pytest.approx(2 / 6)
    assert tail_coverage([], [["a"]]) == 1


@given(st.integers(2, 10), st.integers(2, 10), st.integers(1, 6), st.integers(0, 2**31))
def test_mmd_is_its_definition_and_symmetric(n, m, d, seed):
    x, y = unit(n, d, seed), unit(m, d, seed + 1)
    across = np.square(x @ y.T).mean()
    assert mmd2(x, y) == pytest.approx(collision_probability(x) + collision_probability(y) - 2 * across, abs=1e-12)
    assert mmd2(x, y) == pytest.approx(mmd2(y, x), abs=1e-12)


def test_mmd_centres_on_zero_without_drift_and_sees_it():
    rng = np.random.default_rng(0)
    null = [mmd2(unit(40, 12, int(a)), unit(60, 12, int(b))) for a, b in rng.integers(0, 2**31, (200, 2))]
    assert abs(np.mean(null)) < 4 * np.std(null) / math.sqrt(len(null))
    assert min(null) < 0
    assert mmd2(np.eye(4)[[0, 0, 1, 1]], np.eye(4)[[2, 2, 3, 3]]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("metric", [prdc, coverage_radius, mmd2])
def test_bad_rows_are_refused(metric):
    good = unit(8, 3)
    for bad in (np.zeros((8, 3)), np.full((8, 3), np.nan), 2 * good, good[:0], good[0]):
        for pair in ((good, bad), (bad, good)):
            with pytest.raises(ValueError, match="row"):
                metric(*pair)
    with pytest.raises(ValueError, match="widths differ"):
        metric(good, unit(8, 4))


def test_wrong_arguments_are_refused():
    good = unit(5, 3)
    with pytest.raises(ValueError, match="k must"):
        prdc(good, good, 0)
    with pytest.raises(ValueError, match="at least 6 rows"):
        prdc(good, good, 5)
    with pytest.raises(ValueError, match="at least 2 rows"):
        mmd2(good[:1], good)
    with pytest.raises(ValueError, match="percentile"):
        coverage_radius(good, good, 101)
    with pytest.raises(ValueError, match="split it first"):
        tail_coverage(["a text"], [])
    with pytest.raises(ValueError, match="at least 1"):
        tail_coverage([], [], n=0)
