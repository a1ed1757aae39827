"""Which step rows are trained on: moves are no texts, so they are admitted by task, state and label, not by wording.

The text gate refuses "take key" as too short and the second thousand of moves as one cell of its vectors. What makes a
set of moves narrow is something else: the same decision again, and one task that fills the set. Both are bounded here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from synthdata.records import content_hash

MoveReason = Literal["same_decision", "task_quota"]


@dataclass(frozen=True, slots=True)
class MoveRow:
    """A labelled step: its key, its task, what the player saw last, what it did, and how sure its label is (1 best)."""

    key: str
    task: str
    seen: str
    deed: str
    sureness: float = 1

    @property
    def decision(self) -> str:
        """One task, one view, one deed are one decision, whatever led there."""
        return content_hash(self.task, " ".join(self.seen.lower().split()), " ".join(self.deed.lower().split()))


@dataclass(frozen=True, slots=True)
class MoveVerdict:
    """Whether a step row is admitted; a refusal names its reason, and the row or the number that is the evidence."""

    key: str
    admitted: bool
    reason: MoveReason | None = None
    evidence: str = ""


def admit_moves(rows: Sequence[MoveRow], slack: float, seed: int = 0) -> list[MoveVerdict]:
    """A verdict for each row, in the given order; the same set in any order gives the same verdicts.

    Of one decision the surest label stands, of equals the first by a seeded hash. No task then holds more than `slack`
    (at least 1) times an equal share, so that the effective number of tasks 1 / sum(p^2) of what is admitted is at
    least the number of tasks over `slack`: 1 / sum(p^2) >= 1 / max(p).
    """
    ordered = sorted(rows, key=lambda row: (-row.sureness, content_hash(str(seed), row.key)))
    first: dict[str, str] = {}
    refused: dict[str, MoveVerdict] = {}
    for row in ordered:
        kept = first.setdefault(row.decision, row.key)
        if kept != row.key:
            refused[row.key] = MoveVerdict(row.key, False, "same_decision", f"as {kept}")
    left = [row for row in ordered if row.key not in refused]
    cap = task_cap(Counter(row.task for row in left), slack)
    held: Counter[str] = Counter()
    for row in left:
        held[row.task] += 1
        if held[row.task] > cap:
            refused[row.key] = MoveVerdict(row.key, False, "task_quota", f"{cap} rows of this task are there")
    return [refused.get(row.key, MoveVerdict(row.key, True)) for row in rows]


def task_cap(counts: Counter[str], slack: float) -> int:
    """The largest cap a task at which no task's share of what is left exceeds `slack` over the number of tasks.

    The share cap / sum(min(n, cap)) grows with the cap, and a cap of one gives equal shares.
    """
    sizes = sorted(counts.values())
    cap = 1
    while cap < max(sizes, default=1):
        total = sum(min(size, cap + 1) for size in sizes)
        if (cap + 1) * len(sizes) > slack * total:
            break
        cap += 1
    return cap
