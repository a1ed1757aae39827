"""All pairs within a cosine are those of brute force, whatever the vectors, and so is what stays when copies fall."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from synthdata.similarity.pairs import near_kept, pairs_within


def unit(rng: np.random.Generator, n: int, dim: int, kinds: int, noise: float) -> np.ndarray:
    x = rng.normal(size=(kinds, dim))[rng.integers(kinds, size=n)] + noise * rng.normal(size=(n, dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def brute(x: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    wide = x.astype(np.float64)
    return {(i, j) for i, j in zip(*np.nonzero(np.tril(wide @ wide.T >= threshold, -1)), strict=True)}


def found(x: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    pairs = [pair for later, earlier, _ in pairs_within(x, threshold) for pair in zip(later, earlier, strict=True)]
    assert len(pairs) == len(set(pairs))
    return set(pairs)


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.sampled_from([3, 64, 65, 200]), st.floats(0.3, 0.97))
def test_every_pair_is_found_once_and_no_other(seed, n, dim, threshold):
    rng = np.random.default_rng(seed)
    x = unit(rng, n, dim, int(rng.integers(1, 8)), float(rng.choice([0.0, 0.1, 0.5, 2.0])))
    # A threshold that no pair sits on, so that two ways of summing agree.
    wide = x.astype(np.float64)
    gaps = np.abs(wide @ wide.T - threshold)
    if gaps.min() > 1e-9:
        assert found(x, threshold) == brute(x, threshold)


@pytest.mark.parametrize("noise", [0.02, 0.2])
def test_tiles_meet_without_gap_or_overlap(noise):
    rng = np.random.default_rng(0)
    x = unit(rng, 2600, 96, 400, noise)
    assert found(x, 0.95) == brute(x, 0.95)


def test_few_rows():
    assert found(np.zeros((0, 384), dtype=np.float32), 0.9) == set()
    assert found(np.zeros((1, 384), dtype=np.float32), 0.9) == set()
    assert found(np.eye(384, dtype=np.float32)[[5, 5, 6]], 0.9) == {(1, 0)}


def on_the_line(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    """Rows of a few halves and whole coordinates: products are exact sums, and many are exactly a half."""
    x = np.zeros((n, dim), dtype=np.float32)
    for row in x:
        row[rng.choice(min(dim, 9), size=4, replace=False)] = 0.5
    x[rng.random(n) < 0.1] = 0.0
    return x


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 400), st.sampled_from([12, 100]), st.sampled_from([0.25, 0.5, 0.75, 1.0])
)
def test_a_pair_on_the_threshold_is_within_it(seed, n, dim, threshold):
    x = on_the_line(np.random.default_rng(seed), n, dim)
    assert found(x, threshold) == brute(x, threshold)


@pytest.mark.parametrize("threshold", [-0.2, 0.0, 0.4])
def test_rows_of_any_length_are_compared_by_their_product(threshold):
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(300, 80)) * rng.choice([0.01, 0.1, 0.3], size=(300, 1))).astype(np.float32)
    assert found(x, threshold) == brute(x, threshold)


def kept(x: np.ndarray, threshold: float, refused: np.ndarray) -> np.ndarray:
    stays = np.zeros(len(x), dtype=bool)
    for i, near in enumerate(near_kept(x, threshold, stays)):
        stays[i] = not near and not refused[i]
    return stays


def kept_by_brute(x: np.ndarray, threshold: float, refused: np.ndarray) -> np.ndarray:
    stays = np.zeros(len(x), dtype=bool)
    close = np.tril(x.astype(np.float64) @ x.astype(np.float64).T, -1) >= threshold
    for i in range(len(x)):
        stays[i] = not refused[i] and not (close[i] & stays).any()
    return stays


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 700), st.sampled_from([12, 100]), st.floats(0.3, 0.97),
    st.integers(1, 300), st.sampled_from([0.0, 0.02, 0.1, 1.0]),
)  # fmt: skip
def test_what_stays_is_what_brute_force_leaves(seed, n, dim, threshold, kinds, noise):
    rng = np.random.default_rng(seed)
    refused = rng.random(n) < 0.1
    if noise:
        x = unit(rng, n, dim, kinds, noise)
        wide = x.astype(np.float64)
        assume(n == 0 or np.abs(wide @ wide.T - threshold).min() > 1e-9)
    else:
        x, threshold = on_the_line(rng, n, dim), 0.75
    assert (kept(x, threshold, refused) == kept_by_brute(x, threshold, refused)).all()
