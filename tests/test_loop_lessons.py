"""E4's arms about lessons: shuffling keeps every lesson and no pair, lessons are learnt, questions get a memory."""

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st
from tiny_model import tiny_model

from experiments.loop.lessons import LESSONS, Lesson, lesson_loss, report, shuffled, with_memory
from synthdata import Candidate, Corpus
from synthdata.consolidation.choice_exam import Question
from synthdata.consolidation.choices import ChoiceModel
from synthdata.consolidation.listwise import adapter_on_upper_layers, fit
from synthdata.gate.reference import ReferenceRow
from synthdata.generation.local import Loaded, load
from synthdata.memory import Memory
from synthdata.protocols import no_advance
from synthdata.settings import PracticeSettings, Settings

PAIRS = [("open the chest", "the key comes first"), ("go north", "the door is to the south")]


@given(st.lists(st.tuples(st.text(), st.text()), min_size=2, max_size=20, unique=True), st.integers(0, 99))
def test_shuffling_keeps_prompts_and_lessons_and_parts_each_pair(lessons: list[Lesson], seed: int) -> None:
    mixed = shuffled(lessons, seed)
    assert sorted(about for about, _ in mixed) == sorted(about for about, _ in lessons)
    assert sorted(lesson for _, lesson in mixed) == sorted(lesson for _, lesson in lessons)
    if len({lesson for _, lesson in lessons}) == len({about for about, _ in lessons}) == len(lessons):
        assert not set(mixed) & set(lessons)


def test_lessons_are_learnt_from_what_they_are_about(tmp_path):
    settings = PracticeSettings(rank=4, alpha=8, learning_rate=0.05, batch_size=2, max_steps=8, frozen_layers=1)
    loaded = load(str(tiny_model(tmp_path, [" ".join(pair) for pair in PAIRS] * 5)))
    network = adapter_on_upper_layers(loaded, settings)
    model = ChoiceModel(Loaded(network, loaded.tokenizer, "x"), 1)
    losses = fit(network, [lesson_loss(model, PAIRS, settings)], settings, 8, no_advance)
    assert len(losses) == 8 and list(losses) == sorted(losses, reverse=True)


def test_questions_get_the_lessons_of_their_own_game_or_of_the_next(tmp_path):
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing"}}})
    subjects = ("lamp", "river", "cheese", "winter", "paper", "violin", "harbour", "pepper", "tower", "meadow")
    pairs = itertools.product(subjects, subjects)
    reference = [ReferenceRow(f"Row {i}: a {one} beside a {two}.", "", str(i)) for i, (one, two) in enumerate(pairs)]
    reference += [
        ReferenceRow(f"{subject.title()} first, said page {i}.", "", subject) for i, subject in enumerate(subjects)
    ]
    corpus = Corpus.init(tmp_path / "corpus", reference, settings=settings)
    own = [f"The {subject} comes before the {other}." for subject, other in itertools.pairwise(subjects)]
    corpus.admit([Candidate(text) for text in own])
    memory = Memory.open(corpus.store)
    questions = [Question(name, f"{name}\n>", ("look",), frozenset()) for name in ("lamp", "pepper")]
    mine, others = (with_memory(questions, memory, other=flag) for flag in (False, True))
    for asked, game, name in ((mine, 0, "lamp"), (mine, 1, "pepper"), (others, 0, "pepper"), (others, 1, "lamp")):
        first, *rest = asked[game].prompt.split("\n")
        assert first.startswith("Lesson: ") and name in first
        assert len(rest) == LESSONS + 1 and asked[game].prompt.endswith(questions[game].prompt)


def test_the_report_sets_every_seed_beside_the_one_base(tmp_path):
    lines = [{"arm": "none", "seed": 0, "first": [0.2, 0.4, 0.3], "chance": [0.1, 0.1, 0.1]}]
    for seed in (0, 1):
        lines.append({"arm": "f", "seed": seed, "first": [0.5, 0.6, 0.7 + seed / 10], "chance": [0.3, 0.3, 0.4]})
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = report(path)
    assert "| f | 2 | 0.617 | 0.333 |" in table and "| f minus none | +0.317 |" in table
