"""Judges of different model families that must agree: one dissenting or silent voice, and the ensemble abstains.

Votes of one model, or of two of a family, are one opinion; a judge has no vote on texts of its own family.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from synthdata.errors import SettingsError
from synthdata.protocols import Judge, Judgement
from synthdata.records import Reflection, Trajectory

Pair = tuple[Trajectory, Reflection]


def family_of(model: str) -> str:
    """The first word of a model's name, without an owner before a slash: `meta-llama/Llama-3.3-70B` gives `llama`."""
    match = re.search(r"[a-z]+", model.rpartition("/")[2].lower())
    return match[0] if match else model.lower()


@dataclass(frozen=True)
class Ensemble:
    """Judges with their families, in order.

    Passes what every judge entitled to a vote passes, fails what all of them fail, abstains on anything else. The score
    is the lowest one.
    """

    judges: tuple[Judge, ...]
    families: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.judges or len(self.families) != len(self.judges):
            raise SettingsError(
                f"recipe.judge: {len(self.judges)} judges and {len(self.families)} families; name one for each"
            )
        twice = sorted({name for name in self.families if self.families.count(name) > 1})
        if twice:
            raise SettingsError(
                f"recipe.judge: two judges of the family {twice[0]!r} are one opinion; take another model, or name "
                "their families in recipe.judge.families"
            )

    @property
    def model(self) -> str:
        """The judges' models, joined by `+`."""
        return "+".join(judge.model for judge in self.judges)

    def judge(self, items: Sequence[Pair]) -> list[Judgement]:
        """One judgement an item, in order."""
        votes: list[list[Judgement]] = [[] for _ in items]
        for judge, family in zip(self.judges, self.families, strict=True):
            entitled = [i for i, (_, review) in enumerate(items) if family_of(review.generator.model) != family]
            for i, judgement in zip(entitled, judge.judge([items[i] for i in entitled]), strict=True):
                votes[i].append(judgement)
        return [_agreed(cast, items[i][1]) for i, cast in enumerate(votes)]


def _agreed(votes: list[Judgement], review: Reflection) -> Judgement:
    if not votes:
        return Judgement("abstain", 0.0, f"no judge of another family than the generator's ({review.generator.model})")
    labels = tuple(label for vote in votes for label in vote.labels)
    score = min(vote.score for vote in votes)
    verdicts = {vote.verdict for vote in votes}
    reasons = "; ".join(vote.reason for vote in votes if vote.reason)
    if len(verdicts) == 1:
        return Judgement(votes[0].verdict, score, reasons, labels)
    return Judgement("abstain", score, f"the judges disagree: {reasons}", labels)
