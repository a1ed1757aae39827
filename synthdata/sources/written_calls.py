"""Tool calls that a model wrote as text, in the marks of a chat template, and the words around them.

Whether such a text is a call or speaks of one is decided in `called`, which knows the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from synthdata.sources.call_forms import (
    OPEN,
    PYTHON_NAME,
    Call,
    NoCallError,
    Schemas,
    block,
    json_values,
    python_calls,
)
from synthdata.sources.calls import read_call
from synthdata.sources.fields import RowError
from synthdata.sources.harmony import channels

# What stands between and after calls and says nothing: ends of turns, and tags around several calls.
_SILENT = re.compile(
    r"(?:\s|;|<\|(?:endoftext|eom_id|eot_id|im_end|end_of_text|end|tool_calls_section_begin|tool_calls_section_end)\|>"
    r"|</?(?:[\w｜]{1,20}[:｜])?(?:function_calls|tool_calls)>|</?minimax:tool_call>|</s>|<turn\|>|<\|tool_response>"
    r"|<end_of_turn>|<start_function_response>"
    r"|<｜(?:tool▁calls▁begin|tool▁calls▁end|end▁of▁sentence)｜>)+"
)
# Thoughts, in which marks are spoken of.
_THOUGHTS = {
    "<think>": "</think>", "<thinking>": "</thinking>", "<seed:think>": "</seed:think>", "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
}  # fmt: skip
_THOUGHT = re.compile("|".join(map(re.escape, _THOUGHTS)))
_OPEN_OR_THOUGHT = re.compile(f"{_THOUGHT.pattern}|{OPEN.pattern}")
_TAG = re.compile(r"\s*<([\w-]{1,100})>")
_AROUND = re.compile(r"<[^<>]{1,40}>\s{0,20}\Z")


@dataclass(frozen=True, slots=True)
class Written:
    """The calls in a text with the words before and after them, or what is wrong with them.

    `opens` says whether the calls begin a line, `sure` that a text of this form is never spoken of: it is what it is.
    """

    words: str
    calls: tuple[Call, ...] = ()
    fault: str = ""
    opens: bool = True
    after: str = ""
    thought: str = ""
    sure: bool = False

    @property
    def said(self) -> str:
        """All words: a message has them before its calls."""
        return "\n".join(filter(None, (self.words, self.after)))

    @property
    def alone(self) -> bool:
        """Nothing but thoughts stands before the calls."""
        return not self.words.rpartition("</think>")[2].strip()


def written(text: str, schemas: Schemas) -> Written | None:
    """The calls of a text in marks of a template; None where no mark stands in it, but as a quotation."""
    if "<" not in text and "[TOOL_CALLS]" not in text:
        # Almost every text: a search for all marks costs more than reading it.
        return None
    if text.lstrip().startswith(("<|channel|>", "<|start|>assistant", "to=")):
        return _in_channels(text)
    # A turn that a template opened with a thought begins within it.
    closed = text.find("</think>")
    if closed >= 0 and "<think>" not in text[:closed]:
        found = _written(text, closed + len("</think>"), schemas)
        if found is not None and not found.fault:
            return found
    return _written(text, 0, schemas)


def _written(text: str, at: int, schemas: Schemas) -> Written | None:
    for begin in _unquoted(text, at):
        try:
            calls, after = _all_calls(text, begin, schemas)
        except NoCallError:
            continue
        except (ValueError, RowError) as error:
            return _before(text, begin, fault=str(error))
        return _before(text, begin, calls=tuple(calls), after=after)
    return None


def _in_channels(text: str) -> Written | None:
    try:
        found = channels(text)
        if found is None:
            return None
        thought, words, calls = found
        return Written(words, tuple(map(_checked, calls)), thought=thought, sure=True)
    except (ValueError, RowError) as error:
        return Written("", fault=str(error), sure=True)


def in_tags_of(text: str, name: str) -> Written | None:
    """The call that a text ends with between tags of the tool's own name, a tag for each argument (Cline, Roo)."""
    begin, end = text.rfind(f"<{name}>"), text.rfind(f"</{name}>")
    if begin < 0 or end < begin or text[end + len(name) + 3 :].strip():
        return None
    inner, arguments, at = text[begin + len(name) + 2 : end], dict[str, str](), 0
    while inner[at:].strip():
        tag = _TAG.match(inner, at)
        close = inner.find(f"</{tag[1]}>", tag.end()) if tag else -1
        if tag is None or close < 0 or tag[1] in arguments:
            return Written(text[:begin].rstrip(), fault=f"the arguments of {name} are not in tags of their own")
        arguments[tag[1]] = inner[tag.end() : close].removeprefix("\n").removesuffix("\n")
        at = close + len(tag[1]) + 3
    return Written(text[:begin].rstrip(), (_checked({"name": name, "arguments": arguments}),), sure=True)


