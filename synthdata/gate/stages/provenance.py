"""Never reflect on reflections: depth beyond one is how a loop feeds on itself."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item
from synthdata.records import Reason, Reject


def provenance(item: Item, state: GateState) -> Reject | None:
    """Lineage depth within the limit, and in a two-view corpus a context to be about."""
    candidate, limit = item.candidate, state.settings.max_lineage_depth
    if candidate.lineage_depth > limit:
        return Reject(Reason.LINEAGE_DEPTH, candidate.lineage_depth, limit)
    if candidate.lineage_depth < 0:
        return Reject(Reason.MALFORMED, candidate.lineage_depth, 0, detail="lineage_depth is negative")
    if state.anchor.views == "two" and not candidate.context.strip():
        return Reject(Reason.MALFORMED, detail="a two-view corpus needs a context and this row has none")
    return None
