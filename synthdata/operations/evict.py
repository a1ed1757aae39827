"""Eviction: making the corpus smaller by its most redundant synthetic rows, so that what is left is as diverse.

Unlike a retraction it may choose, so it never costs the floor: taking out a row with m(x) >= p, its mean squared cosine
to the others at least the mean over all pairs, leaves p' = (n p - 2 m(x)) / (n - 2) <= p (docs/design.md, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthdata.api import Corpus
from synthdata.corpus.events import event_payload
from synthdata.corpus.releases import Release, holding, releases
from synthdata.errors import InputError
from synthdata.gate.cells import centre
from synthdata.monitor.snapshot import admitted_metrics
from synthdata.protocols import Vectors
from synthdata.records import content_hash

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Eviction:
    """Candidates taken out, most redundant first, how many rows were asked for and how many are left.

    `before` and `after` are the collision of the window and the corpus; `releases` are those that held some of the
    rows, with how many. `repeated` says that the same request was carried out earlier, and nothing was done now.
    """

    ids: tuple[str, ...]
    asked: int
    left: int
    before: float
    after: float
    releases: tuple[tuple[Release, int], ...]
    repeated: bool = False


def evict(corpus: Corpus, rows: int, because: str, *, dry_run: bool = False, request: str = "") -> Eviction:
    """Take out up to `rows` synthetic rows; fewer where every row left is less redundant than the mean.

    The same call again, before another round and under the same `request` name, says what was done and does nothing.

    Raises:
        InputError: rows is under 1, no reason was given, or the corpus has no anchor content or no rows yet.
        LockedError: another process is writing.
    """
    if rows < 1:
        raise InputError(f"--rows must be at least 1, got {rows}")
    if not because.strip():
        raise InputError("say why the rows are evicted, with --reason; the reason stays with the event")
    if dry_run:
        return _foreseen(corpus, rows)
    with corpus.store.writing():
        at = corpus.store.latest_round()
        key = content_hash("evict", str(rows), because, request, str(at))
        earlier = event_payload(corpus.store.events_table, "evict", key)
        if earlier is not None:
            return _repeated(corpus, rows, earlier)
        seen = _foreseen(corpus, rows)
        if seen.ids:
            payload: dict[str, object] = {"ids": list(seen.ids), "because": because}
            payload |= {"collision_before": seen.before, "collision_after": seen.after}
            columns = ["id", "content", "context", "origin", "lineage_depth"]
            left = corpus.store.admitted(columns=columns).filter(~pl.col("id").is_in(list(seen.ids)))
            payload["metrics"] = admitted_metrics(
                left, corpus.anchor, corpus.reference, corpus.encoder, corpus.settings
            )
            corpus.store.append_event("evict", key, payload, at)
    return seen


def _repeated(corpus: Corpus, rows: int, payload: dict[str, Any]) -> Eviction:
    ids = tuple(payload["ids"])
    held = tuple(holding(releases(corpus.store), frozenset(ids)))
    left = len(corpus.store.admitted_ids())
    return Eviction(ids, rows, left, payload["collision_before"], payload["collision_after"], held, repeated=True)


def _foreseen(corpus: Corpus, rows: int) -> Eviction:
    half = corpus.anchor.content
    admitted = corpus.store.admitted(columns=["id", "origin", "content_vector"]).sort("id")
    if half is None or admitted.is_empty():
        raise InputError(f"{corpus.store.path}: nothing has been admitted yet, so nothing can be evicted")
    outside = admitted.filter(~pl.col("id").is_in(list(half.window_ids)))
    x = centre(corpus.store.vectors(outside, "content"), half.mean)[0] if outside.height else half.window[:0]
    free = (outside["origin"] != "real").to_numpy()
    taken, before, after = most_redundant(half.window, x, free, rows)
    ids = tuple(outside["id"].gather(taken).to_list())
    held = tuple(holding(releases(corpus.store), frozenset(ids)))
    return Eviction(ids, rows, admitted.height - len(ids), before, after, held)


def most_redundant(window: Vectors, x: Vectors, free: NDArray[np.bool_], rows: int) -> tuple[list[int], float, float]:
    """Rows of x to take out one after another, and collision of window and x before and after.

    Each time the row with the largest m(x) among the `free` ones, ties by position, while it is at least p. All rows
    are unit; cost O(n d) a row taken out. Collision never rises on the way.
    """
    kept = np.asarray(x, dtype=np.float64)
    everything = np.concatenate([np.asarray(window, dtype=np.float64), kept])
    moment = everything.T @ everything
    n = len(everything)
    # Sum over ordered pairs of different rows, and for each row of x its sum of squared cosines to all other rows.
    pairs = float(np.square(moment).sum()) - n
    sums: Floats = np.einsum("ij,ij->i", kept @ moment, kept) - 1.0
    sums[~free] = -np.inf
    before = pairs / (n * (n - 1)) if n > 1 else 0.0
    taken: list[int] = []
    while len(taken) < rows and n > 2:
        worst = int(sums.argmax())
        if sums[worst] / (n - 1) < pairs / (n * (n - 1)):
            break
        taken.append(worst)
        pairs -= 2.0 * float(sums[worst])
        sums -= np.square(kept @ kept[worst])
        sums[worst] = -np.inf
        n -= 1
    return taken, before, pairs / (n * (n - 1)) if n > 1 else 0.0
