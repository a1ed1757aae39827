"""Texts that must never be trained on: the held-out list of the corpus."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item, Reject
from synthdata.records import Reason


def contaminated(item: Item, state: GateState) -> Reject | None:
    """Equal to a held-out text after normalisation, or sharing a long word n-gram with one."""
    found = state.heldout.overlap(item.candidate.content)
    return None if found is None else Reject(Reason.CONTAMINATED, detail=f"held-out text: {found}")
