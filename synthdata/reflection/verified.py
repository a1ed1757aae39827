"""Reasons that a run's own record verifies: what the move was answered, what was known before, what came of the better.

Each is read off the log: an answer is quoted whole, "two moves before" is counted, "the task does not name the frisbee"
is looked up in its words. A small model chooses among them (`recipe.reflection.reasons = "chosen"`) and adds none, so
a lesson's reason is as true as its run. Nothing here asks what an environment would have answered to another move.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from synthdata.records import Step, Trajectory
from synthdata.reflection.findings import Finding
from synthdata.reflection.reading import Turn, content_words, read_turns, words
from synthdata.reflection.rules_moves import CALLED_FOR, is_inverse, target_of, thing_of
from synthdata.reflection.speech import gerund
from synthdata.reflection.verified_calls import call_reasons

# Longer sentences are not quoted: a cut one would not be what was said.
_QUOTE_CHARS = 110
_SENTENCE = re.compile(r"[^.!?\n]*[^.!?\s][^.!?\n]*[.!?]?")
_ROOM = re.compile(r"-= ([^=\n]{1,60}?) =-")
_CLAUSE = re.compile(r"[^.!?;:,\n]+")
_HOLDING = frozenset("take get pick put insert place drop give eat drink wear".split())
_OPENING = frozenset(("open", "unlock"))
_BY_MEANS = frozenset(("take", "get", "unlock", "lock"))
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_LEADS = re.compile(
    r"^(?:and|then|next|first|firstly|first of all|first off|after that|once that's done|now|if you can|alright|okay"
    r"|(?:thing |what |the first thing )?i need you to(?: do is to)?|your (?:first )?(?:objective|task) is to"
    r"|it would be \w+ if you could|make an? (?:effort|attempt) to|try to)\b"
)
# What a clause that only names a condition begins with: it asks for nothing.
_CONDITION = frozenset("if once when after having with provided assuming".split())
# Words by which tasks of games ask for a move.
_PLACING = ("put", "place", "insert", "deposit", "rest", "drop", "leave", "set", "lay")
_TAKING = ("take", "get", "retrieve", "recover", "lift", "pick", "pick-up", "grab", "fetch")
_ASKING = {
    **dict.fromkeys(("put", "insert", "place", "drop"), _PLACING), **dict.fromkeys(("take", "get"), _TAKING),
    "open": ("open", "opened", "ajar"), "close": ("close", "closed", "shut"), "lock": ("lock", "locked"),
    "unlock": ("unlock", "unlocked"), "eat": ("eat", "consume", "devour"), "drink": ("drink",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """A verified statement: its kind, under which wordings.py holds sentences for it, and what fills them."""

    kind: str
    slots: tuple[tuple[str, str], ...]


def reasons(run: Trajectory, finding: Finding) -> list[Reason]:
    """What the record verifies about a finding on a move, a call or a command, each kind once; empty for messages."""
    if finding.turn.kind == "message":
        return []
    turns = read_turns(run)
    log = _Log(run, turns)
    moves = finding.turn.kind == "move"
    stated = (
        chain(_about_turn(log, finding), _about_better(log, finding)) if moves else call_reasons(run, turns, finding)
    )
    made: dict[str, Reason] = {}
    for kind, slots in stated:
        made.setdefault(kind, Reason(kind, tuple(sorted(slots.items()))))
    return list(made.values())


Facts = Iterator[tuple[str, dict[str, str]]]


@dataclass(frozen=True)
class _Log:
    """A run with its turns; `task` are the words of the task."""

    run: Trajectory
    turns: Sequence[Turn]

    @property
    def task(self) -> set[str]:
        return set(words(self.run.task))

    def place(self, turn: Turn) -> int:
        return next(n for n, one in enumerate(self.turns) if one.at == turn.at)

    def apart(self, first: Turn, later: Turn) -> int:
        return self.place(later) - self.place(first)

    def before(self, turn: Turn) -> list[Step]:
        """What was read before a turn, the newest first."""
        return [step for step in reversed(self.run.steps[: turn.at]) if step.observation]

    def ago(self, turn: Turn, step: Step) -> str:
        """When a step before the turn was: `two moves before`, or `at the start`."""
        moves = sum(one.at >= self.run.steps.index(step) for one in self.turns[: self.place(turn)])
        return f"{_count(moves)} before" if step.role == "agent" else "at the start"


def _about_turn(log: _Log, finding: Finding) -> Facts:
    turn = finding.turn
    if finding.label == "good":
        yield from _merits(log, finding)
        return
    answer = _whole(turn.reply)
    if answer:
        yield "answer", {"q": answer}
    yield from _known_before(log, turn)
    yield from _unnamed(log, turn, finding.better)
    yield from _reversed(log, turn)
    if turn.verb in CALLED_FOR and not log.task & set(CALLED_FOR[turn.verb]):
        yield "no_call", {"v": gerund(turn.verb)}
    if turn.verb in ("inventory", "i") and not _handled(log.turns[: log.place(turn)]):
        yield "nothing_handled", {}


def _known_before(log: _Log, turn: Turn) -> Facts:
    """The same answer, or the same room's description, had come before."""
    for step in log.before(turn):
        if turn.reply and step.observation.strip() == turn.reply.strip():
            yield "same_text", {"ago": log.ago(turn, step)}
            break
    for earlier in reversed(log.turns[: log.place(turn)]):
        if earlier.text.lower() == turn.text.lower() and earlier.reply.strip() == turn.reply.strip():
            yield "same_move", {"n": _count(log.apart(earlier, turn))}
            break
    room = _ROOM.search(turn.reply)
    if room is not None and turn.verb in ("look", "l"):
        for step in log.before(turn):
            if f"-= {room[1]} =-" in step.observation:
                yield "room_known", {"room": room[1].lower(), "ago": log.ago(turn, step)}
                break


