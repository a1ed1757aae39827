"""The fluency band with the real model: real feedback passes, the same words in another order do not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.genuine_texts import expert_feedback
from synthdata.api import Corpus
from synthdata.doctor.wording import words_in_a_wrong_order
from synthdata.errors import InputError
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate
from synthdata.rounds.fluency import make_likelihood
from synthdata.settings import Settings


def mixed_up(text: str) -> str:
    words = text.split()
    random.Random(text).shuffle(words)
    return " ".join(words)


@pytest.mark.slow
@pytest.mark.long
def test_real_words_in_a_wrong_order_fall_and_genuine_reviews_pass(shared_data: Path, tmp_path: Path) -> None:
    values = {"encoder": {"backend": "hashing", "dim": 96}, "floor": {"fluency_model": "embedded"}}
    recipe = values | {"anchor": {"fluency_rows": 16}}
    settings = Settings.from_dict({"recipe": recipe, "runtime": {"threads": 1}})
    try:
        make_likelihood(settings)
    except InputError as missing:
        pytest.skip(str(missing))
    short = [text for text in set(expert_feedback(shared_data)) if len(text) <= settings.recipe.floor.fluency_chars]
    real = sorted(short, key=lambda text: random.Random(text).random())
    known, genuine = real[:140], real[140:146]
    rows = [ReferenceRow(text, "", str(i)) for i, text in enumerate(known)]
    corpus = Corpus.init(tmp_path / "c", rows, settings=settings)
    twisted = [mixed_up(text) for text in genuine]
    report = corpus.admit([Candidate(text) for text in [*genuine, *twisted]])
    by_text = {d.candidate.content: d for d in report.decisions}
    fell = [by_text[text] for text in twisted if by_text[text].stage == "fluency"]
    assert len(fell) >= 5 and all(d.reason == "gibberish" and d.score > d.threshold for d in fell)  # type: ignore[operator]
    assert sum(by_text[text].stage == "fluency" for text in genuine) <= 1
    # The same losses, bit for bit, from another model, one text at a time and without what was kept.
    fresh = make_likelihood(settings)
    assert fresh is not None
    for decision in report.decisions[:2]:
        if "fluency_loss" in decision.numbers:
            assert float(fresh([decision.candidate.content])[0]) == decision.numbers["fluency_loss"]


@pytest.mark.slow
@pytest.mark.long
def test_doctor_shows_it_where_the_settings_ask_for_it(tmp_path: Path) -> None:
    assert words_in_a_wrong_order(tmp_path / "none", Settings()) == []
    settings = Settings().with_value("recipe.floor.fluency_model", "embedded").with_value("runtime.threads", 1)
    try:
        make_likelihood(settings)
    except InputError as missing:
        pytest.skip(str(missing))
    assert [finding.fired for finding in words_in_a_wrong_order(tmp_path, settings)] == [True, True]
