"""The collapse experiment in small, and the parts that its conclusions rest on."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.collapse.arms import E1_MAIN, Arm
from experiments.collapse.claims_e2 import claims
from experiments.collapse.contrasts import compare, loss_round, red_round
from experiments.collapse.mix import need, training_rows
from experiments.collapse.ngram import Trigram, _Sampler
from experiments.collapse.rounds import run
from experiments.collapse.tail import differences
from experiments.collapse.world import DocstringWorld

ARMS = {arm.name: arm for arm in E1_MAIN}


@pytest.fixture(scope="module")
def worlds() -> list[DocstringWorld]:
    return [DocstringWorld(seed, budget=400, rounds=4) for seed in (0, 1)]


def test_the_gate_beats_real_mixing_alone_and_that_beats_replacement_on_loss_and_on_effective_number(worlds):
    results = {name: [run(world, ARMS[name], 0.9) for world in worlds] for name in ("floor gate", "floor", "replace")}

    def last(name: str, metric: str) -> float:
        return float(np.mean([line["trace"][metric][-1] for line in results[name]]))

    assert last("floor gate", "loss") < last("floor", "loss") < last("replace", "loss")
    assert 1 / last("floor gate", "n2") < 1 / last("floor", "n2") < 1 / last("replace", "n2")
    assert all(line["floor_held"] >= 1 - 1e-9 for line in results["floor gate"])
    tokens = [line["tokens"] for name in ("floor gate", "floor") for line in results[name]]
    assert max(tokens) < 1.15 * min(tokens), "the arms must train on about as many tokens"


def test_a_run_is_a_function_of_its_seed(worlds):
    again = DocstringWorld(0, budget=400, rounds=1)
    lines = [run(again, ARMS["floor gate+dsir"], 0.9) for _ in range(2)]
    assert lines[0]["trace"] == lines[1]["trace"]
    assert lines[0]["last"] == lines[1]["last"]


def test_trigram_probabilities_sum_to_one_and_samples_follow_them():
    rng = np.random.default_rng(0)
    size = 12
    texts = [rng.integers(2, size, size=rng.integers(3, 9)) for _ in range(40)]
    model = Trigram(texts, size)
    everything = np.arange(size)
    for u, v in [(0, 0), (0, int(texts[0][0])), (int(texts[0][0]), int(texts[0][1])), (5, 1)]:
        pair = np.full(size, u * size + v)
        p = model._look_up(model.three, pair, everything, model._bigram(np.full(size, v), everything))
        assert p.sum() == pytest.approx(1)
        tempered = p ** (1 / 0.7) / (p ** (1 / 0.7)).sum()
        n = 40_000
        drawn = _Sampler(model, 0.7, rng)(np.full(n, u), np.full(n, v))
        chi2 = (np.square(np.bincount(drawn, minlength=size) - n * tempered) / (n * tempered)).sum()
        assert chi2 < 40  # 11 degrees of freedom: one in 30,000


def test_arms_of_a_mixing_rule_train_on_the_same_real_rows_whatever_they_chose(worlds):
    world = worlds[0]
    for arm in (Arm("a"), Arm("b", mix="accumulate")):
        full = [world.fresh[: need(arm, world)]] * 3
        short = [world.fresh[:50], world.fresh[:7], world.fresh[:20]]
        (many, real_many), (few, real_few) = training_rows(arm, world, full, 3), training_rows(arm, world, short, 3)
        assert real_many == real_few
        assert len(many) + len(real_many) == len(few) + len(real_few) == world.budget


def line(loss: float, n2: float) -> dict[str, object]:
    return {"trace": {"loss": [5.0, loss], "n2": [30.0, n2]}, "last": {"n2_unseen": n2}}


def test_contrasts_are_paired_by_seed_and_corrected_together():
    results = {
        ("floor", 0.9): {seed: line(6.7 + 0.01 * seed, 2.0) for seed in range(10)},
        ("floor gate+dsir", 0.9): {seed: line(6.2 + 0.011 * seed, 34.0 + 0.1 * seed) for seed in range(10)},
        ("floor dsir", 0.9): {seed: line(6.2 + 0.01 * seed + 0.001 * (-1) ** seed, 30.0) for seed in range(10)},
    }
    outcomes = {(one.contrast.against, one.contrast.measure): one for one in compare(results)}
    assert set(outcomes) == {("floor", "loss"), ("floor", "n2"), ("floor", "n2_unseen"), ("floor dsir", "loss")}
    first = outcomes["floor", "loss"]
    assert first.difference == pytest.approx(-0.4955)
    assert first.low < first.difference < first.high < 0
    assert first.met and first.corrected >= first.p
    worse = outcomes["floor dsir", "loss"]
    assert worse.contrast.no_worse and worse.difference > 0 and not worse.met


def test_the_alarm_sounds_when_two_tiles_have_crossed():
    healthy = {"n2": [30, 31, 29, 30, 30], "cells": [16, 15, 16, 17, 16], "coverage": [0.8] * 5, "mmd2": [0.01] * 5}
    trace = {"n2": [30, 20, 12, 8], "cells": [16, 16, 8, 4], "coverage": [0.8] * 4, "mmd2": [0.01] * 4}
    trace["loss"] = [5.0, 5.2, 5.6, 6.0]
    assert red_round({"trace": trace}, healthy) == 2
    assert loss_round({"trace": trace}) == 3
    assert red_round({"trace": trace | {"cells": [16] * 4}}, healthy) is None


def story(loss: float, n2: float) -> dict[str, object]:
    return {"trace": {"loss_calibrated": [3.8, loss], "n2": [27.0, n2]}, "last": {"n2_unseen": n2}}


def test_claims_about_the_transformer_are_paired_ratios_and_say_what_was_missed():
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.03, size=3)
    results = {
        ("floor", 1.0): {i: story(4.2 + noise[i], 15.0 * np.exp(noise[i])) for i in range(3)},
        ("floor dsir", 1.0): {i: story(4.2 + noise[i], 33.0) for i in range(3)},
        ("floor gate+dsir", 1.0): {i: story(4.21 + noise[i], 30.0 * np.exp(noise[i])) for i in range(3)},
    }
    rows = {(row[0], row[1].partition(" of ")[0]): row[2:] for row in claims(results, 1.0)}
    assert len(rows) == 4
    gap, verdict = next(rest for (claim, _), rest in rows.items() if claim == "R7")
    assert gap == "+0.010 [+0.010, +0.010]" and verdict == "met"
    assert rows["R8", "n2"] == ["2.00 [2.00, 2.00]", "met"]
    assert rows["R9", "n2"][1] == "**missed**"


def test_rare_tokens_gained_and_common_ones_lost_are_paired_by_seed():
    def line(rare: float, common: float) -> dict[str, object]:
        trace = {"loss_rare": rare, "loss_common": common, "loss_calibrated": 4.0, "n2": 25.0, "precision": 0.9}
        return {"trace": {name: [0.0, last] for name, last in trace.items()}}

    results = {
        ("accumulate", 1.0): {0: line(7.7, 2.10), 1: line(7.9, 2.20), 2: line(8.5, 2.0)},
        ("accumulate, rare real", 1.0): {0: line(7.5, 2.15), 1: line(7.7, 2.25)},
    }
    head, row = differences(results)
    assert row[:3] == ["*accumulate, rare real*", "*accumulate*", "2"]
    cells = dict(zip(head[3:], row[3:], strict=True))
    assert cells["rarest 15 %"] == "-0.200 [-0.200, -0.200]"
    assert cells["commonest 30 %"] == "+0.050 [+0.050, +0.050]"


def test_a_small_decoder_learns_what_it_is_shown_and_samples_it():
    torch = pytest.importorskip("torch")
    from experiments.collapse.decoder import Decoder, sample, target_scores, train

    torch.manual_seed(0)
    rows = [np.array([5, 6, 7, 8]), np.array([9, 10, 11])] * 40
    model = Decoder(16)
    before = np.hstack(target_scores(model, rows, (1.0,))).mean()
    train(model, rows, 60, 3e-3, [0])
    after = np.hstack(target_scores(model, rows, (1.0,))).mean()
    assert after > -0.4 > before
    drawn = {tuple(ids.tolist()) for ids in sample(model, 40, 0.2, [1])}
    assert drawn <= {(5, 6, 7, 8), (9, 10, 11)} and drawn
    again = sample(model, 40, 0.2, [1])
    assert [ids.tolist() for ids in again] == [ids.tolist() for ids in sample(model, 40, 0.2, [1])]
