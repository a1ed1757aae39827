"""Rules over tool calls, shell commands and code: what failed, what was said over it, what was asked twice.

Each rule takes the turns and returns findings with the turn that would have been better, taken from the same run; no
wording here, and no ground truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from synthdata.records import CauseCode
from synthdata.reflection.findings import Finding
from synthdata.reflection.reading import Turn, parse_call

_ACTING = ("call", "command")
_DONE_CLAIM = re.compile(
    r"\b(?:successfully|has been (?:updated|booked|cancel+ed|changed|added|processed|fixed|completed|resolved)"
    r"|have been (?:updated|booked|cancel+ed|changed|added|processed|fixed))\b",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"not found|no such file|does not exist|unknown|undefined|not defined|no attribute|no module", re.I
)
_NO_TOOL = re.compile(r"command not found|unknown (?:tool|command|action)|no such tool|not recogni[sz]ed", re.I)


def call_findings(turns: list[Turn], success: bool | None) -> Iterator[Finding]:
    """All findings over calls, commands and messages of a run."""
    for i, turn in enumerate(turns):
        if turn.kind in _ACTING and turn.failure is not None:
            yield from () if passing_failure(turns, i) else _after_failure(turns, i)
        elif turn.kind in _ACTING:
            yield from _same_again(turns, i)
        elif turn.kind == "message":
            yield from _claim(turns, i)
    if success is False and turns:
        yield from _stopped_short(turns)


def passing_failure(turns: list[Turn], i: int) -> bool:
    """Whether the very same call was made next and worked: a busy service is no mistake of who called it."""
    later = turns[i + 1] if i + 1 < len(turns) else None
    return later is not None and later.raw == turns[i].raw and later.failure is None


def _after_failure(turns: list[Turn], i: int) -> Iterator[Finding]:
    turn = turns[i]
    same = [k for k in range(i) if turns[k].text == turn.text and turns[k].failure is not None]
    fix = _mended(turns, i)
    if same:
        other = fix or _next_working(turns, i)
        if other is not None:
            yield Finding("ignored_failure", turn, "bad", "ignored_observation", other, turns[same[-1]])
        return
    if fix is not None:
        yield Finding("mended_later", turn, "bad", _failure_code(turn, fix), fix, turn)
        yield Finding("mended", fix, "good", "recovery", None, turn)
        return
    other = _next_working(turns, i)
    if other is not None and other.at - turn.at <= 8:
        yield Finding("failed_then_left", turn, "bad", _failure_code(turn, other), other, turn)


def _failure_code(turn: Turn, better: Turn) -> CauseCode:
    text = turn.reply[slice(*turn.failure)] if turn.failure else ""
    if _NO_TOOL.search(text) or (turn.kind == "call" and turn.verb != better.verb):
        return "wrong_tool"
    return "hallucinated_state" if _MISSING.search(text) else "bad_args"


def _mended(turns: list[Turn], i: int) -> Turn | None:
    """The first later turn by the same tool or program that differs and does not fail."""
    turn = turns[i]
    for later in turns[i + 1 :]:
        same_means = later.kind == turn.kind and later.verb == turn.verb and bool(turn.verb)
        if same_means and later.failure is None and later.text != turn.text:
            return later
    return None


def _next_working(turns: list[Turn], i: int) -> Turn | None:
    for later in turns[i + 1 :]:
        if later.kind in _ACTING and later.failure is None and later.text != turns[i].text and later.reply.strip():
            return later
    return None


def _same_again(turns: list[Turn], i: int) -> Iterator[Finding]:
    turn = turns[i]
    before = [k for k in range(i) if turns[k].raw == turn.raw and turns[k].reply == turn.reply]
    if before and turn.reply.strip():
        other = _next_working(turns, i)
        if other is not None:
            yield Finding("same_call_again", turn, "bad", "loop", other, turns[before[-1]])


def _claim(turns: list[Turn], i: int) -> Iterator[Finding]:
    """A message that reports success although the last thing tried had failed."""
    tried = [t for t in turns[:i] if t.kind in _ACTING]
    if tried and tried[-1].failure is not None and _DONE_CLAIM.search(turns[i].text):
        yield Finding("claimed_over_failure", turns[i], "bad", "unverified_claim", None, tried[-1])


def _stopped_short(turns: list[Turn]) -> Iterator[Finding]:
    """A failed run whose last attempt failed too, with nothing tried after it."""
    tried = [t for t in turns if t.kind in _ACTING]
    if tried and tried[-1].failure is not None and turns[-1].at > tried[-1].at and turns[-1].kind == "message":
        yield Finding("stopped_on_failure", turns[-1], "bad", "premature_stop", None, tried[-1])


def grounded_calls(turns: list[Turn]) -> Iterator[Finding]:
    """Calls that pass on an identifier which an earlier reply brought: the good habit of looking up before acting."""
    for i, turn in enumerate(turns):
        call = parse_call(turn.text) if turn.kind == "call" and turn.failure is None else None
        if call is None:
            continue
        for value in _identifiers(call[1]):
            source = next((t for t in turns[:i] if value in t.reply and t.kind in _ACTING), None)
            is_known = any(value in t.text for t in turns[:i])
            if source is not None and not is_known and source.verb != turn.verb:
                yield Finding("grounded_value", turn, "good", "good_plan", None, source, about=value)
                break


def _identifiers(value: object) -> Iterator[str]:
    """The strings in arguments that look like identifiers: six characters or more with a digit, no spaces."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from _identifiers(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _identifiers(item)
    elif isinstance(value, str) and 6 <= len(value) <= 40 and re.search(r"\d", value) and " " not in value:
        yield value
