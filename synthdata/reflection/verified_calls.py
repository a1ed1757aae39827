"""Reasons that a run's own record verifies about calls of tools, clicks on pages and commands.

What was wrong with a call is looked up: a tool that the run does not have, an argument that its schema asks for, a
value that stands nowhere in what had been read. What was right is what the call that went through had instead, and
where its values had been read. Kinds and slots are those of `verified.Reason`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

from synthdata.records import Trajectory
from synthdata.reflection.findings import Finding
from synthdata.reflection.reading import Turn, content_words, options_of, parse_call, tool_schemas, words
from synthdata.reflection.rules_calls import alike, identifiers
from synthdata.reflection.speech import gerund

Facts = Iterator[tuple[str, dict[str, str]]]
# Values that are longer are no names: they are not quoted in a sentence.
_VALUE_CHARS = 40
_QUOTE_CHARS = 110
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
# How the guard of a world names the rule by which it refuses.
_REFUSED = re.compile(r"\brefused by rule ([a-z][\w-]{0,30})\b")
_CLAUSE = re.compile(r"[^.!?;\n]+(?:[.!?;](?=\S)[^.!?;\n]*)*")


@dataclass(frozen=True)
class _CallLog:
    """A run with its turns, and the arguments of its tools by name as their schemas have them."""

    run: Trajectory
    turns: list[Turn]

    @cached_property
    def tools(self) -> dict[str, Mapping[str, Any]]:
        """The JSON schema of each tool's arguments; empty where the run does not list its tools."""
        return tool_schemas(self.run.tools)

    def apart(self, first: Turn, later: Turn) -> int:
        """How many of the agent's steps lie from one turn to a later one."""
        places = [turn.at for turn in self.turns]
        return places.index(later.at) - places.index(first.at)

    def read_before(self, turn: Turn) -> str:
        """All that had been said and shown before a turn, what the agent itself had written left out."""
        steps = self.run.steps[: turn.at]
        texts = [self.run.task, *(step.observation for step in steps)]
        return "\n".join([*texts, *(step.action for step in steps if step.role != "agent")])

    def answered_with(self, turn: Turn, value: str) -> Turn | None:
        """The latest turn before this one whose reply holds a value."""
        before = [one for one in self.turns if one.at < turn.at and stands_in(value, one.reply)]
        return before[-1] if before else None


def call_reasons(run: Trajectory, turns: list[Turn], finding: Finding) -> Facts:
    """What the record verifies about a finding on a call or a command; a kind may come twice."""
    log = _CallLog(run, turns)
    if finding.label == "good":
        yield from _merits(log, finding)
        return
    turn, better = finding.turn, finding.better
    yield from _wrong(log, turn)
    yield from _again(log, turn)
    if better is not None:
        yield from _differs(log, turn, better)
        if turn.failure is not None:
            yield "went_through", {"cg": gerund(better.raw), "later": _later(log.apart(turn, better))}


def _wrong(log: _CallLog, turn: Turn) -> Facts:
    """What a failed call names that the run does not have."""
    call = parse_call(turn.text)
    if turn.failure is None or call is None or not isinstance(call[1], dict):
        return
    refused = _REFUSED.search(turn.reply)
    if refused is not None:
        yield "refused", {"x": refused[1]}
    name, values = call
    schema = log.tools.get(name)
    if log.tools and schema is None:
        yield "no_tool", {"v": name}
        return
    for key in (schema or {}).get("required") or ():
        if key not in values:
            yield "left_out", {"v": name, "k": _spoken(key)}
    read = log.read_before(turn)
    for key, value in values.items():
        options = options_of(schema, key)
        if options and value not in options:
            yield "no_option", {"k": _spoken(key), "x": str(value)[:_VALUE_CHARS]}
        elif not options and _is_name(value) and not stands_in(value, read):
            yield "unread", {"x": value}


