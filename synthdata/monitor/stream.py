"""How many of the recent real contexts lie outside the anchor: an alarm with a level, since at most alpha is due."""

from __future__ import annotations

from typing import Any

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.gate.anchor import Anchor
from synthdata.gate.chance import share_bounds
from synthdata.gate.epochs import epoch_events
from synthdata.records import Origin
from synthdata.settings import Recipe
from synthdata.text.numbers import percent

Facts = dict[str, Any]


def recent_outside(store: CorpusStore, anchor: Anchor, recipe: Recipe, as_of: int | None = None) -> Facts | None:
    """Tasks of recent real rows (`tasks`), how many lay outside when they came, their share with its exact interval.

    Real rows are those of origin real, and in a two-view corpus the contexts of real runs that were reflected on. One
    row a task counts, since rows of one task are outside together. None where no real row came with a p-value.
    """
    columns = ["round", "row", "id", "task_id", "trajectory_id", "origin", "numbers"]
    real = pl.col("origin") == str(Origin.REAL)
    if store.views == "two":
        runs = store.experience_table.read(["id"], pl.col("origin") == str(Origin.REAL))["id"]
        real |= pl.col("trajectory_id").is_in(runs.to_list())
    frame = store.decisions(columns, as_of, real & (pl.col("anchor") == anchor.number))
    task = (
        pl.when(pl.col("task_id") != "")
        .then("task_id")
        .otherwise(pl.when(pl.col("trajectory_id") != "").then("trajectory_id").otherwise("id"))
    )
    p_values = (
        frame.with_columns(task=task)
        .explode("numbers", empty_as_null=True)
        .unnest("numbers")
        .filter(pl.col("name") == "novelty_p")
        .unique("task", keep="first", maintain_order=True)
        .tail(recipe.anchor.living_recent)
    )
    if p_values.is_empty():
        return None
    alpha = recipe.gate.alpha_outside
    count, rows = int((p_values["value"] <= alpha).sum()), p_values.height
    low, high = share_bounds(count, rows, recipe.gate.quota_confidence)
    share = {"outside": count, "share": count / rows, "low": low, "high": high, "due": alpha}
    return {"tasks": rows, "since": int(p_values["round"].min()), **share}  # type: ignore[arg-type]


def outside_note(facts: Facts) -> str:
    """The same in a sentence, with what it means."""
    note = (
        f"Real contexts outside the reference: {facts['outside']} of {facts['tasks']} tasks since round "
        f"{facts['since']}, {percent(facts['share'])} [{percent(facts['low'])}, {percent(facts['high'])}] "
        f"where {percent(facts['due'])} is due"
    )
    if facts["low"] <= facts["due"]:
        return f"{note}."
    return f"{note}: what is read as real has moved away from the reference."


def epoch_facts(store: CorpusStore, anchor: Anchor, as_of: int | None = None) -> Facts | None:
    """The last epoch of a living anchor as its event tells it; None before the first."""
    events = epoch_events(store, anchor.number, as_of)
    return events[-1] if events else None


def epoch_note(facts: Facts) -> str:
    """What the last epoch stands on, in a sentence."""
    return (
        f"Since round {facts['round'] + 1} the cells follow newer real data: {facts['cells']} cells of "
        f"{facts['stands_on']} real contexts, {facts['taken']} of them new; experience has moved by "
        f"{facts['drift']:.3f} nats ({facts['because']})."
    )


def stream_notes(facts: Facts) -> list[str]:
    """What `status` says of the real rows that have come: the anchor's last epoch, and how many lay outside."""
    notes = [epoch_note(facts["epoch"])] if facts["epoch"] else []
    return notes + ([outside_note(facts["real_outside"])] if facts["real_outside"] else [])
