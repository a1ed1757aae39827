"""Moves of a game that nothing speaks against: what may be learnt from a run that failed, where nothing verified it.

No rule faults such a move, it takes back no earlier move, it was not made before, and where it walks, the task names
that way. That is evidence, not proof: docs/loop.md states how often it is right. Only moves of games are spoken of; of
a tool call or a message the silence of the rules says nothing.
"""

from __future__ import annotations

from synthdata.records import Trajectory
from synthdata.reflection.reading import INFO_VERBS, read_turns, words
from synthdata.reflection.rules_moves import is_inverse
from synthdata.reflection.step_labels import rule_opinions


def unfaulted_moves(trajectory: Trajectory) -> frozenset[int]:
    """Indices of the steps that are such moves."""
    opinions, asked = rule_opinions(trajectory), set(words(trajectory.task))
    turns = [turn for turn in read_turns(trajectory) if turn.kind == "move"]
    unfaulted = set()
    for i, turn in enumerate(turns):
        opinion = opinions.get(turn.step.idx)
        earlier = turns[:i]
        faulted = (
            turn.failure is not None or turn.verb in INFO_VERBS or (opinion is not None and opinion.verdict == "bad")
        )
        undoes = any(is_inverse(old, turn) for old in earlier)
        again = any(old.text.lower() == turn.text.lower() for old in earlier)
        strays = turn.verb == "go" and not asked & set(turn.names)
        if not (faulted or undoes or again or strays):
            unfaulted.add(turn.step.idx)
    return frozenset(unfaulted)
