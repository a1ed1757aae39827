"""The snapshot of a round: its views from the store, measured once and kept; made again where a kill lost it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.gate.anchor import Anchor
from synthdata.gate.lexical import skeleton
from synthdata.gate.reference import Reference
from synthdata.judging.record import judge_rows
from synthdata.monitor.measure import View, measure, row
from synthdata.monitor.status import real_share
from synthdata.monitor.views import Computed
from synthdata.protocols import Encoder
from synthdata.records import Reason
from synthdata.settings import Settings

Row = dict[str, object]


def ensure_snapshot(
    store: CorpusStore, anchor: Anchor, reference: Reference, encoder: Encoder, settings: Settings, number: int
) -> None:
    """Write the metrics of a round unless they are there; vectors come from the cache or are made again."""
    if anchor.content is None or store.snapshots().filter(pl.col("round") == number).height:
        return
    columns = ["content", "context", "round", "verdict", "reason", "judged", "lineage_depth", "origin", "numbers"]
    now = store.decisions(columns, as_of=number, where=pl.col("round") == number)
    texts = now.filter(pl.col("content") != "")
    frames = {
        "raw": texts,
        "round": texts.filter(pl.col("verdict") == "admit"),
        "admitted": store.admitted(as_of=number, columns=columns),
    }
    views = [
        _view(name, frame["content"].to_list(), frame["context"].to_list(), anchor, encoder, settings)
        for name, frame in frames.items()
    ]
    rows = _measured(views, anchor, reference, encoder, settings)
    rows += [*_outcome(frames), *_judged(now), row("admitted", "real_share", real_share(anchor, frames["admitted"]))]
    rows += judge_rows(now, settings.recipe.judge.confidence)
    store.write_snapshot(number, rows)


def admitted_metrics(
    admitted: pl.DataFrame, anchor: Anchor, reference: Reference, encoder: Encoder, settings: Settings
) -> dict[str, float | None]:
    """What a snapshot would say of these rows (columns `content`, `context`, `origin`, `lineage_depth`) as admitted."""
    if anchor.content is None:
        return {}
    view = _view("admitted", admitted["content"].to_list(), admitted["context"].to_list(), anchor, encoder, settings)
    rows = _measured([view], anchor, reference, encoder, settings)
    rows += [*_outcome({"admitted": admitted}), row("admitted", "real_share", real_share(anchor, admitted))]
    return {str(item["metric"]): item["value"] for item in rows if item["view"] == "admitted"}  # type: ignore[misc]


def _measured(
    views: Sequence[View], anchor: Anchor, reference: Reference, encoder: Encoder, settings: Settings
) -> list[Row]:
    """The views beside the set-aside reference."""
    aside = [item for item, held in zip(reference.rows, reference.heldout, strict=True) if held and item.content]
    heldout = None
    if aside:
        contents, contexts = [item.content for item in aside], [item.context for item in aside]
        heldout = _view("reference_heldout", contents, contexts, anchor, encoder, settings)
    return measure(views, heldout, anchor.context.real_shares(), settings.recipe.anchor.seed)


def _view(
    name: str, texts: Sequence[str], contexts: Sequence[str], anchor: Anchor, encoder: Encoder, settings: Settings
) -> View:
    vectors = encoder.encode(texts)
    content, norms = anchor.require_content().centred(vectors)
    two, live = anchor.views == "two", norms > 0
    located = anchor.context.locate(encoder.encode(contexts) if two else vectors, settings.recipe.gate.alpha_outside)
    cells = located.cells[live]
    rows = [i for i, keep in enumerate(live) if keep]
    words = Computed(len(rows), lambda k: texts[rows[k]].lower().split())
    frames = Computed(len(rows), lambda k: skeleton(texts[rows[k]], contexts[rows[k]] if two else ""))
    return View(name, content[live], cells, words, frames)


def _outcome(frames: dict[str, pl.DataFrame]) -> list[Row]:
    """Lineage depth of every view: how many synthetic generations lie behind its rows."""
    rows: list[Row] = []
    for name, frame in frames.items():
        depths = frame["lineage_depth"].to_list()
        mean, deepest = (sum(depths) / len(depths), max(depths)) if depths else (None, None)
        note = "" if depths else "no rows"
        rows += [row(name, "lineage_depth", mean, note=note), row(name, "lineage_depth_max", deepest, note=note)]
    return rows


def _judged(now: pl.DataFrame) -> list[Row]:
    """Of the rows that a judge saw, the share that it let pass."""
    seen = now.filter(pl.col("judged") != "none")
    refused = seen.filter(pl.col("reason").is_in([str(Reason.JUDGE_REJECTED), str(Reason.JUDGE_ABSTAINED)]))
    rate = 1 - refused.height / seen.height if seen.height else None
    return [row("raw", "judge_pass_rate", rate, note="" if seen.height else "no row of this round was judged")]


def before_and_after(store: CorpusStore, number: int) -> tuple[dict[str, float], dict[str, float]]:
    """Metrics of the admitted view after the round before and after this one."""
    frame = store.snapshots().filter(pl.col("view") == "admitted")

    def of(wanted: int) -> dict[str, float]:
        rows = frame.filter(pl.col("round") == wanted)
        known = rows.drop_nulls("value")
        return dict(zip(known["metric"], known["value"], strict=True))

    return of(number - 1), of(number)
