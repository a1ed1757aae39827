"""The streaming second moment: it is the batch, obeys the recursion that the proof rests on, and does not drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import SecondMoment, collision_probability, effective_number, vendi_score


def unit(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def stream_of(x):
    stream = SecondMoment(x.shape[1])
    stream.add(x)
    return stream


def slow_collision(x):
    n = len(x)
    return (np.square(x @ x.T).sum() - np.square(np.einsum("ij,ij->i", x, x)).sum()) / (n * (n - 1))


@st.composite
def streams(draw):
    """Random, clustered, repeated and clone-burst rows: (n, d) with n in 2..24."""
    d, seed = draw(st.integers(1, 12)), draw(st.integers(0, 2**31))
    x = unit(draw(st.integers(2, 12)), d, seed)
    kind = draw(st.sampled_from(["random", "clustered", "twice", "burst"]))
    if kind == "clustered":
        x = x[:2].repeat(len(x), axis=0)[: len(x)] + 0.05 * x
        x /= np.linalg.norm(x, axis=1, keepdims=True)
    elif kind == "twice":
        x = np.vstack([x, x])
    elif kind == "burst":
        x = np.vstack([x, x[:1].repeat(12, axis=0)])
    return x


@given(streams())
def test_by_rows_and_in_one_go_it_is_the_batch(x):
    by_row = SecondMoment(x.shape[1])
    for row in x:
        by_row.add(row)
    for stream in (by_row, stream_of(x)):
        assert stream.n == len(x)
        assert stream.collision_probability() == pytest.approx(collision_probability(x), abs=1e-12)
        assert stream.effective_number() == pytest.approx(effective_number(x), rel=1e-9)
        for q in (0, 0.5, 1, 2, np.inf):
            assert stream.vendi_score(q) == pytest.approx(vendi_score(x, q), rel=1e-7)


@given(streams())
def test_recursion_tells_the_collision_before_the_row_is_added(x):
    *before, last = x
    stream = stream_of(np.array(before))
    m = stream.redundancy(last)
    assert m == pytest.approx(float(np.square(np.array(before) @ last).mean()), abs=1e-12)
    assert 0 <= m <= 1
    if len(before) < 2:
        return
    n, p = stream.n, stream.collision_probability()
    stream.add(last)
    after = stream.collision_probability()
    assert after == pytest.approx(((n - 1) * p + 2 * m) / (n + 1), abs=1e-12)
    assert after == pytest.approx(slow_collision(x), abs=1e-12)
    assert (after > p + 1e-12) <= (m > p) and (after < p - 1e-12) <= (m < p)


@given(streams(), st.integers(0, 24))
def test_streams_merge_in_any_order_and_take_rows_out_again(x, cut):
    left, right, other = stream_of(x[:cut]), stream_of(x[cut:]), stream_of(x[cut:])
    left.merge(right)
    other.merge(stream_of(x[:cut]))
    for merged in (left, other):
        assert merged.n == len(x)
        assert merged.collision_probability() == pytest.approx(slow_collision(x), abs=1e-12)
    assert right.n == len(x[cut:])
    extra = unit(3, x.shape[1], 1)
    left.add(extra)
    left.remove(extra[:2])
    left.remove(extra[2])
    assert left.n == len(x)
    assert left.collision_probability() == pytest.approx(slow_collision(x), abs=1e-12)
    assert left.vendi_score() == pytest.approx(vendi_score(x), rel=1e-6)


def test_merging_a_stream_with_itself_counts_every_row_twice():
    x = unit(9, 4)
    stream = stream_of(x)
    stream.merge(stream)
    assert stream.n == 18
    assert stream.collision_probability() == pytest.approx(slow_collision(np.vstack([x, x])))


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.integers(100, 400))
def test_many_rows_in_and_out_leave_no_trace(seed, steps):
    rng = np.random.default_rng(seed)
    pool = unit(60, 16, seed)
    stream, held = SecondMoment(16), []
    for _ in range(steps):
        if len(held) > 2 and rng.random() < 0.45:
            stream.remove(pool[held.pop(rng.integers(len(held)))])
        else:
            held.append(int(rng.integers(len(pool))))
            stream.add(pool[held[-1]])
        if len(held) >= 2:
            assert abs(stream.collision_probability() - slow_collision(pool[held])) < 1e-12


def test_few_rows_left_of_very_many_are_still_exact():
    # The worst case for a running sum: what remains is a millionth of what went through it.
    x, rest = unit(4000, 24), unit(6, 24, 1)
    stream = stream_of(rest)
    stream.add(x)
    for row in x:
        stream.remove(row)
    assert stream.n == 6
    assert abs(stream.collision_probability() - slow_collision(rest)) < 1e-11
    assert stream.vendi_score() == pytest.approx(vendi_score(rest), rel=1e-6)


@pytest.mark.slow
def test_two_hundred_thousand_rows_in_and_out_keep_collision_exact():
    pool = unit(2000, 32)
    rng = np.random.default_rng(1)
    stream, held = SecondMoment(32), list(range(10))
    stream.add(pool[:10])
    for step in range(200_000):
        # Grows to some 50,000 rows, then shrinks to ten again.
        if len(held) > 10 and rng.random() < (0.25 if step < 100_000 else 0.75):
            stream.remove(pool[held.pop()])
        else:
            held.append(int(rng.integers(len(pool))))
            stream.add(pool[held[-1]])
        if step % 20_000 == 19_999:
            assert abs(stream.collision_probability() - collision_probability(pool[held])) < 1e-9


def test_an_emptied_stream_is_a_new_one():
    stream = stream_of(unit(5, 3))
    stream.remove(unit(5, 3))
    again = unit(4, 3, 1)
    stream.add(again)
    assert stream.collision_probability() == pytest.approx(slow_collision(again), rel=1e-15)
    assert stream.vendi_score() == pytest.approx(vendi_score(again), rel=1e-12)


def test_reading_changes_nothing_and_the_row_is_not_touched():
    x, row = unit(5, 3), unit(1, 3, 1)[0]
    stream, kept = stream_of(x), row.copy()
    for _ in range(2):
        values = stream.redundancy(row), stream.collision_probability(), stream.vendi_score(), stream.effective_number()
    assert values == (
        stream.redundancy(row),
        stream.collision_probability(),
        stream.vendi_score(),
        stream.effective_number(),
    )
    stream.add(row)
    np.testing.assert_array_equal(row, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_any_memory_order_and_type_give_the_same(dtype):
    x = unit(30, 8).astype(dtype)
    expected = slow_collision(x.astype(np.float64))
    strided = SecondMoment(8)
    for row in np.asfortranarray(x):
        strided.add(row)
    lists = SecondMoment(8)
    lists.add(x.tolist())
    for stream in (strided, lists, stream_of(np.asfortranarray(x)), stream_of(x[::-1])):
        assert stream.collision_probability() == pytest.approx(expected, abs=1e-12)


@given(streams(), st.data())
def test_a_row_asked_about_before_is_answered_anew_after_every_change(x, data):
    asked, other = unit(2, x.shape[1], 7)
    stream, held = stream_of(x), list(x)
    for _ in range(6):
        m = float(np.square(np.array(held) @ asked).mean())
        assert stream.redundancy(asked) == pytest.approx(m, abs=1e-12)
        change = data.draw(st.sampled_from(["add", "add asked", "add many", "remove", "merge"]))
        new = {"add": [other], "add asked": [asked], "add many": [other, asked], "merge": [other]}.get(change, [])
        if change == "merge":
            stream.merge(stream_of(np.array(new)))
        elif change == "remove" and len(held) > 2:
            stream.remove(held.pop())
        elif new:
            stream.add(new[0] if len(new) == 1 else np.array(new))
        held += new
    assert stream.collision_probability() == pytest.approx(slow_collision(np.array(held)), abs=1e-12)
