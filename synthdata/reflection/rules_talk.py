"""Rules over runs that talk to a user: corrections by the user, handing over, looking up before changing something.

Like the other rules they read text alone. Of failed runs they look for faults, of successful ones for merits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from synthdata.records import Trajectory
from synthdata.reflection.findings import Finding
from synthdata.reflection.reading import Turn, words
from synthdata.reflection.rules_calls import reads

_CORRECTS = re.compile(
    r"^(?:no[,.! ]|neither|actually[, ]|that'?s not|that is not|this is not|i (?:said|meant|asked)|not what|wrong)"
    r"|\b(?:that'?s not (?:what|right|correct)|(?:is|was) (?:incorrect|wrong)|i (?:don'?t|do not) (?:want|need)|"
    r"you (?:forgot|missed)|still (?:not|wrong)|i already (?:told|said|gave))\b",
    re.IGNORECASE,
)
_CHANGES = frozenset(
    "update book cancel modify exchange return send create delete add remove set pay place edit".split()
)
_GIVES_UP = re.compile(r"transfer|escalat|hand_?over|give_?up|abort", re.IGNORECASE)


def talk_findings(turns: list[Turn], trajectory: Trajectory) -> Iterator[Finding]:
    """Findings of a run that holds messages of a user after its first step."""
    users = [at for at, step in enumerate(trajectory.steps) if step.role == "user"]
    if trajectory.success is False:
        yield from _corrected(turns, trajectory, users)
        yield from _handed_over(turns)
    elif trajectory.success is True:
        yield from _looked_first(turns)


def _corrected(turns: list[Turn], trajectory: Trajectory, users: list[int]) -> Iterator[Finding]:
    """A message or call that the user's next words correct."""
    for at in users:
        before = [turn for turn in turns if turn.at < at]
        answer = trajectory.steps[at].action
        if not before or before[-1].at < at - 1 or not _CORRECTS.search(answer[:400]):
            continue
        # The user's words are what proves it; a turn of its own, so that they can be quoted.
        user = Turn(at, trajectory.steps[at], "message", answer, answer, "action", "", (), "", None)
        yield Finding("corrected", before[-1], "bad", "misread_goal", None, user)


def _handed_over(turns: list[Turn]) -> Iterator[Finding]:
    """A failed run that ends by passing the matter to somebody else."""
    acting = [turn for turn in turns if turn.kind in ("call", "command")]
    if len(acting) > 1 and acting[-1].kind == "call" and _GIVES_UP.search(acting[-1].verb):
        yield Finding("handed_over", acting[-1], "bad", "premature_stop", None, acting[-1])


def _looked_first(turns: list[Turn]) -> Iterator[Finding]:
    """The last lookup before the first change that worked, where the run looked before it changed anything."""
    acting = [turn for turn in turns if turn.kind == "call" and turn.failure is None]
    change = next((turn for turn in acting if _first_word(turn) in _CHANGES), None)
    if change is None:
        return
    looks = [turn for turn in acting if turn.at < change.at and reads(turn) and turn.reply.strip()]
    if looks:
        yield Finding("looked_first", looks[-1], "good", "good_plan", None, looks[-1], about=change.raw)


def _first_word(turn: Turn) -> str:
    return next(iter(words(turn.verb)), "")
