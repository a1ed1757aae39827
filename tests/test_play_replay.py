"""Replay as a source of labels: it agrees with a search of the game, verifies better moves and tells what follows."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from game_search import progress

from synthdata.labelling.opinions import label_reviews
from synthdata.play.games import GameSpec, make_game, open_game
from synthdata.play.players import Expert
from synthdata.play.record import Run, play
from synthdata.play.replay import Replay, moves_left, opinions, replaying, spec_of, verified
from synthdata.records import (
    Counterfactual,
    GeneratorStamp,
    LabelSource,
    Lesson,
    Observation,
    Origin,
    Reflection,
    StepReview,
)
from synthdata.settings import LabelSettings
from synthdata.sources import atif, read_trajectories

SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "textworld.jsonl.gz"
# The largest worlds that the promise is made for; `quest` keeps the search short.
LARGE = [GameSpec(seed, rooms, objects, 4, False) for seed, rooms, objects in ((11, 8, 5), (12, 7, 6))]


@pytest.fixture(scope="module")
def runs():
    return [run for run in read_trajectories(SAMPLE, origin=Origin.REAL)]


@pytest.fixture(scope="module")
def wild(runs):
    """A run with a step off the shortest path, its game open."""
    run = next(r for r in runs if r.success is False and len(r.agent_steps) > 5)
    spec = spec_of(run)
    assert spec is not None and spec.task_id == run.task_id
    with replaying(spec) as replay:
        yield run, replay


def review(run, focus, better, label="bad"):
    return Reflection(
        run.id, run.task_id, focus, "rule", "inefficient", "It led away.", Lesson("Go the other way."),
        GeneratorStamp("m", ""), (), (StepReview(focus, label, 1.0, (LabelSource("rule", label),)),),
        Counterfactual(better),
    )  # fmt: skip


@pytest.mark.parametrize("spec", LARGE, ids=lambda spec: f"{spec.rooms} rooms")
def test_replay_agrees_with_a_brute_force_search(spec, tmp_path):
    compared = 0
    with closing(open_game(make_game(spec, tmp_path))) as game:
        document = play(game, spec, Expert(), Run(0.5, 0, 3))
        (run,) = atif.read(document)
        replay = Replay(game, "test")
        found = replay.steps(run)
        assert set(found) == {step.idx for step in run.agent_steps}
        state = game.reset()
        for step in run.agent_steps:
            before = progress(state, len(state.policy_commands))
            assert found[step.idx].before == before == moves_left(state)
            state, _, _ = game.step(step.action)
            after = 0 if state.won else progress(state, before)
            nearer = after is not None and after < before
            assert (found[step.idx].label == "good") == nearer == step.optimal
            compared += 1
    assert compared >= 4


def test_replay_finds_the_recorded_truth(wild):
    run, replay = wild
    labels = {idx: source.verdict for idx, source in opinions(replay, run).items()}
    assert labels == {step.idx: "good" if step.optimal else "bad" for step in run.agent_steps}
    assert {"good", "bad"} == set(labels.values())


def test_a_run_that_comes_out_differently_gets_no_label(wild):
    run, replay = wild
    first = run.agent_steps[0]
    other = replace(first, observations=(Observation("Something else happens."),))
    changed = replace(run, steps=tuple(other if step is first else step for step in run.steps))
    assert opinions(replay, changed) == {}
    assert spec_of(replace(run, environment="")) is None and spec_of(replace(run, environment="[1]")) is None


def test_a_counterfactual_is_verified_by_playing_it(wild):
    run, replay = wild
    step = next(step for step in run.agent_steps if not step.optimal)
    before = [s.action for s in run.agent_steps if s.idx < step.idx]
    state = replay.game.reset()
    for command in before:
        state, _, _ = replay.game.step(command)
    assert verified(replay, run, review(run, step.idx, state.policy_commands[0]))
    assert not verified(replay, run, review(run, step.idx, "look"))
    assert not verified(replay, run, review(run, step.idx, "fly to the moon"))
    right = next(step for step in run.agent_steps if step.optimal)
    assert not verified(replay, run, review(run, right.idx, "inventory"))


def test_promise_falls_with_wasted_moves_and_is_repeatable(wild):
    run, replay = wild
    whole = [replay.promise(run, n, 6, 0.0) for n in range(len(run.agent_steps) + 1)]
    assert whole[0] == 1.0 and whole == sorted(whole, reverse=True) and whole[-1] in (0.0, 1.0)
    noisy = replay.promise(run, 0, 12, 0.8)
    assert noisy == replay.promise(run, 0, 12, 0.8) and 0 <= noisy < 1


def test_reviews_carry_what_the_replay_says(runs):
    run = next(r for r in runs if any(not step.optimal for step in r.agent_steps))
    bad = next(step for step in run.agent_steps if not step.optimal)
    item = review(run, bad.idx, run.agent_steps[-1].action, label="good")
    (labelled,) = label_reviews([item], {run.id: run}, LabelSettings(replay=True, rollouts=2))
    assert isinstance(labelled, Reflection)
    (step,) = labelled.steps
    assert {source.kind for source in step.sources} == {"rule", "replay"}
    assert step.promise is not None and step.progress is not None and -1 <= step.progress <= 1
    (plain,) = label_reviews([item], {run.id: run}, LabelSettings())
    assert isinstance(plain, Reflection) and {source.kind for source in plain.steps[0].sources} == {"rule"}
