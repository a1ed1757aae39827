"""Looks for reflections that pass whatever they are told of: the response main effect of an accept matrix.

Needs no labels and no knowledge of the attack, so it finds master keys that nobody has thought of (docs/design.md,
section 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthdata.judging.consistency import Pair, told_of
from synthdata.protocols import Judge
from synthdata.records import Reflection, Trajectory, content_hash, to_json
from synthdata.settings import JudgeSettings


@dataclass(frozen=True)
class Scanned:
    """The reflection that passed on most wrong runs: `accepted` of `tried`; `keys` passed on more than is allowed."""

    reflections: int = 0
    accepted: int = 0
    tried: int = 0
    keys: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The worst share of wrong runs, in [0, 1]."""
        return self.accepted / self.tried if self.tried else 0.0


def scan(judge: Judge, items: Sequence[Pair], runs: Sequence[Trajectory], settings: JudgeSettings) -> Scanned:
    """Judge a sample of the reflections on runs of other tasks.

    `settings.scan_reflections` x `settings.scan_runs` judgements at most; both samples are drawn by hash. `keys` are
    the lessons that passed on more than `settings.scan_share` of the runs they were tried on.
    """
    chosen = sorted(items, key=lambda pair: content_hash("scan", to_json(pair[1])))[: settings.scan_reflections]
    matrix = [(review, _wrong_runs(run, review, runs, settings.scan_runs)) for run, review in chosen]
    cells = [(other, told_of(review, other)) for review, others in matrix for other in others]
    passed = iter([judgement.verdict == "pass" for judgement in judge.judge(cells)] if cells else [])
    counts = [(sum(next(passed) for _ in others), len(others), review) for review, others in matrix if others]
    if not counts:
        return Scanned()
    accepted, tried, _ = max(counts, key=lambda row: (row[0] / row[1], row[1]))
    keys = tuple(review.lesson.text for k, n, review in counts if k > settings.scan_share * n)
    return Scanned(len(counts), accepted, tried, keys)


def _wrong_runs(own: Trajectory, review: Reflection, runs: Sequence[Trajectory], count: int) -> list[Trajectory]:
    others = [run for run in runs if run.agent_steps and (run.task_id or run.task) != (own.task_id or own.task)]
    return sorted(others, key=lambda run: content_hash("scan", to_json(review), run.id))[:count]
