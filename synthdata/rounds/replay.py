"""What other settings would have decided, from stored vectors and texts: no model is asked and nothing is written.

Only what the store can answer exactly is replayed: the stages of the round's loop and the similarity thresholds.
Round by round in canonical order, each on the history that the replay itself has admitted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from metrics.entropy import hill_number
from metrics.spectrum import SecondMoment
from synthdata.corpus import CorpusStore, to_candidate
from synthdata.corpus.events import without_removed
from synthdata.errors import InputError, SettingsError
from synthdata.gate.anchor import Anchor
from synthdata.gate.epochs import current_anchor
from synthdata.gate.reference import Reference, load_reference
from synthdata.gate.stages import LOOP
from synthdata.protocols import Advance, no_advance
from synthdata.records import OUTSIDE, Decision, Origin, Verdict
from synthdata.rounds.decide import Batch, RoundOptions, decide_round
from synthdata.rounds.restore import CorpusGate
from synthdata.settings import Recipe, Settings
from synthdata.similarity.exact import normalise

# Corpora made before 0.2 hold the name `twin` for the first of them.
LOOP_STAGES = frozenset({"twin", *(stage.name for stage in LOOP)})
REPLAYED = (
    "near_jaccard", "tau", "lesson_quota", "lexical_ngram", "lexical_rows", "lexical_share", "skeleton_share",
    "skeleton_rows", "outside_share", "quota_slack", "quota_confidence", "quota_quantile",
    "out_of_distribution_share", "collision_max",
)  # fmt: skip
# Why a setting cannot be replayed, by the longest prefix that fits.
WHY_NOT = {
    "recipe.encoder": "the stored vectors are those of the anchor's encoder",
    "recipe.anchor": "its thresholds are frozen in the anchor; make a new corpus or anchor with it",
    "recipe.floor": "what the floor refused keeps no vectors, so nobody can say what would have become of it",
    "recipe.gate": "it acts before the replayed stages, on rows that keep no vectors, or sets their order",
    "recipe.generation": "other texts would have to be generated",
    "recipe.reflection": "other texts would have to be generated",
    "recipe.judge": "a judge would have to be asked again",
    "recipe.export": "it acts on exports and decides on no candidate",
    "recipe": "it decides on no candidate from stored vectors",
    "runtime": "it never changes a verdict",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A candidate whose verdict differs: `before` and `after` are `admit` or the reason of the refusal."""

    id: str
    round: int
    content: str
    before: str
    after: str
    score: float | None
    threshold: float | None
    neighbour_text: str

    @property
    def gained(self) -> bool:
        """True where it would have been admitted and was not."""
        return self.after == str(Verdict.ADMIT)

    @property
    def lost(self) -> bool:
        """True where it was admitted and would not have been."""
        return self.before == str(Verdict.ADMIT)


@dataclass(frozen=True)
class ReplayReport:
    """The comparison. `verdicts` maps `admit` and each reason to counts before and after, `numbers` likewise.

    `notes` say where the comparison is not exact. With unchanged settings nothing differs.
    """

    rounds: tuple[int, ...]
    candidates: int
    verdicts: dict[str, tuple[int, int]]
    numbers: dict[str, tuple[float | None, float | None]]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def refuse_others(stored: Settings, wanted: Settings) -> None:
    """Refuse settings that stored vectors cannot answer for.

    Raises:
        SettingsError: names the setting and the reason, and lists what can be replayed.
    """
    before, after = dict(_flat(stored.model_dump())), dict(_flat(wanted.model_dump()))
    allowed = {f"recipe.gate.{name}" for name in REPLAYED}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name) and name not in allowed:
            prefix = max((key for key in WHY_NOT if name.startswith(key)), key=len)
            raise SettingsError(
                f"{name} cannot be replayed: {WHY_NOT[prefix]}. Replayed are the stages of the round's loop and the "
                f"similarity thresholds: {', '.join(f'recipe.gate.{key}' for key in REPLAYED)}"
            )


def replay(
    store: CorpusStore, wanted: Settings, number: int | None = None, advance: Advance = no_advance
) -> ReplayReport:
    """Decide all rounds again with other settings; with `number` that round alone, on the history as it was stored.

    Raises:
        SettingsError: a changed setting is not one that can be replayed.
        InputError: no such round, or none at all.
    """
    stored = Settings.from_dict(store.settings, where=str(store.path))
    refuse_others(stored, wanted)
    rounds = store.rounds()
    chosen = [int(n) for n in rounds["round"] if number is None or n == number]
    if not chosen:
        raise InputError(f"{store.path}: no round {number if number is not None else 'yet'}; `status` lists them")
    fingerprint = stored.recipe.decision_fingerprint()
    other = rounds.filter(pl.col("round").is_in(chosen) & (pl.col("recipe") != fingerprint))["round"].to_list()
    notes = [f"round {n} was decided under other settings than the corpus now records" for n in other]
    run = _Run(store, wanted.recipe)
    if number is not None:
        run.history = store.admitted(as_of=number - 1)
    for n in chosen:
        run.round(n)
        advance(1)
    if run.unknown:
        notes.append(
            f"{run.unknown} exact copies lost their original here and keep their verdict, as they have no vector"
        )
    if run.unjudged:
        notes.append(f"{run.unjudged} rows would first have to be judged; here they pass as if the judges had agreed")
    return ReplayReport(tuple(chosen), run.candidates, run.verdicts(), run.numbers(), tuple(run.changes), tuple(notes))


