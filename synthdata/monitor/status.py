"""What a corpus says of itself: `status` and `explain`, read from the store alone, without encoder or gate."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from typing import Any

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.corpus.events import REMOVING
from synthdata.corpus.releases import frozen_because
from synthdata.errors import InputError, SynthdataError
from synthdata.gate.anchor import Anchor
from synthdata.gate.epochs import current_anchor, epoch_events
from synthdata.gate.novelty import level
from synthdata.io.files import atomic_write, parsed_json
from synthdata.judging.record import judge_alarms, judged_by
from synthdata.monitor.alarms import RoundHistory, trend_alarms
from synthdata.monitor.screen_vectors import owed_note
from synthdata.monitor.screens import row_pictures
from synthdata.monitor.starved import starved_by
from synthdata.monitor.stream import epoch_facts, recent_outside
from synthdata.monitor.tally import rounds_of, tally, total
from synthdata.monitor.ticks import tick_facts
from synthdata.settings import GateSettings, Settings
from synthdata.text.numbers import counted, percent

Facts = dict[str, Any]
_LOG = logging.getLogger(__name__)
LAST_CALL = "last_call.json"


def status(store: CorpusStore, as_of: int | None = None) -> Facts:
    """The facts of `status --json`; over all rounds, candidates = admitted + rejected + quarantined.

    `admitted` counts verdicts; `in_corpus` is what is left of them after retraction and eviction.
    """
    counted = tally(store, as_of)
    verdicts = total(counted, "verdict")
    corpus = _standing(store, counted, as_of)
    anchor = current_anchor(store, as_of=as_of)
    snapshots = store.snapshots(as_of)
    frozen = frozen_because(store)
    ticked = tick_facts(store.path)
    settings = Settings.from_dict(store.settings, where=str(store.path))
    recipe = settings.recipe
    last = int(counted["round"].max() or 0)  # type: ignore[arg-type]
    now = counted.filter(pl.col("round") == last)
    return {
        "round": last,
        "version": store.decisions_table.version(),
        "experience": store.experience_count(),
        "admitted": verdicts.get("admit", 0),
        "in_corpus": int(corpus["rows"].sum()),
        "candidates": int(counted["rows"].sum()),
        "rejected": total(counted.filter(pl.col("verdict") == "reject"), "reason"),
        "quarantined": verdicts.get("quarantine", 0),
        "already_decided": _last_call(store),
        "real_share": _share_of_real(anchor, int(corpus["rows"].sum()), total(corpus, "origin").get("real", 0)),
        "judged": judged_by(total(corpus, "judged")),
        "anchor": describe(anchor, recipe.gate),
        "epoch": epoch_facts(store, anchor, as_of),
        "real_outside": recent_outside(store, anchor, recipe, as_of),
        "metrics": _after_removal(store, last, as_of, _values(snapshots, last, "value")),
        "intervals": _intervals(snapshots, last),
        "absent": _values(snapshots, last, "note") | owed_note(snapshots, last, settings.runtime.image_encoder),
        "trend": trend(snapshots),
        "rounds": rounds_of(counted).select("round", "candidates", "admit", "reject", "quarantine").to_dicts(),
        "sources": sources_of(counted),
        "starved": starved_by(
            total(now.filter(pl.col("verdict") == "reject"), "reason"), total(now, "verdict").get("admit", 0)
        ),
        "healthy_rounds": settings.runtime.alarms.healthy_rounds,
        "alarms": alarms_of(store, snapshots, anchor),
        "steering": _steered(store, as_of),
        "schedule": asdict(ticked) | {"alarm": ticked.alarm},
        "frozen": frozen is not None,
        "frozen_because": frozen,
    }


def alarms_of(store: CorpusStore, snapshots: pl.DataFrame, anchor: Anchor) -> list[Facts]:
    """What the judges and the trend of the raw view raise, by round."""
    settings = Settings.from_dict(store.settings, where=str(store.path))
    half = anchor.content
    reference = 1 / half.collision if half is not None and half.collision else float("nan")
    rounds = rounds_of(tally(store)).filter(pl.col("kind") != "inherit")
    anchors = dict(rounds.select("round", "anchor").iter_rows())
    epochs = [event for number in set(anchors.values()) for event in epoch_events(store, number)]
    # Epochs of older versions do not say whether a change was what they began for.
    changes = frozenset(int(epoch["round"]) for epoch in epochs if epoch.get("changed"))
    course = RoundHistory(anchors, frozenset(store.events("unfreeze")["round"]), changes)
    trend_ = trend_alarms(snapshots, reference, settings.runtime.alarms, course)
    return sorted(judge_alarms(snapshots, settings.recipe.judge) + trend_, key=lambda alarm: int(alarm["round"]))


def _standing(store: CorpusStore, counted: pl.DataFrame, as_of: int | None) -> pl.DataFrame:
    """Admitted rows that no event removed, counted as `rows` by origin and judge."""
    if store.events(as_of=as_of)["kind"].is_in(REMOVING).any():
        # Which rows are gone is told by their ids alone.
        return store.admitted(as_of, ["origin", "judged"]).group_by("origin", "judged").agg(rows=pl.len())
    return counted.filter(pl.col("verdict") == "admit").group_by("origin", "judged").agg(pl.col("rows").sum())


def _steered(store: CorpusStore, as_of: int | None) -> Facts | None:
    """What the last steered round was steered by."""
    events = store.events("steering", as_of)
    return json.loads(events["payload"].item(-1)) if events.height else None


def _after_removal(store: CorpusStore, last: int, as_of: int | None, metrics: Facts) -> Facts:
    """The metrics of a round; those of the admitted rows as the last retraction or eviction after it left them."""
    events = store.events(as_of=as_of).filter((pl.col("round") == last) & pl.col("kind").is_in(REMOVING))
    left = json.loads(events["payload"].item(-1)).get("metrics") if events.height else None
    return metrics | {"admitted": left} if left else metrics


def describe(anchor: Anchor, gate: GateSettings) -> Facts:
    """An anchor as plain facts; N2 of the reference, the floor that the corpus is held on, the promise to genuine rows.

    `outside_level` is the share of exchangeable rows that the test of contexts refuses at most, over references;
    `outside_upper` bounds it for 95 of 100 references of `outside_tasks` tasks. Both are 0 under `outside_needed`
    tasks, where nothing is called outside.
    """
    facts: Facts = {
        "number": anchor.number,
        "fingerprint": anchor.fingerprint,
        "views": anchor.views,
        "encoder": anchor.encoder,
        "cells": len(anchor.context.centroids),
        "rows": int(anchor.context.real_counts.sum()),
        "heldout_rows": anchor.heldout_rows,
        "copies_dropped": sum(anchor.cleaned.values()),
        "calibrated_from": "nothing yet: the first round fills the content half",
    }
    novelty = anchor.context.novelty
    if novelty is not None:
        worth = level(gate.alpha_outside, novelty.scale.tasks, gate.quota_confidence)
        facts |= {
            "false_refusal": gate.false_refusal,
            "outside_alpha": worth.alpha,
            "outside_tasks": worth.tasks,
            "outside_level": worth.refused,
            "outside_upper": worth.upper,
            "outside_needed": worth.needed,
        }
    half = anchor.content
    if half is not None:
        facts |= {
            "calibrated_from": half.calibrated_from,
            "n2_reference": 1 / half.collision if half.collision else float("inf"),
            "n2_floor": 1 / half.collision_max if half.collision_max else float("inf"),
            "collision_max": half.collision_max,
            "tau": half.tau,
        }
        if half.fluency is not None:
            facts |= {"fluency_low": half.fluency.low, "fluency_high": half.fluency.high}
    return facts


def promise_note(anchor: Facts) -> str:
    """What a genuine row may expect of the statistical stages, with what it is worth for this reference."""
    if "false_refusal" not in anchor:
        return "This anchor is of an older version, without a promise to genuine rows; `reanchor` makes one."
    promise = (
        f"The gate refuses at most {percent(anchor['false_refusal'])} of rows that are like the reference. In it are "
        f"{percent(anchor['outside_alpha'])} for contexts that seem to lie outside the reference"
    )
    if not anchor["outside_upper"]:
        few = f"that test needs {anchor['outside_needed']} different tasks and the reference has"
        return f"{promise}: {few} {anchor['outside_tasks']}, so nothing is refused as outside."
    return (
        f"{promise}: with its {anchor['outside_tasks']} tasks {percent(anchor['outside_level'])}, and under "
        f"{percent(anchor['outside_upper'])} for 95 of 100 such references."
    )


def floor_note(anchor: Facts) -> str:
    """What the floor is relative to, in one sentence that status, dataset card and pages share."""
    if anchor["calibrated_from"] == "reference":
        return "The diversity floor is relative to real data."
    if anchor["calibrated_from"] == "generator":
        return "The diversity floor is relative to the first round, not to real data."
    return "There is no diversity floor yet: the first round will set it from its own candidates, not from real data."


def steering_note(event: Facts) -> str:
    """What a round's steering changed and why, in a few sentences."""
    parts = []
    focuses = sum(len(steps) for steps in event["focuses"].values())
    if event["under_covered"]:
        emptiest = ", ".join(str(cell["cell"]) for cell in event["cells"][:5])
        runs = counted(len(event["focuses"]), "run")
        holding = "1 cell holds" if event["under_covered"] == 1 else f"{event['under_covered']} cells hold"
        parts.append(
            f"{holding} too little of the real share (emptiest: {emptiest}), for which {counted(focuses, 'step')} in "
            f"{runs} came into focus"
        )
    if event["level"] != "calm":
        parts.append(
            f"{event['level']} ({', '.join(event['because'])}): samples warmer by {event['warmer']:g}, another angle, "
            f"{event['known_lessons']} known lessons shown, at most {percent(event['dream_share'])} of the focuses "
            f"outside all cells, real share of exports at least {percent(event['real_share'])}"
        )
    return f"Round {event['round']} was steered: {'; '.join(parts)}."


