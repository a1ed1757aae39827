"""What a round reports: counts that add up, the decisions, and the numbers before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from synthdata.records import Decision, Verdict

Metrics = dict[str, dict[str, float]]


@dataclass(frozen=True)
class RoundReport:
    """The outcome of one call: `decisions` holds the new ones, admitted first.

    `already_decided` counts candidates that kept an earlier verdict; `repeated` is True where the whole input had been
    decided before as this `round`. `before` and `after` are the metrics of the admitted view. `alarm` is empty or says
    why the command line exits 1.
    """

    round: int
    decisions: Sequence[Decision]
    already_decided: int = 0
    repeated: bool = False
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    alarm: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Candidates by verdict."""
        counted = Counter(decision.verdict for decision in self.decisions)
        return {str(verdict): counted[verdict] for verdict in Verdict}

    @property
    def reasons(self) -> dict[str, int]:
        """Rejected candidates by reason, most frequent first."""
        rejected = (d.reason for d in self.decisions if d.verdict is Verdict.REJECT and d.reason)
        return {str(reason): n for reason, n in sorted(Counter(rejected).items(), key=lambda pair: (-pair[1], pair[0]))}

    @property
    def admitted(self) -> list[Decision]:
        """Decisions that admit, in order of admission."""
        return [d for d in self.decisions if d.verdict is Verdict.ADMIT]

    @property
    def rejected(self) -> list[Decision]:
        """Decisions that reject, each with reason, score, threshold and, where there is one, its neighbour."""
        return [d for d in self.decisions if d.verdict is Verdict.REJECT]
