"""Copies of admitted reviews against a whole gate (F15 of docs/redteam.md): which stage stops which manner of copying.

Half of the tasks give the originals: their reviews are admitted to a throw-away corpus, as a first round. Then each
manner makes one copy of each original, and the gate decides these as a second round that is never committed, so that
no manner meets the copies of another. Genuine reviews of the other tasks, as many, are decided the same way: what of
them falls is what the gate refuses of what is new.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from metrics.proportion import exact_interval
from synthdata.api import Corpus
from synthdata.gate.reference import ReferenceRow
from synthdata.judging.consistency import Pair
from synthdata.operations.reflect import Work, remember
from synthdata.records import Candidate, content_hash
from synthdata.redteam.attack import carried
from synthdata.redteam.copies import copies
from synthdata.reflection import focus_steps, render_context, to_candidate
from synthdata.rounds.decide import RoundOutcome
from synthdata.settings import Settings
from synthdata.similarity.exact import exact_key

CONFIDENCE = 0.95
# The manner under which genuine reviews of other tasks are reported.
CONTROL = "genuine, other tasks"
# Reasons of the stages that compare with what is there; any other refusal would have come without an original too.
LIKENESS = frozenset(
    {
        "exact_duplicate",
        "near_duplicate",
        "semantic_duplicate",
        "lesson_quota",
        "lexical_saturation",
        "collision_budget",
    }
)


# Heads of `Copied.row`.
COLUMNS = ("manner", "items", "admitted", "95 % interval", "as copies", "cosine", "refused as")


@dataclass(frozen=True)
class CopyResult:
    """What became of one manner of copying: of `items` so many were `admitted`; `reasons` counts the refusals.

    `cosine` is the median over its items of the cosine to the nearest content admitted before, in [-1, 1]; NaN where no
    item got as far as that comparison. `tau` is what the gate calls the same.
    """

    manner: str
    items: int
    admitted: int
    cosine: float
    tau: float
    reasons: dict[str, int] = field(default_factory=dict)
    got_through: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[float, float]:
        """Two-sided Clopper-Pearson interval of the admitted share."""
        return exact_interval(self.admitted, self.items, CONFIDENCE)

    @property
    def as_copy(self) -> int:
        """How many fell to a stage that compares with what was admitted."""
        return sum(count for reason, count in self.reasons.items() if reason in LIKENESS)

    @property
    def row(self) -> tuple[object, ...]:
        """The cells of a table, in the order of `COLUMNS`."""
        low, high = self.interval
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.reasons.items()))
        share = f"{low:.1%} to {high:.1%}"
        return self.manner, self.items, self.admitted, share, self.as_copy, f"{self.cosine:.2f}", reasons


def copy_attack(folder: Path, pool: Sequence[Pair], settings: Settings) -> list[CopyResult]:
    """What became of each manner's copies of admitted reviews; last, of as many genuine reviews of other tasks.

    `folder` does not exist yet and may be thrown away. Copies equal after the exact stage's normalisation, to each
    other or to an original, count once or not at all.

    Raises:
        AnchorError: the runs are too few to calibrate a corpus, or too few of their reviews pass the floor.
    """
    originals, others = _halves(pool)
    corpus = _corpus(folder, pool, settings)
    report = corpus.admit([_candidate(pair) for pair in originals])
    admitted_ids = {decision.candidate.id for decision in report.admitted}
    known = [pair for pair in originals if _candidate(pair).id in admitted_ids]
    seen = {exact_key(decision.candidate.content) for decision in report.admitted}
    manners: dict[str, dict[str, Candidate]] = {}
    for item in copies(known, random.Random("F15")):
        candidate = to_candidate(item.review, item.run)
        key = exact_key(candidate.content)
        if key not in seen:
            seen.add(key)
            manners.setdefault(item.template, {})[key] = candidate
    rounds = {name: list(made.values()) for name, made in manners.items()}
    rounds[CONTROL] = [_candidate(pair) for pair in others[: len(known)]]
    return [_counted(name, _decided(corpus, made)) for name, made in rounds.items()]


def _halves(pool: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The reviews of half of the tasks, by hash, and those of the others."""
    sides: tuple[list[Pair], list[Pair]] = ([], [])
    for run, review in pool:
        side = int(content_hash("original", run.task_id or run.task, length=2), 16) % 2
        sides[side].append((run, review))
    return sides


def _candidate(pair: Pair) -> Candidate:
    """A genuine review as a model's own finding, as its copies are."""
    run, review = pair
    return to_candidate(carried(review, review.lesson.text), run)


def _corpus(folder: Path, pool: Sequence[Pair], settings: Settings) -> Corpus:
    runs = list({run.id: run for run, _ in pool}.values())
    limit = settings.recipe.anchor.steps_per_trajectory
    bare = [
        ReferenceRow("", render_context(run, step), run.task_id or run.task)
        for run in runs
        for step in focus_steps(run, limit)
    ]
    remember(Corpus.init(folder, bare, settings=settings), Work(tuple(runs), (), 0))
    # Opened anew it has its cache of vectors: the contexts are the same in every round.
    return Corpus.open(folder)


def _decided(corpus: Corpus, candidates: Sequence[Candidate]) -> RoundOutcome:
    """What the corpus would decide about these as one round, which is not committed."""
    return corpus.decide([replace(candidate, occurrence=i) for i, candidate in enumerate(candidates)])


def _counted(manner: str, outcome: RoundOutcome) -> CopyResult:
    decisions = outcome.decisions
    through = [d.candidate.content for d in decisions if d.verdict == "admit"]
    reasons = Counter(str(d.reason) for d in decisions if d.verdict != "admit")
    cosines = [d.numbers["cosine"] for d in decisions if "cosine" in d.numbers]
    middle = median(cosines) if cosines else float("nan")
    return CopyResult(manner, len(decisions), len(through), middle, outcome.tau, dict(reasons), tuple(through))
