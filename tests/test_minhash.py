"""Lexical near copies: signatures equal datasketch's own, and what is found is exactly what brute force finds."""

from __future__ import annotations

import random

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st

from synthdata.settings import GateSettings
from synthdata.similarity.exact import normalise
from synthdata.similarity.minhash import LexicalIndex
from synthdata.similarity.shingles import jaccard, shingles

SETTINGS = GateSettings()


def slow_shingles(text, size):
    plain = normalise(text)
    return {plain[i : i + size] for i in range(max(1, len(plain) - size + 1))} if plain else set()


def slow_jaccard(left, right, size=SETTINGS.shingle_chars):
    a, b = slow_shingles(left, size), slow_shingles(right, size)
    return len(a & b) / len(a | b) if a and b else 0.0


def sentences(n, seed=0, words=30):
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(3000)]
    return [" ".join(rng.choices(vocabulary, k=words)) for _ in range(n)]


def edited(text, rng, edits):
    words = text.split()
    for place in rng.sample(range(len(words)), edits):
        words[place] = "changed"
    return " ".join(words)


@given(st.text(), st.text(), st.integers(1, 6))
def test_hashed_shingles_are_shingles(left, right, size):
    assert len(shingles(left, size)) == len(slow_shingles(left, size))
    assert jaccard(shingles(left, size), shingles(right, size)) == slow_jaccard(left, right, size)


def test_signatures_are_datasketchs_own_under_the_named_scheme():
    texts = [*sentences(20), "short", "", "\u5148\u770b\u51b0\u7bb1\u518d\u770b\u67dc\u5b50"]
    made = LexicalIndex(SETTINGS).signatures(texts)
    assert (made.shape, made.dtype) == ((23, 128), np.uint32)
    for text, signature in zip(texts, made, strict=True):
        sketch = MinHash(num_perm=128, seed=1, scheme="affine32", hashfunc=int)
        for shingle in shingles(text, 5).tolist():
            sketch.update(shingle & 0xFFFFFFFF)
        assert signature.tolist() == sketch.hashvalues.tolist()


def test_signatures_estimate_jaccard_without_bias():
    rng = random.Random(1)
    texts = sentences(300, seed=2)
    twins = [edited(text, rng, 4) for text in texts]
    index = LexicalIndex(SETTINGS)
    agreement = (index.signatures(texts) == index.signatures(twins)).mean(axis=1)
    truth = np.array([slow_jaccard(a, b) for a, b in zip(texts, twins, strict=True)])
    assert abs((agreement - truth).mean()) < 4 * (agreement - truth).std() / np.sqrt(300)


def test_planted_near_copies_are_all_found_and_nothing_else():
    rng = random.Random(3)
    base = sentences(600, seed=4)
    asked = [edited(text, rng, edits) for text in base for edits in (0, 1, 2, 4, 9)]
    index = LexicalIndex(SETTINGS)
    index.add(range(len(base)), base)
    truth = found = hits = 0
    for place, text in enumerate(asked):
        own = place // 5
        expected = slow_jaccard(text, base[own])
        answer = index.query(text)
        truth += expected >= SETTINGS.near_jaccard
        hits += len(answer)
        for row_id, score in answer:
            assert score == slow_jaccard(text, base[row_id]) >= SETTINGS.near_jaccard
            found += row_id == own
    assert truth > 1000
    assert found >= 0.999 * truth
    assert found == hits  # precision 1: unlike sentences of the base never meet the line


def test_answers_do_not_depend_on_order_or_batches():
    rng = random.Random(5)
    texts = [edited(text, rng, k % 3) for text in sentences(800, seed=6) for k in range(3)]
    forward, backward = LexicalIndex(SETTINGS), LexicalIndex(SETTINGS)
    forward.add(range(len(texts)), texts)
    order = list(range(len(texts)))
    rng.shuffle(order)
    for start in range(0, len(order), 7):
        part = order[start : start + 7]
        chosen = [texts[i] for i in part]
        backward.add(part, chosen, backward.signatures(chosen))
    for text in texts[::40]:
        answer = forward.query(text)
        assert answer == backward.query(text) == forward.query(text, forward.signatures([text])[0])
        assert [(-score, row) for row, score in answer] == sorted((-score, row) for row, score in answer)


