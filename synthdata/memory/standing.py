"""Whether a lesson still stands: what events say of it, and what later evidence says of the step that it speaks of.

A lesson is never deleted for being wrong: it is marked, so that an agent can leave it and a person can look at why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.errors import InputError
from synthdata.records import content_hash

Status = Literal["standing", "superseded", "contradicted"]
_OPPOSITE = {"good": "bad", "bad": "good"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a lesson stands; `by` is the lesson or person that speaks against it, `because` why."""

    status: Status = "standing"
    by: str = ""
    because: str = ""


def supersede(store: CorpusStore, name: str, because: str, by: str = "", *, contradicted: bool = False) -> bool:
    """Mark an admitted lesson as superseded (by another one, where `by` names it) or contradicted; whether it is new.

    Raises:
        InputError: no such row in the corpus, the same row on both sides, or no reason.
        LockedError: another process is writing.
    """
    if not because.strip():
        raise InputError("say why the lesson no longer stands, with --reason; the reason stays with the event")
    status: Status = "contradicted" if contradicted else "superseded"
    with store.writing():
        lesson, other = _admitted_id(store, name), _admitted_id(store, by) if by else ""
        if lesson == other:
            raise InputError(f"{name}: a lesson cannot supersede itself")
        payload: dict[str, object] = {"id": lesson, "by": other, "because": because, "status": status}
        key = content_hash(lesson, other, status, because)
        return store.append_event("supersede", key, payload, store.latest_round())


def _admitted_id(store: CorpusStore, name: str) -> str:
    row = store.decision(name)
    if row is None or row["id"] not in store.admitted_ids():
        raise InputError(f"{store.path}: {name!r} names no admitted row; `lessons` shows ids")
    return str(row["id"])


def standings(store: CorpusStore, rows: pl.DataFrame, as_of: int | None = None) -> dict[str, Standing]:
    """The lessons that no longer stand, by id. `rows` are those of the corpus, in order, as in a `LessonIndex`.

    The strongest word wins: an event, then a person's verdict on the step, then a later review of it. Reviews of equal
    age do not contradict each other: neither is later.
    """
    contradictions = _by_later_reviews(rows)
    contradictions.update(_by_people(store, rows, as_of))
    for payload in store.events("supersede", as_of)["payload"]:
        event = json.loads(payload)
        contradictions[event["id"]] = Standing(event["status"], event["by"], event["because"])
    return contradictions


def _by_later_reviews(rows: pl.DataFrame) -> dict[str, Standing]:
    reviews = rows.filter(pl.col("label").is_not_null() & (pl.col("trajectory_id") != ""))
    same = ["trajectory_id", "step"]
    # Nearly all steps have one opinion; only the others are walked.
    disputed = reviews.group_by(same).agg(pl.col("label").n_unique().alias("labels")).filter(pl.col("labels") > 1)
    reviews = reviews.join(disputed.select(same), on=same, how="semi", maintain_order="left")
    latest: dict[tuple[str, int, str], tuple[int, str]] = {}
    columns = ("trajectory_id", "step", "label", "round", "id")
    for run, step, label, number, name in reviews.select(columns).iter_rows():
        latest[run, step, label] = number, name
    contradictions = {}
    for run, step, label, number, name in reviews.select(columns).iter_rows():
        against = latest.get((run, step, _OPPOSITE[label]))
        if against is not None and against[0] > number:
            because = f"a review of round {against[0]} calls step {step} {_OPPOSITE[label]}"
            contradictions[name] = Standing("contradicted", against[1], because)
    return contradictions


def _by_people(store: CorpusStore, rows: pl.DataFrame, as_of: int | None) -> Mapping[str, Standing]:
    labels: dict[tuple[str, int, str], tuple[str, str]] = {}
    for payload in store.events("label", as_of)["payload"]:
        for row in json.loads(payload)["labels"]:
            labels[row["trajectory_id"], row["step"], row["by"]] = row["label"], row["note"]
    if not labels:
        return {}
    verdicts: dict[tuple[str, int], dict[str, tuple[str, str]]] = {}
    for (run, step, person), (label, note) in labels.items():
        verdicts.setdefault((run, step), {})[label] = person, note
    contradictions = {}
    for run, step, label, name in rows.select("trajectory_id", "step", "label", "id").iter_rows():
        if label is None:
            continue
        people = verdicts.get((run, step), {})
        # People who disagree with each other contradict nobody.
        if _OPPOSITE[label] in people and label not in people:
            person, note = people[_OPPOSITE[label]]
            contradictions[name] = Standing(
                "contradicted", person, note or f"a person calls step {step} {_OPPOSITE[label]}"
            )
    return contradictions