def explain(store: CorpusStore, name: str) -> Facts:
    """Everything about one candidate: its text, verdict, numbers, neighbour and, for a reflection, its step.

    `run_notes` are what the reader of its run repaired or left out, there and in its steps.

    Raises:
        InputError: no candidate, or several, of that name.
    """
    row = store.decision(name)
    if row is None:
        raise InputError(
            f"{name}: no row with this id, beginning of an id or id of its own; `explain` without an id lists some"
        )
    keep = (
        "id",
        "external_id",
        "round",
        "position",
        "verdict",
        "stage",
        "reason",
        "score",
        "threshold",
        "detail",
        "judged",
    )
    facts = {key: row[key] for key in keep} | {"content": row["content"], "context": row["context"]}
    # A cosine of -1 says that there was no text to compare with.
    seen = {item["name"]: item["value"] for item in row["numbers"] or []}
    facts["numbers"] = {name: value for name, value in seen.items() if (name, value) != ("cosine", -1.0)}
    facts |= {key: row[key] for key in ("cell", "source", "task_id", "trajectory_id", "generator", "sample_index")}
    facts["neighbour"] = {"id": row["neighbour_id"], "content": row["neighbour_text"]} if row["neighbour_id"] else None
    facts["payload"] = json.loads(row["payload"]) if row["payload"] else None
    facts["pictures"] = row_pictures(store, row)
    facts["run_notes"] = _run_notes(store, row["trajectory_id"])
    return facts


