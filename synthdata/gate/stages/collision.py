"""The floor under diversity: no admission may lift the collision probability over its budget."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item
from synthdata.records import Reason, Reject


def collision(item: Item, state: GateState) -> Reject | None:
    """p' <= max(collision_max, p) on W plus everything admitted, and on W plus this round's admissions."""
    if item.real or state.in_window(item):
        return None
    scopes = (("corpus", state.corpus_scope, "all admitted rows"), ("round", state.round_scope, "this round's rows"))
    for name, scope, rows in scopes:
        before, redundancy, after = scope.with_row(item.place)
        item.numbers |= {f"{name}_p": before, f"{name}_redundancy": redundancy, f"{name}_p_after": after}
        limit = max(state.collision_max, before)
        if after > limit:
            return Reject(Reason.COLLISION_BUDGET, after, limit, detail=f"together with {rows}")
    return None
