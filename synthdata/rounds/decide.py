"""A round against a stored corpus: restore the gate's state, decide, and compare what was decided with the tables."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from synthdata.corpus import CorpusStore, to_candidate
from synthdata.corpus.derived import publish, sweep
from synthdata.corpus.releases import frozen_because
from synthdata.errors import CorruptStoreError
from synthdata.gate.anchor import Anchor, load_anchor
from synthdata.gate.collision import CollisionBudget
from synthdata.gate.heldout import HeldOut
from synthdata.gate.reference import Reference, load_reference
from synthdata.gate.round import decide
from synthdata.gate.saved import open_state, save_state, state_name
from synthdata.gate.state import RESTORED_AT_ONCE, GateState, Reject
from synthdata.protocols import Progress, Vectors
from synthdata.records import Candidate, Decision
from synthdata.settings import Recipe, Settings

# Saved states stand under how many rows they hold: later versions of the table only add to them.
_STATES = "gate"
_LOG = logging.getLogger(__name__)
RowVectors = Mapping[str, tuple[Vectors | None, Vectors | None]]
# Stages after which a row keeps its vectors: those that looked at them.
UNSEEN = frozenset({"provenance", "floor", "contaminated", "exact", "fluency"})


def restore(
    store: CorpusStore, anchor: Anchor, reference: Reference, recipe: Recipe, admitted: pl.DataFrame | None = None
) -> GateState:
    """The gate's state as the corpus on disk implies it, or as these `admitted` rows of `decisions` would.

    Of the rows on disk whole thousands are kept as a saved state, which is opened if its ids are those of the table.
    """
    if admitted is None:
        state = _restored(store, anchor, reference, recipe)
    else:
        state = GateState(anchor, reference, recipe.gate)
        _enter(state, store, admitted)
    state.heldout = HeldOut.load(store.heldout_dir, recipe.gate)
    return state


def _restored(store: CorpusStore, anchor: Anchor, reference: Reference, recipe: Recipe) -> GateState:
    states, name = store.derived_dir / _STATES, state_name(anchor, recipe.gate)
    ids = store.admitted(columns=["id"])["id"].to_list()
    state = _opened(states, anchor, recipe, name, ids) or GateState(anchor, reference, recipe.gate)
    kept, whole = state.admitted, len(ids) // RESTORED_AT_ONCE * RESTORED_AT_ONCE
    if kept == len(ids):
        return state
    rows = store.admitted()
    _enter(state, store, rows[kept:whole])
    if whole > kept:
        # A cache: a disk that is full or read-only costs the next reader the time to make it again.
        with suppress(OSError):
            publish(states, whole, name, lambda folder: save_state(state, folder))
            sweep(states, whole)
    _enter(state, store, rows[whole:])
    return state


def _opened(states: Path, anchor: Anchor, recipe: Recipe, name: str, ids: list[str]) -> GateState | None:
    """The newest saved state whose rows are the first of these ids."""
    for folder in sorted(states.glob(f"*/{name}"), reverse=True):
        try:
            state = open_state(folder, anchor, recipe.gate)
        except CorruptStoreError as error:
            _LOG.warning("the gate's saved state is made again from the table: %s", error)
            shutil.rmtree(folder, ignore_errors=True)
            continue
        held = state.history.ids[len(state.history) - state.admitted :]
        if held == ids[: len(held)]:
            return state
        _LOG.info("%s: rows have left the corpus since; the gate's state is made again from the table", folder)
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _enter(state: GateState, store: CorpusStore, rows: pl.DataFrame) -> None:
    if rows.height:
        content = store.vectors(rows, "content")
        context = store.vectors(rows, "context") if store.views == "two" else content
        state.restore([to_candidate(row) for row in rows.iter_rows(named=True)], context, content)


def order_texts(anchor: Anchor, reference: Reference) -> list[str]:
    """The real contents that the canonical order looks at; none where the anchor was filled by a generator."""
    assert anchor.content is not None
    real = anchor.content.calibrated_from == "reference"
    return [row.content for row in reference.rows if row.content] if real else []


def decide_round(
    state: GateState,
    candidates: Sequence[Candidate],
    vectors: tuple[Vectors, Vectors],
    refused: Mapping[str, Reject],
    texts: Sequence[str],
    progress: Progress,
) -> tuple[list[Decision], RowVectors]:
    """Decisions in canonical order, and the raw (context, content) vectors of the rows whose vectors were looked at."""
    context, content = vectors
    state.floor = refused
    decisions = decide(candidates, context, content, state, texts, progress)
    place = {candidate.id: i for i, candidate in enumerate(candidates)}
    kept = {}
    for decision in decisions:
        if decision.stage not in UNSEEN:
            i = place[decision.candidate.id]
            kept[decision.candidate.id] = (context[i] if state.anchor.views == "two" else None, content[i])
    return decisions, kept


def recheck(store: CorpusStore) -> list[str]:
    """Make the gate's state again from the tables alone and say where it contradicts what decisions recorded.

    Derived files are dropped first, so that everything which follows comes from the tables.
    """
    recipe = Settings.from_dict(store.settings, where=str(store.path)).recipe
    anchor = load_anchor(store.anchor_dir())
    if anchor.content is None:
        return []
    for path in sorted(store.derived_dir.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    state = restore(store, anchor, load_reference(store.anchor_dir()), recipe, store.admitted())
    rows = store.admitted(columns=["id", "cell", "anchor"]).filter(pl.col("anchor") == anchor.number)
    restored = dict(zip(state.history.ids, state.history.cells, strict=True))
    findings = [
        f"row {row['id']}: stands in cell {restored[row['id']]}, was decided in cell {row['cell']}"
        for row in rows.iter_rows(named=True)
        if restored[row["id"]] != row["cell"]
    ]
    limit = max(state.collision_max, CollisionBudget(anchor.content).collision())
    collision = state.corpus_scope.collision()
    real = store.admitted(columns=["origin"]).filter(pl.col("origin") == "real").height
    # A retraction may lose the floor; it says so and freezes the corpus, which is no damage.
    if collision > limit and not real and frozen_because(store) is None:
        findings.append(f"collision of the window and the corpus is {collision:.6f}, over its budget {limit:.6f}")
    return findings


def before_and_after(store: CorpusStore, number: int) -> tuple[dict[str, float], dict[str, float]]:
    """Metrics of the admitted view after the round before and after this one."""
    frame = store.snapshots().filter(pl.col("view") == "admitted")

    def of(wanted: int) -> dict[str, float]:
        rows = frame.filter(pl.col("round") == wanted)
        known = rows.drop_nulls("value")
        return dict(zip(known["metric"], known["value"], strict=True))

    return of(number - 1), of(number)
