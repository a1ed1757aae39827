"""The conformal test of contexts: its level on every data set, by row and by task, and what chance does to cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from synthdata.gate.chance import rows_at_most, share_at_most, share_bounds
from synthdata.gate.novelty import Novelty, Scale, SplitNovelty, calibrate_novelty, level, most_refused, nearness


def unit(rng: np.random.Generator, n: int, d: int = 6) -> np.ndarray:
    x = rng.normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def clustered(rng: np.random.Generator, n: int, spread: float) -> np.ndarray:
    centres = unit(rng, 5)
    x = centres[rng.integers(5, size=n)] + spread * rng.normal(size=(n, 6))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def without(x: np.ndarray, tasks: np.ndarray, task: int) -> Novelty:
    keep = tasks != task
    return calibrate_novelty(x[keep], [f"{number:03d}" for number in tasks[keep]])


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(3, 40), st.floats(0.02, 0.9), st.floats(0.01, 1.5))
def test_of_any_rows_at_most_alpha_are_outside_the_others(seed: int, n: int, alpha: float, spread: float) -> None:
    # The theorem without a draw: each row in turn is the new one, so the average over exchangeable orders is exact.
    x = clustered(np.random.default_rng(seed), n, spread)
    x[n // 2] = x[0]  # ties too
    tasks = np.arange(n)
    refused = [without(x, tasks, i).p_values(x[i : i + 1])[0] <= alpha for i in range(n)]
    assert sum(refused) <= alpha * n


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(3, 15), st.integers(1, 7), st.floats(0.05, 0.9))
def test_of_any_tasks_a_random_row_is_outside_at_most_alpha_of_the_time(
    seed: int, count: int, most: int, alpha: float
) -> None:
    rng = np.random.default_rng(seed)
    tasks = np.repeat(np.arange(count), rng.integers(1, most + 1, size=count))
    # Rows of a task lie close together, as steps of one run do.
    x = clustered(rng, count, 0.8)[tasks] + 0.2 * rng.normal(size=(len(tasks), 6)).astype(np.float32)
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    shares = [np.mean(without(x, tasks, t).p_values(x[tasks == t]) <= alpha) for t in range(count)]
    assert sum(shares) <= alpha * count + 1e-9


def test_by_row_is_over_its_level_where_tasks_have_many_rows() -> None:
    # Why the weights are by task: rows of one run are never exchangeable with those of another.
    rng = np.random.default_rng(4)
    over_row = over_task = 0
    for _ in range(60):
        tasks = np.repeat(np.arange(40), 5)
        x = unit(rng, 40)[tasks] + 0.1 * rng.normal(size=(200, 6)).astype(np.float32)
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        new = unit(rng, 200)
        by_row = calibrate_novelty(x, [f"{i:03d}" for i in range(200)])
        over_row += int((by_row.p_values(new) <= 0.1).sum())
        over_task += int((calibrate_novelty(x, [f"{t:03d}" for t in tasks]).p_values(new) <= 0.1).sum())
    assert over_row / 12_000 > 0.2
    assert over_task / 12_000 < 0.12


def test_a_known_p_value() -> None:
    x = np.eye(4, dtype=np.float32)
    x[1] = x[0]
    novelty = calibrate_novelty(x, ["a", "b", "c", "d"])
    assert novelty.scores.tolist() == [1, 1, 0, 0]
    far = -np.ones((1, 4), dtype=np.float32) / 2
    assert novelty.p_values(far)[0] == pytest.approx(1 / 5)
    assert novelty.p_values(np.array([[0, 0, 0.6, 0.8]], dtype=np.float32))[0] == pytest.approx(3 / 5)
    assert novelty.p_values(x[:1])[0] == 1
    assert not len(novelty.p_values(np.empty((0, 4), dtype=np.float32)))


def test_rows_of_one_task_say_nothing_of_its_own_spread() -> None:
    x = unit(np.random.default_rng(0), 30)
    assert (calibrate_novelty(x, ["one"] * 30).scores == -1).all()
    # A task with more rows than are searched for at first still finds its neighbour elsewhere.
    many = calibrate_novelty(np.vstack([x, x[:1]]), [*["one"] * 30, "two"])
    assert many.scores[30] == pytest.approx(1) and many.scores[0] == pytest.approx(1)
    other = (x[1:30].astype(float) @ x[0].astype(float)).tolist()
    assert many.scores[1:30].tolist() == pytest.approx(other)


def test_the_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    x, tasks, new = unit(rng, 50), [f"t{i % 17}" for i in range(50)], unit(rng, 20)
    order = rng.permutation(50)
    again = calibrate_novelty(x[order], [tasks[i] for i in order]).p_values(new)
    assert calibrate_novelty(x, tasks).p_values(new).tolist() == pytest.approx(again.tolist(), abs=1e-12)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(4, 30), st.floats(0.05, 0.9))
def test_the_split_test_keeps_its_level_too(seed: int, n: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    centres, scored = unit(rng, 3), nearness(unit(rng, n), unit(rng, 3))
    refused = [
        SplitNovelty(centres, Scale.of(np.delete(scored, i), np.arange(n - 1))).scale.p_values(scored[i : i + 1])[0]
        <= alpha
        for i in range(n)
    ]
    assert sum(refused) <= alpha * n


@pytest.mark.parametrize(("tasks", "upper"), [(99, 0.030), (199, 0.024), (1000, 0.016), (5000, 0.012)])
def test_the_level_that_init_prints(tasks: int, upper: float) -> None:
    worth = level(0.01, tasks, 0.95)
    assert worth.upper == pytest.approx(upper, abs=7e-4)
    assert worth.refused <= 0.01


def test_too_few_tasks_refuse_nothing_and_say_how_many_it_takes() -> None:
    worth = level(0.01, 98, 0.95)
    assert (worth.refused, worth.upper, worth.needed) == (0, 0, 99)
    novelty = calibrate_novelty(unit(np.random.default_rng(1), 98), [str(i) for i in range(98)])
    assert novelty.p_values(-novelty.rows.mean(axis=0, keepdims=True)).min() > 0.01


@given(st.floats(0.001, 0.5), st.integers(1, 3000))
def test_the_number_refused_is_that_of_the_p_values(alpha: float, tasks: int) -> None:
    count = most_refused(alpha, tasks)
    assert count / (tasks + 1) <= alpha < (count + 1) / (tasks + 1)


@given(st.integers(0, 60), st.integers(1, 400), st.floats(0.5, 0.999))
def test_bounds_of_a_share_are_those_of_clopper_and_pearson(count: int, total: int, confidence: float) -> None:
    count = min(count, total)
    exact = stats.binomtest(count, total).proportion_ci(confidence, "exact")
    assert share_bounds(count, total, confidence) == pytest.approx((exact.low, exact.high), abs=1e-9)
    upper = share_at_most(count, total, confidence)
    if count < total:
        # What defines it: with this share so few are seen with probability 1 - confidence.
        assert stats.binom.cdf(count, total, upper) == pytest.approx(1 - confidence, abs=1e-6)
    else:
        assert upper == 1


@given(st.integers(1, 3000), st.floats(1e-4, 1), st.floats(0.5, 0.9999))
def test_rows_of_a_cell_by_chance(rows: int, share: float, quantile: float) -> None:
    most = rows_at_most(rows, share, quantile)
    assert stats.binom.cdf(most, rows, share) >= quantile - 1e-12
    assert most == 0 or stats.binom.cdf(most - 1, rows, share) < quantile + 1e-12


def test_a_quantile_of_nought_allows_nothing() -> None:
    assert rows_at_most(100, 0.5, 0) == 0