def _unnamed(log: _Log, turn: Turn, better: Turn | None) -> Facts:
    """Things of the move that the task has no word for, and that no other move used."""
    for thing in (target_of(turn), thing_of(turn)):
        if turn.verb == "go" or not thing or set(content_words(thing)) & log.task:
            continue
        if better is not None and set(content_words(thing)) <= set(words(better.text)):
            # What the better move acts on cannot speak against this one.
            continue
        yield "unnamed", {"x": thing}
        others = [one for one in log.turns if one.at != turn.at]
        if not any(set(content_words(thing)) <= set(words(one.text)) for one in others):
            if turn.verb in _OPENING and any(one.verb == "go" for one in log.turns[log.place(turn) :]):
                # A way may lead through it, which the names of moves do not tell.
                continue
            yield "unused", {"x": thing}
            if log.run.success is True:
                yield "won_without", {"x": thing}


def _reversed(log: _Log, turn: Turn) -> Facts:
    """A later move took it back, or it took back an earlier one; a thing that was laid down was taken up again."""
    at = log.place(turn)
    rooms = [_room(step.observation) for step in log.run.steps]
    for later in log.turns[at + 1 :]:
        if not is_inverse(turn, later) or later.failure is not None:
            continue
        back = next((room for room in reversed(rooms[: turn.at]) if room), "")
        if turn.verb != "go":
            yield "taken_back", {"jg": gerund(later.raw), "later": _later(log.apart(turn, later))}
        elif back and rooms[later.at] == back:
            slots = {"jg": gerund(later.raw), "later": _later(log.apart(turn, later)), "room": back}
            yield "came_back", slots
        break
    for earlier in reversed(log.turns[:at]):
        if turn.verb != "go" and earlier.verb != "go" and is_inverse(earlier, turn) and earlier.failure is None:
            yield "takes_back", {"jg": gerund(earlier.raw), "n": _count(log.apart(earlier, turn))}
            break
    if turn.verb in ("put", "insert", "place", "drop"):
        for later in log.turns[at + 1 :]:
            if later.verb in ("take", "get") and thing_of(later) == thing_of(turn) and later.failure is None:
                yield "fetched_again", {"x": thing_of(turn), "later": _later(log.apart(turn, later))}
                break


def _about_better(log: _Log, finding: Finding) -> Facts:
    better, turn = finding.better, finding.turn
    if better is None:
        return
    slots = {"cg": gerund(better.raw), "later": _later(log.apart(turn, better))}
    room, answer = _room(better.reply), _first(better.reply)
    if better.verb == "go" and room:
        yield "better_led", slots | {"room": room}
    elif answer:
        yield "better_answer", slots | {"q": answer}
    if "Your score has just gone up by one point" in better.reply:
        yield "better_score", slots
    yield from _asked(log, better, "better_")
    thing = thing_of(better)
    for step in log.before(turn):
        sentence = _naming(step.observation, thing) if better.verb != "go" else ""
        if sentence:
            yield "in_view", {"x": thing, "q": sentence, "ago": log.ago(turn, step)}
            break


