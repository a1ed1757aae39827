"""The registered comparisons of E1 as literals, paired by seed, and when the alarm would have sounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

Line = dict[str, Any]
Results = dict[tuple[str, float], dict[int, Line]]
# One-sided CUSUM: allowance and threshold in standard errors of the healthy rounds, and the bad
# directions.
ALLOWANCE, THRESHOLD = 0.5, 8.0
BAD = {"n2": -1, "cells": -1, "coverage": -1, "mmd2": 1}
LOSS_ALARM = 1.15


@dataclass(frozen=True)
class Contrast:
    """`of` is expected below `against` in a measure, above it where `below` is False, or `no_worse`: not above it."""

    claim: str
    of: str
    against: str
    measure: str
    below: bool = True
    no_worse: bool = False


REGISTERED = (
    Contrast("R1", "floor gate+dsir", "floor", "loss"),
    Contrast("R1", "floor gate+dsir", "accumulate", "loss"),
    Contrast("R2", "floor gate+dsir", "floor", "n2", below=False),
    Contrast("R2", "floor gate+dsir", "floor", "n2_unseen", below=False),
    Contrast("R2", "floor gate+dsir", "floor dsir", "loss", no_worse=True),
    Contrast("R4", "junk gate+dsir", "junk dsir", "loss"),
    Contrast("R4", "clones gate+dsir", "clones dsir", "loss"),
)


@dataclass(frozen=True)
class Outcome:
    """Mean paired difference with its 95 % interval (Student's t), raw and Holm-corrected p of no difference."""

    contrast: Contrast
    seeds: int
    difference: float
    low: float
    high: float
    p: float
    corrected: float = 1.0

    @property
    def met(self) -> bool:
        """The difference has the registered sign and survives the correction at 5 %; or it does not show the worse."""
        if self.contrast.no_worse:
            return self.difference <= 0 or self.corrected >= 0.05
        return (self.difference < 0) == self.contrast.below and self.corrected < 0.05


def value(line: Line, measure: str) -> float:
    """A measure after the last round."""
    return float(line["trace"][measure][-1] if measure in line["trace"] else line["last"][measure])


def compare(results: Results, temperature: float = 0.9) -> list[Outcome]:
    """All registered contrasts whose arms share at least two seeds, with Holm's correction over them."""
    found = []
    for contrast in REGISTERED:
        ours, theirs = (results.get((name, temperature), {}) for name in (contrast.of, contrast.against))
        seeds = sorted(ours.keys() & theirs.keys())
        if len(seeds) < 2:
            continue
        gap = np.array([value(ours[s], contrast.measure) - value(theirs[s], contrast.measure) for s in seeds])
        test = stats.ttest_1samp(gap, 0.0)
        low, high = test.confidence_interval(0.95)
        found.append(Outcome(contrast, len(seeds), float(gap.mean()), float(low), float(high), float(test.pvalue)))
    return _holm(found)


def _holm(outcomes: list[Outcome]) -> list[Outcome]:
    ranked = sorted(range(len(outcomes)), key=lambda i: outcomes[i].p)
    corrected, worst = [1.0] * len(outcomes), 0.0
    for rank, i in enumerate(ranked):
        worst = max(worst, min(1.0, outcomes[i].p * (len(outcomes) - rank)))
        corrected[i] = worst
    return [Outcome(**{**vars(one), "corrected": corrected[i]}) for i, one in enumerate(outcomes)]


def red_round(line: Line, baseline: dict[str, list[float]]) -> int | None:
    """The first round in which two tiles have crossed, None where the alarm stays silent."""
    crossed: dict[str, int] = {}
    for tile, sign in BAD.items():
        healthy = np.array(baseline[tile])
        # The mean of so few rounds is itself uncertain: its variance adds to that of a round.
        error = float(healthy.std(ddof=1) * np.sqrt(1 + 1 / len(healthy))) or 1e-12
        total = 0.0
        for round_, now in enumerate(line["trace"][tile][1:], 1):
            total = max(0.0, total + sign * (now - healthy.mean()) / error - ALLOWANCE)
            if total > THRESHOLD and tile not in crossed:
                crossed[tile] = round_
    order = sorted(crossed.values())
    return order[1] if len(order) > 1 else None


def loss_round(line: Line) -> int | None:
    """The first round whose loss is 15 % over the first model's."""
    losses = line["trace"]["loss"]
    return next((i for i, loss in enumerate(losses) if loss > LOSS_ALARM * losses[0]), None)


def per_seed(results: Results, arm: str, of: Callable[[Line], Any], temperature: float = 0.9) -> list[Any]:
    """One value a seed, in the order of seeds."""
    lines = results.get((arm, temperature), {})
    return [of(lines[seed]) for seed in sorted(lines)]
