"""What two kinds of source are worth together, where a third knows the truth: replay, kept out of the vote.

The truth of a step of a text game is whether it lies on a shortest path, which `collect` recorded from the game's own
plan; the replay of a sample of the games is compared with it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.signals.items import Trace, in_first_half, sampled
from experiments.signals.score import Blame, Counts, best_threshold
from synthdata.labelling import agreed_label, united
from synthdata.play.replay import replaying, spec_of
from synthdata.records import Label, LabelSource
from synthdata.reflection import rule_opinions

Labels = dict[int, LabelSource]


@dataclass(frozen=True)
class Kept:
    """Of `steps` steps `kept` got a label, `right` of them the true one; of `bad` labels `truly` are right."""

    steps: int
    kept: int
    right: int
    bad: int
    truly: int


def replay_agrees(traces: Sequence[Trace], games: int) -> tuple[int, int]:
    """Over the runs of a sample of games: on how many steps replay says what was recorded, of how many."""
    same = steps = 0
    for trace in sampled(traces, games):
        spec = spec_of(trace.run)
        assert spec is not None
        with replaying(spec) as replay:
            found = replay.steps(trace.run)
        for step in trace.run.agent_steps:
            steps += 1
            same += step.idx in found and (found[step.idx].label == "good") == step.optimal
    return same, steps


def by_rule(trace: Trace) -> Labels:
    """The rules' labels."""
    return rule_opinions(trace.run)


def by_judge(blame: Blame, threshold: float) -> Labels:
    """A judge's labels: bad from the threshold on, good below it, none where it abstains."""
    labels: dict[int, Label] = {i: "bad" if x >= threshold else "good" for i, x in blame.items() if x is not None}
    return {i: LabelSource("judge", label) for i, label in labels.items()}


def together(*opinions: Labels) -> Labels:
    """The consensus filter: what two kinds say and none denies."""
    found = {}
    for idx in sorted({idx for said in opinions for idx in said}):
        label = agreed_label(united(idx, [said[idx] for said in opinions if idx in said]))
        if label != "unknown":
            found[idx] = LabelSource("judge", label)
    return found


def kept(traces: Sequence[Trace], labels: Sequence[Labels]) -> Kept:
    """Labels held against the recorded truth."""
    pairs = [
        (said[step.idx].verdict if step.idx in said else None, "good" if step.optimal else "bad")
        for trace, said in zip(traces, labels, strict=True)
        for step in trace.run.agent_steps
    ]
    return Kept(
        steps=len(pairs),
        kept=sum(said is not None for said, _ in pairs),
        right=sum(said == truth for said, truth in pairs),
        bad=sum(said == "bad" for said, _ in pairs),
        truly=sum(said == "bad" == truth for said, truth in pairs),
    )


def judge_threshold(traces: Sequence[Trace], blames: Sequence[Blame]) -> float:
    """Where a score of blame says bad: best F1 of bad steps on the first half of the runs."""
    known = [
        (blame.get(step.idx), step.optimal is False)
        for trace, blame in zip(traces, blames, strict=True)
        if in_first_half(trace.key)
        for step in trace.run.agent_steps
    ]

    def counted(threshold: float) -> Counts:
        named = [truth for score, truth in known if score is not None and score >= threshold]
        return Counts(len(known), 0, len(named), sum(named), sum(truth for _, truth in known))

    return best_threshold([score for score, _ in known], counted)
