"""The snapshot of a round: its views from the store, measured once and kept; made again where a kill lost it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from metrics.spectrum import effective_number
from synthdata.corpus import CorpusStore
from synthdata.corpus.rows import ViewVectors
from synthdata.gate.anchor import Anchor
from synthdata.gate.lexical import skeleton
from synthdata.gate.reference import Reference
from synthdata.judging.record import judge_rows
from synthdata.monitor.kept import Keeper, NumberFiles, made_anew
from synthdata.monitor.measure import measure, row
from synthdata.monitor.screens import screen_rows
from synthdata.monitor.status import real_share
from synthdata.monitor.sums import admitted_sums
from synthdata.monitor.views import AnyView, Rows, StoredView, View
from synthdata.protocols import Encoder, Vectors
from synthdata.records import Reason
from synthdata.settings import Settings

Row = dict[str, object]
_REFERENCE = "reference"


def ensure_snapshot(
    store: CorpusStore,
    anchor: Anchor,
    reference: Reference,
    encoder: Encoder,
    settings: Settings,
    number: int,
    vectors: Mapping[str, ViewVectors] | None = None,
) -> None:
    """Write the metrics of a round unless they are there.

    `vectors` are raw ones of the encoder, of candidates by id, of which those of contents are used; the others come
    from the cache or are made again.
    """
    if anchor.content is None or store.snapshots().filter(pl.col("round") == number).height:
        return
    columns = ["id", "content", "context", "verdict", "reason", "judged", "lineage_depth", "origin", "numbers"]
    now = store.decisions(columns, as_of=number, where=pl.col("round") == number)
    texts = now.filter(pl.col("content") != "")
    corpus = store.admitted(as_of=number, columns=["id", "round", "lineage_depth", "origin"])
    lens = Lens(anchor, encoder, settings.recipe.gate.alpha_outside)
    views = [
        *_of_round(texts, vectors or {}, lens),
        _of_corpus(store, corpus, number, lens),
    ]
    frames = {"raw": texts, "round": texts.filter(pl.col("verdict") == "admit"), "admitted": corpus}
    rows = _measured(views, lens, reference, settings, NumberFiles(store.derived_dir / _REFERENCE))
    rows += [*_outcome(frames), *_judged(now), row("admitted", "real_share", real_share(anchor, corpus))]
    rows += [*judge_rows(now, settings.recipe.judge.confidence), *screen_rows(store, number)]
    store.write_snapshot(number, rows)


def admitted_metrics(
    admitted: pl.DataFrame, anchor: Anchor, reference: Reference, encoder: Encoder, settings: Settings
) -> dict[str, float | None]:
    """What a snapshot would say of these rows (columns `content`, `context`, `origin`, `lineage_depth`) as admitted."""
    if anchor.content is None:
        return {}
    lens = Lens(anchor, encoder, settings.recipe.gate.alpha_outside)
    view = lens.view("admitted", admitted["content"].to_list(), admitted["context"].to_list())
    rows = _measured([view], lens, reference, settings)
    rows += [*_outcome({"admitted": admitted}), row("admitted", "real_share", real_share(anchor, admitted))]
    return {str(item["metric"]): item["value"] for item in rows if item["view"] == "admitted"}  # type: ignore[misc]


@dataclass(frozen=True)
class Lens:
    """How texts become rows of a view: the anchor's centre and cells, the encoder, the level of the outside test."""

    anchor: Anchor
    encoder: Encoder
    alpha: float

    def view(self, name: str, texts: Sequence[str], contexts: Sequence[str]) -> StoredView:
        """A view of texts in memory; those in which the encoder finds nothing are left out."""
        vectors = self.encoder.encode(texts)
        return self.encoded(name, texts, contexts, vectors)

    def encoded(self, name: str, texts: Sequence[str], contexts: Sequence[str], vectors: Vectors) -> StoredView:
        """The same of texts whose raw vectors are known."""
        content, norms = self.anchor.require_content().centred(vectors)
        live = np.flatnonzero(norms > 0)

        def read(rows: Rows) -> View:
            chosen = live[rows]
            some = [texts[i] for i in chosen], [contexts[i] for i in chosen]
            return self.rows(name, *some, vectors[chosen])

        return StoredView(name, len(live), read, lambda: effective_number(content[live]))

    def rows(self, name: str, texts: Sequence[str], contexts: Sequence[str], vectors: Vectors) -> View:
        """All of these texts with their raw vectors."""
        two = self.anchor.views == "two"
        content, _ = self.anchor.require_content().centred(vectors)
        located = self.anchor.context.locate(self.encoder.encode(contexts) if two else vectors, self.alpha)
        frames = [skeleton(text, context if two else "") for text, context in zip(texts, contexts, strict=True)]
        return View(name, content, located.cells, [text.lower().split() for text in texts], frames)


def _of_round(rows: pl.DataFrame, known: Mapping[str, ViewVectors], lens: Lens) -> tuple[StoredView, StoredView]:
    """The views `raw` and `round` of a round's rows with a text, encoded once for both, as far as not known."""
    texts, contexts = rows["content"].to_list(), rows["context"].to_list()
    vectors = _vectors(rows["id"].to_list(), texts, known, lens.encoder)
    chosen = np.flatnonzero((rows["verdict"] == "admit").to_numpy())
    mine = [texts[i] for i in chosen], [contexts[i] for i in chosen]
    return lens.encoded("raw", texts, contexts, vectors), lens.encoded("round", *mine, vectors[chosen])


def _vectors(ids: Sequence[str], texts: Sequence[str], known: Mapping[str, ViewVectors], encoder: Encoder) -> Vectors:
    """The raw vectors (n, d) of texts, by the encoder where their candidates' are not known."""
    at_hand = [known[name][1] if name in known else None for name in ids]
    absent = [i for i, vector in enumerate(at_hand) if vector is None]
    # Of no texts too the encoder says how wide a vector is: a round may have no row with a text.
    made = encoder.encode([texts[i] for i in absent])
    vectors = np.empty((len(ids), made.shape[1]), dtype=np.float32)
    vectors[absent] = made
    for i, vector in enumerate(at_hand):
        if vector is not None:
            vectors[i] = vector
    return vectors


def _of_corpus(store: CorpusStore, corpus: pl.DataFrame, number: int, lens: Lens) -> StoredView:
    """The view `admitted` after a round: sums that are carried from round to round, and texts of drawn rows alone."""

    def read(rows: Rows) -> View:
        wanted = corpus[rows].select("id", "round")
        columns = ["id", "round", "content", "context"]
        admitted = store.admitted(number, columns, pl.col("id").is_in(wanted["id"].implode()))
        drawn = wanted.join(admitted, on=["id", "round"], how="left", maintain_order="left")
        texts, contexts = drawn["content"].to_list(), drawn["context"].to_list()
        return lens.rows("admitted", texts, contexts, lens.encoder.encode(texts))

    return StoredView(
        "admitted", corpus.height, read, lambda: admitted_sums(store, corpus, lens.anchor, number).effective_number()
    )


def _measured(
    views: Sequence[AnyView], lens: Lens, reference: Reference, settings: Settings, keep: Keeper = made_anew
) -> list[Row]:
    """The views beside the set-aside reference."""
    aside = [item for item, held in zip(reference.rows, reference.heldout, strict=True) if held and item.content]
    heldout = None
    if aside:
        heldout = lens.view("reference_heldout", [item.content for item in aside], [item.context for item in aside])
    return measure(views, heldout, lens.anchor.context.real_shares(), settings.recipe.anchor.seed, keep)


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
