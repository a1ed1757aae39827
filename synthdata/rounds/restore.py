"""The gate of a stored corpus: its memory opened from a saved state or made again from the tables, and checked."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from synthdata.corpus import CorpusStore, to_candidate
from synthdata.corpus.derived import publish, sweep
from synthdata.corpus.releases import frozen_because
from synthdata.corpus.verify import Violation
from synthdata.errors import CorruptStoreError
from synthdata.gate.anchor import Anchor, ContentCalibration, load_anchor, save_content
from synthdata.gate.collision import CollisionBudget
from synthdata.gate.epochs import current_anchor, epoch_events, stream_contents
from synthdata.gate.fluency import Likelihood
from synthdata.gate.heldout import HeldOut
from synthdata.gate.reference import Reference, load_reference
from synthdata.gate.saved import open_memory, save_memory, state_name
from synthdata.gate.state import RESTORED_AT_ONCE, GateState, Memory
from synthdata.settings import Recipe, Settings

# Saved states stand under how many rows they hold: later versions of the table only add to them.
_STATES = "gate"
# A memory is written whole, 3.6 kB a row, and a row that it lacks costs a quarter of a millisecond in every round. It
# is written again for so many rows more as balance the two, a sixteenth of it within these bounds.
_FEWEST, _MOST = RESTORED_AT_ONCE, 16 * RESTORED_AT_ONCE
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class CorpusGate:
    """What the decisions of a corpus stand on: its store, its anchor with the reference rows, and the recipe.

    `likelihood` is the language model of the fluency stage, None where the recipe names none.
    """

    store: CorpusStore
    anchor: Anchor
    reference: Reference
    recipe: Recipe
    likelihood: Likelihood | None = None

    def calibrated(self, content: ContentCalibration) -> CorpusGate:
        """The same gate with the content half that the first round made, which is written to the anchor's folder."""
        if self.store.admitted(columns=["anchor"])["anchor"].is_in([self.anchor.number]).any():
            raise CorruptStoreError(
                f"{self.store.anchor_dir()}: its content half is missing, and rows were admitted under it; restore it "
                "from a copy"
            )
        with self.store.adding(self.store.anchor_dir()) as part:
            save_content(part, content)
        filled = load_anchor(self.store.anchor_dir()).content
        return replace(self, anchor=replace(self.anchor, content=filled))

    def stream_contents(self) -> list[str]:
        """The contents of the real rows that the anchor's epochs have taken in, in their order."""
        return stream_contents(self.store, self.anchor)

    def state(self, history: pl.DataFrame | None = None) -> GateState:
        """The gate's state as the corpus on disk implies it, or as these rows of `decisions` would."""
        return restore(self, history)