def refused_rows(store: CorpusStore, each: int) -> list[Facts]:
    """The newest `each` refused rows of every reason, by reason, as `round, id, reason, content, context`."""
    columns = ["round", "row", "id", "reason"]
    refused = store.decisions(columns, where=pl.col("verdict") == "reject").sort(
        "round", "row", descending=[True, False]
    )
    chosen = refused.group_by("reason", maintain_order=True).head(each).sort("reason", "round", maintain_order=True)
    where = pl.col("round").is_in(chosen["round"].unique().to_list()) & pl.col("id").is_in(chosen["id"].to_list())
    texts = store.decisions(["round", "row", "content", "context"], where=where)
    return chosen.join(texts, on=["round", "row"], how="left", maintain_order="left").drop("row").to_dicts()


def _run_notes(store: CorpusStore, name: str) -> list[str]:
    if not name:
        return []
    try:
        (run,) = store.trajectories([name])
    except SynthdataError:
        # Candidates from a file may name runs that this corpus has never read.
        return []
    return [*run.notes, *(f"step {step.idx}: {note}" for step in run.steps for note in step.notes)]


def real_share(anchor: Anchor, corpus: pl.DataFrame) -> float:
    """Real rows among reference and admitted rows, by distinct rows."""
    return _share_of_real(anchor, corpus.height, corpus.filter(pl.col("origin") == "real").height)


