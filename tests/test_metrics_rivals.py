"""Agreement with the packages that others use: vendi-score, prdc, scikit-learn. Where they err, the test says how."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import mutual_info_score
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors
from vendi_score import vendi

from metrics import SecondMoment, coverage_radius, distinct_n, jensen_shannon, mmd2, ngram_entropy, prdc, vendi_score


def unit(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def mixture(n, d, kinds, seed=0):
    rng = np.random.default_rng(seed)
    rows = unit(kinds, d, seed)[rng.integers(kinds, size=n)] + 0.3 * unit(n, d, seed + 1)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


sets = st.builds(mixture, st.integers(2, 40), st.integers(2, 20), st.integers(1, 6), st.integers(0, 2**31))


@settings(max_examples=50)
@given(sets, st.sampled_from([1, 1.5, 2, 5]))
# Its full form looks for a class in a namespace that scipy is about to remove.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_vendi_is_that_of_vendi_score_in_both_forms(x, q):
    stream = SecondMoment(x.shape[1])
    stream.add(x)
    for ours in (vendi_score(x, q), stream.vendi_score(q)):
        assert ours == pytest.approx(float(vendi.score_dual(x, q=q)), rel=1e-6)
        assert ours == pytest.approx(float(vendi.score_K(x @ x.T, q=q)), rel=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_vendi_at_the_size_of_a_corpus_and_at_the_order_infinity():
    x = mixture(1500, 64, 30)
    assert vendi_score(x) == pytest.approx(float(vendi.score_dual(x)), rel=1e-9)
    assert vendi_score(x) == pytest.approx(float(vendi.score_X(x)), rel=1e-6)
    assert vendi_score(x, math.inf) == pytest.approx(float(vendi.score_dual(x, q="inf")), rel=1e-9)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_where_vendi_score_errs_we_keep_to_the_definition():
    x = np.eye(6).repeat(20, axis=0)
    # Its form for vectors drops the order: q = 2 gives q = 1. On unequal kinds they differ.
    uneven = np.vstack([x, np.eye(6)[:1].repeat(60, axis=0)])
    assert float(vendi.score_X(uneven, q=2)) == pytest.approx(vendi_score(uneven, 1), rel=1e-6)
    assert vendi_score(uneven, 2) < vendi_score(uneven, 1) - 0.1
    # Below order 1 it counts rounding, of any size above zero, as further kinds.
    rows = mixture(200, 12, 4)
    assert vendi_score(rows, 0) == 12
    assert float(vendi.score_K(rows @ rows.T, q=0)) > 50


@settings(max_examples=40)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(2, 8), st.integers(1, 5), st.integers(0, 2**31))
def test_prdc_is_that_of_prdc(n, m, d, k, seed):
    real, fake = unit(n, d, seed), unit(m, d, seed + 1)
    assert prdc(real, fake, k) == pytest.approx(compute_prdc(real, fake, k))


def test_prdc_is_that_of_prdc_on_a_narrow_sample_and_over_blocks():
    real, narrow = mixture(1200, 16, 20), mixture(1100, 16, 3)
    assert prdc(real, narrow, 5) == pytest.approx(compute_prdc(real, narrow, 5))


def test_coverage_radius_is_from_scikit_learns_nearest_neighbours():
    real, fake = unit(80, 6), unit(33, 6, 1)
    nearest = NearestNeighbors(n_neighbors=1).fit(fake).kneighbors(real)[0].ravel()
    for percentile in (0, 50, 95, 100):
        assert coverage_radius(real, fake, percentile) == pytest.approx(np.percentile(nearest, percentile))


@given(st.integers(2, 20), st.integers(2, 20), st.integers(1, 8), st.integers(0, 2**31))
def test_mmd_is_from_scikit_learns_polynomial_kernel(n, m, d, seed):
    x, y = unit(n, d, seed), unit(m, d, seed + 1)

    def kernel(a, b):
        return polynomial_kernel(a, b, degree=2, gamma=1, coef0=0)

    def within(a):
        return (kernel(a, a).sum() - np.trace(kernel(a, a))) / (len(a) * (len(a) - 1))

    assert mmd2(x, y) == pytest.approx(within(x) + within(y) - 2 * kernel(x, y).mean(), abs=1e-12)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=15).filter(any))
def test_jensen_shannon_of_equal_totals_is_scikit_learns_mutual_information(counts):
    # Of which of two equally likely sets a draw came from.
    other = counts[::-1]
    assert jensen_shannon(counts, other) == pytest.approx(
        mutual_info_score(None, None, contingency=np.array([counts, other])), abs=1e-12
    )


@given(
    st.lists(st.lists(st.sampled_from("abcdefg"), max_size=15), min_size=1, max_size=8).filter(
        lambda documents: any(len(document) >= 3 for document in documents)
    ),
    st.integers(1, 3),
)
def test_ngrams_are_scikit_learns(documents, n):
    counter = CountVectorizer(ngram_range=(n, n), token_pattern=r"\S+", lowercase=False)
    counts = np.asarray(counter.fit_transform([" ".join(document) for document in documents]).sum(axis=0)).ravel()
    shares = counts / counts.sum()
    assert distinct_n(documents, n) == pytest.approx(len(counts) / counts.sum())
    assert ngram_entropy(documents, n) == pytest.approx(float(-(shares * np.log(shares)).sum()), abs=1e-12)
