"""Numbers about a round on the four views of the design: raw, round, admitted, reference_heldout.

Every number is taken at the size and the number of words at which the set-aside reference is sampled, since most grow
with both; N2 is free of size and uses all rows. Beside it stands where real text of that size lies, from subsamples
of that reference. What is not defined is None with its reason.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

from synthdata.monitor.kept import Keeper, made_anew
from synthdata.monitor.samples import Draws, ReferenceSample, Shares, mean_and_deviation
from synthdata.monitor.views import AnyView, View, permutation
from synthdata.monitor.wording import Vocabulary

__all__ = ["AGAINST", "OWN", "View", "measure", "row"]

LEAST_ROWS = 10
# An interval does not get better with larger samples than this; the cost of 200 of them grows.
MOST_ROWS = 300
REFERENCE_ROWS = 4 * MOST_ROWS
WIDTH = 2.0
# Sizes and numbers of words at which sets are compared, a twelfth apart: the reference's 200 subsamples are then taken
# once for many rounds, which costs a second and more, and not anew for each row that a corpus has grown by.
STEPS = sorted({int(LEAST_ROWS * 2 ** (k / 8)) for k in range(240)})
OWN = (
    "n2", "vendi_1", "cell_hill_1", "cell_max_ratio", "outside_share", "distinct_3", "compression_ratio",
    "self_repetition", "skeleton_hill_1",
)  # fmt: skip
AGAINST = ("coverage", "precision", "mmd2", "tail_coverage")
Row = dict[str, object]
Spread = Mapping[str, tuple[float, float]]


def measure(
    views: Sequence[AnyView], heldout: AnyView | None, shares: Shares, seed: int, keep: Keeper = made_anew
) -> list[Row]:
    """Snapshot rows (view, metric, value, low, high, note) for the views and, where there is one, the reference.

    `low` and `high` are mean and two standard deviations of 200 subsamples of the set-aside reference at the view's
    size s, at most n, `MOST_ROWS` and n_heldout / 2, and words, corrected by sqrt(1 - s / n_heldout): where real text
    would lie. Below these bounds s is the next lower of `STEPS`, as the number of words is. `shares` (m,) are the real
    shares of the cells. Views of one size share their subsamples, whose numbers `keep` may have from before. `note`
    says why a value is None.
    """
    vocabulary = Vocabulary()
    reference = None
    if heldout is not None and len(heldout) >= 2 * LEAST_ROWS:
        chosen = np.sort(permutation(len(heldout), seed, "reference")[:REFERENCE_ROWS])
        reference = ReferenceSample(heldout.take(chosen), vocabulary, seed, keep)
    rows: list[Row] = []
    groups: dict[int, list[AnyView]] = {}
    for view in [*views, *([heldout] if heldout is not None else [])]:
        rows.append(row(view.name, "rows", len(view)))
        if len(view) < LEAST_ROWS:
            note = f"{len(view)} rows, fewer than the {LEAST_ROWS} that a number needs"
            rows += [row(view.name, name, None, note=note) for name in (*OWN, *AGAINST)]
        else:
            groups.setdefault(_size(len(view), reference), []).append(view)
    for size, members in sorted(groups.items()):
        drawn = {
            view.name: Draws(view, size, vocabulary, seed)
            for view in members
            if reference is None or view is not heldout
        }
        rows += _group(size, members, drawn, reference, shares)
    if reference is None:
        note = _no_reference(heldout)
        rows += [row(v.name, name, None, note=note) for group in groups.values() for v in group for name in AGAINST]
    return rows


def _size(rows: int, reference: ReferenceSample | None) -> int:
    """At how many rows a view of so many is measured."""
    if reference is None:
        return min(rows, MOST_ROWS)
    most = min(MOST_ROWS, reference.n // 2)
    return most if rows >= most else stepped(rows)


def stepped(count: int) -> int:
    """The largest of `STEPS` that is not above a count; the count itself where it is below all of them."""
    return STEPS[bisect_right(STEPS, count) - 1] if count >= STEPS[0] else count


def row(view: str, metric: str, value: float | None, bounds: tuple[float, float] | None = None, note: str = "") -> Row:
    """One row of a snapshot; a value that is not finite becomes None with a note."""
    if value is not None and not math.isfinite(value):
        value, note = None, note or "infinite: no two rows share anything"
    low, high = bounds or (None, None)
    return {"view": view, "metric": metric, "value": value, "low": low, "high": high, "note": note or None}


def _no_reference(heldout: AnyView | None) -> str:
    if heldout is None:
        return "no real content was set aside to compare with"
    return f"only {len(heldout)} real rows were set aside, fewer than {2 * LEAST_ROWS}"


def _group(
    size: int, views: Sequence[AnyView], drawn: Mapping[str, Draws], reference: ReferenceSample | None, shares: Shares
) -> list[Row]:
    """The views of one size, at the words that every draw of every one of them has."""
    words = min([draws.words() for draws in drawn.values()] + ([reference.words(size)] if reference else []))
    words = stepped(words) if reference else words
    band: Spread = mean_and_deviation(reference.numbers(size, words, shares)) if reference else {}
    bounds = _bounds(band, math.sqrt(1 - size / reference.n)) if reference else {}
    rows: list[Row] = []
    for view in views:
        draws = drawn.get(view.name)
        spread = mean_and_deviation(draws.numbers(words, shares, reference)) if draws else band
        values = {name: mean for name, (mean, _) in spread.items()} | {"n2": view.n2()}
        rows += [row(view.name, "size", size), row(view.name, "words", words)]
        rows += [row(view.name, name, values[name], bounds.get(name)) for name in (*OWN, *AGAINST) if name in values]
        absent = [name for name in ("cell_hill_1", "cell_max_ratio") if name not in values]
        rows += [row(view.name, name, None, note="a sample had no row inside any cell") for name in absent]
    return rows


def _bounds(band: Spread, correction: float) -> dict[str, tuple[float, float]]:
    widths = {name: (mean, WIDTH * deviation / correction) for name, (mean, deviation) in band.items()}
    return {name: (mean - width, mean + width) for name, (mean, width) in widths.items()}
