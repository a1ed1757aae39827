"""Which steps of a run may be imitated whatever became of the run: a failed run holds good steps, and says which not.

Measured precision stands in docs/loop.md: replay is right by construction, moves that nothing speaks against are good
moves in 0.86 of cases in random play and 0.99 in play that is half an expert's.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthdata.records import StepReview, Trajectory
from synthdata.reflection import unfaulted_moves
from synthdata.settings import LabelSettings

# Kinds of source that need no second one: the environment itself, and people.
VERIFYING = frozenset({"replay", "human"})


def learnable_steps(run: Trajectory, reviews: Sequence[StepReview], settings: LabelSettings) -> frozenset[int]:
    """Indices of the steps that a verifier calls good, and of moves that nothing speaks against, as the settings say.

    A step that any source calls bad is never among them; where a verifier spoke of a step, its word stands.
    """
    if settings.failed_runs == "none":
        return frozenset()
    verified = {item.idx: {s.verdict for s in item.sources if s.kind in VERIFYING} - {"unknown"} for item in reviews}
    good = {idx for idx, verdicts in verified.items() if verdicts == {"good"}}
    if settings.failed_runs == "unfaulted":
        good |= {idx for idx in unfaulted_moves(run) if not verified.get(idx)}
    bad = {item.idx for item in reviews if any(source.verdict == "bad" for source in item.sources)}
    return frozenset(good - bad)
