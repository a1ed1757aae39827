"""Bad and extreme input to every public name: a clear error or the documented value, never a silent NaN."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import metrics
from metrics import (
    SecondMoment,
    collision_probability,
    compression_ratio,
    coverage_radius,
    distinct_n,
    effective_number,
    hill_number,
    jensen_shannon,
    mmd2,
    ngram_entropy,
    prdc,
    self_repetition,
    shannon_entropy,
    tail_coverage,
    vendi_score,
)

PUBLIC = {
    "shannon_entropy", "hill_number", "jensen_shannon", "distinct_n", "ngram_entropy", "compression_ratio",
    "self_repetition", "vendi_score", "collision_probability", "effective_number", "SecondMoment", "prdc",
    "tail_coverage", "coverage_radius", "mmd2",
}  # fmt: skip
STREAM = {
    "add", "remove", "merge", "redundancy", "collision_probability", "effective_number", "vendi_score"
}  # fmt: skip
# What the gate needs besides the design's names: many rows at once, and a stream that is saved and read again.
FOR_THE_GATE = {"redundancies", "sums", "of_sums"}


def filled(d=4, n=8):
    stream = SecondMoment(d)
    stream.add(np.eye(d)[np.arange(n) % d])
    return stream


# Every place where vectors come in, as a function of a matrix (n, 4); the other side is sound.
SOUND = np.eye(4)[np.arange(8) % 4]
OF_ROWS = {
    "vendi_score": vendi_score,
    "collision_probability": collision_probability,
    "effective_number": effective_number,
    "prdc reference": lambda x: prdc(x, SOUND, 1),
    "prdc sample": lambda x: prdc(SOUND, x, 1),
    "coverage_radius reference": lambda x: coverage_radius(x, SOUND),
    "coverage_radius sample": lambda x: coverage_radius(SOUND, x),
    "mmd2 left": lambda x: mmd2(x, SOUND),
    "mmd2 right": lambda x: mmd2(SOUND, x),
    "add": lambda x: filled().add(x),
    "remove": lambda x: filled().remove(x),
    "redundancies": lambda x: filled().redundancies(x),
}
OF_COUNTS = {
    "shannon_entropy": shannon_entropy,
    "hill_number": lambda c: hill_number(c, 1.5),
    "jensen_shannon left": lambda c: jensen_shannon(c, [1, 2, 3]),
    "jensen_shannon right": lambda c: jensen_shannon([1, 2, 3], c),
}
OF_TOKENS = {
    "distinct_n": distinct_n,
    "ngram_entropy": ngram_entropy,
    "self_repetition": self_repetition,
    "tail_coverage reference": lambda docs, n: tail_coverage(docs, [["a"]], n),
    "tail_coverage sample": lambda docs, n: tail_coverage([["a"] * 9], docs, n),
}


def test_the_public_names_are_those_of_the_design():
    assert set(metrics.__all__) == PUBLIC
    assert {name for name in vars(SecondMoment) if not name.startswith("_")} == STREAM | FOR_THE_GATE
    covered = {name.split()[0] for name in (*OF_ROWS, *OF_COUNTS, *OF_TOKENS)}
    # The rest have tests of their own below.
    assert covered | {"SecondMoment", "compression_ratio", "redundancy", "merge"} == PUBLIC | STREAM | {"redundancies"}


@pytest.mark.parametrize("name", sorted(PUBLIC - {"SecondMoment"}))
def test_every_metric_says_range_cost_size_failure_and_errors(name):
    text = inspect.getdoc(getattr(metrics, name)) or ""
    for part in ("Range: ", "Cost: ", "Size: ", "Fails: ", "Raises:"):
        assert part.rstrip() in text, f"{name} does not say {part}"


@pytest.mark.parametrize("metric", OF_ROWS.values(), ids=OF_ROWS)
@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((3, 4)),
        np.full((3, 4), np.nan),
        np.vstack([SOUND, np.full(4, np.nan)]),
        np.array([[1.0, 0.0, 0.0, 0.0], [math.inf, 0.0, 0.0, 0.0]]),
        np.full((3, 4), 1e200),
        np.ones((3, 4)),
        np.eye(4) * 0.99,
        np.float64(1.0),
        np.ones((2, 3, 4)),
        np.empty((2, 0)),
    ],
    ids=["zero", "nan", "one-nan", "inf", "overflow", "long", "short", "scalar", "three-dimensional", "no-columns"],
)
def test_rows_that_are_no_unit_vectors_are_refused(metric, bad):
    with pytest.raises(ValueError, match=r"rows? "):
        metric(bad)


@pytest.mark.parametrize("metric", OF_ROWS.values(), ids=OF_ROWS)
def test_one_vector_in_place_of_a_matrix_and_text_are_refused(metric):
    with pytest.raises(ValueError):
        metric([["a", "b", "c", "d"]] * 3)
    with pytest.raises(ValueError):
        metric(np.eye(4)[0] / 2)


@pytest.mark.parametrize("name", sorted(set(OF_ROWS) - {"vendi_score", "collision_probability", "effective_number"}))
def test_another_width_is_refused(name):
    with pytest.raises(ValueError, match="widths differ"):
        OF_ROWS[name](np.eye(5))


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("vendi_score", 1),
        ("collision_probability", 2),
        ("effective_number", 2),
        ("prdc reference", 2),
        ("prdc sample", 2),
        ("coverage_radius reference", 1),
        ("coverage_radius sample", 1),
        ("mmd2 left", 2),
        ("mmd2 right", 2),
        ("add", 0),
        ("remove", 0),
    ],
)
def test_no_row_one_and_two_give_a_number_or_an_error_that_says_how_many(name, least):
    for n in range(3):
        if n < least:
            with pytest.raises(ValueError, match=f"at least {least} rows"):
                OF_ROWS[name](np.eye(4)[:n])
            continue
        value = OF_ROWS[name](np.eye(4)[:n])
        values = value.values() if isinstance(value, dict) else [value]
        assert not any(math.isnan(v) for v in values if v is not None)


def test_identical_rows_give_the_documented_values():
    same = np.repeat(np.eye(4)[:1], 7, axis=0)
    other = np.repeat(np.eye(4)[1:2], 7, axis=0)
    assert collision_probability(same) == effective_number(same) == 1
    assert [vendi_score(same, q) for q in (0, 1, 2, math.inf)] == pytest.approx([1, 1, 1, 1])
    # Every ball has radius zero, and nothing is strictly inside.
    assert set(prdc(same, same).values()) == set(prdc(same, other).values()) == {0.0}
    assert coverage_radius(same, same) == 0
    assert coverage_radius(same, other) == pytest.approx(math.sqrt(2))
    assert mmd2(same, same) == pytest.approx(0, abs=1e-15)
    assert mmd2(same, other) == pytest.approx(2)
    stream = SecondMoment(4)
    stream.add(same)
    assert stream.redundancy(same[0]) == stream.collision_probability() == stream.effective_number() == 1
    assert stream.redundancy(other[0]) == 0
    assert stream.vendi_score() == pytest.approx(1)
    tokens = [["one", "two", "three", "four"]] * 3
    assert distinct_n(tokens, 1) == pytest.approx(1 / 3)
    assert ngram_entropy(tokens, 4) == 0
    assert self_repetition(tokens) == pytest.approx(math.log(3))
    assert tail_coverage(tokens, tokens) == 1
    assert compression_ratio(["the same text"] * 1000) > 100


@pytest.mark.parametrize("metric", OF_COUNTS.values(), ids=OF_COUNTS)
@pytest.mark.parametrize(
    "bad",
    [[], [0, 0, 0], [1, -1, 1], [1, math.nan, 1], [math.inf, 1, 1], [[1, 2, 3]], 3],
    ids=["none", "zeros", "negative", "nan", "inf", "matrix", "scalar"],
)
def test_what_is_no_distribution_is_refused(metric, bad):
    with pytest.raises(ValueError, match="count"):
        metric(bad)


def test_extreme_counts_keep_their_shares():
    for scale in (5e-324, 1e-300, 1e308):
        assert shannon_entropy([scale, scale]) == pytest.approx(math.log(2))
        assert hill_number([scale, scale], 2) == pytest.approx(2)
    assert shannon_entropy([7]) == jensen_shannon([7], [1]) == 0
    assert hill_number([7], 0) == hill_number([7], math.inf) == 1


@pytest.mark.parametrize("metric", OF_TOKENS.values(), ids=OF_TOKENS)
def test_documents_that_are_strings_and_orders_under_one_are_refused(metric):
    with pytest.raises(ValueError, match="split it first"):
        metric(["a text"], 1)
    with pytest.raises(ValueError, match="split it first"):
        metric("a text", 1)
    for documents in ([], [["a", "b"]]):
        with pytest.raises(ValueError, match="at least 1"):
            metric(documents, 0)


@pytest.mark.parametrize("documents", [[], [[]], [["a"]], [["a"], []]])
def test_too_little_text_for_one_ngram_gives_the_documented_values(documents):
    assert distinct_n(documents, 2) == ngram_entropy(documents, 2) == self_repetition(documents, 2) == 0
    assert tail_coverage(documents, [["a", "b"]], n=2) == 1
    assert tail_coverage([["a", "b"]], documents, n=2) == 0


def test_compression_of_nothing_of_one_string_and_of_broken_text():
    assert compression_ratio([]) == compression_ratio([""]) == 1
    assert 0 < compression_ratio(["\ud800"]) < 1
    with pytest.raises(ValueError, match="wrap it in a list"):
        compression_ratio("one text")
    with pytest.raises(TypeError):
        compression_ratio([["a", "b"]])


@pytest.mark.parametrize("bad", [np.zeros(4), np.full(4, np.nan), np.full(4, 1e200), np.ones(4), np.eye(3)[0], 1.0])
def test_a_stream_refuses_bad_rows_and_stays_as_it_was(bad):
    stream = filled()
    before = stream.n, stream.collision_probability(), stream.vendi_score()
    for change in (stream.add, stream.remove, stream.redundancy):
        with pytest.raises(ValueError, match="row"):
            change(bad)
    with pytest.raises(ValueError, match="row"):
        stream.add(np.vstack([np.eye(4), np.full(4, np.nan)]))
    assert (stream.n, stream.collision_probability(), stream.vendi_score()) == before


def test_a_stream_with_too_few_rows_says_so():
    stream, one = SecondMoment(3), np.eye(3)[0]
    for call in (lambda: stream.redundancy(one), stream.vendi_score, lambda: stream.remove(one)):
        with pytest.raises(ValueError, match=r"empty|cannot remove 1 rows from 0"):
            call()
    for n in range(2):
        assert stream.n == n
        for call in (stream.collision_probability, stream.effective_number):
            with pytest.raises(ValueError, match=f"at least 2 rows, got {n}"):
                call()
        stream.add(one)
    stream.remove(one)
    assert stream.vendi_score() == pytest.approx(1)
    assert stream.redundancy(one) == 1


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="widths differ"):
        SecondMoment(3).merge(SecondMoment(4))
    with pytest.raises(ValueError, match="at least 1"):
        SecondMoment(0)
    with pytest.raises(ValueError, match=r"one row of shape \(4,\)"):
        filled().redundancy(np.eye(4))
    for q in (-1, math.nan):
        for metric in (lambda q: hill_number([1, 2], q), lambda q: vendi_score(SOUND, q), filled().vendi_score):
            with pytest.raises(ValueError, match="q must"):
                metric(q)
    with pytest.raises(ValueError, match="same cells"):
        jensen_shannon([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="k must"):
        prdc(SOUND, SOUND, 0)
    with pytest.raises(ValueError, match="at least 9 rows"):
        prdc(SOUND, SOUND, 8)
    for percentile in (-1, 101, math.nan):
        with pytest.raises(ValueError, match="percentile"):
            coverage_radius(SOUND, SOUND, percentile)
    with pytest.raises(ValueError, match="rare"):
        tail_coverage([], [], rare=0)