def _flat(values: dict[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


class _Run:
    """One replay under way: `history` is what it has admitted so far, `before` what the store has."""

    def __init__(self, store: CorpusStore, recipe: Recipe) -> None:
        self.store, self.recipe = store, recipe
        self.history = store.admitted(as_of=0)
        self.before: list[pl.DataFrame] = []
        self.after: list[pl.DataFrame] = []
        self.changes: list[Change] = []
        self.counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self.candidates = self.unknown = self.unjudged = 0
        self.anchor: Anchor | None = None

    def round(self, number: int) -> None:
        """Decide one round again; rows without vectors, refused by judges or inherited keep their verdict."""
        frame = self.store.decisions(where=pl.col("round") == number)
        self.candidates += frame.height
        self.anchor = current_anchor(self.store, int(frame["anchor"][0]), as_of=number - 1)
        reference = load_reference(self.store.anchor_dir(int(frame["anchor"][0])))
        gate, history = CorpusGate(self.store, self.anchor, reference, self.recipe), self._kept(number)
        stored = dict(zip(frame["id"], map(_word, frame["verdict"], frame["reason"]), strict=True))
        vetoed = pl.col("stage") == "judge"
        decidable = frame.filter(pl.col("content_vector").is_not_null() & (pl.col("kind") != "inherit") & ~vetoed)
        judged = set(frame.filter(pl.col("judged") != "none")["id"])
        self._count_orphans(frame, reference, history)
        candidates = [to_candidate(row) for row in decidable.iter_rows(named=True)]
        decisions: list[Decision] = []
        if candidates:
            batch = Batch(candidates, self.store.context_vectors(decidable), self.store.vectors(decidable, "content"))
            decisions = decide_round(gate, batch, RoundOptions(refused={}, history=history)).decisions
        for decision in decisions:
            self._compare(decision, stored, number)
            passed = decision.verdict is Verdict.ADMIT or decision.stage in LOOP_STAGES
            self.unjudged += bool(judged) and passed and not _exempt(decision, judged)
        verdicts = {d.candidate.id: _word(str(d.verdict), d.reason and str(d.reason)) for d in decisions}
        now = stored | verdicts
        self.counts[0].update(stored.values())
        self.counts[1].update(now.values())
        self._remember(frame, [d.candidate.id for d in decisions if d.verdict is Verdict.ADMIT], now)

    def _kept(self, number: int) -> pl.DataFrame:
        """The replay's own history less what events had removed before this round."""
        events = self.store.events(as_of=number - 1)
        return without_removed(self.history, events)

    def _count_orphans(self, frame: pl.DataFrame, reference: Reference, history: pl.DataFrame) -> None:
        copies = frame.filter((pl.col("stage") == "exact") & pl.col("content_vector").is_null())
        if copies.height:
            known = {normalise(text) for text in (*(row.content for row in reference.rows), *history["content"])}
            self.unknown += sum(normalise(text) not in known for text in copies["content"])

    def _compare(self, decision: Decision, stored: dict[str, str], number: int) -> None:
        candidate = decision.candidate
        after = _word(str(decision.verdict), decision.reason and str(decision.reason))
        if after != stored[candidate.id]:
            facts = (decision.score, decision.threshold, decision.neighbour_text)
            self.changes.append(Change(candidate.id, number, candidate.content, stored[candidate.id], after, *facts))

    def _remember(self, frame: pl.DataFrame, order: list[str], now: dict[str, str]) -> None:
        """Admitted rows in their order of admission; those that kept an admission without the gate come first."""
        admit = str(Verdict.ADMIT)
        place = {name: i for i, name in enumerate(frame["id"])}
        decided = set(order)
        entered = [name for name in frame["id"] if now[name] == admit and name not in decided]
        taken = frame[[place[name] for name in [*entered, *order]]]
        self.history = pl.concat([self.history, taken])
        self.after.append(taken)
        self.before.append(frame.filter(pl.col("verdict") == admit))

    def verdicts(self) -> dict[str, tuple[int, int]]:
        """Counts before and after, admissions first, then reasons by how many there were."""
        names = sorted(
            self.counts[0].keys() | self.counts[1].keys(), key=lambda n: (n != "admit", -self.counts[0][n], n)
        )
        return {name: (self.counts[0][name], self.counts[1][name]) for name in names}

    def numbers(self) -> dict[str, tuple[float | None, float | None]]:
        """N2 of the admitted rows, N2 of the window with them, and effective cells, before and after."""
        before, after = self._diversity(pl.concat(self.before)), self._diversity(pl.concat(self.after))
        return {name: (before[name], after[name]) for name in before}

    def _diversity(self, frame: pl.DataFrame) -> dict[str, float | None]:
        anchor = self.anchor
        assert anchor is not None
        half = anchor.require_content()
        alone, window = SecondMoment(half.window.shape[1]), SecondMoment(half.window.shape[1])
        window.add(half.window)
        cells = np.zeros(1, dtype=np.int64)
        if frame.height:
            content, norms = half.centred(self.store.vectors(frame, "content"))
            alone.add(content[norms > 0])
            known = set(half.window_ids)
            fresh = np.array([name not in known for name in frame["id"]]) & (norms > 0)
            window.add(content[fresh])
            labels = anchor.context.locate(self.store.context_vectors(frame), self.recipe.gate.alpha_outside).cells
            cells = np.bincount(labels[labels != OUTSIDE], minlength=1)
        return {
            "n2_admitted": alone.effective_number() if alone.n > 1 else None,
            "n2_with_window": window.effective_number(),
            "cells": hill_number(cells, 1) if cells.any() else None,
        }


def _word(verdict: str, reason: str | None) -> str:
    return reason or verdict


def _exempt(decision: Decision, judged: set[str]) -> bool:
    return decision.candidate.id in judged or decision.candidate.origin is Origin.REAL
