"""The context half of a living anchor: cells and the outside test of all real contexts, shares of the recent ones.

A frozen anchor that saw a biased half of the world prunes the other half, most of it by its order, while its floor
holds in every round (docs/narrow.md). Here cells, their shares and the order follow the real rows that came after
`init`; the content half, and with it the floor, does not move. Everything is a function of the rows given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.anchor import ContextCalibration
from synthdata.gate.calibrate import mean_of
from synthdata.gate.cells import assign, cell_count, centre, spherical_kmeans
from synthdata.gate.martingale import Bag, begin, bet
from synthdata.gate.novelty import calibrate_novelty
from synthdata.protocols import Vectors
from synthdata.records import content_hash
from synthdata.settings import AnchorSettings
from synthdata.similarity.pairs import near_kept

Floats = NDArray[np.float64]
_TIE_DIGITS = 13


@dataclass(frozen=True)
class RealContexts:
    """Raw context vectors (n, d) of real rows in the order in which they were read, with their tasks."""

    vectors: Vectors
    tasks: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tasks)

    def __add__(self, other: RealContexts) -> RealContexts:
        """These and then the others."""
        return RealContexts(np.concatenate([self.vectors, other.vectors]), self.tasks + other.tasks)

    def first(self, rows: int) -> RealContexts:
        """The first rows alone."""
        return RealContexts(self.vectors[:rows], self.tasks[:rows])


def calibrate_epoch(
    reference: RealContexts, stream: RealContexts, epoch: int, settings: AnchorSettings
) -> tuple[ContextCalibration, NDArray[np.bool_]]:
    """The context half and which real contexts (n,) are no copies of earlier ones.

    It stands on the anchor's own calibrating rows and the `stream` of real rows since, all of it.

    Near copies are left out of cells and test, as `init` does; shares count every row of the recent stream, and all
    real rows while the stream is short.
    """
    every = reference + stream
    mean = mean_of(every.vectors)
    x, _ = centre(every.vectors, mean)
    stays = _distinct(x, settings)
    kept = x[stays]
    centroids = spherical_kmeans(kept, cell_count(len(kept), settings.cells_min, settings.cells_max), settings.seed)
    cells = assign(x, centroids)[0]
    start = max(len(reference), len(every) - settings.living_recent) if follows_stream(len(stream), settings) else 0
    counts = [np.bincount(part, minlength=len(centroids)) for part in (cells[: len(reference)], cells[start:])]
    tasks = [every.tasks[i] for i in np.flatnonzero(stays)]
    half = ContextCalibration(
        mean,
        centroids,
        counts[0].astype(np.int64),
        novelty=calibrate_novelty(kept, tasks),
        epoch=epoch,
        stream_counts=counts[1].astype(np.int64),
    )
    return half, stays


def follows_stream(rows: int, settings: AnchorSettings) -> bool:
    """Whether shares and order follow a stream of so many real rows alone."""
    return rows >= settings.living_least


def due(stands_on: int, new: int, log_wealth: float, settings: AnchorSettings) -> str:
    """Why the context half is to be calibrated anew with so many new real rows; empty where it is not.

    `log_wealth` is the highest that the bet on a change of the stream has reached.
    """
    if not new:
        return ""
    if log_wealth >= np.log(settings.living_wealth):
        return f"the stream of real contexts has changed (a bet on that grew {np.exp(log_wealth):.0f}fold)"
    if new >= min(settings.living_rows, settings.living_share * stands_on):
        return f"{new} new real contexts beside {stands_on}"
    return ""


def allowed(stands_on: int, settings: AnchorSettings) -> int:
    """Most new real rows that one epoch takes in: whoever can call rows real moves shares no faster."""
    return max(settings.living_rows, int(settings.living_growth * stands_on))


def wealth(
    known: RealContexts, new: RealContexts, mean: Vectors | Floats, bets: Floats | None, settings: AnchorSettings
) -> tuple[Floats, float]:
    """The bets after one row of each new task, and the highest logarithm of the wealth on the way; None: begin.

    Rows of known tasks prove nothing, since they are not exchangeable with rows of others.
    """
    bag, seen = _one_a_task(known, set())
    fresh, _ = _one_a_task(new, seen)
    rows = centre(new.vectors, mean)[0][fresh]
    ties = [_tie(settings.seed, new.tasks[i]) for i in fresh]
    return bet(Bag(centre(known.vectors, mean)[0][bag]), rows, ties, begin() if bets is None else bets)


def _one_a_task(rows: RealContexts, seen: set[str]) -> tuple[list[int], set[str]]:
    first: list[int] = []
    seen = set(seen)
    for i, task in enumerate(rows.tasks):
        if task not in seen:
            seen.add(task)
            first.append(i)
    return first, seen


def _distinct(x: Vectors, settings: AnchorSettings) -> NDArray[np.bool_]:
    stays = np.zeros(len(x), dtype=bool)
    for place, repeated in enumerate(near_kept(x, settings.clean_cosine, stays)):
        stays[place] = not repeated
    return stays


def _tie(seed: int, task: str) -> float:
    """A uniform number in (0, 1] that belongs to the task."""
    return (int(content_hash(str(seed), "tie", task, length=_TIE_DIGITS), 16) + 1) / (1 << 52)
