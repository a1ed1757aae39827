"""Scores against the truth: precision, recall, F1, abstention, exact intervals; thresholds from the other half."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.signals.items import Saying, Trace, in_first_half
from experiments.signals.voices import Score
from metrics.proportion import exact_interval

Blame = dict[int, Score]


@dataclass(frozen=True)
class Counts:
    """Of `asked` items `silent` got no answer; `named` got a yes, `right` of these rightly; `true` of all hold."""

    asked: int
    silent: int
    named: int
    right: int
    true: int

    @property
    def f1(self) -> float:
        """2 right / (named + true); 0 where both are 0."""
        return 2 * self.right / (self.named + self.true) if self.named + self.true else 0.0

    def cells(self) -> list[str]:
        """Precision, recall, F1 and abstention as cells of a table."""
        silent = f"{self.silent / self.asked:.0%}" if self.asked else "-"
        return [share(self.right, self.named), share(self.right, self.true), f"{self.f1:.2f}", silent]


def share(hits: int, trials: int) -> str:
    """A share with its counts and exact 95 % interval."""
    if not trials:
        return "- (0 of 0)"
    low, high = exact_interval(hits, trials)
    return f"{hits / trials:.2f} ({hits} of {trials}; {low:.2f} to {high:.2f})"


def first_blamed(blame: Blame, threshold: float) -> int | None:
    """The first step whose score reaches the threshold."""
    return next((idx for idx, score in sorted(blame.items()) if score is not None and score >= threshold), None)


def located(traces: Sequence[Trace], blames: Sequence[Blame], threshold: float) -> Counts:
    """First errors found: right is the very step; silent is a trace of which nothing was said at all."""
    found = [first_blamed(blame, threshold) for blame in blames]
    return Counts(
        asked=len(traces),
        silent=sum(all(score is None for score in blame.values()) for blame in blames),
        named=sum(idx is not None for idx in found),
        right=sum(idx is not None and idx == trace.first for idx, trace in zip(found, traces, strict=True)),
        true=sum(trace.first is not None for trace in traces),
    )


def always_the_usual(traces: Sequence[Trace]) -> tuple[int, Counts]:
    """The commonest first error of the first half, named for every trace of the second: what knowing nothing brings."""
    errors = Counter(t.first for t in traces if in_first_half(t.key) and t.first is not None)
    usual = min(errors, key=lambda idx: (-errors[idx], idx))
    rest = [trace for trace in traces if not in_first_half(trace.key)]
    return usual, located(rest, [{usual: 1.0} for _ in rest], 1.0)


def believed(sayings: Sequence[Saying], scores: Sequence[Score], threshold: float) -> Counts:
    """Claims believed: right where they hold."""
    yes = [score is not None and score >= threshold for score in scores]
    return Counts(
        asked=len(sayings),
        silent=sum(score is None for score in scores),
        named=sum(yes),
        right=sum(y and item.holds for y, item in zip(yes, sayings, strict=True)),
        true=sum(item.holds for item in sayings),
    )


def best_threshold(values: Sequence[Score], counted: Callable[[float], Counts]) -> float:
    """The threshold of highest F1 among the values that occur (at most 50 of them), the highest of equals."""
    seen = sorted({value for value in values if value is not None}, reverse=True)
    if not seen:
        return 1.0
    tried = seen if len(seen) <= 50 else [seen[round(i * (len(seen) - 1) / 49)] for i in range(50)]
    return max(tried, key=lambda value: (counted(value).f1, value))


def located_on_the_other_half(traces: Sequence[Trace], blame: Callable[[Trace], Blame]) -> tuple[Counts, float]:
    """Counts on the second half at the threshold that is best on the first."""
    halves = [[t for t in traces if in_first_half(t.key) is first] for first in (True, False)]
    blames = [[blame(trace) for trace in half] for half in halves]
    values = [score for found in blames[0] for score in found.values()]
    threshold = best_threshold(values, lambda t: located(halves[0], blames[0], t))
    return located(halves[1], blames[1], threshold), threshold


def believed_on_the_other_half(
    sayings: Sequence[Saying], voice: Callable[[Sequence[Saying]], list[Score]]
) -> tuple[Counts, float]:
    """The same for claims."""
    halves = [[s for s in sayings if in_first_half(s.pair or s.key) is first] for first in (True, False)]
    scores = [voice(half) for half in halves]
    threshold = best_threshold(scores[0], lambda t: believed(halves[0], scores[0], t))
    return believed(halves[1], scores[1], threshold), threshold


def preferred(sayings: Sequence[Saying], scores: Sequence[Score]) -> Counts:
    """Pairs in which one side got the higher score: right where it is the better one; equal scores are silence."""
    pairs: dict[str, list[tuple[Score, bool]]] = {}
    for item, score in zip(sayings, scores, strict=True):
        pairs.setdefault(item.pair, []).append((score, item.holds))
    known = [[(s, holds) for s, holds in pair if s is not None] for pair in pairs.values()]
    decided = [max(pair)[1] for pair in known if len({s for s, _ in pair}) == 2]
    return Counts(len(pairs), len(pairs) - len(decided), len(decided), sum(decided), len(pairs))
