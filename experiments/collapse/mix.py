"""Which rows a round trains on: seeded slots for real rows and for samples, the same in all arms of a mixing rule.

An arm that chose fewer samples than there are slots repeats them evenly, so that the real share stays matched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.collapse.arms import Arm
from experiments.collapse.world import Row, World


def need(arm: Arm, world: World) -> int:
    """How many new samples the mixing rule wants in a round."""
    if arm.mix == "oracle":
        return 0
    return round((1 - arm.real_share) * world.budget) if arm.mix == "real" else world.budget


def training_rows(arm: Arm, world: World, chosen: Sequence[list[Row]], round_: int) -> tuple[list[Row], list[int]]:
    """Samples of this round's training set, and the anchor rows (by number) beside them.

    `chosen` holds the rows chosen in each round so far, this one last. For the oracle the samples are fresh real rows.
    """
    rng = np.random.default_rng([world.seed, round_, 11])
    wanted = need(arm, world)
    if arm.mix == "oracle":
        return [world.fresh[i] for i in rng.permutation(len(world.fresh))[: world.budget]], []
    if arm.mix == "replace":
        return repeated(chosen[-1], wanted), []
    if arm.mix == "real":
        return repeated(chosen[-1], wanted), rng.permutation(len(world.anchor))[: world.budget - wanted].tolist()
    if arm.mix == "all":
        return [row for rows in chosen for row in rows], list(range(len(world.anchor)))
    return _accumulated(world, chosen, rng)


def _accumulated(world: World, chosen: Sequence[list[Row]], rng: np.random.Generator) -> tuple[list[Row], list[int]]:
    """A draw without replacement from the anchor and `budget` samples a round; a short round's rows fill its slots."""
    real = min(len(world.anchor), world.budget)
    slots = rng.permutation(real + world.budget * len(chosen))[: world.budget]
    samples: list[Row] = []
    for number, rows in enumerate(chosen):
        start = real + number * world.budget
        own = slots[(slots >= start) & (slots < start + world.budget)] - start
        if rows:
            samples += [rows[i % len(rows)] for i in own.tolist()]
    return samples, slots[slots < real].tolist()


def repeated(rows: Sequence[Row], wanted: int) -> list[Row]:
    """`wanted` rows, the given ones over and over."""
    return [rows[i % len(rows)] for i in range(wanted)] if rows else []
