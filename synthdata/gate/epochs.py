"""The epochs of a living anchor on disk: each holds its context half and the real contexts that came since the last.

`anchors/N/epochs/E/`; an event of kind `epoch` says from which round on it counts, so that every round is replayed in
the cells that it was decided in. Real contexts are stored once, by the epoch that took them in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthdata.corpus import CorpusStore
from synthdata.errors import CorruptStoreError
from synthdata.gate.anchor import Anchor, ContextCalibration, load_anchor
from synthdata.gate.cells import centre
from synthdata.gate.living import RealContexts
from synthdata.gate.novelty import Novelty, numbered
from synthdata.gate.reference import Reference, load_reference
from synthdata.io.refusals import unless_refused

_PARTS = ("ids", "tasks", "vectors", "stays", "scores", "mean", "centroids", "real_counts", "stream_counts", "bets")
_FILE = "epoch.npz"


@dataclass(frozen=True)
class Epoch:
    """One epoch: its context half, what it took in, which of all real contexts are no copies, and the open bets.

    `ids` and `taken` are the real contexts that this epoch added to the stream, `stays` (n,) marks those of reference
    and stream that make cells and test, `bets` are the logarithms of the wealth on a change of the stream.
    """

    context: ContextCalibration
    ids: tuple[str, ...]
    taken: RealContexts
    stays: NDArray[np.bool_]
    bets: NDArray[np.float64]


def epochs_folder(store: CorpusStore, anchor: int) -> Path:
    """Where the epochs of an anchor lie."""
    return store.anchor_dir(anchor) / "epochs"


def epoch_events(store: CorpusStore, anchor: int, as_of: int | None = None) -> list[dict[str, Any]]:
    """What the events say of the anchor's epochs, first to last, as of a round: those that had begun when it ended."""
    frame = store.events("epoch", as_of)
    events = [
        json.loads(payload) | {"round": number} for payload, number in frame.select("payload", "round").iter_rows()
    ]
    return [event for event in events if event["anchor"] == anchor]


def current_anchor(store: CorpusStore, number: int | None = None, as_of: int | None = None) -> Anchor:
    """An anchor, by default the current one, in the epoch that was current for the round after `as_of`.

    Raises:
        CorruptStoreError: a file is missing or unreadable.
    """
    anchor = load_anchor(store.anchor_dir(number))
    epochs = len(epoch_events(store, anchor.number, as_of))
    if not epochs:
        return anchor
    reference = load_reference(store.anchor_dir(anchor.number))
    return replace(anchor, context=load_epoch(epochs_folder(store, anchor.number), epochs, reference, anchor.views)[0])


def calibrating(reference: Reference, views: str) -> RealContexts:
    """The reference's contexts that calibrate: those of tasks that were not set aside."""
    use = np.flatnonzero(~reference.heldout)
    vectors = reference.content if views == "one" else reference.context
    rows = [reference.rows[i] for i in use]
    return RealContexts(vectors[use], tuple(row.task_id or row.id for row in rows))


def save_epoch(folder: Path, epoch: Epoch) -> None:
    """Write an epoch into a folder that is there."""
    half = epoch.context
    assert half.novelty is not None and half.stream_counts is not None
    values: Sequence[Any] = (
        np.array(epoch.ids, dtype=np.str_), np.array(epoch.taken.tasks, dtype=np.str_), epoch.taken.vectors,
        epoch.stays, half.novelty.scores, half.mean, half.centroids, half.real_counts, half.stream_counts, epoch.bets,
    )  # fmt: skip
    with (folder / _FILE).open("wb") as file:
        np.savez(file, allow_pickle=False, **dict(zip(_PARTS, values, strict=True)))


def load_stream(folder: Path, epochs: int, width: int) -> tuple[tuple[str, ...], RealContexts]:
    """All real contexts that the first epochs took in, with their ids, in the order in which they were read."""
    ids: tuple[str, ...] = ()
    stream = RealContexts(np.empty((0, width), dtype=np.float32), ())
    for number in range(1, epochs + 1):
        parts = _read(folder / str(number))
        ids += tuple(parts["ids"].tolist())
        stream += RealContexts(parts["vectors"], tuple(parts["tasks"].tolist()))
    return ids, stream


def load_epoch(
    folder: Path, number: int, reference: Reference, views: str
) -> tuple[ContextCalibration, NDArray[np.float64]]:
    """The context half of an epoch, its test made again from reference and stream, and the open bets."""
    known, parts = calibrating(reference, views), _read(folder / str(number))
    every = known + load_stream(folder, number, known.vectors.shape[1])[1]
    stays = parts["stays"]
    if len(stays) != len(every):
        raise CorruptStoreError(f"{folder / str(number)}: speaks of {len(stays)} real contexts, there are {len(every)}")
    x, _ = centre(every.vectors, parts["mean"])
    tasks = numbered([every.tasks[i] for i in np.flatnonzero(stays)])
    context = ContextCalibration(
        parts["mean"],
        parts["centroids"],
        parts["real_counts"],
        novelty=Novelty(x[stays], tasks, parts["scores"]),
        epoch=number,
        stream_counts=parts["stream_counts"],
    )
    return context, parts["bets"]


def stream_contents(store: CorpusStore, anchor: Anchor, as_of: int | None = None) -> list[str]:
    """The contents of the real rows that the anchor's epochs took in, in their order; runs have none."""
    epochs = anchor.context.epoch
    if not epochs:
        return []
    width = anchor.context.centroids.shape[1]
    taken = set(load_stream(epochs_folder(store, anchor.number), epochs, width)[0])
    rows = store.admitted(as_of, ["id", "content", "origin"]).filter(pl.col("origin") == "real")
    return [content for name, content in rows.select("id", "content").iter_rows() if name in taken]


def _read(folder: Path) -> dict[str, Any]:
    try:
        with np.load(folder / _FILE, allow_pickle=False) as file:
            return {name: file[name] for name in _PARTS}
    except (OSError, ValueError, KeyError) as error:
        damage = CorruptStoreError(f"{folder}: the epoch of a living anchor cannot be read: {error}")
        raise unless_refused(error, folder, damage) from error
