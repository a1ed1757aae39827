"""Rounds until so many rows are admitted: exactly that many, or a stated reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from synthdata.errors import RefusedError
from synthdata.operations.reflect import RunSelection
from synthdata.records.report import RoundReport


@dataclass(frozen=True)
class TargetResult:
    """The rounds that were made; `stopped` is empty where `admitted` is the target, else says what came before it."""

    rounds: tuple[RoundReport, ...]
    admitted: int
    stopped: str


def to_target(
    one_round: Callable[[RunSelection], RoundReport],
    choice: RunSelection,
    target: int,
    portion: int,
    least_yield: float,
) -> TargetResult:
    """Make rounds of at most `portion` runs until `target` rows are admitted, `choice.limit` runs at most in all.

    A round that admits less than `least_yield` of its candidates is the last: more of the same costs money and brings
    little. So is one with an alarm, one without anything new, and one that the budget refuses.
    """
    reports: list[RoundReport] = []
    admitted, left = 0, choice.limit
    while admitted < target:
        size = portion if left is None else min(portion, left)
        if size == 0:
            return TargetResult(tuple(reports), admitted, f"the limit of {choice.limit} runs is reached")
        try:
            report = one_round(replace(choice, limit=size, max_admitted=target - admitted))
        except RefusedError as error:
            return TargetResult(tuple(reports), admitted, str(error))
        candidates, new = sum(report.counts.values()), report.counts["admit"]
        if not candidates:
            return TargetResult(tuple(reports), admitted, "no run of the logs is left to reflect on")
        reports.append(report)
        admitted += new
        left = None if left is None else left - size
        if admitted < target and report.alarm:
            return TargetResult(tuple(reports), admitted, report.alarm)
        if admitted < target and new < least_yield * candidates:
            why = f"round {report.round} admitted {new} of {candidates} candidates, under the floor of {least_yield:g}"
            return TargetResult(tuple(reports), admitted, f"{why} (runtime.budget.least_yield)")
    return TargetResult(tuple(reports), admitted, "")
