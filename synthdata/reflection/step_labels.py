"""The rules' opinion on every step of a run, as a label: no wording, no proof for a lesson, no ground truth.

The rules are those that propose lessons; here they also speak where nothing better is known, and two facts that need
no better move count by themselves: a reply that says it failed, and a cycle of moves that brings what it brought.
"""

from __future__ import annotations

from synthdata.records import LabelSource, Trajectory
from synthdata.reflection.propose import faulty_steps, findings_of
from synthdata.reflection.reading import Turn, read_turns
from synthdata.reflection.rules_calls import passing_failure

# Longer cycles than this hardly occur, and a run of one repeated move is a cycle of length one.
LONGEST_CYCLE = 6


def rule_opinions(trajectory: Trajectory) -> dict[int, LabelSource]:
    """Good or bad by step index, each with the rule that says so as its model; absent where no rule speaks of a step.

    Bad: failing replies, repeated pairs of move and reply, cycles, ignored observations, premature stops, idle moves.
    Good: merits of runs that succeeded, at steps without a fault.
    """
    turns = read_turns(trajectory)
    labels: dict[int, LabelSource] = {}
    for finding in findings_of(trajectory):
        labels.setdefault(finding.turn.step.idx, LabelSource("rule", finding.label, model=finding.rule))
    bad = dict.fromkeys((turns[i].step.idx for i in cycled_turns(turns)), "cycle")
    failed = [i for i, turn in enumerate(turns) if turn.failure is not None and turn.kind != "message"]
    bad |= {turns[i].step.idx: "failed" for i in failed if not passing_failure(turns, i)}
    bad |= faulty_steps(trajectory)
    for idx, rule in bad.items():
        if idx not in labels or labels[idx].verdict == "good":
            labels[idx] = LabelSource("rule", "bad", model=rule)
    return dict(sorted(labels.items()))


def cycled_turns(turns: list[Turn]) -> set[int]:
    """Positions of turns in a stretch that repeats the stretch before it, moves and replies alike."""
    pairs = [(turn.text.lower(), turn.reply) for turn in turns]
    cycled: set[int] = set()
    for length in range(1, LONGEST_CYCLE + 1):
        for start in range(length, len(pairs) - length + 1):
            stretch = pairs[start : start + length]
            if stretch == pairs[start - length : start] and any(reply.strip() for _, reply in stretch):
                cycled.update(range(start, start + length))
    return cycled
