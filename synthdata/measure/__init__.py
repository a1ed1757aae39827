"""Numbers about a round on the four views of the design: raw, round, admitted, reference_heldout.

Every number is taken at the size and the number of words at which the set-aside reference is sampled, since most grow
with both; N2 is free of size and uses all rows. Beside it stands where real text of that size lies, from subsamples
of that reference. What is not defined is None with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from metrics.spectrum import effective_number
from synthdata.measure.tiles import AGAINST, OWN, mean_and_deviation, own_tiles, tiles_against
from synthdata.measure.views import View, permutation

__all__ = ["View", "measure", "row"]

# Subsamples of the reference for an interval, and draws that a view's value is the mean of where it has more rows.
SUBSAMPLES = 200
VIEW_DRAWS = 20
LEAST_ROWS = 10
# An interval does not get better with more than this; the cost of 200 subsamples does.
MOST_ROWS = 300
WIDTH = 2.0
Row = dict[str, object]
Shares = NDArray[np.float64]
Pair = tuple[NDArray[np.int64], NDArray[np.int64]]


def measure(views: Sequence[View], heldout: View | None, shares: Shares, seed: int) -> list[Row]:
    """Snapshot rows (view, metric, value, low, high, note) for the views and, where there is one, the reference.

    `low` and `high` are mean and two standard deviations of 200 subsamples of the set-aside reference at the view's
    size s = min(n, n_heldout / 2) and words, corrected by sqrt(1 - s / n_heldout): where real text would lie. `shares`
    (m,) are the real shares of the cells. Views of one size share their subsamples. `note` says why a value is None.
    """
    everyone = [*views, *([heldout] if heldout is not None else [])]
    reference = heldout if heldout is not None and len(heldout) >= 2 * LEAST_ROWS else None
    rows: list[Row] = []
    groups: dict[int, list[View]] = {}
    for view in everyone:
        rows.append(row(view.name, "rows", len(view)))
        if len(view) < LEAST_ROWS:
            note = f"{len(view)} rows, fewer than the {LEAST_ROWS} that a number needs"
            rows += [row(view.name, name, None, note=note) for name in (*OWN, *AGAINST)]
        else:
            groups.setdefault(_size(view, reference), []).append(view)
    for size, members in sorted(groups.items()):
        rows += _measure_group(size, members, reference, shares, seed)
        missing = _no_reference(heldout) if reference is None else ""
        if missing:
            rows += [row(view.name, name, None, note=missing) for view in members for name in AGAINST]
    return rows


def row(view: str, metric: str, value: float | None, bounds: tuple[float, float] | None = None, note: str = "") -> Row:
    """One row of a snapshot; a value that is not finite becomes None with a note."""
    if value is not None and not math.isfinite(value):
        value, note = None, note or "infinite: no two rows share anything"
    low, high = bounds or (None, None)
    return {"view": view, "metric": metric, "value": value, "low": low, "high": high, "note": note or None}


def _size(view: View, reference: View | None) -> int:
    return min(len(view), MOST_ROWS, len(view) if reference is None else len(reference) // 2)


def _no_reference(heldout: View | None) -> str:
    if heldout is None:
        return "no real content was set aside to compare with"
    return f"only {len(heldout)} real rows were set aside, fewer than {2 * LEAST_ROWS}"


def _measure_group(size: int, views: list[View], reference: View | None, shares: Shares, seed: int) -> list[Row]:
    pairs: list[Pair] = []
    if reference is not None:
        orders = [permutation(len(reference), seed, f"interval {k}") for k in range(SUBSAMPLES)]
        pairs = [(order[:size], order[size : 2 * size]) for order in orders]
    draws = {view.name: _draws(view, size, seed) for view in views if view is not reference}
    words = _common_words(views, reference, draws, pairs)
    band: dict[str, tuple[float, float]] = {}
    if reference is not None:
        band = mean_and_deviation([_tiles(reference, pair, reference, shares, words) for pair in pairs])
    rows: list[Row] = []
    for view in views:
        values = {name: mean for name, (mean, _) in band.items()}
        if view is not reference:
            real = [pairs[k % len(pairs)][1] if pairs else None for k in range(len(draws[view.name]))]
            taken = zip(draws[view.name], real, strict=True)
            found = mean_and_deviation([_tiles(view, pair, reference, shares, words) for pair in taken])
            values = {name: mean for name, (mean, _) in found.items()}
        values["n2"] = effective_number(view.content)
        bounds = _bounds(band, size, reference)
        rows += [row(view.name, "size", size), row(view.name, "words", words)]
        rows += [row(view.name, name, values[name], bounds.get(name)) for name in (*OWN, *AGAINST) if name in values]
        for name in ("cell_hill_1", "cell_max_ratio"):
            if name not in values:
                rows.append(row(view.name, name, None, note="a sample had no row inside any cell"))
    return rows


def _draws(view: View, size: int, seed: int) -> list[NDArray[np.int64]]:
    return [np.sort(permutation(len(view), seed, f"{view.name} {k}")[:size]) for k in range(VIEW_DRAWS)]


def _tiles(
    view: View,
    pair: tuple[NDArray[np.int64], NDArray[np.int64] | None],
    reference: View | None,
    shares: Shares,
    words: int,
) -> Mapping[str, float]:
    sample = view.take(pair[0])
    values = own_tiles(sample, shares, words)
    if reference is None or pair[1] is None:
        return values
    return values | tiles_against(reference.take(pair[1]), sample, words)


def _bounds(
    band: Mapping[str, tuple[float, float]], size: int, reference: View | None
) -> dict[str, tuple[float, float]]:
    if reference is None:
        return {}
    spread = WIDTH / math.sqrt(1 - size / len(reference))
    return {name: (mean - spread * sd, mean + spread * sd) for name, (mean, sd) in band.items()}


def _common_words(
    views: list[View], reference: View | None, draws: Mapping[str, list[NDArray[np.int64]]], pairs: list[Pair]
) -> int:
    """The words that every draw of every view has, so that all lexical numbers are of equally much text."""
    totals = [int(view.lengths()[taken].sum()) for view in views for taken in draws.get(view.name, [])]
    if reference is not None:
        lengths = reference.lengths()
        totals += [int(lengths[side].sum()) for pair in pairs for side in pair]
    return min(totals)
