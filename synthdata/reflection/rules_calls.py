"""Rules over tool calls, shell commands and code: what failed, what was said over it, what was asked twice.

Each rule takes the turns and returns findings with the turn that would have been better, taken from the same run; no
wording here, and no ground truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from synthdata.records import CauseCode, Trajectory
from synthdata.reflection.findings import Finding
from synthdata.reflection.reading import Turn, options_of, parse_call, tool_schemas, words

_ACTING = ("call", "command")
_ALIKE = 0.6
_DONE_CLAIM = re.compile(
    r"\b(?:successfully|has been (?:updated|booked|cancel+ed|changed|added|processed|fixed|completed|resolved)"
    r"|have been (?:updated|booked|cancel+ed|changed|added|processed|fixed))\b",
    re.IGNORECASE,
)
READS = frozenset("get search list find read lookup view show check fetch retrieve query describe".split())
_ID = re.compile(r"(?=[A-Za-z_.@:/-]*\d)[\w.@:/-]{6,40}")
_MISSING = re.compile(
    r"not found|no such file|does not exist|unknown|undefined|not defined|no attribute|no module", re.I
)
_NO_TOOL = re.compile(r"command not found|unknown (?:tool|command|action)|no such tool|not recogni[sz]ed", re.I)


def call_findings(turns: list[Turn], success: bool | None) -> Iterator[Finding]:
    """All findings over calls, commands and messages of a run."""
    for i, turn in enumerate(turns):
        if turn.kind in _ACTING and turn.failure is not None:
            yield from () if passing_failure(turns, i) else _after_failure(turns, i, success)
        elif turn.kind in _ACTING:
            yield from _same_again(turns, i, success)
        elif turn.kind == "message":
            yield from _claim(turns, i)
    if success is False and turns:
        yield from _stopped_short(turns)


def passing_failure(turns: list[Turn], i: int) -> bool:
    """Whether the very same call was made next and worked: a busy service is no mistake of who called it."""
    later = turns[i + 1] if i + 1 < len(turns) else None
    return later is not None and later.raw == turns[i].raw and later.failure is None


def _after_failure(turns: list[Turn], i: int, success: bool | None) -> Iterator[Finding]:
    turn = turns[i]
    same = [k for k in range(i) if turns[k].text == turn.text and turns[k].failure is not None]
    fix = _mended(turns, i)
    if same:
        other = fix or _next_working(turns, i, success)
        if other is not None:
            yield Finding("ignored_failure", turn, "bad", "ignored_observation", other, turns[same[-1]])
        return
    if fix is not None:
        yield Finding("mended_later", turn, "bad", _failure_code(turn, fix), fix, turn)
        yield Finding("mended", fix, "good", "recovery", None, turn)
        return
    other = _next_working(turns, i, success)
    if other is not None and other.at - turn.at <= 8:
        yield Finding("failed_then_left", turn, "bad", _failure_code(turn, other), other, turn)


def _failure_code(turn: Turn, better: Turn) -> CauseCode:
    text = turn.reply[slice(*turn.failure)] if turn.failure else ""
    if _NO_TOOL.search(text) or (turn.kind == "call" and turn.verb != better.verb):
        return "wrong_tool"
    return "hallucinated_state" if _MISSING.search(text) else "bad_args"


def _mended(turns: list[Turn], i: int) -> Turn | None:
    """The first later turn by the same tool or program that differs, does not fail, and is about the same."""
    turn = turns[i]
    for later in turns[i + 1 :]:
        same_means = later.kind == turn.kind and later.verb == turn.verb and bool(turn.verb)
        if same_means and later.failure is None and later.text != turn.text and _same_matter(turn, later):
            return later
    return None


def _same_matter(turn: Turn, later: Turn) -> bool:
    """Whether a later call corrects an earlier one: of the arguments of either, more than half are the same or alike.

    The same tool is used for other things too: a click on another button mends no click that missed. Commands are not
    compared, nor calls with one argument: the same program or tool is enough.
    """
    first, second = parse_call(turn.text), parse_call(later.text)
    if first is None or second is None or len(second[1]) < 2:
        return True
    keys = first[1].keys() & second[1].keys()
    close = sum(first[1][key] == second[1][key] or alike(first[1][key], second[1][key]) for key in keys)
    return 2 * close > min(len(first[1]), len(second[1]))


def alike(one: object, other: object) -> bool:
    """Whether two values are numbers, or texts that differ little, as a slip makes them."""
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return False
    if isinstance(one, int | float) and isinstance(other, int | float):
        return True
    a, b = str(one), str(other)
    return SequenceMatcher(None, a.lower(), b.lower(), autojunk=False).ratio() >= _ALIKE


def _next_working(turns: list[Turn], i: int, success: bool | None) -> Turn | None:
    """The next turn that does something else and does not fail; a call is none of which nothing came."""
    for k in range(i + 1, len(turns)):
        later = turns[k]
        if later.kind in _ACTING and later.failure is None and later.text != turns[i].text and later.reply.strip():
            came = later.kind != "call" or _passed_on(turns, k) or (success is not False and _stands(turns, k))
            return later if came else None
    return None


def _same_again(turns: list[Turn], i: int, success: bool | None) -> Iterator[Finding]:
    turn = turns[i]
    before = [k for k in range(i) if turns[k].raw == turn.raw and turns[k].reply == turn.reply]
    if before and turn.reply.strip() and not _changed_between(turns, before[-1], i):
        other = _next_working(turns, i, success)
        if other is not None:
            yield Finding("same_call_again", turn, "bad", "loop", other, turns[before[-1]])


def _changed_between(turns: list[Turn], first: int, again: int) -> bool:
    """Whether something came between two equal turns after which the second may have been right.

    Words of somebody else, such as that all is put back, or a turn that went through, read nothing and showed
    something else.
    """
    if turns[again].at - turns[first].at != again - first:
        return True
    between = turns[first + 1 : again]
    return any(
        t.failure is None and t.text != turns[again].text and t.reply != turns[again].reply and not reads(t)
        for t in between
    )


def reads(turn: Turn) -> bool:
    """Whether a turn only looks something up, by the first word of its tool's or program's name."""
    return next(iter(words(turn.verb)), "") in READS


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


def good_calls(turns: list[Turn], run: Trajectory) -> Iterator[Finding]:
    """Calls of a successful run that pass on what had been read, and of which something came.

    An identifier that an earlier reply brought (the habit of looking up before acting), or words of the request.
    """
    asked, schemas = f" {' '.join(words(run.task))} ", tool_schemas(run.tools)
    for i, turn in enumerate(turns):
        call = parse_call(turn.text) if turn.kind == "call" and turn.failure is None else None
        if call is None or not (_passed_on(turns, i) or _stands(turns, i)):
            continue
        source, value = _brought(turns, i, call[1])
        if source is not None:
            yield Finding("grounded_value", turn, "good", "good_plan", None, source, about=value)
            continue
        # A value that the tool offers by itself, such as the role of a button, is no word of the request.
        free = {key: value for key, value in call[1].items() if not options_of(schemas.get(call[0]), key)}
        named = next((v for v in _named_values(free) if f" {' '.join(words(v))} " in asked), "")
        if named:
            yield Finding("asked_value", turn, "good", "good_plan", None, turn, about=named)


def _brought(turns: list[Turn], i: int, arguments: dict[str, object]) -> tuple[Turn | None, str]:
    """The first identifier in arguments that an earlier reply brought and no earlier call used, and whose reply."""
    for value in identifiers(arguments):
        source = next((t for t in turns[:i] if value in t.reply and t.kind in _ACTING), None)
        is_known = any(value in t.text for t in turns[:i])
        if source is not None and not is_known and source.verb != turns[i].verb:
            return source, value
    return None, ""


def _passed_on(turns: list[Turn], i: int) -> bool:
    """Whether a later call that does not fail passes on what this one's reply was the first to bring."""
    known = " ".join(t.text for t in turns[: i + 1]) + " ".join(t.reply for t in turns[:i])
    fresh = {value for value in _ID.findall(turns[i].reply) if value not in known}
    return any(value in t.text for t in turns[i + 1 :] if t.failure is None for value in fresh)


def _stands(turns: list[Turn], i: int) -> bool:
    """Whether a turn is one of the last two that did not fail, and nothing was put back after it."""
    later = [t for t in turns[i + 1 :] if t.kind in _ACTING and t.failure is None]
    return len(later) <= 1 and turns[-1].at - turns[i].at == len(turns) - 1 - i


def _named_values(value: object) -> Iterator[str]:
    """The strings in arguments that have at least two characters, the longest first."""
    if isinstance(value, dict):
        texts = [text for key in sorted(value) for text in _named_values(value[key])]
        yield from sorted(texts, key=lambda text: (-len(text), text))
    elif isinstance(value, list):
        for item in value:
            yield from _named_values(item)
    elif isinstance(value, str) and len(value) > 1 and words(value):
        yield value


def identifiers(value: object) -> Iterator[str]:
    """The strings in arguments that look like identifiers: six characters or more with a digit, no spaces."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from identifiers(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from identifiers(item)
    elif isinstance(value, str) and 6 <= len(value) <= 40 and re.search(r"\d", value) and " " not in value:
        yield value
