"""The canonical order of a round: what DSIR can see, and that arrival plays no part."""

from __future__ import annotations

import random

from sample_texts import lessons

from synthdata.gate.order import gumbel_dsir

REFERENCE = lessons(200, 1)


def mean_place(kind: list[str], other: list[str]) -> float:
    """Where texts of the kind stand on average, 0 first and 1 last, over 20 seeds."""
    texts = other + kind
    ids = [f"id-{i}" for i in range(len(texts))]
    places = []
    for seed in range(20):
        order = gumbel_dsir(ids, texts, REFERENCE, seed)
        places += [place / len(order) for place, row in enumerate(order) if row >= len(other)]
    return sum(places) / len(places)


def test_loops_of_punctuation_and_of_words_come_late():
    fresh = lessons(60, 2)
    assert mean_place([text + " -" * 30 for text in lessons(15, 3)], fresh) > 0.6
    assert mean_place([text + f" {text.split()[-1]}" * 30 for text in lessons(15, 3)], fresh) > 0.6
    assert 0.35 < mean_place(lessons(15, 3), fresh) < 0.65


def test_the_order_does_not_depend_on_arrival():
    texts = lessons(40, 4)
    ids = [f"id-{i}" for i in range(len(texts))]
    there = [ids[i] for i in gumbel_dsir(ids, texts, REFERENCE, 7)]
    shuffled = list(zip(ids, texts, strict=True))
    random.Random(0).shuffle(shuffled)
    names = [name for name, _ in shuffled]
    again = [names[i] for i in gumbel_dsir(names, [text for _, text in shuffled], REFERENCE, 7)]
    assert there == again


def test_texts_without_a_token_have_a_place_too():
    assert sorted(gumbel_dsir(["a", "b", "c"], ["", "word", " "], REFERENCE, 0)) == [0, 1, 2]
