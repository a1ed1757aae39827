"""From idle and useful moves of a game to findings: which rule speaks for a move, and which move was better.

The better move is the next useful one of the run, where nothing between prepared it: then it was open already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from synthdata.records import CauseCode
from synthdata.reflection import rules_moves
from synthdata.reflection.findings import Finding
from synthdata.reflection.reading import INFO_VERBS, Turn, content_words, words
from synthdata.reflection.rules_moves import is_inverse, target_of, thing_of

_CODES: dict[str, CauseCode] = {"repeated": "loop", "misplaced": "misread_goal", "strange": "misread_goal"}
_HOLDING = ("take", "get", "pick")
_GIVING = ("put", "insert", "place", "drop")
# Words by which tasks of games ask to give a thing away.
_GIVING_WORDS = frozenset("put place insert deposit rest drop leave set lay".split())


def idle_moves(turns: list[Turn], task: str) -> dict[int, str]:
    """Positions of moves that brought nothing, each with the most specific rule that says so."""
    idle: dict[int, str] = {}
    for rule, check in (
        ("misplaced", rules_moves.misplaced_things),
        ("undone", rules_moves.undone_moves),
        ("uncalled", rules_moves.uncalled_moves),
        ("strange", rules_moves.strange_objects),
        ("repeated", rules_moves.repeated_moves),
        ("info", rules_moves.info_moves),
    ):
        for i in sorted(check(turns, task)):
            idle.setdefault(i, rule)
    for i in sorted(rules_moves.wandering_moves(turns, task, set(idle))):
        idle.setdefault(i, "wandering")
    return {i: _finer(rule, turns[i], task) for i, rule in sorted(idle.items())}


def _finer(rule: str, turn: Turn, task: str) -> str:
    if rule != "info":
        return rule
    if turn.verb in ("inventory", "i"):
        return "inventory"
    if not turn.names:
        return "look"
    return "examined_needed" if set(turn.names) <= set(words(task)) else "examined_strange"


def idle_findings(turns: list[Turn], task: str) -> Iterator[Finding]:
    """A finding for each idle move after which the run still found something useful to do."""
    idle = idle_moves(turns, task)
    for i, rule in idle.items():
        better = _next_useful(turns, i, idle, task)
        if better is None:
            continue
        code = _CODES.get(rule, "inefficient")
        shown = _twin(turns, i) if rule == "repeated" else turns[i]
        about = thing_of(turns[i])
        if about and rule in ("strange", "examined_strange") and about in better.text.lower():
            # What the next useful move acts on is not strange, whatever the task calls it.
            if rule == "strange":
                continue
            rule = "examined_needed"
        yield Finding(rule, turns[i], "bad", code, better, shown, about=about)


def _twin(turns: list[Turn], i: int) -> Turn:
    return next(t for t in turns if t.text.lower() == turns[i].text.lower() and t.reply == turns[i].reply)


def _next_useful(turns: list[Turn], i: int, idle: dict[int, str], task: str) -> Turn | None:
    for k in range(i + 1, len(turns)):
        later = turns[k]
        if k in idle or later.failure is not None or later.kind != "move" or is_inverse(turns[i], later):
            continue
        fresh = later.text.lower() != turns[i].text.lower()
        if fresh and _was_open(turns[i:k], later) and _is_called_for(later, task):
            return later
    return None


def _was_open(between: list[Turn], better: Turn) -> bool:
    """Whether a move could be made before these turns too: in the same room, and what it acts on was as it is.

    Moves that bring nothing by themselves may still prepare: what was laid down can be taken up, a chest that was shut
    can be opened.
    """
    changes: list[Turn] = []
    for turn in between:
        if turn.kind != "move" or turn.verb in INFO_VERBS or turn.failure is not None:
            continue
        same = next((old for old in reversed(changes) if _concern_the_same(old, turn)), None)
        if same is not None and is_inverse(same, turn):
            changes.remove(same)
        else:
            changes.append(turn)
    if better.verb == "go" and any(turn.verb in ("open", "unlock") for turn in changes):
        return False
    acted = {thing_of(better), target_of(better)} - {""}
    return not any(turn.verb == "go" or thing_of(turn) in acted for turn in changes)


def _concern_the_same(old: Turn, turn: Turn) -> bool:
    if "go" in (old.verb, turn.verb):
        return old.verb == turn.verb
    return thing_of(old) == thing_of(turn)


def _is_called_for(better: Turn, task: str) -> bool:
    """Whether the task asks for a move that gives a thing away; other moves may serve without being named."""
    if better.verb not in _GIVING:
        return True
    wanted = set(content_words(thing_of(better))) | set(content_words(target_of(better)))
    return any(
        wanted <= set(words(clause)) and set(words(clause)) & _GIVING_WORDS for clause in re.split(r"[.!?;,]", task)
    )


def good_findings(turns: list[Turn], task: str) -> Iterator[Finding]:
    """What a successful run did well: fetched what it needed, followed the task's words, came back from a detour."""
    idle = idle_moves(turns, task)
    useful = [i for i, turn in enumerate(turns) if turn.kind == "move" and i not in idle and turn.failure is None]
    task_words = set(words(task))
    for n, i in enumerate(useful):
        turn, thing = turns[i], thing_of(turns[i])
        later = next((turns[k] for k in useful[n + 1 :] if _needs(turns[k], thing)), None)
        following = turns[useful[n + 1]] if n + 1 < len(useful) else None
        if i > 0 and i - 1 in idle and idle[i - 1] != "inventory":
            yield Finding("resumed", turn, "good", "recovery", None, turn, about=turns[i - 1].text)
        elif turn.verb in _HOLDING and later is not None:
            yield Finding("fetched", turn, "good", "good_plan", None, later, about=thing)
        elif turn.verb in ("unlock", "open") and later is not None:
            yield Finding("opened", turn, "good", "good_plan", None, later, about=thing)
        elif turn.verb == "go" and following is not None and _seen(turn, following):
            yield Finding("walked", turn, "good", "good_plan", None, following, about=thing_of(following))
        elif turn.verb != "go" and thing and set(content_words(thing)) <= task_words:
            yield Finding("as_asked", turn, "good", "good_plan", None, turn, about=thing)


def _needs(later: Turn, thing: str) -> bool:
    return bool(thing) and thing in (thing_of(later), target_of(later))


def _seen(turn: Turn, following: Turn) -> bool:
    thing = thing_of(following).split()
    return following.verb != "go" and bool(thing) and thing[-1] in words(turn.reply)
