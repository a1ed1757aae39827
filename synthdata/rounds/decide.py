"""Deciding about candidates of a stored corpus: the order of a round's steps, in one function that all callers use.

`admit`, a dry decision, the attack on the whole gate, the doctor's bursts and replay differ only in what they hand in.
Nothing is committed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.gate.anchor import Anchor, load_anchor, save_content
from synthdata.gate.fill import fill_content
from synthdata.gate.fluency import check_fluency
from synthdata.gate.reference import Reference
from synthdata.gate.round import decide
from synthdata.gate.state import Judges, RoundInputs
from synthdata.protocols import Advance, Vectors, no_advance
from synthdata.records import Candidate, Decision, Reject, Trajectory
from synthdata.rounds.restore import CorpusGate, restore
from synthdata.rounds.steps import check, check_language

RowVectors = Mapping[str, tuple[Vectors | None, Vectors | None]]
# Stages that decide without a look at the neighbourhood; rows that they refuse keep no vectors.
UNSEEN = frozenset({"provenance", "floor", "contaminated", "exact", "fluency"})


@dataclass(frozen=True)
class Batch:
    """Candidates with their raw encoder vectors (n, d), and the trajectories that they speak of, by id.

    In a one-view corpus `context` holds the contents' vectors.
    """

    candidates: Sequence[Candidate]
    context: Vectors
    content: Vectors
    runs: Mapping[str, Trajectory] = field(default_factory=dict)


@dataclass(frozen=True)
class RoundOptions:
    """How a round is decided. Without options as `admit` does: by rules, on the stored history, without judges.

    `refused` takes the place of the rules' own verdicts, by candidate id: empty, no rule is asked. `history` are rows
    of `decisions` that count as admitted before, in the place of those in the store.
    """

    judges: Judges | None = None
    max_admitted: int | None = None
    refused: Mapping[str, Reject] | None = None
    history: pl.DataFrame | None = None


AS_ADMIT = RoundOptions()


@dataclass(frozen=True)
class RoundOutcome:
    """Decisions in canonical order, the raw (context, content) vectors of those rows whose vectors were looked at.

    `tau` is the cosine at which two contents counted as the same.
    """

    decisions: list[Decision]
    vectors: RowVectors
    tau: float


def decide_round(
    gate: CorpusGate, batch: Batch, options: RoundOptions = AS_ADMIT, advance: Advance = no_advance
) -> RoundOutcome:
    """Decide candidates, in this order: rules, calibration of an open anchor, language, memory, stages of the gate.

    Raises:
        AnchorError: an open anchor cannot be filled from so few rows, or its bands are of another language model.
        BudgetExceededError: the judges cost more than the budget has left.
    """
    asked = options.refused is None
    refused = check(batch.candidates, batch.runs, gate.recipe) if options.refused is None else dict(options.refused)
    if gate.anchor.content is None:
        gate = replace(gate, anchor=_filled(gate, batch, refused))
    content = gate.anchor.require_content()
    check_fluency(content.fluency, gate.likelihood, gate.anchor.number)
    if asked:
        alive = [candidate for candidate in batch.candidates if candidate.id not in refused]
        refused |= check_language(alive, content.language, gate.recipe.anchor)
    state = restore(gate, options.history)
    inputs = RoundInputs(refused, options.judges, order_texts(gate.anchor, gate.reference), options.max_admitted)
    decisions = decide(batch.candidates, batch.context, batch.content, state, inputs, advance)
    return RoundOutcome(decisions, _kept(gate.anchor, batch, decisions), state.tau)


def order_texts(anchor: Anchor, reference: Reference) -> list[str]:
    """The real contents that the canonical order looks at; none where the anchor was filled by a generator."""
    real = anchor.require_content().calibrated_from == "reference"
    return [row.content for row in reference.rows if row.content] if real else []


def before_and_after(store: CorpusStore, number: int) -> tuple[dict[str, float], dict[str, float]]:
    """Metrics of the admitted view after the round before and after this one."""
    frame = store.snapshots().filter(pl.col("view") == "admitted")

    def of(wanted: int) -> dict[str, float]:
        rows = frame.filter(pl.col("round") == wanted)
        known = rows.drop_nulls("value")
        return dict(zip(known["metric"], known["value"], strict=True))

    return of(number - 1), of(number)


def _filled(gate: CorpusGate, batch: Batch, refused: Mapping[str, Reject]) -> Anchor:
    """The anchor with a content half from the candidates past the rules, written to its folder."""
    passed = [i for i, candidate in enumerate(batch.candidates) if candidate.id not in refused]
    recipe, chosen = gate.recipe, [batch.candidates[i] for i in passed]
    half = fill_content(chosen, batch.content[passed], recipe.anchor, recipe.gate, gate.likelihood)
    folder = gate.store.anchor_dir()
    save_content(folder, half)
    return load_anchor(folder)


def _kept(anchor: Anchor, batch: Batch, decisions: Sequence[Decision]) -> RowVectors:
    place = {candidate.id: i for i, candidate in enumerate(batch.candidates)}
    seen = [decision.candidate.id for decision in decisions if decision.stage not in UNSEEN]
    two = anchor.views == "two"
    return {name: (batch.context[place[name]] if two else None, batch.content[place[name]]) for name in seen}
