"""How the steps of a run read: what was done, what came back, whether it failed; no opinion on whether it was good.

Works on the text alone, for moves of a text game, shell commands and code, tool calls and messages. `Step.optimal` is
ground truth and is never read here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from synthdata.records import EvidenceField, Step, Trajectory

TurnKind = Literal["move", "command", "call", "message"]

INFO_VERBS = frozenset({"look", "l", "examine", "x", "inspect", "inventory", "i"})
MOVE_VERBS = INFO_VERBS | frozenset(
    "go take get put insert place drop open close lock unlock eat drink cook read use move push pull turn toggle heat "
    "cool clean slice chop dice prepare wear give enter climb goto pick".split()
)
# Arguments by which a tool takes one command as text; such a call is read as the command itself.
COMMAND_KEYS = frozenset({"command", "cmd", "action", "move", "input", "code"})
_SMALL = frozenset(
    "a an the of to in into on onto from with at by for and or is it its this that be as are was were i you your my me "
    "up down out off then here there so not no".split()
)
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_CALL = re.compile(r"([A-Za-z_][\w.\-]*)\((\{.*\})\)", re.DOTALL)
# What says by itself that something failed, wherever it stands in a reply: the first kinds at the beginning of a line
# or sentence, so that words put before an error on its own line do not hide it.
_FAIL_LINE = re.compile(
    r"(?:^|(?<=[.!?\r\v\f\x85\u2028\u2029])[^\w\n]{0,8})(?P<begun>(?:fatal |internal )?error\b\s*[:!(-].*"
    r"|traceback \(most recent call last\).*|\w*(?:error|exception): .*)$"
    r"|^(?P<line>.*: (?:command not found|no such file or directory|permission denied|not a directory|is a directory).*"
    r"|.*(?:exit|return) ?code:? *[1-9]\d*\b.*|usage: .*error.*|your proposed edit has introduced.*|\W*.error.\s*:.*"
    r"|.*\bsyntaxerror\b.*)$",
    re.IGNORECASE | re.MULTILINE,
)
# Words of failure that ordinary text holds too: they count only in a reply short enough to be about nothing else.
_FAIL_SHORT = re.compile(
    r"^.*(?:\bnot found\b|\binvalid\b|\bunknown (?:command|tool|action)\b|\byou can't\b|\byou cannot\b|\bfailed\b"
    r"|\bdoes not exist\b|\bnot a verb\b|\bnothing happens\b|\bdon't understand\b|\bno results\b|\bunable to\b"
    r"|\bcould not\b|\bno search results\b|\bdidn't understand\b|\bno such\b|\berror:).*$",
    re.IGNORECASE | re.MULTILINE,
)
SHORT_REPLY = 300
_SCAN_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Turn:
    """One agent step as read. `text` is the command, call or message; `raw` the same verbatim as the log has it.

    `names` are the content words of what it acts on; `failure` is the span of the failing line in the observation.
    """

    at: int
    step: Step
    kind: TurnKind
    text: str
    raw: str
    field: EvidenceField
    verb: str
    names: tuple[str, ...]
    reply: str
    failure: tuple[int, int] | None


def words(text: str) -> list[str]:
    """The words of a text in order, lower case, without a possessive 's; underscores end a word, hyphens do not."""
    return list(_kept_words(text) if len(text) <= _SHORT_TEXT else _words(text))


# The rules ask again and again for the words of the same moves and of the same task.
_SHORT_TEXT = 2000


