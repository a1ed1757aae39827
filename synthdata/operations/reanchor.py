"""A corpus' anchor after its beginning: a new one on newer real data, and rows that were trained on before any gate.

An anchor is immutable: `reanchor` writes another beside it. Verdicts stay as they are; what was refused under the old
anchor may be asked again under the new one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from metrics.entropy import jensen_shannon
from synthdata.api import Corpus
from synthdata.corpus import CorpusStore
from synthdata.errors import InputError
from synthdata.gate.anchor import Anchor, AnchorHeader, save_content, save_context
from synthdata.gate.calibrate import calibrate
from synthdata.gate.reference import Reference, ReferenceRow, clean, save_reference
from synthdata.monitor.snapshot import before_and_after, ensure_snapshot
from synthdata.monitor.status import describe
from synthdata.protocols import Progress, no_progress
from synthdata.records import Candidate, Decision, Verdict, content_hash
from synthdata.records.report import RoundReport
from synthdata.rounds.coerce import ReferenceLike
from synthdata.rounds.steps import encode_reference, reference_rows
from synthdata.rounds.unreadable import readable_rows


@dataclass(frozen=True)
class Reanchoring:
    """Facts of both anchors, and how far real experience has moved between their references.

    `repeated` says that the same request was carried out earlier, and nothing was done now. `drift` is the Jensen-
    Shannon divergence, in nats, of the old and the new reference's shares of the new cells; `carried` says that the
    content half is the old one, because the new reference holds too few contents.
    """

    before: dict[str, object]
    after: dict[str, object]
    drift: float
    carried: bool
    repeated: bool = False


def reanchor(
    corpus: Corpus,
    reference: Path | str | Sequence[ReferenceLike],
    because: str,
    *,
    keep: bool = True,
    progress: Progress = no_progress,
) -> Reanchoring:
    """Calibrate a new anchor from real data and make it current; with `keep` the old reference stays in the mix.

    A half that the first round had filled becomes one of real data as soon as there are enough real contents. The
    encoder stays: stored vectors of admitted rows are compared with the new anchor's.

    Raises:
        InputError: no reason, or rows without the view that the corpus has.
        AnchorError: too few distinct rows, or another encoder in the settings.
        LockedError: another process is writing.
    """
    if not because.strip():
        raise InputError("say why the corpus gets a new anchor, with --reason; the reason stays with the event")
    with corpus.store.writing() as store:
        rows = _new_rows(reference_rows(reference, corpus.settings), store.views)
        request = content_hash("reanchor", because, str(keep), *sorted(row.id for row in rows))
        earlier = last_reanchoring(store)
        if earlier.get("request") == request:
            facts = {name: earlier[name] for name in ("before", "after", "drift", "carried")}
            return Reanchoring(**facts, repeated=True)
        old, known = corpus.anchor, corpus.reference
        rows = readable_rows(rows, corpus.encoder, corpus.settings.recipe.encoder)
        with progress("embedding", 2 * len(rows)) as advance:
            fresh = encode_reference(rows, corpus.encoder, advance)
        if keep:
            rows = [*known.rows, *rows]
            fresh = np.vstack([known.context, fresh[0]]), np.vstack([known.content, fresh[1]])
        recipe = corpus.settings.recipe
        with progress("calibrating", 2) as advance:
            cleaned = clean(rows, *fresh, recipe.anchor, recipe.gate, old.cut)
            advance(1)
            header = AnchorHeader(old.number + 1, old.views, old.encoder, old.preamble)
            made = calibrate(cleaned, header, recipe.anchor, corpus.likelihood, advance)
            advance(1)
        carried = made.content is None and old.content is not None
        made = replace(made, content=old.content) if carried else made
        gate = recipe.gate
        done = Reanchoring(describe(old, gate), describe(made, gate), _drift(made, known, cleaned), carried)
        _write(corpus, made, cleaned)
        payload: dict[str, object] = {"because": because, "kept_old_reference": keep, "request": request}
        _make_current(store, done, made.number, payload)
    return done


def last_reanchoring(store: CorpusStore) -> dict[str, Any]:
    """What the last new anchor's event says, nothing without one; where a kill kept it from becoming current it does.

    The caller holds the writer lock.
    """
    events = store.events("reanchor").select("key", "payload")
    if events.is_empty():
        return {}
    number = int(events["key"].item(-1))
    if number > store.anchor:
        store.set_anchor(number)
    return dict(json.loads(events["payload"].item(-1)))


def _make_current(store: CorpusStore, done: Reanchoring, number: int, event: dict[str, object]) -> None:
    payload = event | {"before": done.before, "after": done.after, "drift": done.drift, "carried": done.carried}
    store.append_event("reanchor", str(number), payload, store.latest_round())
    store.set_anchor(number)


def inherit(corpus: Corpus, rows: Sequence[Candidate], *, progress: Progress = no_progress) -> RoundReport:
    """Enter rows that a model was trained on before there was a gate, as the corpus' first round, without deciding.

    What follows is measured against them too: where they repeat themselves, collision starts over its budget, and
    every later admission must lower it or leave it (docs/design.md, section 5).

    Raises:
        InputError: no rows, a corpus that has rounds, or one whose content half is open.
        LockedError: another process is writing.
    """
    with corpus.store.writing() as store:
        anchor = corpus.anchor
        if store.latest_round():
            raise InputError(f"{store.path}: has rounds already; rows are inherited before the first one")
        if anchor.content is None:
            raise InputError(
                f"{store.path}: its reference holds no contents, so inherited rows cannot be measured against real "
                "ones; give `init` a reference with contents"
            )
        distinct = list({row.id: row for row in rows}.values())
        if not distinct:
            raise InputError("nothing to inherit: no readable row")
        with progress("embedding what is inherited", len(distinct)) as advance:
            content = corpus.encode([row.content for row in distinct], advance)
        context = corpus.encode([row.context for row in distinct]) if store.views == "two" else content
        located = anchor.context.locate(
            anchor.cell_vectors(context, content), corpus.settings.recipe.gate.alpha_outside
        )
        _, norms = anchor.require_content().centred(content)
        seen = zip(distinct, located.cells.tolist(), located.cosines.tolist(), norms.tolist(), strict=True)
        decisions = [
            Decision(row, Verdict.ADMIT, "inherit", cell=cell, numbers={"cell_cosine": cosine, "content_norm": norm})
            for row, cell, cosine, norm in seen
        ]
        vectors = {row.id: (context[i] if store.views == "two" else None, content[i]) for i, row in enumerate(distinct)}
        recipe = corpus.settings.recipe.decision_fingerprint()
        key = content_hash("inherit", *sorted(row.id for row in distinct), length=64)
        number = store.commit_round(
            decisions, vectors, round_key=key, recipe=recipe, anchor=store.anchor, kind="inherit"
        )
        ensure_snapshot(store, anchor, corpus.reference, corpus.encoder, corpus.settings, number)
        before, after = before_and_after(store, number)
        return RoundReport(number, decisions, 0, False, before, after)


def _new_rows(rows: Sequence[ReferenceRow], views: str) -> list[ReferenceRow]:
    if views == "one":
        bare = sum(not row.content for row in rows)
        if bare:
            raise InputError(f"{bare} of {len(rows)} new reference rows have no content, which a one-view corpus needs")
        return [replace(row, context="") for row in rows]
    bare = sum(not row.context for row in rows)
    if bare:
        raise InputError(f"{bare} of {len(rows)} new reference rows have no context, which a two-view corpus needs")
    return list(rows)


def _drift(made: Anchor, old: Reference, new: Reference) -> float:
    """Between the shares that both references have in the new cells."""

    def counts(reference: Reference) -> Any:  # noqa: ANN401 - an array of counts
        labels, _ = made.context.nearest(made.cell_vectors(reference.context, reference.content))
        return np.bincount(labels, minlength=len(made.context.centroids))

    return float(jensen_shannon(counts(old), counts(new)))


def _write(corpus: Corpus, made: Anchor, cleaned: Reference) -> None:
    with corpus.store.new_anchor(made.number) as part:
        save_reference(part, cleaned)
        if made.content is not None:
            save_content(part, made.content)
        save_context(part, made)
