"""Rules over the moves of a text game: which moves brought nothing, seen from the end of the run; no wording here.

Each rule takes the turns and the task and returns the positions (in the list of turns) that it holds for bad. They
read commands and replies, never the ground truth of the environment.
"""

from __future__ import annotations

from functools import lru_cache

from synthdata.reflection.reading import INFO_VERBS, Turn, content_words, words

_OPPOSITE = {"east": "west", "west": "east", "north": "south", "south": "north", "up": "down", "down": "up"}
_UNDOES = {
    "take": ("drop", "put", "insert", "place"),
    "get": ("drop", "put", "insert", "place"),
    "drop": ("take", "get"),
    "put": ("take", "get"),
    "insert": ("take", "get"),
    "place": ("take", "get"),
    "open": ("close",),
    "close": ("open",),
    "lock": ("unlock",),
    "unlock": ("lock",),
}
# Verbs that take a state away again, with the words by which a task would ask for that.
CALLED_FOR = {
    "close": ("close", "closed", "shut"),
    "lock": ("lock", "locked", "seal", "sealed"),
    "drop": ("drop", "floor", "ground", "down", "leave"),
    "eat": ("eat", "consume", "devour", "bite", "swallow", "taste"),
    "drink": ("drink",),
}
_PLACES = ("put", "insert", "place")


def info_moves(turns: list[Turn], task: str) -> set[int]:
    """Looking, examining and listing what one carries: they read the game and change nothing in it."""
    del task
    return {i for i, turn in enumerate(turns) if turn.kind == "move" and turn.verb in INFO_VERBS}


def repeated_moves(turns: list[Turn], task: str) -> set[int]:
    """A move made before with the same reply, which then told nothing new.

    Ways and moves that another can take back are left to other rules: there the same again may repair.
    """
    del task
    seen: set[tuple[str, str]] = set()
    again: set[int] = set()
    for i, turn in enumerate(turns):
        key = (turn.text.lower(), turn.reply)
        if turn.kind == "move" and key in seen and turn.verb != "go" and turn.verb not in _UNDOES:
            again.add(i)
        seen.add(key)
    return again


def uncalled_moves(turns: list[Turn], task: str) -> set[int]:
    """Closing, locking, dropping or eating where the task has no word for it: they only take a state away."""
    task_words = set(words(task))
    return {
        i
        for i, turn in enumerate(turns)
        if turn.kind == "move" and turn.verb in CALLED_FOR and not task_words & set(CALLED_FOR[turn.verb])
    }


def undone_moves(turns: list[Turn], task: str) -> set[int]:
    """Moves that another takes back later: of do, undo, do again the undoing is idle, else the doing.

    Where the thing is not in the task the undoing is idle too; where it is, the undoing repairs.
    """
    task_words = set(words(task))
    faults: set[int] = set()
    for i, turn in enumerate(turns):
        j = _next_inverse(turns, i) if turn.kind == "move" and turn.verb in _UNDOES and turn.names else None
        if j is None or _asked_for(turns[j], task_words):
            continue
        if any(later.text.lower() == turn.text.lower() for later in turns[j + 1 :]):
            faults.add(j)
        elif not _used_between(turns, i, j):
            faults.add(i)
            if not set(content_words(thing_of(turn))) <= task_words:
                faults.add(j)
    return faults


def wandering_moves(turns: list[Turn], task: str, idle: set[int]) -> set[int]:
    """Going somewhere and straight back with only idle moves between: the way there.

    Or the way back, where the run then takes the first way again.
    """
    del task
    faults: set[int] = set()
    ways: list[int] = []
    for i, turn in enumerate(turns):
        if turn.kind != "move":
            ways.clear()
        elif turn.verb == "go" and turn.names:
            out = ways[-1] if ways else None
            if out is None or _OPPOSITE.get(turns[out].names[0]) != turn.names[0]:
                ways.append(i)
                continue
            ways.pop()
            again = next((t for k, t in enumerate(turns[i + 1 :], i + 1) if k not in idle), None)
            faults.add(i if again is not None and again.text == turns[out].text else out)
        elif i not in idle and turn.failure is None:
            ways.clear()
    return faults


