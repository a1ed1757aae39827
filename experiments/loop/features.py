"""What a small policy reads of a state and a command: 36 numbers from what a player sees, nothing of the plan.

The task is cut into clauses; a pointer stands after the last clause that the run has done something about.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from experiments.loop.runs import State
from synthdata.reflection.reading import content_words, failure_span, words

VERBS = (
    "go",
    "take",
    "drop",
    "put",
    "insert",
    "open",
    "close",
    "unlock",
    "lock",
    "eat",
    "examine",
    "look",
    "inventory",
)
_ASKS = {
    "go": "go move head travel trip venture walk",
    "take": "take pick lift recover retrieve grab get",
    "drop": "drop floor ground",
    "put": "put place set rest sit",
    "insert": "insert put place",
    "open": "open opened ajar",
    "close": "close closed shut",
    "unlock": "unlock unlocked",
    "lock": "lock locked",
    "eat": "eat consume devour",
}
ASKS = {verb: frozenset(text.split()) for verb, text in _ASKS.items()}
WAYS = {"north": "south", "south": "north", "east": "west", "west": "east"}
UNDOES = {
    "take": ("drop", "put", "insert"),
    "drop": ("take",),
    "put": ("take",),
    "insert": ("take",),
    "open": ("close",),
    "close": ("open",),
    "lock": ("unlock",),
    "unlock": ("lock",),
}
SIZE = 36
_PREPOSITIONS = frozenset({"from", "with", "into", "in", "on", "onto"})
_CLAUSE = re.compile(r"[.;!?]\s|, and then|, then ")


@lru_cache(maxsize=100_000)
def parts(command: str) -> tuple[str, frozenset[str], frozenset[str]]:
    """Verb, words of the thing, and words of where or with what."""
    found = words(command)
    rest = found[1:]
    cut = next((i for i, word in enumerate(rest) if word in _PREPOSITIONS), len(rest))
    return (
        found[0] if found else "",
        frozenset(content_words(" ".join(rest[:cut]))),
        frozenset(content_words(" ".join(rest[cut + 1 :]))),
    )


@lru_cache(maxsize=10_000)
def clauses(objective: str) -> tuple[frozenset[str], ...]:
    """The words of each clause of a task."""
    return tuple(frozenset(words(part)) for part in _CLAUSE.split(objective) if words(part))


@lru_cache(maxsize=30_000)
def features(state: State) -> NDArray[np.float64]:
    """(commands, 36) numbers in [0, 1]."""
    asked = clauses(state.objective)
    done = [command for command, _ in state.transcript[1:]]
    at = _pointer(asked, done)
    task = frozenset().union(*asked)
    reply = frozenset(words(state.transcript[-1][1]))
    stuck = failure_span(state.transcript[-1][1]) is not None
    table = np.zeros((len(state.admissible), SIZE))
    wanted = [
        _matches(command, asked[at : at + 1]) and _asks(command, asked[at : at + 1]) for command in state.admissible
    ]
    for i, command in enumerate(state.admissible):
        table[i, :14] = _verb(command)
        table[i, 14:24] = _of_task(command, asked, at, task)
        table[i, 24:30] = _of_history(command, done, reply, stuck)
        table[i, 30:] = _of_others(command, done, any(wanted), asked[at:])
    return table


@lru_cache(maxsize=10_000)
def _verb(command: str) -> tuple[float, ...]:
    verb = parts(command)[0]
    return (*(float(verb == known) for known in VERBS), float(verb not in VERBS))


def _pointer(asked: tuple[frozenset[str], ...], done: list[str]) -> int:
    at = 0
    for command in done:
        hit = next((i for i in range(at, len(asked)) if _matches(command, asked[i : i + 1])), None)
        if hit is not None and _asks(command, asked[hit : hit + 1]):
            at = hit + 1
    return at


def _matches(command: str, some: tuple[frozenset[str], ...]) -> bool:
    _, thing, _ = parts(command)
    return bool(thing) and any(thing <= clause for clause in some)


def _asks(command: str, some: tuple[frozenset[str], ...]) -> bool:
    return any(ASKS.get(parts(command)[0], frozenset()) & clause for clause in some)


def _both(command: str, some: tuple[frozenset[str], ...]) -> bool:
    _, thing, _ = parts(command)
    return bool(thing) and any(thing <= c and ASKS.get(parts(command)[0], frozenset()) & c for c in some)


def _of_task(command: str, asked: tuple[frozenset[str], ...], at: int, task: frozenset[str]) -> tuple[float, ...]:
    verb, thing, target = parts(command)
    return (
        len(thing & task) / max(1, len(thing)),
        float(bool(thing) and thing <= task),
        float(bool(target) and target <= task),
        float(bool(target) and not target <= task),
        float(verb == "go" and bool(thing & task)),
        float(_matches(command, asked[at : at + 1])),
        float(_both(command, asked[at : at + 1])),
        float(_both(command, asked[at + 1 :])),
        float(_both(command, asked)),
        float(_both(command, asked[:at]) and not _both(command, asked[at:])),
    )


def _of_history(command: str, done: list[str], reply: frozenset[str], stuck: bool) -> tuple[float, ...]:
    times = done.count(command)
    _, thing, _ = parts(command)
    return (
        float(times > 0),
        min(times, 3) / 3,
        float(bool(done) and inverse(done[-1], command)),
        float(any(inverse(old, command) for old in done)),
        float(bool(thing) and thing <= reply),
        float(stuck),
    )


def _of_others(command: str, done: list[str], wanted: bool, rest: tuple[frozenset[str], ...]) -> tuple[float, ...]:
    verb, thing, target = parts(command)
    held = _held(done)
    needed = any(thing <= clause for clause in rest[1:])
    return (
        float(verb == "go" and wanted),
        float(verb == "go" and not wanted),
        float(bool(thing) and thing in held),
        float(bool(target) and target in held and _matches(command, rest)),
        float(verb == "take" and bool(thing) and needed),
        float(_asks(command, rest[:1])),
    )


def _held(done: list[str]) -> set[frozenset[str]]:
    held: set[frozenset[str]] = set()
    for command in done:
        verb, thing, _ = parts(command)
        if verb == "take":
            held.add(thing)
        elif verb in ("drop", "put", "insert", "eat"):
            held.discard(thing)
    return held


def inverse(old: str, new: str) -> bool:
    """Whether the new command takes the old one back."""
    verb, thing, _ = parts(old)
    other, what, _ = parts(new)
    if verb == "go" and other == "go" and thing and what:
        return WAYS.get(next(iter(thing))) == next(iter(what))
    return thing == what and other in UNDOES.get(verb, ())
