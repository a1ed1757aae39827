"""The living anchor of a stored corpus: whether a new epoch is due before a round, and what it stands on.

A function of what is committed: the anchor's reference, real runs in `experience`, admitted real rows. Only what the
operator called real counts, and no more of it at a time than `recipe.anchor.living_growth` allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from metrics.entropy import jensen_shannon
from synthdata.corpus import CorpusStore
from synthdata.gate.anchor import Anchor, ContextCalibration
from synthdata.gate.epochs import (
    Epoch,
    calibrating,
    epoch_events,
    epochs_folder,
    load_epoch,
    load_stream,
    save_epoch,
)
from synthdata.gate.living import RealContexts, allowed, calibrate_epoch, due, wealth
from synthdata.gate.martingale import begin
from synthdata.gate.reference import Reference
from synthdata.protocols import Vectors
from synthdata.records import Origin, Trajectory
from synthdata.settings import AnchorSettings

Encode = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class Due:
    """An epoch that is due, and the facts of its event."""

    epoch: Epoch
    facts: dict[str, Any]


def is_living(anchor: Anchor, settings: AnchorSettings) -> bool:
    """Whether the anchor follows its stream: made by this version, not pooled, and not turned off."""
    pooled = bool(anchor.context.others)
    return settings.living and anchor.context.novelty is not None and not pooled


def next_epoch(
    store: CorpusStore, anchor: Anchor, reference: Reference, encode: Encode, settings: AnchorSettings, alpha: float
) -> Due | None:
    """The epoch that is due before the next round, or None; nothing is written.

    A round begins one epoch at most. One that was begun for a round that a kill kept from its commit is that round's:
    run again, it is decided in the same cells.

    `alpha` is the level of the outside test, by which new contexts are counted as outside the epoch before.
    """
    if not is_living(anchor, settings):
        return None
    latest = store.latest_round()
    if any(event["round"] == latest for event in epoch_events(store, anchor.number)):
        return None
    folder, number = epochs_folder(store, anchor.number), anchor.context.epoch
    known = calibrating(reference, anchor.views)
    ids, stream = load_stream(folder, number, known.vectors.shape[1])
    new_ids, new = _new_contexts(store, anchor, frozenset(ids), encode, settings)
    if not len(new):
        return None
    before = known + stream
    bets = load_epoch(folder, number, reference, anchor.views)[1] if number else None
    highest = wealth(before, new, anchor.context.mean, bets, settings)[1]
    because = due(len(before), len(new), highest, settings)
    if not because:
        return None
    limit = allowed(len(before), settings)
    taken = new.first(limit)
    # What has rung begins anew; what has not goes on betting, so that its bound holds for the stream's whole life.
    rung = highest >= np.log(settings.living_wealth)
    after = begin() if rung else wealth(before, taken, anchor.context.mean, bets, settings)[0]
    half, stays = calibrate_epoch(known, stream + taken, number + 1, settings)
    outside = int(anchor.context.locate(taken.vectors, alpha).outside.sum())
    facts = {
        "anchor": anchor.number,
        "epoch": number + 1,
        "because": because,
        "changed": bool(rung),
        "taken": len(taken),
        "waiting": len(new) - len(taken),
        "outside": outside,
        "stands_on": len(before) + len(taken),
        "cells": len(half.centroids),
        "drift": _drift(before, taken, half),
    }
    return Due(Epoch(half, tuple(new_ids[:limit]), taken, stays, after), facts)


def begin_epoch(store: CorpusStore, due_: Due) -> None:
    """Write the epoch and its event; the event makes it current. A folder that a kill left without one is replaced."""
    anchor, number = due_.facts["anchor"], due_.facts["epoch"]
    folder = epochs_folder(store, anchor) / str(number)
    with store.new_folder(folder) as part:
        save_epoch(part, due_.epoch)
    store.append_event("epoch", f"{anchor} {number}", due_.facts, store.latest_round())


def run_contexts(run: Trajectory, limit: int) -> list[str]:
    """The contexts of at most `limit` steps of a run, as `init` takes them from logs."""
    from synthdata.reflection import focus_steps, render_context

    return [render_context(run, step) for step in focus_steps(run, limit)]


def _new_contexts(
    store: CorpusStore, anchor: Anchor, taken: frozenset[str], encode: Encode, settings: AnchorSettings
) -> tuple[list[str], RealContexts]:
    """Ids and contexts of real runs and of admitted real rows that no epoch has taken in, in the order of reading."""
    ids: list[str] = []
    tasks: list[str] = []
    parts: list[Vectors] = []
    if anchor.views == "two":
        texts: list[str] = []
        for run in _real_runs(store, taken):
            contexts = run_contexts(run, settings.steps_per_trajectory)
            ids += [run.id] * len(contexts)
            tasks += [run.task_id or run.task or run.id] * len(contexts)
            texts += contexts
        parts += [encode(texts)] if texts else []
    real = store.admitted(columns=["id"], where=pl.col("origin") == str(Origin.REAL))["id"]
    fresh = real.filter(~real.is_in(list(taken)))
    # Few rows are real and new, so that vectors of the whole corpus are never read for them.
    if len(fresh):
        columns = ["id", "task_id", "content_vector", "context_vector"]
        rows = store.admitted(columns=columns, where=pl.col("id").is_in(fresh.implode()))
        ids += rows["id"].to_list()
        tasks += [task or name for task, name in rows.select("task_id", "id").iter_rows()]
        parts.append(store.context_vectors(rows))
    width = anchor.context.centroids.shape[1]
    vectors = np.concatenate(parts) if parts else np.empty((0, width), dtype=np.float32)
    return ids, RealContexts(np.asarray(vectors, dtype=np.float32), tuple(tasks))


def _real_runs(store: CorpusStore, taken: frozenset[str]) -> list[Trajectory]:
    index = store.experience_table.read(["id", "seq", "origin"]).sort("seq")
    wanted = [name for name, _, origin in index.iter_rows() if origin == str(Origin.REAL) and name not in taken]
    return list(store.trajectories(wanted)) if wanted else []


def _drift(before: RealContexts, taken: RealContexts, half: ContextCalibration) -> float:
    """Jensen-Shannon divergence, in nats, of the new contexts' shares of the new cells from those of all before."""
    m = len(half.centroids)
    counts = [np.bincount(half.nearest(part.vectors)[0], minlength=m) for part in (before, taken)]
    return round(float(jensen_shannon(*counts)), 6)
