"""Phrases and frames that the corpus already holds often enough."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item
from synthdata.records import Reason, Reject


def lexical(item: Item, state: GateState) -> Reject | None:
    """Share of saturated word n-grams, then the number of admitted rows on the same skeleton."""
    if item.real:
        return None
    settings = state.settings
    share = state.phrases.share(item.slots, settings.lexical_rows)
    item.numbers["phrase_share"] = share
    if share > settings.lexical_share:
        return Reject(Reason.LEXICAL_SATURATION, share, settings.lexical_share, detail="phrases used often already")
    rows = state.skeletons.rows(item.frame) + 1
    limit = max(settings.skeleton_rows, int(settings.skeleton_share * (state.admitted + 1)))
    item.numbers["skeleton_rows"] = rows
    if rows > limit:
        return Reject(Reason.LEXICAL_SATURATION, rows, limit, detail=f"skeleton: {item.frame}")
    return None