def restore(gate: CorpusGate, admitted: pl.DataFrame | None = None) -> GateState:
    """The gate's state as the corpus on disk implies it, or as these `admitted` rows of `decisions` would.

    The reference and whole blocks of the rows on disk are kept as a saved memory, which is opened if its ids are those
    of the table.
    """
    if admitted is not None:
        state = _fresh(gate)
        _enter(state, gate.store, admitted)
        return state
    store, folder = gate.store, gate.store.derived_dir / _STATES
    name = state_name(gate.anchor, gate.recipe.gate)
    index = store.admitted(columns=["id", "round"])
    ids = index["id"]
    memory = _opened(folder, gate, name, ids)
    state = _fresh(gate) if memory is None else _over(gate, memory)
    kept, whole = state.admitted, len(ids) // RESTORED_AT_ONCE * RESTORED_AT_ONCE
    if memory is None and not whole:
        _keep(state.memory(), folder, 0, name)
    if kept == len(ids):
        return state
    # Rows come in order of their rounds, and files are pruned by these: only what is not in memory is read.
    rows = store.admitted(where=pl.col("round") >= index["round"][kept]).filter(
        pl.col("id").is_in(ids[kept:].implode())
    )
    ahead = max(0, whole - kept)
    _enter(state, store, rows[:ahead])
    if ahead >= min(max(kept // 16, _FEWEST), _MOST):
        _keep(state.memory(), folder, whole, name)
    _enter(state, store, rows[ahead:])
    return state


def _heldout(gate: CorpusGate) -> HeldOut:
    return HeldOut.load(gate.store.heldout_dir, gate.recipe.gate)


def _fresh(gate: CorpusGate) -> GateState:
    return GateState(gate.anchor, gate.reference, gate.recipe.gate, _heldout(gate), gate.likelihood)


def _over(gate: CorpusGate, memory: Memory) -> GateState:
    return GateState.from_parts(gate.anchor, gate.recipe.gate, memory, _heldout(gate), gate.likelihood)


def _keep(memory: Memory, folder: Path, rows: int, name: str) -> None:
    try:
        publish(folder, rows, name, lambda part: save_memory(memory, part))
        sweep(folder, rows)
    except OSError as error:
        # A cache: the next reader takes the time to make it again, and somebody should know why.
        _LOG.warning("%s: the gate's memory cannot be kept, so that every round makes it again: %s", folder, error)


def _opened(states: Path, gate: CorpusGate, name: str, ids: pl.Series) -> Memory | None:
    """The newest saved memory whose rows are the first of these ids."""
    for folder in sorted(states.glob(f"*/{name}"), reverse=True):
        try:
            memory = open_memory(folder, gate.recipe.gate)
        except CorruptStoreError as error:
            _LOG.warning("the gate's saved memory is made again from the table: %s", error)
            shutil.rmtree(folder, ignore_errors=True)
            continue
        rows = memory.history.ids.column()[len(memory.history) - memory.admitted :]
        if len(rows) <= len(ids) and (rows == ids[: len(rows)].cast(pl.Binary)).all():
            return memory
        _LOG.info("%s: rows have left the corpus since; the gate's memory is made again from the table", folder)
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _enter(state: GateState, store: CorpusStore, rows: pl.DataFrame) -> None:
    if rows.height:
        candidates = [to_candidate(row) for row in rows.iter_rows(named=True)]
        state.restore(candidates, store.context_vectors(rows), store.vectors(rows, "content"))


def recheck(store: CorpusStore) -> list[Violation]:
    """Make the gate's memory again from the tables alone and say where it contradicts what decisions recorded.

    Derived files are dropped first, so that everything which follows comes from the tables.
    """
    recipe = Settings.from_dict(store.settings, where=str(store.path)).recipe
    anchor = current_anchor(store)
    if anchor.content is None:
        return []
    for path in sorted(store.derived_dir.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    gate = CorpusGate(store, anchor, load_reference(store.anchor_dir()), recipe)
    state = restore(gate, store.admitted())
    findings = list(_misplaced(store, anchor.number, recipe))
    limit = max(state.collision_max, CollisionBudget(anchor.content).collision())
    collision = state.corpus_scope.collision()
    real = store.admitted(columns=["origin"]).filter(pl.col("origin") == "real").height
    # A retraction may lose the floor; it says so and freezes the corpus, which is no damage.
    if collision > limit and not real and frozen_because(store) is None:
        detail = f"collision of the window and the corpus is {collision:.6f}, over its budget {limit:.6f}"
        findings.append(Violation("collision budget", "corpus", detail))
    return findings


def _misplaced(store: CorpusStore, number: int, recipe: Recipe) -> Iterator[Violation]:
    """Admitted rows of this anchor that do not lie in the cell which their decision names, in its round's epoch."""
    rows = store.admitted().filter(pl.col("anchor") == number)
    begun = [event["round"] for event in epoch_events(store, number)]
    for _, part in rows.with_columns(epoch=epoch_of(begun)).group_by("epoch", maintain_order=True):
        anchor = current_anchor(store, number, int(part["round"].min()) - 1)  # type: ignore[arg-type]
        cells = anchor.context.locate(store.context_vectors(part), recipe.gate.alpha_outside).cells
        for name, stored, cell in zip(part["id"], part["cell"], cells.tolist(), strict=True):
            if stored != cell:
                yield Violation("cell", f"row {name}", f"lies in cell {cell}, was decided in cell {stored}")


def epoch_of(begun: Sequence[int]) -> pl.Expr:
    """The epoch of each row's round, 0 the first; `begun` are the rounds after which epochs 1, 2, ... began."""
    return sum((pl.col("round") > number for number in begun), start=pl.lit(0)).cast(pl.Int64)
