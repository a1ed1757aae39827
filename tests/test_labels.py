"""Step labels: what the rules say, how kinds of source are united, and people's verdicts from a file to the store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import synthdata
from hypothesis import given
from hypothesis import strategies as st

from synthdata import Corpus, Settings
from synthdata.errors import InputError
from synthdata.labelling import agreed_label, first_error, united
from synthdata.labelling.opinions import human_labels, step_labels, take_labels
from synthdata.records import LabelSource, Observation, Origin, QuarantinedRow, Step, StepReview, ToolCall, Trajectory
from synthdata.reflection import rule_opinions
from synthdata.settings import RuntimeSettings
from synthdata.sources import read_trajectories

SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "textworld.jsonl.gz"
KINDS = st.sampled_from(["rule", "judge", "replay", "human"])
LABELS = st.sampled_from(["good", "neutral", "bad", "unknown"])
SOURCES = st.lists(st.builds(LabelSource, KINDS, LABELS), max_size=8)


@given(SOURCES)
def test_a_label_is_agreed_only_by_two_kinds_without_dissent(sources):
    by_kind = {}
    for source in sources:
        if source.verdict != "unknown":
            by_kind.setdefault(source.kind, set()).add(source.verdict)
    voices = [next(iter(said)) for said in by_kind.values() if len(said) == 1]
    review = united(3, sources)
    expected = voices[0] if len(voices) >= 2 and len(set(voices)) == 1 else "unknown"
    assert agreed_label(review) == expected
    assert expected in ("unknown", review.label)
    assert 0 <= review.confidence < 1 and (review.label == "unknown") == (review.confidence == 0)


@given(SOURCES, st.randoms())
def test_the_order_and_number_of_voices_of_a_kind_do_not_count(sources, random):
    again = [*sources, *sources]
    random.shuffle(again)
    one, other = united(0, sources), united(0, again)
    assert (one.label, one.confidence, agreed_label(one)) == (other.label, other.confidence, agreed_label(other))


def test_known_cases():
    rule, judge, replay = (LabelSource(kind, "bad") for kind in ("rule", "judge", "replay"))
    assert united(0, [rule]).confidence == 0.5 and agreed_label(united(0, [rule])) == "unknown"
    assert (
        united(0, [rule, judge]).confidence == pytest.approx(2 / 3) and agreed_label(united(0, [rule, judge])) == "bad"
    )
    assert united(0, [rule, judge, replay]).confidence == 0.75
    split = united(0, [rule, LabelSource("judge", "good"), replay])
    assert split.label == "bad" and split.confidence == 0.5 and agreed_label(split) == "unknown"
    assert united(0, [rule, LabelSource("judge", "good")]).label == "unknown"
    assert first_error([StepReview(4, "bad"), StepReview(2, "bad"), StepReview(1, "good")]) == 2
    assert first_error([StepReview(1, "unknown")]) is None


def run_of(*pairs, success=None):
    steps = [Step(0, "user", "Book a seat")]
    steps += [Step(i, "agent", "", "", (ToolCall("book", a),), (Observation(o),)) for i, (a, o) in enumerate(pairs, 1)]
    return Trajectory("Book a seat", tuple(steps), success=success)


def test_rules_label_failures_and_cycles_without_knowing_better():
    found = rule_opinions(run_of(('{"seat": "12A"}', "Error: seat is taken"), success=False))
    assert {idx: source.verdict for idx, source in found.items()} == {1: "bad"}
    around = [('{"seat": "1"}', "held for a minute"), ('{"seat": "2"}', "held for two minutes")] * 2
    cycled = rule_opinions(run_of(*around))
    assert {idx for idx, source in cycled.items() if source.verdict == "bad"} == {3, 4}
    assert rule_opinions(run_of(('{"seat": "3"}', "Seat 3 is yours"))) == {}


def test_rules_never_read_the_ground_truth():
    from dataclasses import replace

    run = next(iter(read_trajectories(SAMPLE, origin=Origin.REAL)))
    blind = replace(run, steps=tuple(replace(step, optimal=None) for step in run.steps))
    assert rule_opinions(run) == rule_opinions(blind)


@pytest.fixture
def corpus(tmp_path):
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 96}}})
    made = Corpus.init(tmp_path / "c", SAMPLE, settings=settings)
    runs = list(read_trajectories(SAMPLE, origin=Origin.REAL))[:6]
    with made.store.writing():
        made.store.add_experience(runs)
    return made, runs


def write(path, *rows):
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def test_human_verdicts_become_events_and_bad_rows_are_named(corpus, tmp_path):
    made, runs = corpus
    run, step = runs[0], runs[0].agent_steps[0].idx
    file = write(
        tmp_path / "labels.jsonl",
        {"trajectory_id": run.id, "step": step, "label": "bad", "by": "ada"},
        {"trajectory_id": run.id[:8], "step": step, "label": "good", "by": "ada", "note": "on second thought"},
        {"trajectory_id": run.id, "step": step, "label": "bad", "by": "bob"},
        {"trajectory_id": run.id, "step": 0, "label": "bad"},
        {"trajectory_id": "nobody", "step": 1, "label": "bad"},
        {"trajectory_id": run.id, "step": step, "label": "great"},
        {"trajectory_id": run.id, "step": step, "label": "bad", "grade": 1},
        "not json",
    )
    report = take_labels(made.store, file, RuntimeSettings())
    assert report.new and len(report.labels) == 3
    assert [row.line for row in report.quarantined] == [4, 5, 6, 7, 8]
    for row, part in zip(
        report.quarantined, ("step of the agent", "no run", "good, neutral, bad", "`grade`", ""), strict=True
    ):
        assert part in row.reason and isinstance(row, QuarantinedRow)
    assert not take_labels(made.store, file, RuntimeSettings()).new
    assert made.store.events("label").height == 1
    said = human_labels(made.store)[run.id][step]
    assert [(source.verdict, source.model) for source in said] == [("good", "ada"), ("bad", "bob")]
    with pytest.raises(InputError, match="line 1"):
        take_labels(made.store, write(tmp_path / "bad.jsonl", {"step": 1}), RuntimeSettings())


def test_labels_of_all_sources_meet(corpus, tmp_path):
    made, runs = corpus
    run = next(r for r in runs if any(s.verdict == "bad" for s in rule_opinions(r).values()))
    step = next(idx for idx, source in rule_opinions(run).items() if source.verdict == "bad")
    row = {"trajectory_id": run.id, "step": step, "label": "bad", "by": "ada"}
    take_labels(made.store, write(tmp_path / "labels.jsonl", row), RuntimeSettings())
    ((found, reviews),) = step_labels(made.store)
    assert found.id == run.id and [r.idx for r in reviews] == [s.idx for s in run.agent_steps]
    assert {r.idx for r in reviews if agreed_label(r) == "bad"} == {step}


def test_the_verb_takes_labels_and_counts_them(corpus, tmp_path):
    made, runs = corpus
    step = runs[0].agent_steps[0].idx
    rows = [
        {"trajectory_id": runs[0].id, "step": step, "label": "neutral", "by": "\x1b[31meve"},
        {"label": "\x1b[2Jbad"},
    ]
    file = write(tmp_path / "labels.jsonl", *rows)

    shown = synthdata("label", made.store.path, file)
    assert shown.returncode == 0, shown.stderr
    assert "1 labels taken, 1 rows quarantined" in shown.stdout and "line 2" in shown.stdout
    assert "\x1b" not in shown.stdout
    facts = json.loads(synthdata("label", made.store.path, "--json").stdout)
    assert facts["runs"] == 1 and sum(facts["steps"].values()) == len(runs[0].agent_steps) == sum(
        facts["agreed"].values()
    )
