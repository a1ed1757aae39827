"""Phrases and frames that the corpus already holds often enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.chance import rows_at_most, share_at_most
from synthdata.gate.state import GateState, Item
from synthdata.gate.wording import Recurrence
from synthdata.records import Reason, Reject


def lexical(item: Item, state: GateState) -> Reject | None:
    """Share of worn-out word n-grams, then the number of admitted rows on the same skeleton.

    Neither is stricter than the reference is with itself.
    """
    # What is said of other contexts too is counted by the lesson quota, which let it through.
    if item.real or item.in_history.count + item.in_round.count:
        return None
    settings = state.settings
    share = state.phrases.share(item.slots, settings.lexical_rows)
    if share > settings.lexical_share:
        share = state.phrases.share(item.slots, _phrase_rows(item, state) + 1)
    item.numbers["phrase_share"] = share
    if share > settings.lexical_share:
        return Reject(Reason.LEXICAL_SATURATION, share, settings.lexical_share, detail="phrases used often already")
    if not item.frame:
        return None
    rows = state.skeletons.rows(item.frame) + 1
    limit = max(settings.skeleton_rows, int(settings.skeleton_share * (state.admitted + 1)))
    if rows > limit:
        limit = max(limit, _frame_rows(item, state))
    item.numbers |= {"skeleton_rows": rows, "skeleton_limit": limit}
    if rows > limit:
        return Reject(Reason.LEXICAL_SATURATION, rows, limit, detail=f"its sentence frame: {item.frame}")
    return None


def _phrase_rows(item: Item, state: GateState) -> NDArray[np.int64]:
    """In how many admitted rows each phrase may stand before it counts as worn out, (phrases,).

    Rows that are like the reference would hold a phrase so often by chance, at the upper bound of its share there.
    """
    settings, recurrence = state.settings, _recurrence(state)
    least = settings.lexical_rows - 1
    if recurrence is None or recurrence.ngram != settings.lexical_ngram:
        return np.full(len(item.slots), least, dtype=np.int64)
    counts, place = np.unique(recurrence.rows_with_phrases(item.slots), return_inverse=True)
    return np.array([max(least, _by_chance(state, int(count), recurrence.rows)) for count in counts])[place]


def _frame_rows(item: Item, state: GateState) -> int:
    """How many admitted rows may stand on a frame, as for phrases; 0 where the reference says nothing."""
    recurrence = _recurrence(state)
    return 0 if recurrence is None else _by_chance(state, recurrence.rows_on_frame(item.frame), recurrence.rows)


def _by_chance(state: GateState, count: int, rows: int) -> int:
    bound = share_at_most(count, rows, state.settings.quota_confidence)
    return rows_at_most(state.admitted + 1, bound, state.settings.phrase_quantile)


def _recurrence(state: GateState) -> Recurrence | None:
    wording = state.content.wording
    return None if wording is None or state.content.calibrated_from != "reference" else wording.recurrence
