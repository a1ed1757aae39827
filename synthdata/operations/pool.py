"""Anchors of silos that share no texts, pooled: what a corpus tells the others, and the anchor of the union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from synthdata.api import Corpus
from synthdata.corpus.sealed_files import sha256_of
from synthdata.errors import AnchorError, InputError
from synthdata.gate.anchor import Anchor, save_content, save_context
from synthdata.gate.pooling import (
    Silo,
    first_message,
    pooled,
    pooled_anchor,
    second_message,
    third_message,
)
from synthdata.gate.reference import save_reference
from synthdata.monitor.status import describe
from synthdata.operations.messages import Message, read_messages, write_message
from synthdata.operations.reanchor import last_reanchoring
from synthdata.records import content_hash


def silo_of(corpus: Corpus) -> Silo:
    """The calibrating rows of the current anchor's reference, as one silo of a pool.

    Raises:
        AnchorError: the anchor has no content half of real data.
    """
    anchor, reference = corpus.anchor, corpus.reference
    half = anchor.content
    if half is None or half.calibrated_from != "reference":
        raise AnchorError(f"anchor {anchor.number} holds no real contents, so that there is no floor to pool")
    use = ~reference.heldout
    rows = [row for row, keep in zip(reference.rows, use, strict=True) if keep]
    place = {row.id: i for i, row in enumerate(rows)}
    vectors = anchor.cell_vectors(reference.context, reference.content)
    contents = [row.content for row in rows]
    window = [place[name] for name in half.window_ids]
    tasks = [row.task_id or row.id for row in rows]
    taught = np.array([bool(text) for text in contents], dtype=bool)
    content = reference.content[use]
    return Silo(anchor.encoder, anchor.views, vectors[use], content, taught, tasks, contents, window, half.tau)


def next_message(corpus: Corpus, files: Sequence[Path]) -> Message:
    """What this silo says next, given the files of all silos so far: sums, then moments, then counts.

    Raises:
        InputError: a file is no message.
        AnchorError: the messages are not one of each silo, or this silo's own is missing among them.
    """
    silo, settings = silo_of(corpus), corpus.settings.recipe.anchor
    sums, moments, _ = read_messages(files)
    if not sums:
        return first_message(silo)
    if first_message(silo).id not in {one.id for one in sums}:
        raise AnchorError(f"{corpus.store.path}: its own first message is not among these files; give all silos' files")
    return third_message(silo, sums, moments) if moments else second_message(silo, sums, settings)


def share(corpus: Corpus, out: Path, files: Sequence[Path]) -> str:
    """Write this silo's next message; what it is, in words."""
    message = next_message(corpus, files)
    write_message(out, message)
    return {"Sums": "first", "Moments": "second", "Counts": "third"}[type(message).__name__]


def pool_anchor(corpus: Corpus, files: Sequence[Path], because: str) -> dict[str, object]:
    """Make the anchor of the union current, from the messages of all silos; facts of it and of what was before.

    Raises:
        InputError: no reason, or a file is no message.
        AnchorError: a silo's message is missing.
        LockedError: another process is writing.
    """
    if not because.strip():
        raise InputError("say why the corpus gets a pooled anchor, with --reason; the reason stays with the event")
    with corpus.store.writing() as store:
        request = content_hash("pool", because, *sorted(sha256_of(path) for path in files))
        earlier = last_reanchoring(store)
        if earlier.get("request") == request:
            return {name: earlier[name] for name in ("before", "after", "silos")} | {"repeated": True}
        old, gate = corpus.anchor, corpus.settings.recipe.gate
        union = pooled(*read_messages(files))
        made = pooled_anchor(_frozen(old), silo_of(corpus), union, old.number + 1, corpus.settings.recipe.anchor)
        with store.new_anchor(made.number) as folder:
            save_reference(folder, corpus.reference)
            save_content(folder, made.require_content())
            save_context(folder, made)
        facts = {"before": describe(old, gate), "after": describe(made, gate), "silos": len(union.windows)}
        payload: dict[str, object] = {"because": because, "request": request, "pooled": True, **facts}
        payload |= {"drift": 0.0, "carried": False}
        store.append_event("reanchor", str(made.number), payload, store.latest_round())
        store.set_anchor(made.number)
    return dict(facts)


def _frozen(anchor: Anchor) -> Anchor:
    """The anchor without its epochs: a pooled one does not live, since its shares are those of the union."""
    return replace(anchor, context=replace(anchor.context, epoch=0, stream_counts=None))