def bare(text: str, known: Callable[[str], bool]) -> Written | None:
    """A text that is nothing but calls without any mark, of tools that are known: JSON, or a list in brackets.

    A thought may stand before them, and the end of a turn behind.
    """
    begin = after_thought(text)
    words, text = text[:begin].strip(), text[begin:].strip()
    named = PYTHON_NAME.match(text, 1) if text[:1] == "[" else None
    try:
        calls, end = python_calls(text, 0) if named else json_values(text, 0)
    except ValueError:
        return Written(words, fault="the list of calls is not well formed") if named and known(named[1]) else None
    names = [call.get("name") for call in calls]
    silent = _SILENT.match(text, end)
    end = silent.end() if silent else end
    if not calls or text[end:] or not all(isinstance(name, str) and known(name) for name in names):
        return None
    if not all({"arguments", "parameters", "args"} & call.keys() for call in calls):
        return None
    try:
        return Written(words, tuple(_checked(call) for call in calls))
    except RowError as error:
        return Written(words, fault=str(error))


def _marks(text: str, at: int) -> Iterator[re.Match[str]]:
    """The marks of calls from a place on that are in no thought; a thought that is not closed is none."""
    unclosed = set[str]()
    while (mark := _OPEN_OR_THOUGHT.search(text, at)) is not None:
        close = _THOUGHTS.get(mark[0])
        at = mark.end()
        if close is None:
            yield mark
        elif close not in unclosed:
            end = text.find(close, at)
            at = end + len(close) if end >= 0 else at
            unclosed |= {close} if end < 0 else set()


def after_thought(text: str) -> int:
    """Where a text goes on behind the thought that it begins with."""
    blank = len(text) - len(text.lstrip())
    opened = _THOUGHT.match(text, blank)
    end = text.find(_THOUGHTS[opened[0]], opened.end()) if opened else -1
    return end + len(_THOUGHTS[opened[0]]) if opened and end >= 0 else 0


def _unquoted(text: str, at: int) -> Iterator[int]:
    """Where marks stand that are neither in a block of code nor between backticks on their line."""
    fences, ticks = text.count("```", 0, at), 0
    for mark in _marks(text, at):
        line = text.rfind("\n", at, mark.start()) + 1
        fences += text.count("```", at, mark.start())
        ticks = text.count("`", line, mark.start()) if line else ticks + text.count("`", at, mark.start())
        at = mark.start()
        if fences % 2 == 0 and ticks % 2 == 0:
            yield at


def _before(text: str, at: int, **found: Any) -> Written:  # noqa: ANN401 - of `Written`
    """What was found at a place, with the words before it, without a tag around several calls."""
    around = _AROUND.search(text, max(at - 80, 0), at)
    start = around.start() if around and _SILENT.fullmatch(text, around.start(), at) else at
    words = text[:start]
    return Written(words.rstrip(), opens=not words.rpartition("\n")[2].strip(), **found)


def _all_calls(text: str, at: int, schemas: Schemas) -> tuple[list[Call], str]:
    """All calls from a place on, and the words between and after them.

    Raises:
        ValueError: one is not well formed; `NoCallError` where the first is none at all.
    """
    calls: list[Call] = []
    words: list[str] = []
    while at < len(text):
        mark = next(_marks(text, at), None)
        end = mark.start() if mark else len(text)
        words += [text[at:end].strip()] if at < end else []
        if mark is None:
            break
        try:
            listed, at = block(text, mark, schemas)
        except NoCallError as error:
            raise ValueError("the mark of a call without a call") if calls else error from error
        calls += map(_checked, listed)
        silent = _SILENT.match(text, at)
        at = silent.end() if silent else at
    return calls, "\n".join(filter(None, words))


def _checked(call: Call) -> Call:
    """The call as chats list it, if a tool could take it.

    Raises:
        RowError: no name, or no arguments of a call.
    """
    read = read_call(call, "call")
    if read.unfit:
        raise RowError(read.unfit)
    own = next((call[key] for key in ("arguments", "parameters", "args") if isinstance(call.get(key), dict)), None)
    function = {"name": read.call.name, "arguments": read.call.arguments if own is None else own}
    identity = {"id": read.call.call_id} if read.call.call_id else {}
    return {**identity, "type": "function", "function": function}
