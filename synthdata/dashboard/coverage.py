"""A map of the regions of experience: where real text lies, where the corpus lies, and which regions it lacks.

The map is the plane of the reference's first two principal components, so it is the same every time; distances on it
are a hint, the shares in the table are the measure.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthdata.corpus import CorpusStore
from synthdata.corpus.events import REMOVING
from synthdata.drawing import Plane, Spot
from synthdata.gate.anchor import Anchor
from synthdata.gate.cells import centre
from synthdata.gate.epochs import current_anchor
from synthdata.gate.reference import Reference, load_reference
from synthdata.generation.steering import Coverage
from synthdata.monitor.sample import admitted_sample
from synthdata.monitor.tally import tally
from synthdata.protocols import Vectors
from synthdata.records import OUTSIDE
from synthdata.settings import Settings

MOST_POINTS = 600
MOST_TEXTS, TEXT_CHARS = 200, 2000
TERMS, NAMED = 4, 12
_WORD = re.compile(r"[^\W\d_]{3,24}")


@dataclass(frozen=True, slots=True)
class Cell:
    """A region of experience. `lacks` is True where the next round would be steered towards it.

    `terms` are typical words of its real texts; `x` and `y` its place on the map, in [-1, 1].
    """

    number: int
    terms: tuple[str, ...]
    real_rows: int
    real_share: float
    rows: int
    share: float
    ratio: float
    lacks: bool
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Map:
    """Cells, emptiest first, and samples of real and of admitted rows as points (n, 2) in [-1, 1]."""

    cells: list[Cell]
    real: Plane
    admitted: Plane
    rows: int
    outside: int
    explained: float


def _placed(store: CorpusStore, anchor: Anchor, as_of: int | None) -> dict[int | None, int]:
    """Admitted rows of this anchor by cell, of a living anchor by that in its current epoch."""
    removed = store.events(as_of=as_of)["kind"].is_in(REMOVING).any()
    if not anchor.context.epoch and not removed:
        counted = tally(store, as_of).filter((pl.col("verdict") == "admit") & (pl.col("anchor") == anchor.number))
        return dict(counted.group_by("cell").agg(pl.col("rows").sum()).iter_rows())
    moved = ["context_vector", "content_vector"] if anchor.context.epoch else []
    rows = store.admitted(as_of, ["id", "round", "cell", *moved], pl.col("anchor") == anchor.number)
    if rows.is_empty() or not anchor.context.epoch:
        return dict(rows.group_by("cell").len().iter_rows())
    alpha = Settings.from_dict(store.settings, where=str(store.path)).recipe.gate.alpha_outside
    cells = anchor.context.locate(store.context_vectors(rows), alpha).cells
    return dict(pl.Series("cell", cells, dtype=pl.Int64).value_counts().iter_rows())


def make_map(store: CorpusStore, as_of: int | None = None) -> Map:
    """The map under the current anchor; rows that were decided under another one have cells of another map."""
    anchor, reference = current_anchor(store, as_of=as_of), load_reference(store.anchor_dir())
    view = "context" if anchor.views == "two" else "content"
    # Of two-view rows the context lies in cells, of one-view rows the content.
    vectors = anchor.cell_vectors(reference.context, reference.content)
    x = anchor.context.centred(vectors)
    axes, explained = principal_axes(x)
    scale = float(np.abs(x @ axes).max(initial=0)) or 1.0
    placed = _placed(store, anchor, as_of)
    real = anchor.context.real_counts
    counts = np.array([placed.get(cell, 0) for cell in range(len(real))], dtype=np.int64)
    held = Coverage(counts, anchor.context.real_shares())
    under = Settings.from_dict(store.settings, where=str(store.path)).recipe.steering.under_share
    labels, _ = anchor.context.nearest(vectors)
    places = _places(x @ axes / scale, labels, anchor.context.centroids @ axes / scale)
    chosen = x[spread(len(x), MOST_POINTS)]
    admitted = _admitted_vectors(store, as_of, view, anchor)
    return Map(
        cells=cells_of(held, under, real.tolist(), _terms(reference, labels, len(real)), places),
        real=chosen @ axes / scale,
        admitted=np.clip(admitted @ axes / scale, -1, 1) if len(admitted) else np.zeros((0, 2)),
        rows=int(counts.sum()),
        outside=sum(placed.values()) - int(counts.sum()),
        explained=explained,
    )


def drawing(coverage_map: Map, link: Callable[..., str] = lambda *_, **__: "") -> dict[str, Any]:
    """What `coverage.html` shows: the map, its clouds and circles; cells that lack rows and the largest carry terms.

    `link` gives the address of a cell's rows, by default none.
    """
    largest = max((cell.real_share for cell in coverage_map.cells), default=1.0)
    # Those that lack rows first, then the largest.
    first = sorted(coverage_map.cells, key=lambda cell: (not cell.lacks, -cell.real_share))
    named = {cell.number for cell in first[:NAMED]}
    spots = [
        Spot(cell.x, cell.y, math.sqrt(cell.real_share / largest), "amber" if cell.lacks else "",
             ", ".join(cell.terms[: 2 if cell.lacks else 1]) if cell.number in named else "",
             link("explorer", cell=cell.number), f"Rows of cell {cell.number}: {', '.join(cell.terms)}")
        for cell in first
    ]  # fmt: skip
    return {"map": coverage_map, "clouds": [("real", coverage_map.real), ("", coverage_map.admitted)], "spots": spots}


def principal_axes(x: Vectors) -> tuple[Plane, float]:
    """The first two principal axes of rows (n, d) as (d, 2), and the share of the variance that they carry.

    The sign of an axis is that of its largest component, so that a map does not turn over by itself.
    """
    spread_out = x.astype(np.float64) - x.mean(axis=0)
    values, axes = np.linalg.eigh(spread_out.T @ spread_out)
    two = axes[:, ::-1][:, :2]
    signs = np.sign(two[np.abs(two).argmax(axis=0), np.arange(two.shape[1])])
    total = float(values.sum())
    return two * signs, float(values[-2:].sum()) / total if total > 0 else 0.0


def cells_of(
    coverage: Coverage, under: float, real: Sequence[int], terms: Sequence[tuple[str, ...]], at: Plane
) -> list[Cell]:
    """All cells by rows over what their real share asks for, emptiest first; those under `under` of it lack rows."""
    total, ratios, lacking = int(coverage.rows.sum()), coverage.ratios(), set(coverage.under(under).tolist())
    cells = [
        Cell(
            i, terms[i], int(real[i]), float(coverage.shares[i]), int(coverage.rows[i]),
            int(coverage.rows[i]) / max(1, total), float(ratios[i]), i in lacking, float(at[i, 0]), float(at[i, 1]),
        )
        for i in range(len(real))
    ]  # fmt: skip
    return sorted(cells, key=lambda cell: (cell.ratio, -cell.real_share, cell.number))


def _places(points: Plane, labels: NDArray[np.int64], centroids: Plane) -> Plane:
    """Where each cell lies on the map: amid its real rows, since its centroid has length 1 and lies far outside."""
    sums = np.zeros(centroids.shape)
    np.add.at(sums, labels, points)
    rows = np.bincount(labels, minlength=len(centroids))[:, None]
    return np.where(rows > 0, sums / np.maximum(rows, 1), np.clip(centroids, -1, 1))


def spread(rows: int, limit: int) -> NDArray[np.int64]:
    """At most `limit` positions of `rows`, evenly spaced."""
    return np.linspace(0, rows - 1, min(rows, limit)).round().astype(np.int64) if rows else np.zeros(0, dtype=np.int64)


def typical_terms(texts: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The words that mark each group of texts: frequent in it, and in few other groups (tf-idf over groups)."""
    counted = [Counter(word for text in group for word in set(_WORD.findall(text.lower()))) for group in texts]
    groups = Counter(word for counter in counted for word in counter)
    terms = []
    for group, counter in zip(texts, counted, strict=True):
        scored = ((n / len(group) * math.log(len(texts) / groups[word]), word) for word, n in counter.items())
        best = sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:TERMS]
        terms.append(tuple(word for score, word in best if score > 0))
    return terms


def _terms(reference: Reference, labels: NDArray[np.int64], cells: int) -> list[tuple[str, ...]]:
    groups: list[list[str]] = [[] for _ in range(cells)]
    for row, label in zip(reference.rows, labels, strict=True):
        if len(groups[label]) < MOST_TEXTS:
            groups[label].append((row.context or row.content)[:TEXT_CHARS])
    return typical_terms(groups)


def _admitted_vectors(store: CorpusStore, as_of: int | None, view: str, anchor: Anchor) -> Vectors:
    """Centred vectors of a sample of the admitted rows that lie in a cell of this anchor."""
    inside = pl.col("cell").is_not_null() & (pl.col("cell") != OUTSIDE) & (pl.col("anchor") == anchor.number)
    rows = admitted_sample(store, as_of).filter(inside & pl.col(f"{view}_vector").is_not_null())[:MOST_POINTS]
    if rows.is_empty():
        return np.zeros((0, len(anchor.context.mean)), dtype=np.float32)
    return centre(store.vectors(rows, view), anchor.context.mean)[0]
