"""The veto of the round's judges: thresholds they applied themselves, never a rank. No judges, no stage."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item, Reject


def judge(item: Item, state: GateState) -> Reject | None:
    """The refusal of the judges, who never bring back what an earlier stage refused. Real rows are not judged."""
    opinion = state.opinions.get(item.candidate.id)
    if opinion is None:
        return None
    item.numbers |= opinion.numbers
    return opinion.refusal
