"""Replay from stored vectors: unchanged settings give every stored verdict again, others say what would differ."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import edit, lessons
from typer.testing import CliRunner

from synthdata import Candidate, Corpus, Settings
from synthdata.cli import app
from synthdata.corpus.digest import digest
from synthdata.errors import InputError, SettingsError
from synthdata.gate.reference import ReferenceRow
from synthdata.rounds.replay import REPLAYED, replay

HASHING = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 96}}})


def candidates(count: int, seed: int, views: str) -> list[Candidate]:
    """Fresh lessons, exact copies, light edits and rows that the floor refuses."""
    rng = random.Random(seed)
    fresh = lessons(count // 2, 100 + seed % 3, topics=12)
    texts = fresh + rng.choices(fresh, k=count // 5) + ["too short"] * 2
    texts += [edit(rng.choice(fresh), rng) for _ in range(count - len(texts))]
    seen: Counter[tuple[str, str]] = Counter()
    made = []
    for i, text in enumerate(texts):
        context = lessons(60, 1)[i % 60] if views == "two" else ""
        made.append(Candidate(text, context, task_id=f"task {i}", occurrence=seen[text, context]))
        seen[text, context] += 1
    return made


def corpus_of(folder: Path, views: str, seeds: list[int], size: int = 40) -> Corpus:
    """A corpus of several rounds: `one` view calibrated from the reference, `two` by its own first round."""
    texts = lessons(160, 1)
    rows = [
        ReferenceRow(t if views == "one" else "", t if views == "two" else "", f"t{i}") for i, t in enumerate(texts)
    ]
    corpus = Corpus.init(folder / f"c-{views}-{'-'.join(map(str, seeds))}", rows, settings=HASHING)
    for seed in seeds:
        corpus.admit(candidates(size if seed != seeds[0] else 2 * size, seed, views))
    return corpus


@pytest.mark.slow
@settings(max_examples=6)
@given(st.sampled_from(["one", "two"]), st.lists(st.integers(0, 40), min_size=3, max_size=4, unique=True))
def test_unchanged_settings_give_every_stored_verdict_again(
    tmp_path_factory: pytest.TempPathFactory, views: str, seeds: list[int]
) -> None:
    same(corpus_of(tmp_path_factory.mktemp("replay"), views, seeds))


@pytest.mark.parametrize("views", ["one", "two"])
def test_several_rounds_replay_to_themselves(tmp_path: Path, views: str) -> None:
    same(corpus_of(tmp_path, views, [1, 2, 5]))


def same(corpus: Corpus) -> None:
    assert (corpus.anchor.content.calibrated_from == "reference") == (corpus.store.views == "one")  # type: ignore[union-attr]
    before = digest(corpus.store)
    found = replay(corpus.store, corpus.settings)
    assert found.changes == () and found.notes == ()
    assert all(b == a for b, a in found.verdicts.values())
    assert found.numbers["n2_admitted"][0] == pytest.approx(found.numbers["n2_admitted"][1])
    assert sum(b for b, _ in found.verdicts.values()) == found.candidates == corpus.store.decisions(["id"]).height
    for number in found.rounds:
        assert replay(corpus.store, corpus.settings, number).changes == ()
    assert digest(corpus.store) == before


def test_looser_and_tighter_settings_move_rows_both_ways(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "one", [1, 2, 5])
    strict = corpus.settings.with_value("recipe.gate.quota_slack", 0.5).with_value("recipe.gate.quota_quantile", 0)
    tight = replay(corpus.store, strict)
    assert tight.verdicts["admit"][1] < tight.verdicts["admit"][0]
    assert tight.verdicts["cell_quota"][1] > tight.verdicts["cell_quota"][0]
    assert any(change.lost and change.after == "cell_quota" for change in tight.changes)
    loose = replay(corpus.store, corpus.settings.with_value("recipe.gate.near_jaccard", 0.99))
    gained = [change for change in loose.changes if change.gained]
    assert gained and {change.before for change in gained} >= {"near_duplicate"}
    total = corpus.store.decisions(["id"]).height
    for found in (tight, loose):
        assert sum(a for _, a in found.verdicts.values()) == total
        moved = sum(a - b for b, a in found.verdicts.values())
        assert moved == 0


def test_a_budget_that_nothing_meets_admits_only_what_lowers_collision(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "one", [1, 2])
    found = replay(corpus.store, corpus.settings.with_value("recipe.gate.collision_max", 1e-6))
    assert found.verdicts["collision_budget"][1] > found.verdicts.get("collision_budget", (0, 0))[0]
    assert found.numbers["n2_with_window"][1] >= found.numbers["n2_with_window"][0]  # type: ignore[operator]


def test_retracted_rows_leave_the_replayed_history_too(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "one", [1, 2])
    gone = corpus.store.admitted(columns=["id"])["id"].to_list()[:10]
    with corpus.store.writing():
        corpus.store.append_event("retract", "test", {"ids": gone}, 2)
    corpus.admit(candidates(60, 7, "one"))
    assert replay(corpus.store, corpus.settings).changes == ()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("recipe.floor.min_words", 9, "keeps no vectors"),
        ("recipe.anchor.seed", 3, "frozen in the anchor"),
        ("recipe.encoder.dim", 64, "anchor's encoder"),
        ("recipe.gate.seed", 4, "order"),
        ("recipe.reflection.samples", 2, "generated"),
        ("runtime.threads", 1, "never changes a verdict"),
    ],
)
def test_other_settings_are_refused_with_the_reason(tmp_path: Path, name: str, value: int, reason: str) -> None:
    corpus = Corpus.init(tmp_path / "c", [ReferenceRow(t, "", t) for t in lessons(120, 1)], settings=HASHING)
    with pytest.raises(SettingsError, match=reason) as caught:
        replay(corpus.store, corpus.settings.with_value(name, value))
    assert name in str(caught.value) and "recipe.gate.tau" in str(caught.value)
    assert caught.value.exit_code == 2
    with pytest.raises(InputError, match="no round yet"):
        replay(corpus.store, corpus.settings)


def test_every_replayed_name_is_a_setting_of_the_gate() -> None:
    assert set(REPLAYED) <= set(type(HASHING.recipe.gate).model_fields)


def test_the_verb_prints_a_table_of_differences_and_json(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "one", [1, 2])
    run = CliRunner().invoke
    shown = run(
        app,
        [
            "replay",
            str(corpus.store.path),
            "--set",
            "recipe.gate.quota_slack=0.6",
            "--set",
            "recipe.gate.quota_quantile=0",
        ],
    )
    assert shown.exit_code == 0, shown.output
    assert "Cell is full" in shown.output and "verdicts differ" in shown.output and "would not" in shown.output
    same_again = run(app, ["replay", str(corpus.store.path), "--round", "2"])
    assert "No verdict differs" in same_again.output
    facts = json.loads(run(app, ["replay", str(corpus.store.path), "--json"]).stdout)
    assert facts["changes"] == [] and facts["rounds"] == [1, 2]
