"""Texts that must never be trained on: the held-out list of the corpus."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item
from synthdata.records import Reason, Reject


def contaminated(item: Item, state: GateState) -> Reject | None:
    """Content or context, which an export shows as the prompt, overlaps with a held-out text."""
    heldout, candidate = state.heldout, item.candidate
    overlap = heldout.overlap(candidate.content) or heldout.overlap(candidate.context)
    if overlap is None:
        return None
    return Reject(Reason.CONTAMINATED, overlap.score, overlap.threshold, detail=f"{overlap.kind}: {overlap.span}")
