"""From a round's pool of samples to the rows that may be trained on: by chance, DSIR, a judge, or the gate.

The gate is the shipped one (`synthdata.gate`), vectors given. Its floor here is the two-sided band of the reference
model's likelihood; everything behind it runs as in the product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from experiments.collapse.arms import OFF, Arm
from experiments.collapse.rare import wanted_types
from experiments.collapse.world import Row, World
from synthdata.gate.order import dsir_scores, gumbel_dsir
from synthdata.gate.round import decide
from synthdata.gate.state import GateState, RoundInputs
from synthdata.records import Candidate, Decision, Reason, Reject, Verdict
from synthdata.settings import GateSettings

SLICE = 250


@dataclass
class Chosen:
    """Rows in the order of choice, at most as many as asked for, and what the gate held on them.

    `floor` is N2 of W plus the admitted rows over the promised 1 / collision_max: at least 1 where the promise holds.
    """

    rows: list[Row]
    floor: float | None = None
    refused: dict[str, int] = field(default_factory=dict)


def choose(arm: Arm, pool: list[Row], need: int, world: World, kept: list[Row], round_: int) -> Chosen:
    """`kept` are the rows that the gate holds from earlier rounds: empty where the mixing rule forgets them."""
    if arm.select == "none":
        return Chosen(pool[:need])
    if arm.select == "judge":
        return Chosen([pool[i] for i in by_score(world, pool)[:need]])
    if arm.select == "dsir":
        order = dsir_order(pool, world, round_)
        return Chosen([pool[i] for i in order[:need]])
    return _through_gate(arm, pool, need, world, kept, round_)


def by_score(world: World, pool: Sequence[Row]) -> NDArray[np.int64]:
    """Positions by descending likelihood under the first model, which stands in for a judge that ranks."""
    return np.argsort(-world.first.mean_log_likelihood(pool), kind="stable")


def dsir_order(pool: Sequence[Row], world: World, round_: int) -> list[int]:
    """The gate's own Gumbel-DSIR order, without the gate."""
    ids = [str(i) for i in range(len(pool))]
    return gumbel_dsir(ids, [row.text for row in pool], world.shared.texts, world.seed * 1000 + round_)


def gate_settings(arm: Arm, world: World, round_: int) -> GateSettings:
    """The shipped settings with the arm's overrides."""
    changed: dict[str, float] = {"seed": world.seed * 1000 + round_, **arm.gate}
    if arm.select == "dedup":
        changed |= {"quota_slack": OFF, "collision_max": 1.0, "lexical_share": 1.0, "skeleton_share": 1.0}
    if arm.delta is not None:
        anchor, _ = world.shared.gate(arm.kernel)
        assert anchor.content is not None
        changed["collision_max"] = anchor.content.collision * (1 + arm.delta)
    return GateSettings(**changed)  # type: ignore[arg-type]


def _through_gate(arm: Arm, pool: list[Row], need: int, world: World, kept: list[Row], round_: int) -> Chosen:
    state = open_gate(arm, world, kept, round_)
    ordered = [pool[i] for i in _order(arm, pool, world, kept, round_)]
    candidates = [Candidate(row.text, external_id=f"{round_}-{i}") for i, row in enumerate(ordered)]
    refused = band_floor(candidates, world.first.mean_log_likelihood(ordered), world.shared.band)
    row_of = {candidate.id: row for candidate, row in zip(candidates, ordered, strict=True)}
    # Only the DSIR order needs the whole pool at once; the other orders stop when the round is full.
    whole = arm.select == "gate+dsir"
    size = len(candidates) if whole else SLICE
    inputs = RoundInputs(refused, reference=world.shared.texts if whole else ())
    decisions: list[Decision] = []
    admitted: list[Row] = []
    for start in range(0, len(candidates), size):
        part = candidates[start : start + size]
        vectors = world.shared.vectors([candidate.content for candidate in part], arm.kernel)
        made = decide(part, vectors, vectors, state, inputs)
        decisions += made
        admitted += [row_of[made_.candidate.id] for made_ in made if made_.verdict is Verdict.ADMIT]
        if len(admitted) >= need:
            break
    refused = Counter(str(made.reason) for made in decisions if made.reason)
    held = state.collision_max / max(state.corpus_scope.collision(), state.round_scope.collision())
    return Chosen(admitted[:need], held, dict(sorted(refused.items())))


def _order(arm: Arm, pool: list[Row], world: World, kept: list[Row], round_: int) -> list[int]:
    """The order in which slices of the pool reach the gate."""
    if arm.select == "gate+judge":
        return by_score(world, pool).tolist()
    if arm.select == "gate+rare":
        return rare_order(pool, world, kept, round_)
    return list(range(len(pool)))


def rare_order(pool: Sequence[Row], world: World, kept: Sequence[Row], round_: int) -> list[int]:
    """Gumbel-DSIR with a bonus of 1 for each rare type of a row that the kept rows hold too seldom."""
    wanted = wanted_types(world, kept)
    ids, texts = [str(i) for i in range(len(pool))], [row.text for row in pool]
    scores = dsir_scores(ids, texts, world.shared.texts, world.seed * 1000 + round_)
    bonus = [len(wanted.intersection(row.ids.tolist())) for row in pool]
    return sorted(range(len(pool)), key=lambda i: (-scores[i] - bonus[i], i))


def open_gate(arm: Arm, world: World, kept: list[Row], round_: int) -> GateState:
    """A fresh state over the anchor, with the rows of earlier rounds entered."""
    anchor, reference = world.shared.gate(arm.kernel)
    state = GateState(anchor, reference, gate_settings(arm, world, round_))
    if kept:
        vectors = world.shared.vectors([row.text for row in kept], arm.kernel)
        earlier = [Candidate(row.text, external_id=f"kept-{i}") for i, row in enumerate(kept)]
        state.restore(earlier, vectors, vectors)
    return state


def band_floor(
    candidates: Sequence[Candidate], scores: NDArray[np.float64], band: tuple[float, float]
) -> dict[str, Reject]:
    """What lies outside the likelihood band of real text, by candidate id."""
    low, high = band
    refused: dict[str, Reject] = {}
    for candidate, score in zip(candidates, scores.tolist(), strict=True):
        if score < low:
            refused[candidate.id] = Reject(Reason.GIBBERISH, score, low)
        elif score > high:
            refused[candidate.id] = Reject(Reason.LOOP, score, high)
    return refused
