"""What the rules refused before the gate looked, and contents whose vector says nothing of their own."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item
from synthdata.records import Reason, Reject


def floor(item: Item, state: GateState) -> Reject | None:
    """The verdict of the rules (judging room), then malformed and generic contents by their vector."""
    if item.refused is not None:
        return item.refused
    if not item.numbers["content_norm"] > 0:
        return Reject(Reason.MALFORMED, item.norm, 0, detail="the encoder finds nothing in this content")
    if item.real:
        return None
    if state.content.norms is None:
        least = state.content.generic_norm
        if least is not None and item.norm < least:
            return Reject(Reason.GENERIC, item.norm, least, detail="it is as near to the average text as can be")
        return None
    p, alpha = item.numbers["generic_p"], state.settings.alpha_generic
    if p <= alpha:
        return Reject(Reason.GENERIC, p, alpha, detail="it lies nearer to the average text than real texts do")
    return None
