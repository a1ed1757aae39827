"""All pairs within a cosine are those of brute force, whatever the vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.similarity.pairs import pairs_within


def unit(rng: np.random.Generator, n: int, dim: int, kinds: int, noise: float) -> np.ndarray:
    x = rng.normal(size=(kinds, dim))[rng.integers(kinds, size=n)] + noise * rng.normal(size=(n, dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def brute(x: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    wide = x.astype(np.float64)
    return {(i, j) for i, j in zip(*np.nonzero(np.tril(wide @ wide.T, -1) >= threshold), strict=True)}


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