def _merits(log: _Log, finding: Finding) -> Facts:
    turn, shown = finding.turn, finding.shown
    room, answer = _room(turn.reply), _first(turn.reply)
    if turn.verb == "go" and room:
        yield "led", {"room": room}
    elif answer:
        yield "brought", {"q": answer}
    if "Your score has just gone up by one point" in turn.reply:
        yield "score", {}
    yield from _asked(log, turn, "")
    if shown.at > turn.at:
        slots = {"lg": gerund(shown.raw), "later": _later(log.apart(turn, shown)), "x": finding.about}
        sentence = _first(shown.reply)
        if finding.rule in ("fetched", "opened"):
            yield "used", slots
            if sentence:
                yield "used_answer", slots | {"q": sentence}
        named = _naming(turn.reply, finding.about)
        if finding.rule == "walked" and named:
            yield "showed", slots | {"q": named}


def _asked(log: _Log, turn: Turn, prefix: str) -> Facts:
    """The words of the task for a move: a clause that names all it acts on, and its verb too where it asks for it."""
    things = set(content_words(thing_of(turn)))
    # What a thing is unlocked with or taken from is a means; where it is put is what is asked.
    things |= set() if turn.verb in _BY_MEANS else set(content_words(target_of(turn)))
    if turn.verb == "go" or not things:
        return
    clauses = [
        clause for clause in _clauses(log.run.task) if things <= set(words(clause)) and _same_means(clause, turn)
    ]
    verbs = set(_ASKING.get(turn.verb, (turn.verb,)))
    asking = [clause for clause in clauses if verbs & set(words(clause))]
    # Where a thing goes is told by the clause that asks for it; another that names both says nothing of the move.
    naming = [] if turn.verb in _PLACING else clauses
    for kind, matching in (("asked", asking), ("named", naming)):
        if matching:
            yield prefix + kind, {"q": matching[0], "x": thing_of(turn), "cg": gerund(turn.raw)}
            return


def _same_means(clause: str, turn: Turn) -> bool:
    """Whether a clause that says from where, or with what, says the move's own."""
    named = {"from", "with"} & set(words(clause)) & set(words(turn.text))
    return not named or set(content_words(target_of(turn))) <= set(words(clause))


def _clauses(task: str) -> Iterator[str]:
    for match in _CLAUSE.finditer(task):
        clause = match[0].strip()
        while (lead := _LEADS.match(clause.lower())) is not None:
            clause = clause[lead.end() :].strip()
        if len(words(clause)) > 2 and len(clause) <= _QUOTE_CHARS and words(clause)[0] not in _CONDITION:
            yield clause


def _handled(turns: Sequence[Turn]) -> bool:
    return any(turn.verb in _HOLDING and turn.failure is None for turn in turns)


def _later(moves: int) -> str:
    return "with the very next move" if moves == 1 else f"{_count(moves)} later"


def _count(moves: int) -> str:
    number = _COUNTS[moves] if moves < len(_COUNTS) else str(moves)
    return f"{number} move{'' if moves == 1 else 's'}"


def _room(reply: str) -> str:
    match = _ROOM.search(reply)
    return match[1].lower() if match else ""


def _sentences(reply: str) -> Iterator[str]:
    for match in _SENTENCE.finditer(reply):
        sentence = match[0].strip()
        quotable = not any(mark in sentence for mark in ("-=", "***", '"', "“", "”", "<", ">"))
        if quotable and len(words(sentence)) > 2 and len(sentence) <= _QUOTE_CHARS:
            yield sentence


def _first(reply: str) -> str:
    """The first line of a reply where it is one sentence that can be quoted, else empty."""
    line = reply.strip().split("\n", 1)[0].strip()
    return line if next(_sentences(line), "") == line else ""


def _whole(reply: str) -> str:
    """A reply that is one sentence and no more, else empty."""
    return _first(reply) if "\n" not in reply.strip() else ""


def _naming(reply: str, thing: str) -> str:
    wanted = set(content_words(thing))
    return next((s for s in _sentences(reply) if wanted and wanted <= set(words(s))), "")
