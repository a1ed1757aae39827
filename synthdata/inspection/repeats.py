"""The three levels of repetition as the report shows them: how many rows, examples, the largest clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from metrics.proportion import exact_interval
from synthdata.inspection.bars import Bars
from synthdata.inspection.copies import Earlier, NearCopies, Rows, originals
from synthdata.inspection.spool import Spool
from synthdata.settings import Settings

SHOWN_EXAMPLES = 3
SHOWN_CLUSTERS = 5
SHOWN_CHARS = 400


@dataclass(frozen=True)
class Example:
    """A row that repeats an earlier one, with their places; texts are cut to 400 characters."""

    score: float
    row: str
    text: str
    repeats_row: str
    repeats: str


@dataclass(frozen=True)
class Cluster:
    """Rows that lead to one and the same earliest row, that one counted too, with its place and text."""

    rows: int
    row: str
    text: str


@dataclass(frozen=True)
class Level:
    """Rows of `of` that repeat an earlier one on this level and on none before; 95 % interval where it is a sample."""

    rows: int
    of: int
    share: float
    low: float | None
    high: float | None
    examples: list[Example]
    clusters: list[Cluster]


def exact_level(spool: Spool, earlier: Earlier) -> Level:
    """Equal texts, but for case, white space, outer quotes and punctuation."""
    return _level(spool, np.arange(len(earlier), dtype=np.int64), earlier, {}, len(earlier), sampled=False)


def near_level(spool: Spool, rows: Rows, settings: Settings, bars: Bars) -> tuple[Level, Earlier]:
    """Near copies among the rows that are no exact copy; and for each of these rows the place of the one it repeats."""
    ours = settings.runtime.inspect
    copies = NearCopies(spool, rows, settings.recipe.gate, ours)
    try:
        with bars("signatures", len(rows)) as progress:
            copies.sign(settings.runtime.threads, progress)
        with bars("near duplicates", ours.near_bands) as progress:
            earlier, scores = copies.find(progress)
    finally:
        copies.close()
    return _level(spool, rows, earlier, scores, len(spool), sampled=False), earlier


def semantic_level(spool: Spool, rows: Rows, earlier: Earlier, scores: Mapping[int, float]) -> Level:
    """Rows of a sample that say the same as an earlier one in other words; an exact interval of the share."""
    return _level(spool, rows, earlier, scores, len(rows), sampled=len(rows) < len(spool))


def _level(spool: Spool, rows: Rows, earlier: Earlier, scores: Mapping[int, float], of: int, *, sampled: bool) -> Level:
    copies = np.flatnonzero(earlier >= 0)
    low, high = exact_interval(len(copies), of) if sampled else (None, None)
    examples = [
        Example(
            float(scores.get(int(i), 1.0)),
            spool.place(int(rows[i])),
            spool.text(int(rows[i]))[:SHOWN_CHARS],
            spool.place(int(rows[earlier[i]])),
            spool.text(int(rows[earlier[i]]))[:SHOWN_CHARS],
        )
        for i in _spread_out(copies)
    ]
    heads, sizes = np.unique(originals(earlier), return_counts=True)
    largest = np.lexsort((heads, -sizes))[:SHOWN_CLUSTERS]
    clusters = [
        Cluster(int(sizes[c]), spool.place(int(rows[heads[c]])), spool.text(int(rows[heads[c]]))[:SHOWN_CHARS])
        for c in largest
        if sizes[c] > 1
    ]
    return Level(len(copies), of, len(copies) / of if of else 0.0, low, high, examples, clusters)


def _spread_out(places: Rows) -> list[int]:
    """A few of them from all over the file, since copies come in runs."""
    if len(places) <= SHOWN_EXAMPLES:
        return [int(i) for i in places]
    return [int(places[i]) for i in np.linspace(0, len(places) - 1, SHOWN_EXAMPLES).astype(int)]
