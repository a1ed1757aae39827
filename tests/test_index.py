"""Exact vector search: against brute force, independent of batching, safe on disk."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.errors import CorruptStoreError
from synthdata.similarity.index import VectorIndex


def unit(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def built(rows):
    index = VectorIndex(rows.shape[1])
    index.add(rows)
    return index


def brute(rows, query):
    """Ids by falling score, then by id, and the scores, in float64."""
    scores = (rows.astype(np.float64) * query).sum(axis=1)
    order = np.lexsort((np.arange(len(rows)), -scores))
    return scores[order], order


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 70), st.integers(0, 2**31))
def test_search_and_within_are_brute_force(n, d, k, seed):
    rows = unit(n, d, seed)
    rows[n // 2 :] = rows[: n - n // 2]  # ties
    index, queries = built(rows), unit(3, d, seed + 1)
    scores, ids = index.search(queries, k)
    assert ids.shape == (3, min(k, n))
    for query, row_scores, row_ids in zip(queries, scores, ids, strict=True):
        expected_scores, expected_ids = brute(rows, query)
        assert row_ids.tolist() == expected_ids[:k].tolist()
        np.testing.assert_array_equal(row_scores, expected_scores[:k])
        threshold = float(expected_scores[n // 3])
        near_scores, near_ids = index.within(query, threshold)
        assert near_ids.tolist() == [i for s, i in zip(expected_scores, expected_ids, strict=True) if s >= threshold]
        assert (near_scores >= threshold).all()


def test_answers_do_not_depend_on_the_batch():
    rows = unit(3000, 64)
    index, queries = built(rows), unit(1100, 64, 1)
    scores, ids = index.search(queries, 3)
    many = list(index.within_many(queries, 0.3))
    assert len(many) == len(queries)
    for row in (0, 1, 500, 1023, 1024, 1099):
        alone = index.search(queries[row], 3)
        np.testing.assert_array_equal(alone[0][0], scores[row])
        np.testing.assert_array_equal(alone[1][0], ids[row])
        near = index.within(queries[row], 0.3)
        np.testing.assert_array_equal(near[0], many[row][0])
        np.testing.assert_array_equal(near[1], many[row][1])
        assert index.nearest(queries[row]) == (scores[row, 0], ids[row, 0])


@given(st.integers(1, 9), st.integers(0, 2**31))
def test_ties_across_tiles_go_by_the_lower_row(k, seed):
    # Few different rows in three tiles: each score comes thousands of times.
    kinds = np.vstack([np.zeros(3), np.eye(3)]).astype(np.float32)
    rows = kinds[np.random.default_rng(seed).integers(0, 4, 9000)]
    scores, ids = built(rows).search(kinds, k)
    for query, row_scores, row_ids in zip(kinds, scores, ids, strict=True):
        expected_scores, expected_ids = brute(rows, query)
        assert row_ids.tolist() == expected_ids[:k].tolist()
        np.testing.assert_array_equal(row_scores, expected_scores[:k])


def test_threads_change_no_answer():
    rows, queries = unit(5000, 24), unit(700, 24, 1)
    found = []
    for threads in ("1", "4"):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        sent = np.vstack([rows, queries]).tobytes()
        answer = subprocess.run(
            [sys.executable, "-c", SEARCHED], input=sent, stdout=subprocess.PIPE, check=True, env=environment
        )
        found.append(answer.stdout)
    assert found[0] == found[1]
    assert len(found[0]) > 700 * 16


SEARCHED = """
import sys
import numpy as np
from synthdata.similarity.index import VectorIndex
x = np.frombuffer(sys.stdin.buffer.read(), dtype=np.float32).reshape(-1, 24)
index = VectorIndex(24)
index.add(x[:5000])
scores, ids = index.search(x[5000:], 3)
near = [part for pair in index.within_many(x[5000:], 0.6) for part in pair]
sys.stdout.buffer.write(b"".join(part.tobytes() for part in (scores, ids, *near)))
"""


def test_more_copies_than_asked_for_give_the_lowest_ids():
    rows = np.repeat(unit(1, 32), 400, axis=0)
    rows[::2] = unit(200, 32, 1)
    scores, ids = built(rows).search(rows[1], 5)
    assert ids[0].tolist() == [1, 3, 5, 7, 9]
    assert len(set(scores[0].tolist())) == 1


def test_adding_in_parts_is_adding_at_once():
    rows = unit(50, 8)
    parts = VectorIndex(8)
    for row in rows:
        parts.add(row)
    assert len(parts) == 50
    np.testing.assert_array_equal(parts.search(rows, 4)[1], built(rows).search(rows, 4)[1])
    np.testing.assert_array_equal(parts.reconstruct([3, 0]), rows[[3, 0]])


def test_an_empty_index_answers_nothing():
    index, query = VectorIndex(4), unit(1, 4)
    assert index.nearest(query) is None
    assert index.search(query, 3)[1].shape == (1, 0)
    assert len(index.within(query, -1.0)[1]) == 0
    assert index.reconstruct([]).shape == (0, 4)
    index.add(np.empty((0, 4)))
    assert len(index) == 0
    assert list(built(unit(3, 4)).within_many(np.empty((0, 4)), 0.5)) == []


def test_the_zero_vector_is_like_nothing():
    index = built(np.vstack([np.zeros(4), np.eye(4)]))
    assert index.nearest(np.zeros(4)) == (0.0, 0)
    assert index.within(np.eye(4)[2], 0.5)[1].tolist() == [3]


@pytest.mark.parametrize("bad", [np.full((1, 4), np.nan), np.full((1, 4), np.inf), np.ones((2, 3)), np.ones((1, 1, 4))])
def test_bad_vectors_are_refused_and_nothing_is_added(bad):
    index = built(unit(2, 4))
    for call in (index.add, lambda v: index.search(v, 1), lambda v: index.within(v, 0.5)):
        with pytest.raises(ValueError, match="vectors"):
            call(bad)
    assert len(index) == 2


def test_bad_arguments_are_refused():
    index = built(unit(2, 4))
    with pytest.raises(ValueError, match="k must"):
        index.search(unit(1, 4), 0)
    with pytest.raises(ValueError, match="one vector"):
        index.within(unit(2, 4), 0.5)
    for ids in ([2], [-1]):
        with pytest.raises(IndexError, match="row ids"):
            index.reconstruct(ids)


def test_a_saved_index_comes_back_and_grows_without_touching_the_file(tmp_path):
    rows, path = unit(200, 16), tmp_path / "derived" / "content.npy"
    built(rows).save(path)
    index = VectorIndex.load(path)
    np.testing.assert_array_equal(index.search(rows, 3)[0], built(rows).search(rows, 3)[0])
    before = path.read_bytes()
    index.add(unit(5, 16, 1))
    assert (len(index), len(VectorIndex.load(path))) == (205, 200)
    assert path.read_bytes() == before
    index.save(path)
    assert len(VectorIndex.load(path)) == 205
    assert os.listdir(path.parent) == ["content.npy"]


def test_an_empty_index_can_be_saved(tmp_path):
    VectorIndex(7).save(tmp_path / "empty")
    index = VectorIndex.load(tmp_path / "empty")
    assert (len(index), index.dim) == (0, 7)


@pytest.mark.parametrize("content", [None, b"", b"no index at all", "half"])
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "broken.npy"
    if content == "half":
        built(unit(100, 16)).save(path)
        path.write_bytes(path.read_bytes()[:3000])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(CorruptStoreError, match=r"broken\.npy.*rebuild"):
        VectorIndex.load(path)


KILLED_WHILE_SAVING = """
import os, sys, threading, time
import numpy as np
from synthdata.similarity.index import VectorIndex
index = VectorIndex(64)
index.add(np.full((50_000, 64), 0.125, dtype=np.float32))
threading.Thread(target=lambda: (time.sleep(float(sys.argv[2])), os.kill(os.getpid(), 9)), daemon=True).start()
while True:
    index.save(sys.argv[1])
"""


def test_a_kill_while_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "index.npy"
    built(unit(3, 64)).save(path)
    for delay in (0.01, 0.05, 0.12):
        child = subprocess.run([sys.executable, "-c", KILLED_WHILE_SAVING, str(path), str(delay)], check=False)
        assert child.returncode == -9
        assert len(VectorIndex.load(path)) in (3, 50_000)
