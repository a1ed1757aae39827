"""Steering of a round: the policy of generation/steering.py over a stored corpus, and its record in `events`.

Everything comes from the anchor, the committed decisions, their snapshots and the logs that were handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.gate.anchor import Anchor
from synthdata.generation.steering import (
    Coverage,
    Option,
    SteeringPlan,
    calm_plan,
    choose_focuses,
    decide_plan,
    rung_alarms,
)
from synthdata.monitor.alarms import TREND_TILES
from synthdata.monitor.status import alarms_of
from synthdata.protocols import Guidance, Vectors
from synthdata.records import OUTSIDE, Origin, Trajectory, canonical_json, content_hash
from synthdata.reflection import focus_options, render_context
from synthdata.settings import Recipe, Settings

Encode = Callable[[Sequence[str]], Vectors]
# Under-covered cells that an event names; the number of all of them stands beside.
NAMED = 20


@dataclass(frozen=True)
class SteeringResult:
    """What steering made of a round: runs in the order of their first picks, guidance by run, and the event's facts."""

    order: tuple[str, ...] = ()
    guidance: Mapping[str, Guidance] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def first(self, runs: Sequence[Trajectory]) -> list[Trajectory]:
        """The runs with those that were picked in front, in the order in which they were; the rest as it was."""
        place = {run: i for i, run in enumerate(self.order)}
        return sorted(runs, key=lambda run: place.get(run.id, len(place)))


def plan_of(store: CorpusStore, anchor: Anchor, recipe: Recipe) -> SteeringPlan:
    """What the policy does after the last round, a function of what is committed; calm where it is turned off."""
    if not recipe.steering.enabled:
        return calm_plan(recipe)
    return _plan_and_coverage(store, anchor, recipe)[0]


def _plan_and_coverage(store: CorpusStore, anchor: Anchor, recipe: Recipe) -> tuple[SteeringPlan, Coverage]:
    latest = store.latest_round()
    alarms = alarms_of(store, store.snapshots(), anchor) if latest else []
    level, because = rung_alarms(alarms, latest, TREND_TILES)
    first = 0 if level == "calm" else latest - recipe.steering.recent_rounds + 1
    coverage = coverage_of(store, anchor, recipe.gate.alpha_outside, first)
    return decide_plan(level, because, coverage, latest, recipe), coverage


def coverage_of(store: CorpusStore, anchor: Anchor, alpha: float, first: int = 0) -> Coverage:
    """Rows admitted from round `first` on in each cell of this anchor, and the cells' real shares.

    The shares are smoothed as the quota smooths them, and count the real rows of all rounds.
    """
    half = anchor.context
    columns = ["cell", "anchor", "origin", "round"]
    rows = store.admitted(columns=columns)
    cells = rows["cell"].to_numpy()
    if half.epoch or (rows["anchor"] != anchor.number).any():
        # Rows of an earlier anchor or epoch were decided in its cells; here they count where they lie now.
        rows = store.admitted()
        cells = half.locate(store.context_vectors(rows), alpha).cells
    m = len(half.centroids)
    counted = cells[(cells != OUTSIDE) & (rows["round"] >= first).to_numpy()]
    counts = np.bincount(counted, minlength=m).astype(np.int64)
    own = cells[(rows["origin"] == str(Origin.REAL)).to_numpy() & (cells != OUTSIDE)]
    return Coverage(counts, half.real_shares(np.bincount(own, minlength=m).astype(np.int64)))


