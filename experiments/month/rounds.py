"""A month: thirty rounds of a generator through tiles, alarms, gate and, where it is on, steering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from experiments.collapse.ngram import Trigram
from experiments.month.tiles import Gauge
from experiments.month.world import SIZE, TEMPERATURE, Texts, World
from synthdata.gate.round import decide
from synthdata.gate.state import GateState
from synthdata.generation.steering import (
    Coverage,
    Option,
    SteeringPlan,
    calm_plan,
    choose_focuses,
    decide_plan,
    rung_alarms,
)
from synthdata.monitor.alarms import TREND_TILES, RoundHistory, trend_alarms
from synthdata.records import OUTSIDE, Candidate, Verdict
from synthdata.reflection.guided import warmed
from synthdata.settings import AlarmSettings, Recipe

ROUNDS, ONSET, PER_ROUND, AHEAD = 30, 15, 100, 4
# Depth of the collapse that a round adds.
RATE = 0.1
HELD_OUT = 400
RISE = 1.15
RECIPE = Recipe()


@dataclass
class Month:
    """What happened round by round: tiles, held-out loss, and of the gated months yields and coverage."""

    tiles: list[dict[str, float]] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    admitted: list[int] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    uncovered: list[int] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """The month as plain numbers: first amber, first red, the round of the risen loss, loss and yields by round."""
        first = {level: _first(self.alarms, level) for level in ("amber", "red")}
        first["late_amber"] = _first([alarm for alarm in self.alarms if alarm["round"] >= ONSET], "amber")
        healthy = float(np.mean(self.loss[:5]))
        risen = next((i for i, loss in enumerate(self.loss, 1) if loss >= RISE * healthy), None)
        return first | {
            "risen": risen,
            "loss": [round(loss / healthy, 4) for loss in self.loss],
            "n2": [round(tiles["n2"], 2) for tiles in self.tiles],
            "admitted": self.admitted,
            "wanted": self.wanted,
            "uncovered": self.uncovered,
        }


def _first(alarms: list[dict[str, Any]], level: str) -> int | None:
    return min((int(alarm["round"]) for alarm in alarms if alarm["level"] == level), default=None)


def watched_month(seed: int, rate: float = RATE) -> Month:
    """A month of the monitor alone; `rate` 0 is health."""
    world = World(seed)
    gauge, month = Gauge(world, seed), Month()
    held = _held_out(world, seed)
    for number in range(1, ROUNDS + 1):
        rng, depth = np.random.default_rng([seed, 3, number]), rate * max(0, number - ONSET + 1)
        topics = world.topics(PER_ROUND, depth, rng)
        contexts, contents = world.contexts(topics, rng), world.contents(topics, depth, TEMPERATURE, rng)
        _note(month, world, gauge, contexts, contents, held)
    month.alarms = _alarms(month, gauge)
    return month


def gated_month(seed: int, steered: bool, rate: float = RATE) -> Month:
    """The same month with the gate behind the generator, and with steering or without, at as many candidates."""
    world = World(seed)
    gauge, month = Gauge(world, seed), Month()
    held, kept = _held_out(world, seed), _Kept()
    for number in range(1, ROUNDS + 1):
        rng, depth = np.random.default_rng([seed, 3, number]), rate * max(0, number - ONSET + 1)
        topics = world.topics(PER_ROUND * AHEAD, depth, rng)
        there = world.contexts(topics, rng)
        level, because = rung_alarms(month.alarms, number - 1, TREND_TILES)
        recent = 0 if level == "calm" else number - RECIPE.steering.recent_rounds
        coverage = Coverage(kept.rows(len(gauge.shares), recent), gauge.shares)
        plan = decide_plan(level, because, coverage, number - 1, RECIPE)
        plan_used = plan if steered else calm_plan(RECIPE)
        rows = _chosen(gauge, world, there, coverage, plan_used)
        contexts = Texts(there.topics[rows], there.words[rows])
        warm = warmed(TEMPERATURE, plan_used.warmer, RECIPE.steering)
        contents = world.contents(contexts.topics, depth, warm, rng)
        _note(month, world, gauge, contexts, contents, held)
        cells = _admit(kept, gauge, world, contexts, contents)
        kept.rounds += [number] * len(cells)
        month.admitted.append(len(cells))
        month.wanted.append(sum(cell in plan.under for cell in cells))
        month.uncovered.append(len(plan.under))
        month.alarms = _alarms(month, gauge)
    return month


@dataclass
class _Kept:
    """Admitted candidates with their vectors and cells, in their order."""

    candidates: list[Candidate] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)
    contents: list[Any] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)

    def rows(self, cells: int, first: int) -> np.ndarray:
        """Rows of each cell, of round `first` and later."""
        inside = [c for c, r in zip(self.cells, self.rounds, strict=True) if c != OUTSIDE and r >= first]
        return np.bincount(inside, minlength=cells).astype(np.int64)


def _chosen(gauge: Gauge, world: World, there: Texts, coverage: Coverage, plan: SteeringPlan) -> list[int]:
    """The round's contexts among those at hand: what steering picks, then the others in their order."""
    cells, cosines = gauge.cells(world.embed(there))
    places = [f"{i:04d}" for i in range(len(cells))]
    options = [
        Option(place, 0, int(cell), round(float(cosine), 6))
        for place, cell, cosine in zip(places, cells, cosines, strict=True)
    ]
    picked = choose_focuses(options, coverage, plan, PER_ROUND, 1)
    return [int(place) for place in [*picked, *(p for p in places if p not in picked)]][:PER_ROUND]


