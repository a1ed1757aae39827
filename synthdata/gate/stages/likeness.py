"""Repetition at three levels, each against a library of texts: exact anywhere, near and semantic in the same cell.

In other cells a lesson may return a few times (`lesson_quota`): the same lesson about another task is not a duplicate.
"""

from __future__ import annotations

from synthdata.gate.duplicates import DuplicateIndex, Neighbours
from synthdata.gate.state import GateState, Item
from synthdata.records import Reason, Reject


def exact_in(item: Item, library: DuplicateIndex) -> Reject | None:
    """Equal after normalisation to a row of the library, in any cell."""
    row = library.exact(item.key)
    return None if row is None else _copy(Reason.EXACT_DUPLICATE, 1, 1, library, row)


def near_in(item: Item, library: DuplicateIndex, state: GateState, found: list[tuple[int, float]]) -> Reject | None:
    """Verified Jaccard over the threshold with a row of the same cell; `found` are the rows over it in any."""
    for row, jaccard in found:
        item.numbers["jaccard"] = max(jaccard, item.numbers.get("jaccard", 0))
        if library.cells[row] == item.cell:
            return _copy(Reason.NEAR_DUPLICATE, jaccard, state.settings.near_jaccard, library, row)
    return None


def semantic_in(item: Item, library: DuplicateIndex, state: GateState, near: Neighbours) -> Reject | None:
    """Cosine of at least tau with a row of the same cell; rows of other cells are for the lesson quota."""
    item.numbers["cosine"] = max(near.cosine, item.numbers.get("cosine", -1))
    if near.copy is None:
        return None
    row, score = near.copy
    return _copy(Reason.SEMANTIC_DUPLICATE, score, state.tau, library, row)


def lesson_quota(item: Item, state: GateState) -> Reject | None:
    """At most `lesson_quota` other rows within tau of any lesson, whatever their cells, with this one counted in."""
    limit, count = state.settings.lesson_quota, item.in_history.count + item.in_round.count
    item.numbers["lesson_neighbours"] = count
    if not count:
        return None
    neighbours = [(state.history, row) for row in item.in_history.others]
    neighbours += [(state.this_round, row) for row in item.in_round.others]
    if count > limit:
        return _copy(Reason.LESSON_QUOTA, count, limit, *neighbours[0])
    for library, row in neighbours:
        rows = state.crowd(library, row) + 1
        if rows > limit:
            return _copy(Reason.LESSON_QUOTA, rows, limit, library, row)
    return None


def _copy(reason: Reason, score: float, threshold: float, library: DuplicateIndex, row: int) -> Reject:
    return Reject(reason, score, threshold, library.ids[row], library.contents[row])
