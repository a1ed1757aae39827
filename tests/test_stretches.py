"""Many texts at once score as each text by itself, to the bit, whatever stands beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.gate.gibberish import WINDOW, Tokens, raw_scores
from synthdata.gate.perplexity import NgramModel
from synthdata.gate.soup import learn
from synthdata.gate.stretches import TokenRuns, least_broken, stretch_at, stretch_scores
from synthdata.settings import AnchorSettings

LINES = [
    "Check the fare class of the booking before you promise a refund, because two of the classes are never paid back.",
    "The safe stays locked until the red lamp is lit; look behind the curtain first and take the small key with you.",
    "When the search finds nothing, ask for the customer's other e-mail address instead of closing it at once.",
    "It moved 14 rows and lost 3 of them: the loop ended one step before the last file had been read.",
]
WORDS = st.sampled_from([*" ".join(LINES).split(), "plonk;;", "}{", "xqzv", "Ünïcode", "在3月份", "हिन्दी", "", "\n"])
TEXTS = st.lists(st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=60)), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def models():
    halves = [LINES[0], LINES[1], LINES[0] + LINES[2]], [LINES[2], LINES[3], LINES[3] + LINES[1]]
    return tuple(learn(half, number, AnchorSettings()) for number, half in enumerate(halves))


def test_the_scale_is_the_median_and_the_last_tenth_of_the_halfs_own_texts():
    half = [LINES[0], LINES[1], f"{LINES[2]} ;; }}{{", LINES[3], LINES[0] + LINES[2]]
    model = learn(half, 0, AnchorSettings())
    own = np.array([raw_scores(Tokens.of(text), model.known, model.weights, own=1)[:2] for text in half])
    for column, (middle, high) in enumerate([model.scale[:2], model.scale[2:]]):
        values = sorted(own[:, column])
        assert len(set(values)) == 5
        # Of five values the third; nine tenths of the way lie six tenths from the fourth to the fifth.
        assert middle == pytest.approx(values[2], rel=1e-12)
        assert high == pytest.approx(values[3] + 0.6 * (values[4] - values[3]), rel=1e-12)


def alone(model, text):
    tokens = Tokens.of(text)
    if tokens is None:
        return 0.0, 0
    worst, mean, start = raw_scores(tokens, model.known, model.weights)
    return float(model.scaled(np.array([worst]), np.array([mean]))[0]), start


@given(texts=TEXTS)
def test_texts_together_score_as_each_by_itself(models, texts):
    runs = TokenRuns.of(texts)
    for model in models:
        scores, starts = stretch_scores(model, runs)
        assert list(zip(scores.tolist(), starts.tolist(), strict=True)) == [alone(model, text) for text in texts]


@given(texts=TEXTS)
def test_the_kinder_model_counts_and_the_first_of_equals(models, texts):
    scores, starts = least_broken(models, texts)
    expected = [min((alone(model, text) for model in models), key=lambda found: found[0]) for text in texts]
    assert list(zip(scores.tolist(), starts.tolist(), strict=True)) == expected


def test_the_named_stretch_is_the_soup(models):
    soup = "plonkTherefore ;;= gr8 ~~ wuz[[ blorf**ONE"
    text = f"{LINES[0]} {soup} {LINES[1]}"
    _, (start,) = least_broken(models, [text])
    assert "wuz[[" in stretch_at(text, int(start))
    assert stretch_at("", 0) == ""
    assert len(stretch_at(text, 0).split()) <= WINDOW


@given(texts=TEXTS)
def test_predictability_does_not_depend_on_the_texts_beside(texts):
    model = NgramModel.fit(LINES, 3, 64)
    assert model.nll(texts, 64).tolist() == [float(model.nll([text], 64)[0]) for text in texts]


def test_predictability_of_nothing_is_nothing():
    assert NgramModel.fit(LINES, 3, 64).nll([], 64).tolist() == []