def _admit(kept: _Kept, gauge: Gauge, world: World, contexts: Texts, contents: Texts) -> list[int]:
    """Cells of the candidates that the gate admits."""
    state = GateState(gauge.anchor, gauge.real, RECIPE.gate)
    if kept.candidates:
        state.restore(kept.candidates, np.array(kept.contexts), np.array(kept.contents))
    x, y = world.embed(contexts), world.embed(contents)
    spoken = list(zip(contents.spoken(), contexts.spoken(), strict=True))
    offered = [Candidate(content, context, occurrence=i) for i, (content, context) in enumerate(spoken)]
    place = {candidate.id: i for i, candidate in enumerate(offered)}
    decisions = decide(offered, x, y, state)
    admitted = [decision for decision in decisions if decision.verdict is Verdict.ADMIT]
    for decision in admitted:
        at = place[decision.candidate.id]
        kept.candidates.append(decision.candidate)
        kept.contexts.append(x[at])
        kept.contents.append(y[at])
        kept.cells.append(int(decision.cell if decision.cell is not None else OUTSIDE))
    return kept.cells[len(kept.cells) - len(admitted) :]


def _held_out(world: World, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng([seed, 4])
    return list(world.contents(world.topics(HELD_OUT, 0, rng), 0, TEMPERATURE, rng).words + 2)


def _note(month: Month, world: World, gauge: Gauge, contexts: Texts, contents: Texts, held: list[np.ndarray]) -> None:
    """Tiles of the raw view, and the held-out loss of a word trigram that was trained on this round's raw texts."""
    month.tiles.append(gauge.tiles(world, contexts, contents))
    scores = Trigram(list(contents.words + 2), SIZE + 2).log_likelihoods(held)
    month.loss.append(-float(np.concatenate(scores).mean()))


def _alarms(month: Month, gauge: Gauge) -> list[dict[str, Any]]:
    assert gauge.anchor.content is not None
    if not month.tiles:
        return []
    rows = [("raw", name, i, value) for i, tiles in enumerate(month.tiles, 1) for name, value in _named(tiles)]
    frame = pl.DataFrame(rows, schema=["view", "metric", "round", "value"], orient="row")
    course = RoundHistory({number: 0 for number in range(1, len(month.tiles) + 1)})
    return trend_alarms(frame, 1 / gauge.anchor.content.collision, AlarmSettings(), course)


def _named(tiles: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(name, float(value)) for name, value in tiles.items()]