@lru_cache(maxsize=1024)
def _kept_words(text: str) -> tuple[str, ...]:
    return _words(text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(w.lower().removesuffix("'s") for w in _WORD.findall(text))


def content_words(text: str) -> list[str]:
    """`words` without articles, prepositions and other small words."""
    return [w for w in words(text) if w not in _SMALL]


def read_turns(trajectory: Trajectory) -> list[Turn]:
    """The agent's steps of a run as turns, in order; `at` is the position in `trajectory.steps`."""
    return [_turn(at, step) for at, step in enumerate(trajectory.steps) if step.role == "agent"]


# Each rule reads the run anew.
@lru_cache(maxsize=512)
def _turn(at: int, step: Step) -> Turn:
    raw = step.call_text if step.tool_calls else step.action
    field: EvidenceField = "tool_call" if step.tool_calls else "action"
    text = command_of(raw) or raw.strip()
    reply = step.observation
    kind = _kind(text, bool(step.tool_calls), reply)
    verb, names = _parts(text, kind)
    return Turn(at, step, kind, text, raw, field, verb, names, reply, failure_span(reply))


def _kind(text: str, called: bool, reply: str) -> TurnKind:
    if not called and not reply:
        # Said to somebody, however it begins: "Take care!" moves nothing.
        return "message"
    first = words(text)[:1]
    if first and first[0] in MOVE_VERBS and "\n" not in text and len(text) <= 120 and not _CALL.search(text):
        return "move"
    return "call" if called and parse_call(text) is not None else "command"


def _parts(text: str, kind: TurnKind) -> tuple[str, tuple[str, ...]]:
    call = parse_call(text)
    if kind == "call" and call is not None:
        return call[0], tuple(content_words(" ".join(str(v) for v in call[1].values())))
    tokens = words(text)
    if not tokens:
        return "", ()
    return tokens[0], tuple(content_words(text)[1:] if tokens[0] not in _SMALL else content_words(text))


def parse_call(text: str) -> tuple[str, dict[str, object]] | None:
    """Name and arguments of the first `name({...})` in a text, None where there is no such call or no JSON object."""
    match = _CALL.match(text.strip().split("\n")[0]) or _CALL.match(text.strip())
    if match is None:
        return None
    try:
        arguments = json.loads(match[2])
    except (ValueError, RecursionError):
        return None
    return match[1], arguments


def tool_schemas(tools: str) -> dict[str, Mapping[str, Any]]:
    """The JSON schema of each tool's arguments by the tool's name, from a run's list of tools in OpenAI's form."""
    try:
        listed = json.loads(tools or "[]")
    except ValueError:
        return {}
    functions = [item.get("function", item) for item in listed if isinstance(item, dict)]
    named = [item for item in functions if isinstance(item, dict) and isinstance(item.get("name"), str)]
    schemas = {item["name"]: item.get("parameters") for item in named}
    return {name: schema if isinstance(schema, dict) else {} for name, schema in schemas.items()}


def options_of(schema: Mapping[str, Any] | None, key: str) -> list[Any]:
    """The values that a tool's argument may have, where its schema lists them; else empty."""
    properties = (schema or {}).get("properties")
    known = properties.get(key) if isinstance(properties, dict) else None
    options = known.get("enum") if isinstance(known, dict) else None
    return options if isinstance(options, list) else []


def command_of(raw: str) -> str:
    """The command inside a call that takes nothing but one, such as `play({"command": "go east"})`; else empty."""
    call = parse_call(raw)
    if call is None or len(call[1]) != 1:
        return ""
    key, value = next(iter(call[1].items()))
    return value.strip() if key in COMMAND_KEYS and isinstance(value, str) else ""


def failure_span(reply: str) -> tuple[int, int] | None:
    """Where a reply says that the step failed: the span of its last telling line, None where it does not.

    The last one, because a traceback names its cause at the end.
    """
    scanned = reply[:_SCAN_CHARS]
    matches = [match.span(match.lastgroup or 0) for match in _FAIL_LINE.finditer(scanned)]
    if not matches and len(reply) <= SHORT_REPLY:
        matches = [match.span() for match in _FAIL_SHORT.finditer(scanned)]
    return matches[-1] if matches else None


def room_of(turns: Iterable[Turn], before: int) -> str:
    """The place named last, as games write it (`-= Kitchen =-`), up to position `before`; else empty."""
    name = ""
    for turn in turns:
        if turn.at > before:
            break
        for match in re.finditer(r"-= ([^=\n]{1,60}?) =-", turn.reply):
            name = match[1]
    return name.lower()
