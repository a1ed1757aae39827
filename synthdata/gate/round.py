"""One round of decisions: every candidate gets exactly one, the same whatever the order of arrival.

Stages before the loop look at history and may run on all candidates at once; the loop is one writer in canonical order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synthdata.gate.duplicates import among_themselves
from synthdata.gate.order import gumbel_dsir, shuffled
from synthdata.gate.stages import FIRST, JUDGED, LOOP, SEARCHED, Stage
from synthdata.gate.state import GateState, Item, RoundInputs
from synthdata.judging.floor import readable
from synthdata.protocols import Advance, Vectors, no_advance
from synthdata.records import Candidate, Decision, Reason, Reject, Verdict
from synthdata.similarity.threads import one_blas_thread

# Items whose neighbours within the round are looked up together; their products with each other take 1 MB.
_BLOCK = 512
# What more admissions may make room for.
_AGAIN = (Reason.CELL_QUOTA, Reason.OUTSIDE_REFERENCE)
NO_INPUTS = RoundInputs()


def decide(
    candidates: Sequence[Candidate],
    context: Vectors,
    content: Vectors,
    state: GateState,
    inputs: RoundInputs = NO_INPUTS,
    advance: Advance = no_advance,
) -> list[Decision]:
    """Decisions in canonical order, admitted rows first and in their order of admission.

    `context` and `content` are raw encoder vectors (n, d); `advance` hears how many candidates have been decided.

    Raises:
        SynthdataError: what the judges raise (no endpoint, no budget); nothing is decided then.
    """
    with one_blas_thread():
        items = state.items(candidates, context, content, inputs.refused, inputs.mapper)
    return decide_items(items, state, inputs, advance)


def decide_items(
    items: Sequence[Item], state: GateState, inputs: RoundInputs = NO_INPUTS, advance: Advance = no_advance
) -> list[Decision]:
    """`decide` about items that `state.items` has made ready."""
    with one_blas_thread():
        state.look_up(items)
        alive, rejected = _sift(items, FIRST, state)
        state.look_back(alive)
    alive, copies = _sift(alive, SEARCHED, state)
    advance(len(rejected) + len(copies))
    if inputs.judges is not None:
        opinions = inputs.judges([item.candidate for item in alive if not item.real])
        for item in alive:
            item.opinion = opinions.get(item.candidate.id)
    alive, vetoed = _sift(alive, JUDGED, state)
    advance(len(vetoed))
    ordered = _ordered(alive, inputs.reference, state)
    with one_blas_thread():
        admitted, refused = _loop(ordered, state, inputs.max_admitted, advance)
    return [*admitted, *sorted(rejected + copies + vetoed + refused, key=lambda d: d.candidate.id)]


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


def _ordered(items: list[Item], reference: Sequence[str], state: GateState) -> list[Item]:
    ids, seed = [item.candidate.id for item in items], state.settings.seed
    if reference:
        partners = state.content.partners
        more = None if partners is None else partners.order
        order = gumbel_dsir(ids, [state.text_of(item.candidate)[0] for item in items], reference, seed, more)
    else:
        order = shuffled(ids, seed)
    return plainest_first([items[i] for i in order])


def plainest_first(items: Sequence[Item]) -> list[Item]:
    """The same order, but that of several spellings of one text about one context the plainest comes first.

    A plain one has no invisible, compatibility or lookalike characters, then no stray white space; of equals the first
    one stays first.
    """
    places: dict[tuple[bytes, str], list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault((item.key, item.candidate.context), []).append(place)
    ordered = list(items)
    for group in places.values():
        # Nearly all texts stand alone, and looking for disguises costs as much as their tokens.
        if len(group) == 1:
            continue
        for place, item in zip(group, sorted((items[i] for i in group), key=_disguise), strict=True):
            ordered[place] = item
    return ordered


def _disguise(item: Item) -> tuple[bool, bool]:
    content = item.candidate.content
    return content != readable(content), content != " ".join(content.split())


def _loop(
    items: list[Item], state: GateState, max_admitted: int | None, advance: Advance
) -> tuple[list[Decision], list[Decision]]:
    """Pass over the items; what the quota refused is tried again as the corpus grows, until a pass admits none.

    At `max_admitted` admissions the rest stays undecided.
    """
    admitted: list[Decision] = []
    refused: list[Decision] = []
    # Here only those bands are looked up by which two items of the loop can be near each other.
    for item, sketch in zip(items, among_themselves([item.sketch for item in items]), strict=True):
        item.sketch = sketch
    waiting = items
    while waiting:
        again: list[tuple[Item, Decision]] = []
        before = len(admitted)
        for place, item in enumerate(waiting):
            if len(admitted) == max_admitted:
                advance(len(waiting) - place + len(again))
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
            advance(1)
        waiting = [item for item, _ in again]
        if len(admitted) == before:
            refused.extend(decision for _, decision in again)
            advance(len(again))
            break
    return admitted, refused


def _first(stages: Sequence[Stage], item: Item, state: GateState) -> tuple[str, Reject] | None:
    for stage in stages:
        refusal = stage.test(item, state)
        if refusal is not None:
            return stage.name, refusal
    return None


def _decision(item: Item, stage: str, refusal: Reject | None) -> Decision:
    numbers = {name: float(value) for name, value in item.numbers.items()}
    candidate, judged = item.candidate, "none"
    if item.opinion is not None:
        # The judges' labels travel in the payload.
        candidate = replace(candidate, payload=item.opinion.payload) if item.opinion.payload else candidate
        judged = item.opinion.judged
    if refusal is None:
        return Decision(candidate, Verdict.ADMIT, stage, cell=item.counted, numbers=numbers, judged=judged)
    return Decision(
        candidate,
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
        judged,
    )
