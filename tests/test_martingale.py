"""The wealth that bets on novelty: fair bets, Ville's bound on healthy streams, and quick wealth when topics change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from synthdata.gate.martingale import Bag, begin, bet, log_wealth, step

LIMIT = np.log(100)


def unit(rng: np.random.Generator, n: int, centres: np.ndarray) -> np.ndarray:
    x = centres[rng.integers(len(centres), size=n)] + 0.7 * rng.normal(size=(n, centres.shape[1]))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def ties(rng: np.random.Generator, n: int) -> list[float]:
    return (1 - rng.random(n)).tolist()


def test_a_bet_is_fair() -> None:
    bets = step(step(begin(), 0.2), 0.7)
    expected = integrate.quad(lambda p: np.exp(log_wealth(step(bets, p))), 0, 1, limit=400)[0]
    assert expected == pytest.approx(np.exp(log_wealth(bets)), rel=1e-4)


def test_p_values_of_a_healthy_stream_are_uniform() -> None:
    rng = np.random.default_rng(0)
    values = []
    for _ in range(40):
        x = unit(rng, 80, np.eye(5, 12) * 2)
        bag = Bag(x[:40])
        values += [bag.take(row, tie) for row, tie in zip(x[40:], ties(rng, 40), strict=True)]
    counts = np.histogram(values, bins=10, range=(0, 1))[0]
    assert counts.sum() == 1600 and abs(counts - 160).max() < 5 * np.sqrt(160 * 0.9)


def test_a_healthy_stream_stays_poor_and_a_changed_one_grows_rich() -> None:
    rich = quick = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        centres = 2 * rng.normal(size=(8, 12))
        old, new = centres[:4], centres[4:]
        rich += bet(Bag(unit(rng, 60, old)), unit(rng, 60, old), ties(rng, 60), begin())[1] >= LIMIT
        quick += bet(Bag(unit(rng, 60, old)), unit(rng, 25, new), ties(rng, 25), begin())[1] >= LIMIT
    assert rich <= 4  # at most 1 in 100 is due; 4 has probability 2 % at that rate
    assert quick >= 95


def test_a_late_change_is_found_too() -> None:
    rng = np.random.default_rng(7)
    centres = 2 * rng.normal(size=(8, 12))
    healthy, changed = unit(rng, 300, centres[:4]), unit(rng, 40, centres[4:])
    bag = Bag(unit(rng, 60, centres[:4]))
    bets, highest = bet(bag, healthy, ties(rng, 300), begin())
    assert highest < LIMIT
    assert bet(bag, changed, ties(rng, 40), bets)[1] >= LIMIT


def test_pieces_give_the_same_wealth_as_the_whole() -> None:
    rng = np.random.default_rng(2)
    x, drawn = unit(rng, 50, np.eye(6)), ties(rng, 30)
    whole = bet(Bag(x[:20]), x[20:], drawn, begin())
    bag = Bag(x[:20])
    first = bet(bag, x[20:33], drawn[:13], begin())
    second = bet(bag, x[33:], drawn[13:], first[0])
    assert second[0].tolist() == pytest.approx(whole[0].tolist())
    assert max(first[1], second[1]) == pytest.approx(whole[1])
