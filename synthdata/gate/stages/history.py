"""Against everything admitted before the round and the reference's own contents."""

from __future__ import annotations

from synthdata.gate.stages.likeness import exact_in, lesson_quota, near_in, semantic_in
from synthdata.gate.state import GateState, Item
from synthdata.records import Reject


def exact(item: Item, state: GateState) -> Reject | None:
    """A copy of a known text."""
    return exact_in(item, state.history, state, item.same)


def near(item: Item, state: GateState) -> Reject | None:
    """A light edit of a known text about the same thing."""
    return None if item.real else near_in(item, state.history, state, item.edits)


def semantic(item: Item, state: GateState) -> Reject | None:
    """A paraphrase of a known text about the same thing, or one lesson too often over all cells."""
    if item.real:
        return None
    return semantic_in(item, state.history, state, item.in_history) or lesson_quota(item, state)
