"""What the rules refused before the gate looked, and contents whose vector says nothing of their own."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item, Reject
from synthdata.records import Reason


def floor(item: Item, state: GateState) -> Reject | None:
    """The verdict of the rules (judging room), then malformed and generic contents by their vector."""
    refused = state.floor.get(item.candidate.id)
    if refused is not None:
        return refused
    if not item.numbers["content_norm"] > 0:
        return Reject(Reason.MALFORMED, item.norm, 0, detail="the encoder finds nothing in this content")
    least = state.content.generic_norm
    if not item.real and item.norm < least:
        return Reject(Reason.GENERIC, item.norm, least, detail="lies at the mean of the reference")
    return None
