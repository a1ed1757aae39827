"""The self-training loop of one arm: sample, choose, mix, fit, measure; again.

Everything is a function of (experiment, arm, temperature, seed): a killed run is run again and gives the same line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.collapse.arms import Arm
from experiments.collapse.choose import choose
from experiments.collapse.measures import diversity, judged, wording
from experiments.collapse.mix import need, training_rows
from experiments.collapse.rare import rare_real_rows
from experiments.collapse.world import Model, Row, World

BASELINE_ROUNDS = 5
JUNK_SHARE, CLONE_SHARE, CLONE_SOURCES, CLONE_NOISE = 0.1, 0.3, 5, 0.1


def run(world: World, arm: Arm, temperature: float, progress: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """One line of results: values by round (0 is before any sleep), the last round in full, and what the gate held."""
    start = time.process_time()
    model = world.first
    raw = raw_samples(world, model, temperature, 0)
    trace = [model.losses() | diversity(world, raw) | {"judge": judged(world, raw)}]
    chosen: list[list[Row]] = []
    held: list[float] = []
    counts: list[int] = []
    tokens = 0
    for round_ in range(1, world.rounds + 1):
        wanted = need(arm, world)
        pool = spoiled(arm, world, pool_of(arm, world, model, temperature, round_), round_)
        kept = [row for rows in chosen for row in rows] if arm.mix in ("accumulate", "all") else []
        picked = choose(arm, pool, wanted, world, kept, round_)
        chosen.append(picked.rows)
        counts.append(len(picked.rows))
        held += [picked.floor] if picked.floor is not None else []
        samples, real = training_rows(arm, world, chosen, round_)
        rows = samples + rare_real_rows(world, real, arm.rare_real)
        tokens += sum(len(row.ids) for row in rows)
        model = world.fit(rows, model, round_)
        raw = raw_samples(world, model, temperature, round_)
        trace.append(model.losses() | diversity(world, raw) | {"judge": judged(world, raw)})
        progress()
    return {
        "trace": {name: [round(step[name], 4) for step in trace] for name in trace[0]},
        "last": {name: round(value, 4) for name, value in wording(world, raw).items()},
        "chosen": counts,
        "floor_held": round(min(held), 6) if held else None,
        "refused": picked.refused,
        "tokens": tokens,
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def baseline(world: World, temperature: float) -> dict[str, list[float]]:
    """The healthy rounds of the alarm: repeated draws from the first model, before any sleep."""
    draws = [diversity(world, raw_samples(world, world.first, temperature, 900 + i)) for i in range(BASELINE_ROUNDS)]
    return {name: [round(draw[name], 5) for draw in draws] for name in draws[0]}


def raw_samples(world: World, model: Model, temperature: float, round_: int) -> list[Row]:
    """Samples for measuring, never for training."""
    return model.sample(world.samples + world.samples // 5, temperature, [world.seed, round_, 5])[: world.samples]


def pool_of(arm: Arm, world: World, model: Model, temperature: float, round_: int) -> list[Row]:
    """The round's samples: as many as are needed, and more for an arm that chooses."""
    wanted = need(arm, world)
    if not wanted:
        return []
    size = round(wanted * (1.15 if arm.select == "none" else world.pool))
    return model.sample(size, temperature, [world.seed, round_, 3])


def spoiled(arm: Arm, world: World, pool: list[Row], round_: int) -> list[Row]:
    """The pool with a tenth of random words, or with near three tenths of noisy copies of five of its own rows."""
    if arm.pool == "clean":
        return pool
    rng = np.random.default_rng([world.seed, round_, 17])
    words = np.concatenate([row.ids for row in world.anchor])
    kinds = np.unique(words)
    pool = list(pool)
    if arm.pool == "junk":
        for place in rng.permutation(len(pool))[: round(JUNK_SHARE * len(pool))].tolist():
            pool[place] = world.row(rng.choice(kinds, size=len(pool[place].ids)))
        return pool
    sources = [pool[i] for i in rng.permutation(len(pool))[:CLONE_SOURCES].tolist()]
    for place in rng.permutation(len(pool))[: round(CLONE_SHARE * len(pool))].tolist():
        ids = sources[place % CLONE_SOURCES].ids.copy()
        noisy = rng.random(len(ids)) < CLONE_NOISE
        ids[noisy] = rng.choice(words, size=int(noisy.sum()))
        pool[place] = world.row(ids)
    return pool
