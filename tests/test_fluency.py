"""The fluency band: calibrated once, asked by text, closed where its model is missing; real words in a wrong order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import lessons
from typer.testing import CliRunner

from synthdata.cli import app
from synthdata.errors import AnchorError, InputError
from synthdata.gate.anchor import Anchor, AnchorHeader, load_anchor, save_content, save_context
from synthdata.gate.calibrate import calibrate
from synthdata.gate.fluency import calibrate_fluency, check_fluency
from synthdata.gate.reference import Reference, ReferenceRow, clean
from synthdata.gate.round import decide
from synthdata.gate.state import GateState
from synthdata.monitor.status import describe
from synthdata.records import Candidate, Decision
from synthdata.rounds.fluency import ScoredTexts, ends, make_likelihood
from synthdata.settings import AnchorSettings, GateSettings, Settings
from synthdata.similarity.encoder import HashingEncoder

ANCHOR, ENCODER = AnchorSettings(), HashingEncoder(128)


class WordLength:
    """A Scorer whose loss is the mean length of a word; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def nll(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        assert not prompt
        self.asked += continuations
        return [float(np.mean([len(word) for word in text.split()] or [0])) for text in continuations]


def band_world(tmp_path: Path) -> tuple[Anchor, Reference, ScoredTexts]:
    likelihood = ScoredTexts(WordLength(), "word-length", 200, tmp_path)
    rows = [ReferenceRow(text, "", f"t{i}") for i, text in enumerate(lessons(200, 7))]
    vectors = ENCODER.encode([row.content for row in rows])
    reference = clean(rows, vectors, vectors, ANCHOR, GateSettings())
    header = AnchorHeader(0, "one", ENCODER.fingerprint)
    return calibrate(reference, header, ANCHOR, likelihood), reference, likelihood


def decided(anchor: Anchor, reference: Reference, likelihood: ScoredTexts | None, texts: list[str]) -> list[Decision]:
    state = GateState(anchor, reference, GateSettings(), likelihood=likelihood)
    vectors = ENCODER.encode(texts)
    return decide([Candidate(text) for text in texts], vectors, vectors, state)


def test_both_sides_are_refused_with_score_and_threshold_and_nothing_without_a_model(tmp_path: Path) -> None:
    anchor, reference, likelihood = band_world(tmp_path)
    assert anchor.content is not None
    band = anchor.content.fluency
    assert band is not None and band.rows == ANCHOR.fluency_rows and band.low < band.high
    long, short = "incomprehensibilities " * 3 + "notwithstanding", "a b c d e of to"
    usual = lessons(300, 7)[260]
    by_text = {d.candidate.content: d for d in decided(anchor, reference, likelihood, [long, short, usual])}
    high, low, sound = by_text[long], by_text[short], by_text[usual]
    assert (high.stage, high.reason, high.threshold) == ("fluency", "gibberish", band.high)
    assert high.score is not None and high.score == high.numbers["fluency_loss"] > band.high
    assert (low.stage, low.reason, low.threshold, low.score) == (
        "fluency",
        "loop",
        band.low,
        low.numbers["fluency_loss"],
    )
    assert sound.stage != "fluency" and band.low <= sound.numbers["fluency_loss"] <= band.high
    without = decided(anchor, reference, None, [long, short, usual])
    assert all(d.stage != "fluency" and "fluency_loss" not in d.numbers for d in without)


def test_the_band_is_frozen_in_the_anchor_and_an_anchor_without_one_keeps_its_fingerprint(tmp_path: Path) -> None:
    anchor, _, likelihood = band_world(tmp_path / "cache")
    assert anchor.content is not None
    bare = replace(anchor, content=replace(anchor.content, fluency=None))
    for name, one in (("with", anchor), ("bare", bare)):
        assert one.content is not None
        save_content(tmp_path / name, one.content)
        save_context(tmp_path / name, one)
        stored = load_anchor(tmp_path / name)
        assert stored.content is not None and stored.content.fluency == one.content.fluency
        assert stored.fingerprint == one.fingerprint
    assert anchor.fingerprint != bare.fingerprint
    assert describe(anchor, GateSettings())["fluency_high"] == anchor.content.fluency.high
    assert "fluency_high" not in describe(bare, GateSettings())  # type: ignore[union-attr]
    for band, model in ((anchor.content.fluency, likelihood), (anchor.content.fluency, None), (None, None)):
        check_fluency(band, model, 0)
    with pytest.raises(AnchorError, match="reanchor"):
        check_fluency(None, likelihood, 0)
    with pytest.raises(AnchorError, match="word-length/200"):
        check_fluency(anchor.content.fluency, ScoredTexts(WordLength(), "another", 200), 0)


def test_the_band_is_the_percentiles_of_real_losses_and_the_slack() -> None:
    texts = ["x" * (i + 1) for i in range(300)]
    settings = ANCHOR.model_copy(update={"fluency_rows": 300, "fluency_slack": 0.5})
    heard: list[int] = []
    band = calibrate_fluency(texts, ScoredTexts(WordLength(), "w", 1000), settings, heard.append)
    assert sum(heard) == 300 and max(heard) < 10, "who waits for the model sees it go on"
    assert (band.low, band.high) == pytest.approx([3.99 - 0.5, 297.01 + 0.5])
    again = calibrate_fluency(texts[::-1] * 2, ScoredTexts(WordLength(), "w", 1000), settings)
    assert again == band


def test_a_text_is_read_once_whatever_it_is_asked_with(tmp_path: Path) -> None:
    texts = lessons(30, 3)
    scorer = WordLength()
    first = ScoredTexts(scorer, "w", 40, tmp_path)(texts)
    asked = len(scorer.asked)
    for size in (1, 7, 30):
        again = ScoredTexts(scorer, "w", 40, tmp_path)
        parts = [again(texts[i : i + size]) for i in range(0, 30, size)]
        assert (np.concatenate(parts) == first).all()
    assert len(scorer.asked) == asked
    assert (ScoredTexts(scorer, "w", 40)(texts[::-1]) == first[::-1]).all()
    assert ScoredTexts(scorer, "w", 41).name != ScoredTexts(scorer, "w", 40).name


def test_the_worse_end_stands_for_a_text() -> None:
    fluent, strange = "we go on to it as we do " * 3, "incomprehensibilities notwithstanding " * 3
    scored = ScoredTexts(WordLength(), "w", 60)
    alone, behind, before = scored([fluent, fluent + strange, strange + fluent])
    assert alone < 3 and min(behind, before) > 10


@given(st.text("ab é\n", max_size=200), st.integers(10, 50))
def test_ends_are_bounded_parts_of_the_text(text: str, chars: int) -> None:
    plain = " ".join(text.split())
    parts = ends(text, chars)
    assert all(part in plain and len(part) <= chars for part in parts)
    assert parts[0] == plain[: len(parts[0])] and parts[-1] == plain[len(plain) - len(parts[-1]) :]
    assert parts == [plain] if len(plain) <= chars else all(len(part) > chars // 4 for part in parts)


def test_without_its_weights_nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHDATA_CACHE", str(tmp_path / "empty"))
    assert make_likelihood(Settings()) is None
    asking = Settings().with_value("recipe.floor.fluency_model", "embedded")
    with pytest.raises(InputError, match="weights are missing"):
        make_likelihood(asking)
    (tmp_path / "own.toml").write_text('[recipe.floor]\nfluency_model = "embedded"\n')
    (tmp_path / "real.jsonl").write_text("".join(json.dumps({"content": text}) + "\n" for text in lessons(120, 1)))
    arguments = ["init", str(tmp_path / "c"), "--reference", str(tmp_path / "real.jsonl")]
    done = CliRunner().invoke(app, [*arguments, "--config", str(tmp_path / "own.toml")])
    assert isinstance(done.exception, InputError) and done.exception.exit_code == 2
    assert "weights are missing" in str(done.exception) and not (tmp_path / "c").exists()