def test_removed_rows_are_gone_at_once_and_after_merges():
    texts = sentences(2500, seed=7)
    index = LexicalIndex(SETTINGS)
    index.add(range(1500), texts[:1500])
    for row_id in range(0, 1500, 3):
        index.remove(row_id)
    assert [index.query(texts[i]) for i in (0, 3)] == [[], []]
    index.add(range(1500, 2500), texts[1500:])
    assert len(index) == 2000
    assert 3 not in index and 4 in index
    assert index.query(texts[3]) == []
    assert index.query(texts[4]) == [(4, 1.0)]
    index.add([3], [texts[3]])
    assert index.query(texts[3]) == [(3, 1.0)]
    with pytest.raises(KeyError):
        index.remove(0)


def test_texts_without_content_are_held_and_never_found():
    index = LexicalIndex(SETTINGS)
    index.add([0, 1, 2], ["", " ... ", "a real sentence about a fridge"])
    assert len(index) == 3
    assert index.query("") == index.query("?!") == []
    assert index.query("A real sentence about a fridge.") == [(2, 1.0)]
    index.remove(0)


def test_texts_shorter_than_a_shingle_are_compared_whole():
    index = LexicalIndex(SETTINGS)
    index.add([7], ["no"])
    assert index.query("NO!") == [(7, 1.0)]
    assert index.query("on") == []


def test_a_refused_call_adds_nothing():
    index = LexicalIndex(SETTINGS)
    index.add([1], ["look in the fridge first"])
    for ids, texts in (([1], ["x"]), ([-1], ["x"]), ([2, 2], ["x", "y"]), ([2], ["x", "y"])):
        with pytest.raises(ValueError, match="id"):
            index.add(ids, texts)
    assert len(index) == 1 and 2 not in index


def test_fingerprint_names_what_signatures_depend_on():
    first = LexicalIndex(SETTINGS).fingerprint()
    assert first == LexicalIndex(GateSettings(near_jaccard=0.5)).fingerprint()
    for change in (
        {"shingle_chars": 4},
        {"minhash_scheme": "legacy"},
        {"bands": 16},
        {"permutations": 64, "bands": 32},
    ):
        assert LexicalIndex(SETTINGS.model_copy(update=change)).fingerprint() != first


def test_bands_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="must divide"):
        LexicalIndex(GateSettings(permutations=100, bands=32))


@given(st.lists(st.text(max_size=40), max_size=12), st.integers(1, 6))
def test_signing_many_texts_at_once_is_signing_each(texts, size):
    index = LexicalIndex(SETTINGS.model_copy(update={"shingle_chars": size}))
    made = index.signatures(texts)
    for text, signature in zip(texts, made, strict=True):
        np.testing.assert_array_equal(index.signatures([text])[0], signature)
        sketch = MinHash(num_perm=128, seed=1, scheme="affine32", hashfunc=int)
        sketch.update_batch((shingles(text, size) & np.uint64(0xFFFFFFFF)).tolist())
        assert signature.tolist() == sketch.hashvalues.tolist()


def test_other_schemes_are_datasketchs_too():
    index = LexicalIndex(SETTINGS.model_copy(update={"minhash_scheme": "legacy"}))
    text = sentences(1)[0]
    sketch = MinHash(num_perm=128, seed=1, scheme="legacy", hashfunc=int)
    sketch.update_batch((shingles(text, 5) & np.uint64(0xFFFFFFFF)).tolist())
    assert index.signatures([text])[0].tolist() == sketch.hashvalues.tolist()


def test_rows_entered_at_once_are_found_as_those_entered_one_by_one():
    texts = sentences(1500)
    rng = random.Random(0)
    queries = [edited(text, rng, 2) for text in texts[::50]]
    bulk, single = LexicalIndex(SETTINGS), LexicalIndex(SETTINGS)
    sketches = bulk.sketches(texts)
    bulk.enter(range(len(texts)), sketches)
    for row, sketch in enumerate(sketches):
        single.enter([row], [sketch])
    found = [bulk.query(query) for query in queries]
    assert found == [single.query(query) for query in queries]
    assert [bulk.find(sketch) for sketch in bulk.sketches(queries)] == found
    assert sum(map(len, found)) >= len(queries) // 2
