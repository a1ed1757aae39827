"""Repetition at three levels, each against a library of texts: exact, near and semantic, in whatever cell.

The same lesson about another context is no duplicate; over all contexts it may return a few times (`lesson_quota`), and
one that the reference itself holds as often as there: labels and short answers are right for many questions.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthdata.gate.chance import rows_at_most, share_at_most
from synthdata.gate.duplicates import DuplicateIndex, Neighbours
from synthdata.gate.meaning import differ_in_numbers_alone
from synthdata.gate.state import GateState, Item
from synthdata.records import Reason, Reject


def exact_in(item: Item, library: DuplicateIndex, state: GateState, rows: Sequence[int]) -> Reject | None:
    """About the same context as one of these rows of the library, to which it is equal after normalisation."""
    context = state.text_of(item.candidate)[1]
    same = next((row for row in rows if library.same_context(row, context)), None)
    return None if same is None else _copy(Reason.EXACT_DUPLICATE, 1, 1, library, same)


def near_in(item: Item, library: DuplicateIndex, state: GateState, near: list[tuple[int, float]]) -> Reject | None:
    """Verified Jaccard over the threshold with a row about the same context; `found` are the rows over it about any.

    A text that differs from the row in its numbers alone is kept apart.
    """
    content, context = state.text_of(item.candidate)
    for row, jaccard in near:
        item.numbers["jaccard"] = max(jaccard, item.numbers.get("jaccard", 0))
        if state.settings.same_numbers and differ_in_numbers_alone(content, library.contents[row]):
            item.numbers["kept_apart"] = item.numbers.get("kept_apart", 0) + 1
        elif library.same_context(row, context):
            return _copy(Reason.NEAR_DUPLICATE, jaccard, state.settings.near_jaccard, library, row)
    return None


def semantic_in(item: Item, library: DuplicateIndex, state: GateState, near: Neighbours) -> Reject | None:
    """Cosine of at least tau with a row that says the same about the same context; others are for the lesson quota."""
    item.numbers["cosine"] = max(near.cosine, item.numbers.get("cosine", -1))
    if near.apart:
        item.numbers["kept_apart"] = item.numbers.get("kept_apart", 0) + near.apart
    if near.copy is None:
        return None
    row, score = near.copy
    return _copy(Reason.SEMANTIC_DUPLICATE, score, state.tau, library, row)


def lesson_quota(item: Item, state: GateState) -> Reject | None:
    """At most `lesson_quota` other rows within tau of any lesson, whatever their contexts, with this one counted in.

    A lesson that the reference holds too may recur as often as chance lets it in rows like the reference.
    """
    quota, count = state.settings.lesson_quota, item.in_history.count + item.in_round.count
    item.numbers["lesson_neighbours"] = count
    if not count:
        return None
    limit = max(quota, _real_recurrence(item.in_history.real, state))
    neighbours = [(state.history, row) for row in item.in_history.others]
    neighbours += [(state.this_round, row) for row in item.in_round.others]
    if count > limit:
        return _copy(Reason.LESSON_QUOTA, count, limit, *neighbours[0])
    # Over the quota its neighbours are crowded as it is.
    for library, row in neighbours if count <= quota else ():
        rows = state.crowd(library, row) + 1
        if rows > limit:
            return _copy(Reason.LESSON_QUOTA, rows, limit, library, row)
    return None


def _real_recurrence(real: int, state: GateState) -> int:
    """How many other rows may say what `real` rows of the reference say, by chance at the upper bound of their share.

    0 for what the reference does not hold: that a new lesson recurs is no more than the generator's habit.
    """
    if not real:
        return 0
    bound = share_at_most(real, state.history.reference_rows, state.settings.quota_confidence)
    return real - 1 + rows_at_most(state.admitted + 1, bound, state.settings.phrase_quantile)


def _copy(reason: Reason, score: float, threshold: float, library: DuplicateIndex, row: int) -> Reject:
    return Reject(reason, score, threshold, library.ids[row], library.contents[row])