def _share_of_real(anchor: Anchor, admitted: int, admitted_real: int) -> float:
    real = int(anchor.context.real_counts.sum()) + anchor.heldout_rows
    return (real + admitted_real) / (real + admitted)


def _values(snapshots: pl.DataFrame, number: int, column: str) -> dict[str, dict[str, Any]]:
    """One column of a round's snapshot by view and metric; `value` is there for all metrics, a note for the absent."""
    frame = snapshots.filter(pl.col("round") == number)
    if column == "note":
        frame = frame.filter(pl.col("value").is_null())
    values: dict[str, dict[str, Any]] = {}
    for view, metric, value in frame.select("view", "metric", column).iter_rows():
        values.setdefault(view, {})[metric] = value
    return values


def _intervals(snapshots: pl.DataFrame, number: int) -> dict[str, dict[str, list[float]]]:
    frame = snapshots.filter((pl.col("round") == number) & pl.col("low").is_not_null())
    intervals: dict[str, dict[str, list[float]]] = {}
    for view, metric, low, high in frame.select("view", "metric", "low", "high").iter_rows():
        intervals.setdefault(view, {})[metric] = [low, high]
    return intervals


def trend(snapshots: pl.DataFrame) -> list[Facts]:
    """What came out of the generator, round by round: value and where real text would lie, by metric."""
    rows: dict[int, Facts] = {}
    frame = snapshots.filter(pl.col("view") == "raw").sort("round")
    for number, metric, value, low, high in frame.select("round", "metric", "value", "low", "high").iter_rows():
        rows.setdefault(number, {"round": number})[metric] = {"value": value, "low": low, "high": high}
    return list(rows.values())


def sources_of(counted: pl.DataFrame) -> list[Facts]:
    """Candidates by the source that they name, the one of which the smallest share was admitted first.

    `counted` are decisions as `tally` has them. `reason` is why most of the others fell, None where none did.
    """
    refused = pl.col("verdict") != "admit"
    fell = counted.filter(refused & pl.col("reason").is_not_null())
    by_reason = fell.group_by("source", "reason").agg(pl.col("rows").sum())
    commonest = by_reason.sort("rows", "reason", descending=[True, False]).group_by("source").agg(pl.first("reason"))
    grouped = counted.group_by("source").agg(
        candidates=pl.col("rows").sum(), admitted=pl.col("rows").filter(~refused).sum()
    )
    share = (pl.col("admitted") / pl.col("candidates")).alias("share")
    named = grouped.join(commonest, on="source", how="left", nulls_equal=True).with_columns(share)
    return named.sort("share", "source").to_dicts()


def _last_call(store: CorpusStore) -> int:
    path = store.derived_dir / LAST_CALL
    try:
        return int(parsed_json(path.read_text(encoding="utf-8"))["already_decided"]) if path.exists() else 0
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        _LOG.warning("%s: cannot be read (%s); the next round writes it again", path, error)
        return 0


def note_last_call(store: CorpusStore, already_decided: int) -> None:
    """Remember how many candidates of this call were decided before; only `status` reads it, and it may be lost."""
    atomic_write(store.derived_dir / LAST_CALL, json.dumps({"already_decided": already_decided}))
