"""What a block looks up ahead is to the bit what a search a row would find, ties and copies included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from metrics.spectrum import SecondMoment
from synthdata.gate.ahead import LookAhead
from synthdata.gate.duplicates import DuplicateIndex
from synthdata.settings import GateSettings
from synthdata.similarity.threads import one_blas_thread

TAU = 0.6


ABOUT = ("a basket of apples", "the bridge at noon", "nothing in particular", "another town")


def enter(library: DuplicateIndex, vector: np.ndarray, number: int) -> None:
    content, context = "row", ABOUT[number % 3]
    key = f"row {number}".encode()
    library.add([str(number)], [content], [context], [number % 3], vector[None], library.sketches([content]), [key])


def rows(seed: int, count: int, copies: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kinds = rng.normal(size=(4 if copies else count, 16))
    x = kinds[rng.integers(len(kinds), size=count)] + rng.normal(size=(count, 16)) * rng.choice(
        [0, 0.2], size=(count, 1)
    )
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 30), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_looking_ahead_finds_what_a_search_finds(before, count, seed, copies):
    rng, x = np.random.default_rng(seed), rows(seed, before + count, copies)
    library = DuplicateIndex(16, GateSettings())
    for number in range(before):
        enter(library, x[number], number)
    block = x[before:]
    ahead = LookAhead(library, block, TAU)
    for place, vector in enumerate(block):
        near = ahead.near(place, ("row", ABOUT[place % 3]), -1)
        assert near == library.around(vector[None], [("row", ABOUT[place % 3])], TAU, before + count)[0]
        unseen = ahead.near(place, ("row", ABOUT[place % 3]), 0.9)
        assert (unseen.copy, unseen.others, unseen.count) == (near.copy, near.others, near.count)
        assert max(unseen.cosine, 0.9) == max(near.cosine, 0.9)
        if rng.random() < 0.7:
            enter(library, vector, before + place)
            ahead.enter(place)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_a_crowd_is_who_else_stands_within_tau(count, seed, copies):
    x = rows(seed, count, copies)
    library = DuplicateIndex(16, GateSettings())
    for number, vector in enumerate(x):
        enter(library, vector, number)
    exact = (x.astype(np.float64)[:, None, :] * x[None]).sum(axis=2) >= TAU
    assert library.crowds(list(range(count)), TAU) == (exact.sum(axis=1) - 1).tolist()


@given(st.integers(1, 30), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_redundancies_of_a_block_are_those_of_its_rows(held, asked, seed):
    moment, x = SecondMoment(16), rows(seed, held + asked, False).astype(np.float64)
    moment.add(x[:held])
    one_by_one = [moment.redundancy(row) for row in x[held:]]
    assert moment.redundancies(x[held:]) == pytest.approx(np.array(one_by_one), abs=1e-12)


@given(st.integers(1, 40), st.integers(1, 10), st.integers(0, 2**32 - 1), st.booleans())
def test_around_a_vector_is_its_nearest_copy_or_all_of_other_cells(count, asked, seed, copies):
    x = rows(seed, count + asked, copies)
    library = DuplicateIndex(16, GateSettings())
    for number, vector in enumerate(x[:count]):
        enter(library, vector, number)
    asking = [("row", ABOUT[place % 4]) for place in range(asked)]
    exact = (x[count:].astype(np.float64)[:, None, :] * x[None, :count]).sum(axis=2)
    for near, scores, text in zip(library.around(x[count:], asking, TAU, count), exact, asking, strict=True):
        within = [row for row in np.lexsort((np.arange(count), -scores)).tolist() if scores[row] >= TAU]
        same = [row for row in within if ABOUT[row % 3] == text[1]]
        assert near.cosine == scores.max()
        assert near.copy == ((same[0], scores[same[0]]) if same else None)
        assert near.others == ([] if same else within)
        assert near.count == len(near.others)


def test_small_products_take_one_thread_and_give_the_others_back():
    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool.get("threading_layer") == "pthreads"]

    before = threads()
    with one_blas_thread():
        assert set(threads()) <= {1}
    assert threads() == before