def steer(
    store: CorpusStore,
    anchor: Anchor,
    settings: Settings,
    encode: Encode,
    runs: Sequence[Trajectory],
    limit: int | None,
    sample: int,
) -> SteeringResult:
    """Which of these runs, by id, to reflect on first, and what to ask of each.

    Where there is a limit, `ahead` times as many runs are looked at. A corpus with one view has cells of contents,
    which nobody knows before they are written, so no focus is chosen for it; the answers to alarms hold there too.
    """
    recipe = settings.recipe
    if not runs or not recipe.steering.enabled:
        return SteeringResult()
    plan, coverage = _plan_and_coverage(store, anchor, recipe)
    if plan.level == "calm" and not plan.under:
        return SteeringResult()
    runs_limit = len(runs) if limit is None else min(limit, len(runs))
    ahead = runs[: runs_limit * recipe.steering.ahead]
    focuses: dict[str, tuple[int, ...]] = {}
    contexts: dict[tuple[str, int], Vectors] = {}
    if store.views == "two":
        options, contexts = _options(ahead, anchor, recipe, encode, sample)
        focuses = choose_focuses(options, coverage, plan, runs_limit, recipe.reflection.focuses_per_trajectory)
    if plan.level == "calm" and not focuses:
        return SteeringResult()
    order = (*focuses, *(run.id for run in runs if run.id not in focuses))[:runs_limit]
    known = _known(
        store, anchor, plan, recipe, {run: [contexts[run, s] for s in focuses.get(run, ())] for run in order}
    )
    guidance = {run: Guidance(focuses.get(run, ()), known.get(run, ()), plan.warmer, plan.angle) for run in order}
    return SteeringResult(tuple(focuses), guidance, _facts(store, plan, coverage, focuses, known))


def record(store: CorpusStore, steered: SteeringResult) -> None:
    """Write what steers the round as an event, once; nothing where nothing does."""
    if steered.facts:
        key = f"round {steered.facts['round']} {content_hash(canonical_json(dict(steered.facts)), length=12)}"
        store.append_event("steering", key, dict(steered.facts), store.latest_round())


def _options(
    runs: Sequence[Trajectory], anchor: Anchor, recipe: Recipe, encode: Encode, sample: int
) -> tuple[list[Option], dict[tuple[str, int], Vectors]]:
    """The possible focuses of the runs, and the centred context vector of each."""
    places = [(run, step) for run in runs for step in focus_options(run, recipe, sample)]
    if not places:
        return [], {}
    raw = encode([render_context(run, step) for run, step in places])
    located = anchor.context.locate(raw, recipe.gate.alpha_outside)
    options = [
        Option(run.id, step, int(cell), round(float(cosine), 6))
        for (run, step), cell, cosine in zip(places, located.cells, located.cosines, strict=True)
    ]
    return options, {(run.id, step): vector for (run, step), vector in zip(places, located.rows, strict=True)}


def _known(
    store: CorpusStore, anchor: Anchor, plan: SteeringPlan, recipe: Recipe, wanted: Mapping[str, Sequence[Vectors]]
) -> dict[str, tuple[str, ...]]:
    """For each run the admitted lessons with the contexts nearest to its planned focuses, each lesson once."""
    settings = recipe.steering
    rows = store.admitted() if plan.known_lessons else pl.DataFrame()
    if rows.is_empty() or not any(wanted.values()):
        return {}
    contexts = anchor.context.centred(store.vectors(rows, "context"))
    texts = [text[: settings.known_chars] for text in rows["content"]]
    by_cell: dict[str, tuple[str, ...]] = {}
    for run, vectors in wanted.items():
        if vectors:
            nearness = (contexts @ np.stack(vectors).T).max(axis=1).round(6)
            near = np.argsort(-nearness, kind="stable")[: plan.known_lessons]
            by_cell[run] = tuple(dict.fromkeys(texts[i] for i in near))
    return by_cell


def _facts(
    store: CorpusStore,
    plan: SteeringPlan,
    coverage: Coverage,
    focuses: Mapping[str, Sequence[int]],
    known: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    ratios = coverage.ratios()
    named = [
        {"cell": cell, "rows": int(coverage.rows[cell]), "coverage": round(float(ratios[cell]), 4)}
        for cell in plan.under[:NAMED]
    ]
    return {
        "round": store.latest_round() + 1,
        "level": plan.level,
        "because": list(plan.because),
        "under_covered": len(plan.under),
        "cells": named,
        "focuses": {run: list(steps) for run, steps in sorted(focuses.items())},
        "known_lessons": sum(len(lessons) for lessons in known.values()),
        "warmer": plan.warmer,
        "angle": plan.angle,
        "dream_share": plan.dream_share,
        "real_share": plan.real_share,
    }
