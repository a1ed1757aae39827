"""Two ways to keep rare tokens: real rows that hold rare types first, and samples that hold missing ones first.

Both know only the anchor's own counts. Equal real tokens, so that what is gained is not bought by more real text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from experiments.collapse.world import Row, World

RARE = 3


def rare_types(world: World) -> set[int]:
    """Token ids that the anchor holds at most three times."""
    counts = Counter(int(i) for row in world.anchor for i in row.ids)
    return {token for token, count in counts.items() if count <= RARE}


def wanted_types(world: World, kept: Sequence[Row]) -> set[int]:
    """Rare types that are rarer in the kept rows than in the anchor; all of them before anything is kept."""
    held = Counter(int(i) for row in kept for i in row.ids)
    real = Counter(int(i) for row in world.anchor for i in row.ids)
    share = sum(held.values()) / sum(real.values())
    return {token for token in rare_types(world) if held[token] <= real[token] * share}


def rare_real_rows(world: World, drawn: list[int], rare_first: bool) -> list[Row]:
    """The anchor rows that were drawn, or instead as many tokens of rows chosen for the rare types they add.

    Greedy over the anchor: a row is worth the sum over its rare types of 1 / (1 + times chosen so far).
    """
    rows = [world.anchor[i] for i in drawn]
    if not rare_first or not rows:
        return rows
    budget = sum(len(row.ids) for row in rows)
    rare = rare_types(world)
    holds = [sorted({int(i) for i in row.ids} & rare) for row in world.anchor]
    used: Counter[int] = Counter()
    left = set(range(len(world.anchor)))
    chosen: list[Row] = []
    while budget > 0 and left:
        # A row's value only falls as types are used, and ties go to the lower number.
        best = max(left, key=lambda i: (sum(1 / (1 + used[t]) for t in holds[i]), -i))
        used.update(holds[best])
        left.remove(best)
        chosen.append(world.anchor[best])
        budget -= len(world.anchor[best].ids)
    return chosen
