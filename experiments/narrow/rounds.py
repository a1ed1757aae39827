"""The loop of one arm: sample, choose, mix with real rows, fit, measure. A function of arm and seed alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.narrow.arms import Arm
from experiments.narrow.gates import Kept, open_gate
from experiments.narrow.world import BUDGET, POOL, ROUNDS, Mixture, NarrowWorld, Row
from metrics import effective_number, prdc
from synthdata.gate.order import gumbel_dsir
from synthdata.gate.round import decide
from synthdata.gate.state import RoundInputs
from synthdata.records import Candidate, Verdict


def run(world: NarrowWorld, arm: Arm) -> dict[str, Any]:
    """One line of results: measures by round, 0 before the first, and what became of the chosen rows."""
    start = time.process_time()
    model, chosen = world.first, list[list[Row]]()
    trace = [measures(world, model, 0)]
    floors: list[float] = []
    outside = []
    for round_ in range(1, ROUNDS + 1):
        stream = [row for r in range(1, round_ + 1) for row in world.stream_of(r)] if arm.stream else []
        need = BUDGET if not arm.whole else POOL * BUDGET
        pool = model.sample((POOL if not arm.whole else 1) * BUDGET, [world.seed, round_, 3])
        kept = Kept([row for rows in chosen for row in rows], stream)
        picked, facts = choose(world, arm, pool, kept, need, round_)
        chosen.append(picked)
        floors += [facts["floor"]] if "floor" in facts else []
        outside.append(facts.get("refused", {}))
        model = world.fit(training_rows(world, chosen, stream, round_))
        trace.append(measures(world, model, round_))
    unseen = [sum(row.topic not in world.seen for row in rows) / max(1, len(rows)) for rows in chosen]
    return {
        "trace": {name: [round(step[name], 4) for step in trace] for name in trace[0]},
        "chosen": [len(rows) for rows in chosen],
        "unseen_chosen": [round(share, 4) for share in unseen],
        "refused": outside,
        "floor_held": round(min(floors), 6) if floors else None,
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def choose(
    world: NarrowWorld, arm: Arm, pool: list[Row], kept: Kept, need: int, round_: int
) -> tuple[list[Row], dict[str, Any]]:
    """The rows of a round in the order of choice, and what the gate held on them."""
    if arm.select == "none":
        return pool[:need], {}
    if arm.select == "nearest":
        x, reference = world.words.unit([r.text for r in pool]), world.words.unit([r.text for r in world.reference])
        order = np.argsort(-(x @ reference.T).max(axis=1), kind="stable")
        return [pool[i] for i in order[:need]], {}
    if arm.select == "dsir":
        ids = [str(i) for i in range(len(pool))]
        texts = [row.text for row in world.reference]
        best = gumbel_dsir(ids, [row.text for row in pool], texts, 1000 * world.seed + round_)
        return [pool[i] for i in best[:need]], {}
    state, texts = open_gate(world, arm, kept, round_)
    candidates = [Candidate(row.text, external_id=f"{round_}-{i}") for i, row in enumerate(pool)]
    raw = world.words.raw([row.text for row in pool])
    decisions = decide(candidates, raw, raw, state, RoundInputs(reference=texts, max_admitted=need))
    row_of = {candidate.id: row for candidate, row in zip(candidates, pool, strict=True)}
    admitted = [row_of[made.candidate.id] for made in decisions if made.verdict is Verdict.ADMIT]
    refused = Counter(str(made.reason) for made in decisions if made.reason)
    held = state.collision_max / max(state.corpus_scope.collision(), state.round_scope.collision())
    return admitted, {"floor": held, "refused": dict(sorted(refused.items()))}


def training_rows(world: NarrowWorld, chosen: Sequence[list[Row]], stream: Sequence[Row], round_: int) -> list[Row]:
    """A draw of the budget from the silo's real rows, the stream and all chosen rows so far."""
    rows = [*world.reference, *stream, *(row for part in chosen for row in part)]
    order = np.random.default_rng([world.seed, round_, 11]).permutation(len(rows))
    return [rows[i] for i in order[:BUDGET]]


def measures(world: NarrowWorld, model: Mixture, round_: int) -> dict[str, float]:
    """Held-out loss on both halves of the world, and what the model's raw samples hold."""
    raw = model.sample(BUDGET, [world.seed, round_, 5])
    texts = [row.text for row in raw]
    unseen = [row.text for row in world.heldout["unseen"]]
    near = prdc(world.characters.unit(unseen), world.characters.unit(texts))
    return {
        "loss_seen": model.loss(world.heldout["seen"]),
        "loss_unseen": model.loss(world.heldout["unseen"]),
        "unseen": sum(row.topic not in world.seen for row in raw) / len(raw),
        "n2": effective_number(world.words.unit(texts)),
        "n2_characters": effective_number(world.characters.unit(texts)),
        "coverage_unseen": near["coverage"],
    }