def strange_objects(turns: list[Turn], task: str) -> set[int]:
    """Handling a thing that the task never names and no later useful move needs."""
    task_words = set(words(task))
    faults = set()
    for i, turn in enumerate(turns):
        if turn.kind != "move" or turn.verb == "go" or turn.verb in INFO_VERBS or not turn.names:
            continue
        thing = thing_of(turn)
        if set(content_words(thing)) <= task_words:
            continue
        needed = any(thing in _thing_list(later) and set(_first_names(later)) <= task_words for later in turns[i + 1 :])
        if not needed:
            faults.add(i)
    return faults


def misplaced_things(turns: list[Turn], task: str) -> set[int]:
    """Putting a thing that the task names somewhere that the task does not name."""
    task_words = set(words(task))
    faults = set()
    for i, turn in enumerate(turns):
        target = target_of(turn)
        if turn.kind == "move" and turn.verb in _PLACES and target and not set(content_words(target)) <= task_words:
            faults.add(i)
    return faults


def thing_of(turn: Turn) -> str:
    """What a move acts on: the words after the verb up to the preposition."""
    return _split(turn)[0]


def target_of(turn: Turn) -> str:
    """Where or with what a move acts: the words after the preposition, empty where there is none."""
    return _split(turn)[1]


def is_inverse(first: Turn, later: Turn) -> bool:
    """Whether a later move only takes the first one back: the opposite way, or the same thing put back."""
    if first.verb == "go" and later.verb == "go" and first.names and later.names:
        return _OPPOSITE.get(first.names[0]) == later.names[0]
    if thing_of(first) != thing_of(later) or later.verb not in _UNDOES.get(first.verb, ()):
        return False
    # A thing taken from one place and put in another was moved, not put back.
    return first.verb in ("lock", "unlock") or target_of(later) == target_of(first)


def _split(turn: Turn) -> tuple[str, str]:
    return _parted(turn.text)


# Each move of a run is compared with all later ones.
@lru_cache(maxsize=1024)
def _parted(move: str) -> tuple[str, str]:
    rest = words(move)[1:]
    for k, word in enumerate(rest):
        if word in ("from", "with", "into", "in", "on", "onto") and k > 0:
            return " ".join(rest[:k]), " ".join(rest[k + 1 :])
    return " ".join(w for w in rest if w not in ("the", "a", "an")), ""


def _thing_list(turn: Turn) -> tuple[str, str]:
    return _split(turn) if turn.kind == "move" and turn.verb not in INFO_VERBS else ("", "")


def _first_names(turn: Turn) -> list[str]:
    return content_words(thing_of(turn))


def _used_between(turns: list[Turn], i: int, j: int) -> bool:
    """Whether the thing served in between: something taken out of it, opened with it, or a way that it opens."""
    thing, opened = thing_of(turns[i]), turns[i].verb in ("open", "unlock")
    return any(
        turn.kind == "move" and (target_of(turn) == thing or (opened and turn.verb == "go"))
        for turn in turns[i + 1 : j]
    )


def _asked_for(turn: Turn, task_words: set[str]) -> bool:
    """Whether the task has a word for a move that takes a state away, and names its thing."""
    requests = task_words & set(CALLED_FOR.get(turn.verb, ()))
    return bool(requests) and set(content_words(thing_of(turn))) <= task_words


def _next_inverse(turns: list[Turn], i: int) -> int | None:
    for j in range(i + 1, len(turns)):
        if is_inverse(turns[i], turns[j]):
            return j
        if turns[j].kind == "move" and turns[j].verb not in INFO_VERBS and thing_of(turns[j]) == thing_of(turns[i]):
            return None
    return None
