"""The three likeness tests against rows admitted earlier in the same round: of a mutual pair exactly one survives."""

from __future__ import annotations

from synthdata.gate.stages.likeness import exact_in, lesson_quota, near_in, semantic_in
from synthdata.gate.state import GateState, Item
from synthdata.records import Reject


def duplicate_in_round(item: Item, state: GateState) -> Reject | None:
    """Exact, near, semantic and the lesson quota, as of this moment of the round."""
    library = state.this_round
    if refused := exact_in(item, library, state, library.exact(item.key)):
        return refused
    if item.real:
        return None
    if refused := near_in(item, library, state, library.near(item.sketch)):
        return refused
    # The row may have been here in an earlier pass: what that pass found is found again.
    item.in_round = state.ahead.near(item.place, state.text_of(item.candidate), item.numbers["cosine"])
    return semantic_in(item, library, state, item.in_round) or lesson_quota(item, state)
