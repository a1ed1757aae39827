"""The language band: the model against a plain reading of its formula, and what falls on either side of it."""

from __future__ import annotations

import gzip
import json
import math
import random
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.gate.anchor import load_anchor
from synthdata.gate.perplexity import NgramModel, calibrate_band
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate
from synthdata.settings import AnchorSettings, Settings

ANCHOR = AnchorSettings()
TEXTS = st.lists(st.text("abc ,", max_size=30), min_size=1, max_size=8)


def tokens_of(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.lower())


def witten_bell(texts: list[str], wanted: str, order: int) -> float:
    """Mean nats a token, from the formula as it stands in the books: dicts, one word at a time."""
    after: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for text in texts:
        words = ["<s>"] * (order - 1) + tokens_of(text) + ["</s>"]
        for i in range(order - 1, len(words)):
            for k in range(order):
                after[tuple(words[i - k : i])][words[i]] += 1
    vocabulary = len(after[()]) + 1
    words = ["<s>"] * (order - 1) + tokens_of(wanted) + ["</s>"]
    losses = []
    for i in range(order - 1, len(words)):
        share = 1 / vocabulary
        for k in range(order):
            seen = after.get(tuple(words[i - k : i]), Counter())
            if seen:
                share = (seen[words[i]] + len(seen) * share) / (seen.total() + len(seen))
        losses.append(-math.log(share))
    return sum(losses) / len(losses)


@given(TEXTS, TEXTS, st.integers(1, 4))
def test_the_model_is_the_formula(texts: list[str], wanted: list[str], order: int) -> None:
    found = NgramModel.fit(texts, order, 400).nll(wanted, 400)
    assert found == pytest.approx([witten_bell(texts, text, order) for text in wanted], abs=1e-9)


def test_one_word_once_and_again_by_hand() -> None:
    # "a" and the end: N = 2 tokens of T = 2 types, V = 3; p(a) = (1 + 2/3) / 4 for a unigram model, p(end) the same.
    assert NgramModel.fit(["a"], 1, 400).nll(["a"], 400) == pytest.approx([math.log(12 / 5)])
    assert NgramModel.fit(["a"], 1, 400).nll(["b"], 400) == pytest.approx([(math.log(6) + math.log(12 / 5)) / 2])


def test_letters_at_random_lie_above_and_copies_of_the_reference_inside() -> None:
    rng = random.Random(0)
    band = calibrate_band(lessons(400, 1), ANCHOR)
    letters = [" ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(20)) for _ in range(100)]
    assert (band.scores(letters, 400)[0] > band.high).all()
    for texts in (lessons(400, 1), lessons(400, 2)):
        least, most = band.scores(texts, 400)
        assert ((most >= band.low) & (least <= band.high)).mean() > 0.99


def test_a_text_that_only_says_what_all_say_lies_below() -> None:
    rng = random.Random(1)
    words = [f"w{i}" for i in range(2000)]
    texts = ["the usual start of all , then " + " ".join(rng.choices(words, k=12)) for _ in range(300)]
    band = calibrate_band(texts, ANCHOR)
    assert (band.scores(["the usual start of all , then"], 400)[1] < band.low).all()
    assert (band.scores(texts, 400)[1] >= band.low).all()


def test_the_band_survives_the_disk_and_a_verdict_names_it(tmp_path: Path) -> None:
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 96}}})
    rows = [ReferenceRow(text, "", str(i)) for i, text in enumerate(lessons(200, 1))]
    corpus = Corpus.init(tmp_path / "c", rows, settings=settings)
    stored = load_anchor(tmp_path / "c" / "anchors" / "0")
    assert stored.fingerprint == corpus.anchor.fingerprint
    assert stored.content is not None
    assert stored.content.wording is not None
    band = stored.content.language
    strange = "xqzv }{ plonkTherefore ;;= gr8 ~~ wuz[[ blorf**ONE kthx )( vrn |{ zvq== Trq!! lk]] gTh ((;"
    (decision,) = corpus.admit([Candidate(content=strange)]).rejected
    assert (decision.stage, decision.reason) == ("floor", "gibberish")
    gate = settings.recipe.gate
    (seen,) = stored.content.wording.scores([strange], stored.content.language, settings.recipe.anchor)
    assert decision.numbers["broken_p"] == seen.broken_p <= gate.alpha_gibberish
    assert decision.numbers["nats"] == seen.nats > band.high


def test_real_text_of_other_kinds_passes(shared_data: Path) -> None:
    folder = shared_data / "div-self-instruct-seeds"
    names = ("seed_tasks.jsonl", "user_oriented_instructions.jsonl")
    lines = [line for name in names for line in (folder / name).read_text(encoding="utf-8").split("\n") if line]
    human = [json.loads(line)["instruction"] for line in lines]
    code = [row["instruction"] for row in json.loads(gzip.decompress((folder / "code_alpaca_2k.json.gz").read_bytes()))]
    rng = random.Random(0)
    rng.shuffle(human)
    band = calibrate_band(human[:300], ANCHOR)

    def outside(texts: list[str]) -> float:
        least, most = band.scores(texts, ANCHOR.band_tokens)
        return float(np.mean((most < band.low) | (least > band.high)))

    assert outside(human[300:]) <= 0.01
    assert outside(code) <= 0.02
