"""A file beside real data: what of it is covered, at matched rows and words, and which of its terms and texts are not.

Where real text would lie comes from halves of the reference against each other, as in `synthdata.monitor.measure`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.coverage import prdc
from synthdata.inspection.semantic import Figure, centred
from synthdata.inspection.spool import Spool
from synthdata.monitor.measure import LEAST_ROWS, MOST_ROWS, View, measure
from synthdata.monitor.views import permutation
from synthdata.protocols import Advance, Vectors
from synthdata.settings import InspectSettings
from synthdata.text.grammar import FUNCTION_WORDS

SHOWN_TERMS = 30
SHOWN_ROWS = 5
SHOWN_CHARS = 400
_DRAWS, _PAIRS, _NEIGHBOURS, _WIDTH = 20, 200, 5, 2.0
_LEAST_HOLDERS = 3
_TERM = re.compile(r"[^\W\d_]{3,}(?:['-][^\W\d_]+)*")
_TILES = (
    "n2", "vendi_1", "distinct_3", "compression_ratio", "self_repetition",
    "coverage", "precision", "mmd2", "tail_coverage",
)  # fmt: skip
_SHARES = ("distinct_3", "coverage", "precision", "tail_coverage", "recall")


@dataclass(frozen=True)
class Term:
    """A word typical of the reference that no row of the file has: how many of the reference rows looked at have it."""

    term: str
    reference_rows: int
    reference_share: float


@dataclass(frozen=True)
class Gap:
    """A reference text far from all of the file's: cosine to the nearest, both centred on the reference's mean."""

    cosine: float
    row: str
    text: str


@dataclass(frozen=True)
class Beside:
    """`figures`: the file's values, and as interval where real text lies, both at `size` rows."""

    rows: int
    size: int
    figures: dict[str, Figure]
    terms: list[Term]
    gaps: list[Gap]


@dataclass(frozen=True)
class Side:
    """The looked-at rows of one side: their spool, numbers, texts and vectors."""

    spool: Spool
    rows: NDArray[np.int64]
    texts: Sequence[str]
    vectors: Vectors


def compare(file: Side, real: Side, settings: InspectSettings, progress: Advance) -> Beside:
    """The comparison; `progress` hears of the file's rows in which terms were looked for."""
    mean = real.vectors.mean(axis=0)
    mine, theirs = _view("file", file, mean), _view("reference", real, mean)
    measured = measure([mine], theirs, np.ones(1), settings.seed)
    by_metric = {str(row["metric"]): row for row in measured if row["view"] == "file"}
    size = int(str(by_metric["size"]["value"])) if "size" in by_metric else 0
    figures = {name: _figure(name, by_metric[name], size) for name in _TILES if name in by_metric}
    figures |= _neighbours(mine.content, theirs.content, settings)
    terms = missing_terms(file.spool, real.texts, settings, progress)
    return Beside(len(real.spool), size, figures, terms, _gaps(mine.content, theirs.content, real, mean))


def _view(name: str, side: Side, mean: Vectors) -> View:
    x, live = centred(side.vectors, mean)
    texts = [text for text, keep in zip(side.texts, live, strict=True) if keep]
    words = [text.lower().split() for text in texts]
    return View(name, x, np.zeros(len(x), dtype=np.int64), words, [""] * len(texts))


def _figure(name: str, row: dict[str, object], size: int) -> Figure:
    def number(key: str) -> float | None:
        value = row.get(key)
        return float(value) if isinstance(value, int | float) else None

    low, high = number("low"), number("high")
    if low is None or high is None:
        return Figure(number("value"), None, None, size, str(row.get("note") or ""))
    return Figure(number("value"), *_possible(name, low, high), size)


def _possible(name: str, low: float, high: float) -> tuple[float, float]:
    """An interval cut to what the number can be: two deviations may reach beyond."""
    if name == "mmd2":
        return low, high
    return max(0.0, low), min(1.0, high) if name in _SHARES else high


def _neighbours(x: Vectors, real: Vectors, settings: InspectSettings) -> dict[str, Figure]:
    """Recall and density, which `measure` does not have, on its draws of its size and with its kind of interval."""
    if len(x) < LEAST_ROWS or len(real) < 2 * LEAST_ROWS:
        note = f"{len(x)} rows beside {len(real)} real ones; {LEAST_ROWS} and {2 * LEAST_ROWS} are needed"
        return {name: Figure(None, note=note) for name in ("recall", "density")}
    real = real[np.sort(permutation(len(real), settings.seed, "reference")[: 4 * MOST_ROWS])]
    size = min(len(x), MOST_ROWS, len(real) // 2)
    k = min(_NEIGHBOURS, size - 1)
    orders = [permutation(len(real), settings.seed, f"interval {i}") for i in range(_PAIRS)]
    band = [prdc(real[order[size : 2 * size]], real[order[:size]], k) for order in orders]
    mine = [permutation(len(x), settings.seed, f"file {i}")[:size] for i in range(_DRAWS)]
    draws = [prdc(real[orders[i][size : 2 * size]], x[rows], k) for i, rows in enumerate(mine)]
    correction = float(np.sqrt(1 - size / len(real)))
    figures = {}
    for name in ("recall", "density"):
        values = np.array([numbers[name] for numbers in band])
        middle, width = float(values.mean()), _WIDTH * float(values.std()) / correction
        value = float(np.mean([numbers[name] for numbers in draws]))
        figures[name] = Figure(value, *_possible(name, middle - width, middle + width), size)
    return figures


def terms_of(text: str) -> set[str]:
    """The words of a text that could be terms: three letters or more, in lower case, no function words."""
    return set(_TERM.findall(text.lower())) - FUNCTION_WORDS


def missing_terms(spool: Spool, real: Sequence[str], settings: InspectSettings, progress: Advance) -> list[Term]:
    """Terms that at least `term_share` of the reference's rows hold (and three) and no row of the whole file does.

    Left out are those that would be expected in less than three rows of the file. The most frequent first; empty where
    the file holds every one.
    """
    holders = Counter(term for text in real for term in terms_of(text))
    least = max(_LEAST_HOLDERS, settings.term_share * len(real), _LEAST_HOLDERS * len(real) / len(spool))
    typical = {term: rows for term, rows in holders.items() if rows >= least}
    unmet = set(typical)
    for numbers, texts in spool.batches():
        for text in texts if unmet else ():
            unmet -= terms_of(text)
        progress(len(numbers))
    missing = sorted(unmet, key=lambda term: (-typical[term], term))[:SHOWN_TERMS]
    return [Term(term, typical[term], typical[term] / len(real)) for term in missing]


def _gaps(x: Vectors, real: Vectors, side: Side, mean: Vectors) -> list[Gap]:
    if not len(x) or not len(real):
        return []
    nearest = np.concatenate([(real[start : start + 1024] @ x.T).max(axis=1) for start in range(0, len(real), 1024)])
    live = np.flatnonzero(centred(side.vectors, mean)[1])
    order = np.lexsort((live, nearest))[:SHOWN_ROWS]
    return [
        Gap(float(nearest[i]), side.spool.place(int(side.rows[live[i]])), side.texts[live[i]][:SHOWN_CHARS])
        for i in order
    ]
