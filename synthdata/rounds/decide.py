"""Deciding about candidates: the order of a round's steps, in one function that all callers use.

`admit`, `admit_texts`, a dry decision, the attack on the whole gate, the doctor's bursts and replay differ only in
what they hand in. Nothing is committed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from synthdata.gate.anchor import Anchor, ContentCalibration
from synthdata.gate.fill import fill_content
from synthdata.gate.fluency import Likelihood, check_fluency
from synthdata.gate.living import follows_stream
from synthdata.gate.reference import Reference
from synthdata.gate.round import decide
from synthdata.gate.state import GateState, Judges, RoundInputs
from synthdata.protocols import Advance, Mapper, Vectors, in_line, no_advance
from synthdata.records import Candidate, Decision, Reject, Trajectory
from synthdata.rounds.steps import check
from synthdata.rounds.wording import NO_NUMBERS, check_wording
from synthdata.settings import Recipe
from synthdata.similarity.parts import Dealer, held_here

if TYPE_CHECKING:
    import polars as pl

RowVectors = Mapping[str, tuple[Vectors | None, Vectors | None]]
# Stages that decide without a look at the neighbourhood; rows that they refuse keep no vectors.
UNSEEN = frozenset({"provenance", "floor", "contaminated", "exact", "fluency"})


class Gate(Protocol):
    """What decisions stand on: an anchor with its reference rows, the recipe, and what was admitted before.

    `likelihood` is the language model of the fluency stage, None where the recipe names none.
    """

    @property
    def anchor(self) -> Anchor:
        """The calibration, without a content half before the first round where the reference holds no contents."""

    @property
    def reference(self) -> Reference:
        """The real rows of the anchor."""

    @property
    def recipe(self) -> Recipe:
        """The settings that change decisions."""

    @property
    def likelihood(self) -> Likelihood | None:
        """The language model of the fluency stage."""

    def calibrated(self, content: ContentCalibration) -> Gate:
        """The same gate with the content half that its first round made."""

    def stream_contents(self) -> list[str]:
        """The contents of the real rows that a living anchor has taken in since it was made, in their order."""

    def state(self, history: pl.DataFrame | None) -> GateState:
        """The gate's state before the round, over the rows admitted before or over these of `decisions`."""


@dataclass(frozen=True)
class Batch:
    """Candidates with their raw encoder vectors (n, d), and the trajectories that they speak of, by id.

    In a one-view corpus `context` holds the contents' vectors. `unreadable` are refusals of texts that the encoder
    cannot read, by candidate id: their vectors say nothing.
    """

    candidates: Sequence[Candidate]
    context: Vectors
    content: Vectors
    runs: Mapping[str, Trajectory] = field(default_factory=dict)
    unreadable: Mapping[str, Reject] = field(default_factory=dict)


@dataclass(frozen=True)
class RoundOptions:
    """How a round is decided. Without options as `admit` does: by rules, on the stored history, without judges.

    `refused` takes the place of the rules' own verdicts, by candidate id: empty, no rule is asked. `history` are rows
    of `decisions` that count as admitted before, in the place of those in the store. `mapper` does the work on texts,
    `deal` says where the rows admitted before are searched.
    """

    judges: Judges | None = None
    max_admitted: int | None = None
    refused: Mapping[str, Reject] | None = None
    history: pl.DataFrame | None = None
    mapper: Mapper = in_line
    deal: Dealer = held_here


AS_ADMIT = RoundOptions()


@dataclass(frozen=True)
class RoundOutcome:
    """Decisions in canonical order, the raw (context, content) vectors of those rows whose vectors were looked at.

    `tau` is the cosine at which two contents counted as the same, `anchor` the calibration that was used: where the
    round began with an open one, the one that it filled.
    """

    decisions: list[Decision]
    vectors: RowVectors
    tau: float
    anchor: Anchor


def decide_round(
    gate: Gate, batch: Batch, options: RoundOptions = AS_ADMIT, advance: Advance = no_advance
) -> RoundOutcome:
    """Decide candidates, in this order: rules, calibration of an open anchor, language, memory, stages of the gate.

    Raises:
        AnchorError: an open anchor cannot be filled from so few rows, or its bands are of another language model.
        BudgetExceededError: the judges cost more than the budget has left.
    """
    asked, numbers = options.refused is None, NO_NUMBERS
    mapper = options.mapper
    refused = check(batch.candidates, batch.runs, gate.recipe, mapper) if asked else dict(options.refused or {})
    refused = {**batch.unreadable, **refused}
    if gate.anchor.content is None:
        gate = _calibrated(gate, batch, refused)
    content = gate.anchor.require_content()
    check_fluency(content.fluency, gate.likelihood, gate.anchor.number)
    if asked:
        alive = [candidate for candidate in batch.candidates if candidate.id not in refused]
        texts = [gate.anchor.cut(candidate.content) for candidate in alive]
        worded, numbers = check_wording(alive, texts, content, gate.recipe, mapper)
        refused |= worded
    state = gate.state(options.history)
    state.history.deal(options.deal)
    inputs = RoundInputs(refused, options.judges, order_texts(gate), options.max_admitted, mapper)
    decided = decide(batch.candidates, batch.context, batch.content, state, inputs, advance)
    decisions = [replace(d, numbers={**numbers.get(d.candidate.id, {}), **d.numbers}) for d in decided]
    return RoundOutcome(decisions, _kept(gate.anchor, batch, decisions), state.tau, gate.anchor)


def order_texts(gate: Gate) -> list[str]:
    """The real contents that the canonical order looks at: of a living anchor the recent stream's.

    Else the reference's; none where the anchor was filled by a generator and no real contents have come since.
    """
    real = gate.anchor.require_content().calibrated_from == "reference"
    known = [row.content for row in gate.reference.rows if row.content] if real else []
    settings = gate.recipe.anchor
    stream = gate.stream_contents()[-settings.living_recent :]
    texts = stream if follows_stream(len(stream), settings) else known + stream
    return [gate.anchor.cut(text) for text in texts]


def _calibrated(gate: Gate, batch: Batch, refused: Mapping[str, Reject]) -> Gate:
    """The gate with a content half from the candidates past the rules."""
    passed = [i for i, candidate in enumerate(batch.candidates) if candidate.id not in refused]
    recipe, chosen = gate.recipe, [batch.candidates[i] for i in passed]
    vectors, cut = batch.content[passed], gate.anchor.cut
    return gate.calibrated(fill_content(chosen, vectors, recipe.anchor, recipe.gate, gate.likelihood, cut))


def _kept(anchor: Anchor, batch: Batch, decisions: Sequence[Decision]) -> RowVectors:
    place = {candidate.id: i for i, candidate in enumerate(batch.candidates)}
    seen = [decision.candidate.id for decision in decisions if decision.stage not in UNSEEN]
    two = anchor.views == "two"
    return {name: (batch.context[place[name]] if two else None, batch.content[place[name]]) for name in seen}
