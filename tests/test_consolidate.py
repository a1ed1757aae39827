"""The sleep: which rows, which rule, the adapter's form, and a whole one on a tiny model with and without poison."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from synthdata.consolidation.keep_rule import (
    CONTEXT_BESIDE,
    CONTROL,
    FORGETTING,
    GAIN,
    LOSS_BESIDE,
    RED,
    Paired,
    decide,
    half_samples,
    paired,
    spent,
)
from synthdata.consolidation.rows import TrainingRow, choose_rows
from synthdata.settings import TrainingSettings

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))

PLAIN = TrainingSettings()


def row(key: str, text: str, *, real: bool = False, kind: str = "sft") -> TrainingRow:
    asked = ({"role": "user", "content": f"{key}?"},)
    return TrainingRow(key, kind, key, real, asked, ({"role": "assistant", "content": text},))


def one(name: str, low: float, high: float, good: int = -1) -> Paired:
    return Paired(name, 10, 1.0, 1.0 + (low + high) / 2, (low + high) / 2, low, high, 1 if good > 0 else -1)


rows_of = st.lists(
    st.builds(row, st.sampled_from("abcdef"), st.text(min_size=1, max_size=4), real=st.booleans()), max_size=24
)


@given(rows_of, st.integers(1, 5), st.sampled_from([0.0, 0.5, 2.0]), st.sets(st.sampled_from("abcdef")))
def test_rows_keep_cap_rehearsal_and_budget_in_any_order(rows, cap, rehearsal, known):
    settings = PLAIN.model_copy(update={"rows_per_lesson": cap, "rehearsal": rehearsal, "max_steps": 5})
    chosen = choose_rows(rows, known, settings)
    made = [one for one in chosen.rows if not one.real]
    assert len(chosen.rows) <= 20
    assert max((sum(one.key == key for one in chosen.rows) for key in "abcdef"), default=0) <= cap
    assert not any(one.key in known for one in made)
    if rehearsal:
        assert len(made) * rehearsal <= max(len(chosen.rows) - len(made), rehearsal)
    assert choose_rows(rows[::-1], known, settings) == chosen


def test_one_wording_of_many_sources_is_one_lesson():
    lessons = [
        row(f"source {i}", "Look  before you LEAP." if i % 2 else "look before you leap.", kind="lesson")
        for i in range(40)
    ]
    chosen = choose_rows(lessons, (), PLAIN.model_copy(update={"rehearsal": 0.0}))
    assert (len(chosen.rows), chosen.over_cap) == (10, 30)


def test_the_interval_of_a_paired_difference_is_of_tasks_not_rows():
    rng = np.random.default_rng(0)
    tasks = [f"task {i}" for i in range(40)]
    before = rng.normal(3, 1, 40)
    after = before - 0.1 + rng.normal(0, 0.1, 40)
    found = paired("x", tasks, list(before), list(after), PLAIN)
    error = np.std(after - before) / np.sqrt(40)
    assert found.better and found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    # Each row ten times is no new evidence.
    again = paired("x", tasks * 10, list(before) * 10, list(after) * 10, PLAIN)
    assert (again.low, again.high) == pytest.approx((found.low, found.high))


def test_half_samples_of_a_mean_have_the_error_of_the_whole():
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 1, 200), rng.normal(0.5, 1, 200)
    halves = [rng.permutation(200)[:100] for _ in range(400)]
    found = half_samples("x", 200, [x[h].mean() for h in halves], [y[h].mean() for h in halves], PLAIN, 1)
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(y - x) / np.sqrt(200), rel=0.15)


GOOD = {
    GAIN: one(GAIN, -0.2, -0.1),
    FORGETTING: one(FORGETTING, -0.01, 0.05),
    CONTROL: one(CONTROL, -0.15, -0.05),
    LOSS_BESIDE: one(LOSS_BESIDE, -0.1, -0.01),
}


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, True),
        ({GAIN: one(GAIN, -0.2, 0.01)}, False),
        ({FORGETTING: one(FORGETTING, -0.3, 0.11)}, False),
        ({"game_score": one("game_score", -0.3, -0.1, 1)}, False),
        ({"game_score": one("game_score", -0.3, 0.1, 1)}, True),
        ({"context_gain": one("context_gain", -0.3, -0.1, 1)}, False),
        ({LOSS_BESIDE: one(LOSS_BESIDE, -0.1, 0.01)}, True),
        ({LOSS_BESIDE: one(LOSS_BESIDE, -0.1, 0.03)}, False),
        ({CONTEXT_BESIDE: one(CONTEXT_BESIDE, -0.1, 0.01, 1)}, True),
        ({CONTEXT_BESIDE: one(CONTEXT_BESIDE, -0.1, -0.01, 1)}, False),
        ({"n2": one("n2", -3, -1, 1)}, True),
        ({"n2": one("n2", -3, -1, 1), "mmd2": one("mmd2", 0.1, 0.2)}, False),
        ({"n2": one("n2", -3, -1, 1), "distinct_3": one("distinct_3", -0.3, -0.2, 1)}, True),
    ],
)
def test_the_rule(change, kept):
    verdict = decide(GOOD | change, 30, PLAIN)
    assert verdict.kept is kept and verdict.reasons


@given(st.dictionaries(st.sampled_from(sorted(RED)), st.floats(-1, 1)), st.floats(-1, 1), st.floats(0, 1))
def test_no_tile_saves_an_adapter_that_did_not_help(tiles, low, width):
    measured = GOOD | {GAIN: one(GAIN, low, low + width)} | {n: one(n, v, v + 0.1, RED[n]) for n, v in tiles.items()}
    assert decide(measured, 30, PLAIN).kept <= (low + width < 0)


@pytest.mark.parametrize(("steps", "kept"), [(9, False), (10, True)])
def test_few_steps_keep_nothing_with_a_control_or_without(steps, kept):
    alone = {name: one for name, one in GOOD.items() if name != LOSS_BESIDE}
    assert decide(alone, steps, PLAIN).kept is decide(GOOD, steps, PLAIN).kept is kept


@pytest.mark.parametrize(
    ("beside", "control", "grade"),
    [
        ((-0.1, -0.01), (-0.15, -0.05), "helps"),
        ((-0.1, 0.019), (-0.15, -0.05), "no harm"),
        ((-0.1, 0.021), (-0.15, -0.05), "rolled back"),
        # Of a control that brought two nats, a twentieth is no harm.
        ((-0.1, 0.09), (-2.1, -1.9), "no harm"),
        ((-0.1, 0.11), (-2.1, -1.9), "rolled back"),
        ((0.01, 0.05), (-0.15, -0.05), "control"),
        ((0.001, 0.015), (-0.15, -0.05), "control"),
        ((0.01, 0.05), (-0.15, 0.05), "rolled back"),
    ],
)
def test_the_grades(beside, control, grade):
    change = {LOSS_BESIDE: one(LOSS_BESIDE, *beside), CONTROL: one(CONTROL, *control)}
    assert decide(GOOD | change, 30, PLAIN).grade == grade


def test_without_a_control_a_certain_gain_is_kept():
    alone = {name: GOOD[name] for name in (GAIN, FORGETTING)}
    assert decide(alone, 30, PLAIN).grade == "helps"


def test_intervals_are_students_over_tasks_and_one_task_has_none():
    rng = np.random.default_rng(2)
    before, after = rng.normal(3, 1, 9), rng.normal(2.8, 1, 9)
    expected = stats.ttest_rel(after, before).confidence_interval(0.95)
    found = paired("x", [str(i) for i in range(9)], list(before), list(after), PLAIN)
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    with pytest.raises(ValueError, match="two tasks"):
        paired("x", ["a", "a"], [1.0, 2.0], [1.0, 2.0], PLAIN)


def test_the_error_of_a_chain_of_sleeps_adds_up_to_that_of_one():
    errors = [1 - spent(PLAIN, sleep).confidence for sleep in range(1, 2000)]
    assert errors[:3] == pytest.approx([0.025, 0.05 / 6, 0.05 / 12])
    assert 0.0499 < sum(errors) < 0.05
