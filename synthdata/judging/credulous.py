"""A judge that passes everything: with it in place, whatever is refused was refused by code alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthdata.protocols import Judgement
from synthdata.records import Reflection, Trajectory


@dataclass(frozen=True)
class CredulousJudge:
    """Passes every reflection with the highest score; for tests of the deterministic layer and for red teams."""

    model: str = "credulous"

    def judge(self, items: Sequence[tuple[Trajectory, Reflection]]) -> list[Judgement]:
        """A pass an item."""
        return [Judgement("pass", 1.0) for _ in items]
