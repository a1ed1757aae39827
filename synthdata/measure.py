"""Numbers about a round on the four views of the design: raw, round, admitted, reference_heldout.

Every view is measured at the same number of rows, because most metrics grow with it; N2 is free of size and uses all
rows. Intervals come from subsamples of the set-aside reference without replacement, since copies bias collision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.coverage import prdc, tail_coverage
from metrics.drift import mmd2
from metrics.entropy import hill_number
from metrics.lexical import compression_ratio, distinct_n, self_repetition
from metrics.spectrum import effective_number, vendi_score
from synthdata.protocols import Vectors
from synthdata.records import content_hash

SUBSAMPLES = 200
LEAST_ROWS = 10
Row = dict[str, object]


@dataclass(frozen=True)
class View:
    """One set of texts: `content` centred unit vectors (n, d), `cells` (n,) with -1 outside, `texts`."""

    name: str
    content: Vectors
    cells: NDArray[np.int64]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: NDArray[np.int64]) -> View:
        """The view cut down to some of its rows."""
        return View(self.name, self.content[rows], self.cells[rows], [self.texts[i] for i in rows])


def measure(views: Sequence[View], heldout: View | None, shares: NDArray[np.float64], seed: int) -> list[Row]:
    """Snapshot rows (view, metric, value, low, high) for the views and, where there is one, the set-aside reference.

    `shares` (m,) are the real shares of the cells. Views under ten rows get their row count alone.
    """
    rows: list[Row] = []
    known = [view for view in (*views, *([heldout] if heldout else [])) if len(view) >= LEAST_ROWS]
    size = min((len(view) for view in known), default=0)
    if heldout and len(heldout) >= 2 * LEAST_ROWS:
        size = min(size, len(heldout) // 2)
    for view in (*views, *([heldout] if heldout else [])):
        rows.append(_row(view.name, "rows", len(view)))
        if len(view) >= LEAST_ROWS:
            values = view_metrics(view, size, heldout, shares, seed)
            bounds = intervals(view, size, values, shares, seed) if view is heldout else {}
            rows.extend(_row(view.name, name, value, *bounds.get(name, ())) for name, value in values.items())
    return rows


def view_metrics(
    view: View, size: int, heldout: View | None, shares: NDArray[np.float64], seed: int
) -> dict[str, float]:
    """All metrics of one view at `size` rows, drawn by seed; those against the reference only where there is one."""
    sample = view.take(_draw(len(view), size, seed, view.name))
    values = {"n2": effective_number(view.content)} | _own_metrics(sample, shares)
    if heldout is not None and view is not heldout and len(heldout) >= LEAST_ROWS:
        real = heldout.take(_draw(len(heldout), size, seed, "against"))
        fit = prdc(real.content, sample.content, k=min(5, size - 1))
        values |= {"coverage": fit["coverage"], "precision": fit["precision"]}
        values["mmd2"] = mmd2(real.content, sample.content)
        values["tail_coverage"] = tail_coverage(_tokens(heldout.texts), _tokens(sample.texts))
    return values


def _own_metrics(sample: View, shares: NDArray[np.float64]) -> dict[str, float]:
    inside = sample.cells[sample.cells >= 0]
    counts = np.bincount(inside, minlength=len(shares))
    tokens = _tokens(sample.texts)
    values = {
        "vendi_1": vendi_score(sample.content),
        "cell_hill_1": hill_number(counts, 1) if len(inside) else math.nan,
        "cell_max_ratio": float((counts / max(1, len(inside)) / shares).max()),
        "outside_share": 1 - len(inside) / len(sample),
        "distinct_3": distinct_n(tokens, 3),
        "compression_ratio": compression_ratio(list(sample.texts)),
        "self_repetition": self_repetition(tokens),
    }
    return values


def intervals(
    view: View, size: int, values: Mapping[str, float], shares: NDArray[np.float64], seed: int
) -> dict[str, tuple[float, float]]:
    """Value plus and minus two standard deviations of subsamples of `size`, corrected for the finite reference."""
    if not 2 <= size < len(view):
        return {}
    metrics: dict[str, Callable[[View], float]] = {
        "n2": lambda v: effective_number(v.content),
        "vendi_1": lambda v: vendi_score(v.content),
        "distinct_3": lambda v: distinct_n(_tokens(v.texts), 3),
    }
    bounds = {}
    samples = [view.take(_draw(len(view), size, seed, f"interval {k}")) for k in range(SUBSAMPLES)]
    for name, metric in metrics.items():
        deviation = float(np.std([metric(sample) for sample in samples])) / math.sqrt(1 - size / len(view))
        bounds[name] = (values[name] - 2 * deviation, values[name] + 2 * deviation)
    return bounds


def _draw(n: int, size: int, seed: int, label: str) -> NDArray[np.int64]:
    rng = np.random.default_rng(int(content_hash(str(seed), label, length=15), 16))
    return np.sort(rng.permutation(n)[:size]).astype(np.int64)


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    return [text.lower().split() for text in texts]


def _row(view: str, metric: str, value: float, low: float | None = None, high: float | None = None) -> Row:
    return {"view": view, "metric": metric, "value": float(value), "low": low, "high": high}
