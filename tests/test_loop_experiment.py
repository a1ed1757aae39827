"""E4's parts: graphs answer as games do, the policy fits, statistics are known answers, the exam holds what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.loop.arms import ARMS, clone_pool, through_gate
from experiments.loop.chains import World, run_seed
from experiments.loop.claims import claims
from experiments.loop.exam import chance_marks, read_exam, sit, tasks_of, verb_table
from experiments.loop.features import SIZE, features
from experiments.loop.graph import GameGraph
from experiments.loop.logit import Logit, fit
from experiments.loop.runs import GameRun, Row, State, play
from experiments.loop.sleeps import RELEASES, report
from experiments.loop.statistics import holm, paired, sign_test

ROOT = Path(__file__).parent.parent
EXAM, SECOND = (ROOT / "data" / "exam" / f"{name}.jsonl.gz" for name in ("textworld", "textworld-second"))


def state(task: str = "t", commands: tuple[str, ...] = ("go east", "look", "take key")) -> State:
    return State(task, "Take the key. Then go east.", (("", "A key is here."),), commands)


def rows(count: int, command: str = "take key") -> list[Row]:
    return [Row(state(f"task {i}"), command, "run", i, True) for i in range(count)]


@pytest.mark.parametrize(("path", "games", "states"), [(EXAM, 60, 386), (SECOND, 20, 127)])
def test_the_exam_holds_what_its_readme_says(path, games, states):
    exam = read_exam(path)
    assert len(exam) == states and len(tasks_of(exam)) == games
    for question in exam:
        assert set(question.best) < set(question.state.admissible) and question.best
        assert list(question.state.admissible) == sorted(question.state.admissible)
    assert 0.05 < np.mean(chance_marks(exam).first) < 0.2


def test_the_two_exams_share_no_game_and_no_objective():
    first, second = read_exam(EXAM), read_exam(SECOND)
    assert not set(tasks_of(first)) & set(tasks_of(second))
    assert not {q.state.objective for q in first} & {q.state.objective for q in second}


def test_ties_count_by_their_mean():
    exam = read_exam(SECOND)
    assert sit(exam, Logit.untrained()).first == pytest.approx(chance_marks(exam).first)
    assert sit(exam, lambda s: [float(c in {"look"}) for c in s.admissible]).first == pytest.approx([0.0] * 20)


def test_features_are_bounded_and_see_neither_plan_nor_label():
    table = features(state())
    assert table.shape == (3, SIZE) and table.min() >= 0 and table.max() <= 1
    assert not np.array_equal(table[0], table[2])


def test_a_fit_makes_what_was_taken_likely_and_what_was_bad_unlikely():
    assert np.argmax(fit(rows(5), [True] * 5)(state())) == 2
    assert np.argmin(fit(rows(5), [False] * 5)(state())) == 2
    assert fit([], [])(state()) == pytest.approx([1 / 3] * 3)


def test_the_gradient_of_a_fit_is_that_of_its_loss():
    # At the optimum no small step in any direction lowers the loss: checked through the policy's likelihood.
    mixed = [*rows(4), *rows(3, "look")]
    labels = [True] * 4 + [False] * 3
    best = fit(mixed, labels)

    def loss(weights: np.ndarray) -> float:
        policy = Logit(weights)
        total = 0.0
        for row, good in zip(mixed, labels, strict=True):
            chance = policy(row.state)[row.state.admissible.index(row.command)]
            total -= np.log(chance) if good else np.log1p(-chance)
        return 480 / 7 * total + 1.5 * float(weights @ weights)

    rng = np.random.default_rng(0)
    for _ in range(20):
        assert loss(best.weights + 0.01 * rng.normal(size=SIZE)) >= loss(best.weights) - 1e-6


def test_a_verb_table_knows_verbs_alone():
    chances = verb_table(rows(9))(state())
    assert np.argmax(chances) == 2 and sum(chances) == pytest.approx(1)
    assert verb_table(rows(9))(state(commands=("take coin", "take key"))) == pytest.approx([0.5, 0.5])


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=12))
def test_one_seed_is_student_over_games(values):
    found = paired([values], [[0.0] * len(values)])
    if np.std(values) > 1e-6:
        expected = stats.ttest_1samp(values, 0.0)
        low, high = expected.confidence_interval(0.95)
        assert (found.low, found.high, found.p) == pytest.approx((low, high, expected.pvalue))


def test_the_wider_interval_counts():
    steady = np.tile(np.linspace(-1, 1, 9), (4, 1))
    assert paired(steady, 0 * steady).high == pytest.approx(paired(steady[:1], 0 * steady[:1]).high)
    noisy = np.tile(np.array([[-1.0], [1.0], [-1.0], [1.2]]), (1, 9))
    assert paired(noisy, 0 * noisy).high > 1


def test_holm_and_the_sign_test_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert sign_test([1, 1, 1, 0], [0, 0, 0, 0]) == (3, 0, pytest.approx(0.25))


def test_the_clone_pool_is_four_fifths_two_games_and_the_gate_balances_it():
    pool = clone_pool([replace(row, state=state(f"task {i % 8}")) for i, row in enumerate(rows(24))], 0)
    assert len(pool) == 120
    kept = through_gate(pool, 0)
    counts = [sum(row.state.task_id == f"task {i}" for row in kept) for i in range(8)]
    assert max(counts) <= 2 * len(kept) / 8


@pytest.mark.slow
def test_a_graph_answers_as_the_game_does_and_a_small_run_gives_every_claim(tmp_path):
    from synthdata.play.games import spec_for
    from synthdata.play.replay import replaying

    graphs = [GameGraph.load(spec_for(777_001, index), tmp_path) for index in range(3)]
    for graph in graphs:
        run = play(graph, lambda s: [1 / len(s.admissible)] * len(s.admissible), "x")
        again = play(graph, lambda s: [1 / len(s.admissible)] * len(s.admissible), "x")
        assert run == again
        with replaying(graph.spec) as replay:
            steps = replay.steps(run.trajectory())
        assert len(steps) == len(run.rows)
        assert [steps[row.place + 2].label == "good" for row in run.rows] == [row.good for row in run.rows]
    exam = read_exam(SECOND)
    lines = run_seed(World(graphs, (), exam), 0, list(ARMS))
    assert {claim.claim for claim in claims(lines)} == {"L1", "L2", "L3", "L4", "L5", "L6", "L9"}
    assert json.loads(json.dumps(lines)) == lines
    # Games that are kept give the same lines as games that are played.
    for graph in graphs:
        graph.close()
    kept = [GameGraph.load(spec_for(777_001, index), tmp_path) for index in range(3)]
    assert run_seed(World(kept, (), exam), 0, list(ARMS)) == lines


@pytest.mark.slow
def test_the_short_form_prints_a_line_a_claim_and_a_player_gets_better_by_its_own_moves():
    command = [sys.executable, str(ROOT / "bench" / "loop.py"), "--small", "--json"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = {line["claim"]: line for line in map(json.loads, printed.splitlines())}
    assert {"L1", "L2", "L3", "L4", "L5", "L6", "L9"} <= set(lines)
    assert all(line["low"] <= line["mean"] <= line["high"] for line in lines.values())
    assert lines["L1"]["met"] and lines["L3"]["met"]


def test_poisoned_releases_are_what_they_are_called_and_a_table_counts_what_was_kept():
    commands = ("go east", "inventory", "look", "take key")
    good = [Row(state(f"task {i}", commands), "take key", "run", i, True) for i in range(12)]
    bad = [Row(state(f"task {i}", commands), "look", "run", i, False) for i in range(12, 24)]
    runs = [GameRun("run", (*good, *bad), ("",) * 24, False, False)]
    made = {name: release(runs, 0) for name, (release, _) in RELEASES.items()}
    assert made["sound, replay"] == good
    assert {row.command for row in made["collapsed to two answers"]} == {"inventory", "look"}
    # Of copies the gate leaves one each: too few to be trained on.
    assert len(through_gate(made["collapsed to two moves"], 0)) == 2
    assert {row.command for row in made["shuffled"]} == set(commands) and len(made["shuffled"]) == 12
    assert sorted(row.place for row in made["labels flipped"]) == list(range(12, 24))
    named = {"release": "shuffled", "chain": "sound, replay", "seed": 0, "night": 1}
    line = named | {"rows": 12, "kept": False, "before": 0.5, "after": 0.25}
    alone = line | {"release": "sound, rules alone"}
    told = report([line, line | {"kept": True, "after": 0.5}, alone, alone | {"chain": "sound, rules alone"}])
    assert "| shuffled | sound, replay | 1 | 1 of 2 | 12 | 0.500 | 0.375 |" in told
    # A chain counts its own sleeps alone.
    assert told.count("| 1 | 0 of 1 | 12 | 0.500 | 0.250 |") == 2
