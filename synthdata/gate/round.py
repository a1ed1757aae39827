"""One round of decisions: every candidate gets exactly one, the same whatever the order of arrival.

Stages before the loop look at history and may run on all candidates at once; the loop is one writer in canonical order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synthdata.gate.order import gumbel_dsir, shuffled
from synthdata.gate.stages import FIRST, JUDGED, LOOP, SEARCHED, Stage
from synthdata.gate.state import GateState, Item, Reject, Text
from synthdata.gate.threads import one_blas_thread
from synthdata.protocols import Progress, Vectors, no_progress
from synthdata.records import Candidate, Decision, Reason, Verdict

# Items whose neighbours within the round are looked up together; their products with each other take 1 MB.
_BLOCK = 512
# What more admissions may make room for.
_AGAIN = (Reason.CELL_QUOTA, Reason.OUTSIDE_REFERENCE)


def decide(
    candidates: Sequence[Candidate],
    context: Vectors,
    content: Vectors,
    state: GateState,
    reference: Sequence[str],
    progress: Progress = no_progress,
    texts: Sequence[Text] = (),
) -> list[Decision]:
    """Decisions in canonical order, admitted rows first and in their order of admission.

    `context` and `content` are raw encoder vectors (n, d), `reference` real contents for the order (empty: seeded
    shuffle). `progress` hears how many candidates have been decided. `texts` are what `GateState.texts` made of the
    candidates, if it was asked before.
    """
    with one_blas_thread():
        items = state.items(candidates, context, content, texts)
        alive, rejected = _sift(items, FIRST, state)
        state.look_back(alive)
    alive, copies = _sift(alive, SEARCHED, state)
    rejected += copies
    progress(len(rejected))
    if state.judges is not None:
        state.opinions = state.judges([item.candidate for item in alive if not item.real])
    alive, vetoed = _sift(alive, JUDGED, state)
    progress(len(vetoed))
    rejected += vetoed
    ordered = _ordered(alive, reference, state.settings.seed)
    with one_blas_thread():
        admitted, refused = _loop(ordered, state, progress)
    rejected = sorted(rejected + refused, key=lambda d: d.candidate.id)
    return [_signed(decision, state) for decision in (*admitted, *rejected)]


def _sift(items: Sequence[Item], stages: Sequence[Stage], state: GateState) -> tuple[list[Item], list[Decision]]:
    alive: list[Item] = []
    rejected: list[Decision] = []
    for item in items:
        refusal = _first(stages, item, state)
        if refusal is None:
            alive.append(item)
        else:
            rejected.append(_decision(item, *refusal))
    return alive, rejected


def _ordered(items: list[Item], reference: Sequence[str], seed: int) -> list[Item]:
    ids = [item.candidate.id for item in items]
    if reference:
        order = gumbel_dsir(ids, [item.candidate.content for item in items], reference, seed)
    else:
        order = shuffled(ids, seed)
    return [items[i] for i in order]


def _loop(items: list[Item], state: GateState, progress: Progress) -> tuple[list[Decision], list[Decision]]:
    """Pass over the items; what the quota refused is tried again as the corpus grows, until a pass admits none.

    At `state.most` admissions the rest stays undecided.
    """
    admitted: list[Decision] = []
    refused: list[Decision] = []
    state.sketch_round(items)
    waiting = items
    while waiting:
        again: list[tuple[Item, Decision]] = []
        before = len(admitted)
        for place, item in enumerate(waiting):
            if len(admitted) == state.most:
                progress(len(waiting) - place + len(again))
                return admitted, refused
            if place % _BLOCK == 0:
                state.look_ahead(waiting[place : place + _BLOCK])
            refusal = _first(LOOP, item, state)
            if refusal is None:
                state.commit(item)
                admitted.append(_decision(item, "admit", None))
            elif refusal[1].reason in _AGAIN:
                again.append((item, _decision(item, *refusal)))
                continue
            else:
                refused.append(_decision(item, *refusal))
            progress(1)
        waiting = [item for item, _ in again]
        if len(admitted) == before:
            refused.extend(decision for _, decision in again)
            progress(len(again))
            break
    return admitted, refused


def _signed(decision: Decision, state: GateState) -> Decision:
    """The decision with who judged it, and the judges' labels in its payload."""
    opinion = state.opinions.get(decision.candidate.id)
    if opinion is None:
        return decision
    candidate = decision.candidate
    if opinion.payload:
        candidate = replace(candidate, payload=opinion.payload)
    return replace(decision, candidate=candidate, judged=opinion.judged)


def _first(stages: Sequence[Stage], item: Item, state: GateState) -> tuple[str, Reject] | None:
    for stage in stages:
        refusal = stage.test(item, state)
        if refusal is not None:
            return stage.name, refusal
    return None


def _decision(item: Item, stage: str, refusal: Reject | None) -> Decision:
    numbers = {name: float(value) for name, value in item.numbers.items()}
    if refusal is None:
        return Decision(item.candidate, Verdict.ADMIT, stage, cell=item.counted, numbers=numbers)
    return Decision(
        item.candidate,
        Verdict.REJECT,
        stage,
        refusal.reason,
        None if refusal.score is None else float(refusal.score),
        None if refusal.threshold is None else float(refusal.threshold),
        refusal.neighbour_id,
        refusal.neighbour_text,
        refusal.detail,
        item.counted,
        numbers,
    )
