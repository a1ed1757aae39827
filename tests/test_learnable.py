"""What may be learnt from runs that failed: verified steps, and moves that nothing speaks against."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.export.kinds import RunLabels
from synthdata.labelling import learnable_steps, united
from synthdata.records import LabelSource, Observation, Origin, Step, Trajectory
from synthdata.reflection import unfaulted_moves
from synthdata.settings import LabelSettings
from synthdata.sources import read_trajectories

SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "textworld.jsonl.gz"
TASK = "Take the iron key from the chest, then go east and unlock the oak door with the iron key."


def run_of(*moves: tuple[str, str], success: bool = False, task: str = TASK) -> Trajectory:
    steps = [Step(0, "user", task), Step(1, "system", observations=(Observation("-= Hall =- A chest is here."),))]
    steps += [Step(i, "agent", move, observations=(Observation(reply),)) for i, (move, reply) in enumerate(moves, 2)]
    return Trajectory(task, tuple(steps), "t", success)


def reviews(**sources: LabelSource):
    return [united(int(idx[1:]), [source]) for idx, source in sources.items()]


def test_unfaulted_moves_of_a_failed_run_are_those_that_nothing_speaks_against():
    run = run_of(
        ("open chest", "You open the chest, revealing an iron key."),
        ("take iron key from chest", "You take the iron key."),
        ("look", "-= Hall =-"),
        ("go east", "-= Yard =-"),
        ("go west", "-= Hall =-"),
        ("go east", "-= Yard =-"),
        ("go north", "-= Shed =-"),
        ("drop iron key", "You drop the iron key."),
    )
    # Not: looking, going back, the same way again, a way that the task does not name, undoing what was done.
    assert unfaulted_moves(run) == {2, 3, 5}


def test_the_silence_of_the_rules_says_nothing_of_calls_and_messages():
    run = run_of(("I will look into it.", ""), ("SELECT * FROM users", "3 rows"), ("pip install x", "done"))
    assert unfaulted_moves(run) == frozenset()


@pytest.mark.parametrize(
    ("mode", "expected"), [("none", set()), ("verified", {3}), ("unfaulted", {2, 3})], ids=lambda value: str(value)
)
def test_settings_say_what_is_learnt_of_failed_runs(mode, expected):
    run = run_of(("open chest", "You open the chest."), ("take iron key from chest", "You take the iron key."))
    told = reviews(_3=LabelSource("replay", "good"))
    assert learnable_steps(run, told, LabelSettings(failed_runs=mode)) == expected


@pytest.mark.parametrize("kind", ["replay", "human", "judge", "rule"])
def test_a_step_that_any_source_calls_bad_is_never_learnt(kind):
    run = run_of(("open chest", "You open the chest."))
    assert not learnable_steps(run, reviews(_2=LabelSource(kind, "bad")), LabelSettings())


@pytest.mark.parametrize("kind", ["judge", "rule"])
def test_one_unverified_voice_makes_no_other_step_learnable(kind):
    run = run_of(("inventory", "You carry nothing."), ("take iron key from chest", "You take the iron key."))
    told = reviews(_2=LabelSource(kind, "good"))
    assert learnable_steps(run, told, LabelSettings(failed_runs="verified")) == frozenset()


@given(st.lists(st.sampled_from(["rule", "judge", "replay", "human"]), max_size=4), st.booleans())
def test_imitable_needs_a_success_an_agreement_or_a_learnable_step(kinds, success):
    told = [united(2, [LabelSource(kind, "good") for kind in kinds])]
    run = run_of(("inventory", "You carry nothing."), success=success)
    learnable = learnable_steps(run, told, LabelSettings(failed_runs="verified"))
    agreed = {2: "good"} if len(set(kinds)) > 1 else {}
    labels = RunLabels.of(told, agreed, learnable)
    assert labels.imitable(2, success) == (success or bool(agreed) or bool({"replay", "human"} & set(kinds)))
    assert RunLabels.of(reviews(_2=LabelSource("judge", "bad")), {}, frozenset({2})).imitable(2, True) is False


def test_precision_on_failed_runs_of_the_sample_is_what_the_docs_state():
    right = count = good = 0
    for run in read_trajectories(SAMPLE, origin=Origin.REAL):
        if isinstance(run, Trajectory) and run.success is False:
            chosen = unfaulted_moves(run)
            right += sum(bool(step.optimal) for step in run.agent_steps if step.idx in chosen)
            good += sum(bool(step.optimal) for step in run.agent_steps)
            count += len(chosen)
    # Measured: 450 to 650 moves at 0.97 and more; a rule that lets every move pass would stand at 0.51.
    assert count > 300 and right / count > 0.95 and right / good > 0.5, (right, count, good)