def _again(log: _CallLog, turn: Turn) -> Facts:
    """The same call had come before with the same answer."""
    same = [one for one in log.turns if one.at < turn.at and one.raw == turn.raw and one.reply == turn.reply]
    if same:
        yield "same_call", {"n": _count(log.apart(same[-1], turn))}
        if log.apart(same[-1], turn) == 1 and log.turns[-1].at > turn.at:
            yield "nothing_moved", {}


def _differs(log: _CallLog, turn: Turn, better: Turn) -> Facts:
    """What a call of the same tool had instead, and where that had been read."""
    first, second = parse_call(turn.text), parse_call(better.text)
    if first is None or second is None or first[0] != second[0]:
        return
    slots = {"cg": gerund(better.raw), "later": _later(log.apart(turn, better))}
    for key, value in second[1].items():
        old = first[1].get(key)
        if value == old or not _is_name(value):
            continue
        if old is None:
            yield "also_gives", slots | {"k": _spoken(key), "y": value}
        elif _is_name(old) and alike(old, value):
            yield "in_place", slots | {"k": _spoken(key), "x": old, "y": value}
        yield from _known(log, turn, value, "y")


def _known(log: _CallLog, turn: Turn, value: str, slot: str) -> Facts:
    """Where a value had been read before a turn: in the request, or in a reply."""
    clause = _clause(log.run.task, value)
    source = log.answered_with(turn, value)
    if clause:
        yield "request_names", {slot: value, "q": clause}
    elif source is not None:
        yield "had_come", {slot: value, "lg": gerund(source.raw), "n": _count(log.apart(source, turn))}


def _merits(log: _CallLog, finding: Finding) -> Facts:
    turn, shown = finding.turn, finding.shown
    value = finding.about
    if finding.rule == "mended" and shown.failure is not None:
        yield from ((kind + "_now", slots) for kind, slots in _differs(log, shown, turn) if kind != "request_names")
        yield "got_past", {"n": _count(log.apart(shown, turn)), "jg": gerund(shown.raw)}
    elif finding.rule == "grounded_value":
        yield "was_read", {"x": value, "lg": gerund(shown.raw), "n": _count(log.apart(shown, turn))}
        if not stands_in(value, log.run.task):
            yield "not_asked", {"x": value}
    elif finding.rule == "asked_value" and (clause := _clause(log.run.task, value)):
        yield "asked_with", {"x": value, "q": clause}
    elif finding.rule == "looked_first":
        change = next(one for one in log.turns if one.raw == value and one.at > turn.at and one.failure is None)
        yield "before_change", {"jg": gerund(change.raw), "later": _later(log.apart(turn, change))}
    known = log.read_before(turn) + " ".join(one.text for one in log.turns if one.at <= turn.at)
    for later in (one for one in log.turns if one.at > turn.at and one.failure is None):
        call = parse_call(later.text)
        for used in identifiers(call[1]) if call is not None else ():
            if stands_in(used, turn.reply) and not stands_in(used, known):
                yield "gave", {"y": used, "jg": gerund(later.raw), "later": _later(log.apart(turn, later))}
                return


def stands_in(value: str, text: str) -> bool:
    """Whether a value stands in a text as a whole, not as a part of a longer word; in any case of letters."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE) is not None


def _is_name(value: object) -> TypeGuard[str]:
    return (
        isinstance(value, str) and 0 < len(value) <= _VALUE_CHARS and bool(content_words(value)) and "\n" not in value
    )


def _clause(task: str, value: str) -> str:
    """The sentence of the request that holds a value, where it is short enough to be quoted and more than the value."""
    for match in _CLAUSE.finditer(task):
        clause = match[0].strip()
        quotable = len(clause) <= _QUOTE_CHARS and not any(mark in clause for mark in "“”<>")
        if quotable and stands_in(value, clause) and len(words(clause)) > len(words(value)) + 1:
            return clause
    return ""


def _spoken(key: str) -> str:
    return key.replace("_", " ")


def _count(steps: int) -> str:
    return f"{_COUNTS[steps] if steps < len(_COUNTS) else steps} step{'' if steps == 1 else 's'}"


def _later(steps: int) -> str:
    return "with the very next step" if steps == 1 else f"{_count(steps)} later"
