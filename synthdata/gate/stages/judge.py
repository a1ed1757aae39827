"""The veto of the round's judges: thresholds they applied themselves, never a rank. No judges, no stage."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item
from synthdata.records import Reject


def judge(item: Item, state: GateState) -> Reject | None:
    """The refusal of the judges, who never bring back what an earlier stage refused. Real rows are not judged."""
    if item.opinion is None:
        return None
    item.numbers |= item.opinion.numbers
    return item.opinion.refusal
