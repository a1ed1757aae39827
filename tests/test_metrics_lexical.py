"""Lexical metrics: known answers, what copying must do to them, and agreement with slow definitions."""

from __future__ import annotations

import gzip
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics import compression_ratio, distinct_n, ngram_entropy, self_repetition

documents = st.lists(st.lists(st.sampled_from("abcde"), max_size=12), max_size=8)


def slow_ngrams(document, n):
    return [tuple(document[i : i + n]) for i in range(len(document) - n + 1)]


def test_known_values():
    docs = [["a", "b", "a", "b"], ["a", "b", "c"]]
    assert distinct_n(docs, 1) == pytest.approx(3 / 7)
    assert distinct_n(docs, 2) == pytest.approx(3 / 5)  # ab ba ab | ab bc
    assert ngram_entropy([["a", "b", "c", "d"]], 1) == pytest.approx(math.log(4))
    assert ngram_entropy([["a", "a", "a"]], 2) == 0
    # ab is in both documents, ba and bc in one: log(1 + 1) for each document.
    assert self_repetition(docs, 2) == pytest.approx(math.log(2))


@given(documents, st.integers(1, 5))
def test_distinct_n_and_self_repetition_are_their_definitions(docs, n):
    grams = [gram for doc in docs for gram in slow_ngrams(doc, n)]
    assert distinct_n(docs, n) == (len(set(grams)) / len(grams) if grams else 0.0)
    held = [set(slow_ngrams(doc, n)) for doc in docs]
    logs = [math.log(1 + sum(sum(g in other for other in held) - 1 for g in own)) for own in held]
    assert self_repetition(docs, n) == pytest.approx(sum(logs) / len(logs) if logs else 0.0)


@given(documents.filter(lambda docs: any(len(doc) >= 2 for doc in docs)))
def test_copying_everything_halves_distinct_and_keeps_entropy(docs):
    assert distinct_n(docs + docs, 2) == pytest.approx(distinct_n(docs, 2) / 2)
    assert ngram_entropy(docs + docs, 2) == pytest.approx(ngram_entropy(docs, 2))
    assert self_repetition(docs + docs, 2) > self_repetition(docs, 2)


def test_compression_ratio_sees_templates():
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(2000)]
    varied = [" ".join(rng.choices(words, k=20)) for _ in range(50)]
    templated = [f"In step {i} the agent should have looked before it leapt." for i in range(50)]
    assert compression_ratio(templated) > 3 * compression_ratio(varied) > 3
    data = "\n".join(varied).encode()
    # gzip is the same DEFLATE with a header of 18 bytes in place of 6.
    assert compression_ratio(varied) == pytest.approx(len(data) / (len(gzip.compress(data, 9)) - 12), rel=1e-3)


def test_nothing_to_count_gives_the_documented_values():
    assert distinct_n([], 3) == distinct_n([["a"]], 3) == 0
    assert ngram_entropy([], 2) == self_repetition([], 4) == 0
    assert compression_ratio([]) == compression_ratio([""]) == 1
    assert compression_ratio(["\ud800 lone surrogate"]) > 0


def test_wrong_arguments_are_refused():
    for metric in (distinct_n, ngram_entropy, self_repetition):
        with pytest.raises(ValueError, match="at least 1"):
            metric([["a"]], 0)
        with pytest.raises(ValueError, match="split it first"):
            metric(["a text"], 2)
