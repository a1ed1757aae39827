"""Conversations and runs in which calls were written as text, with these as calls, their answers and their tools.

A text in the marks of a call is one where an answer follows it, or where it begins a line and the conversation has
tools of its names; else it speaks of calls, and stays text. A call that must be one and cannot be read is never half of
one: its row is refused, its step of a run carries no weight.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from synthdata.records import Step, Trajectory, canonical_json
from synthdata.records.chat import is_weighed_in, part_text
from synthdata.sources.calls import read_call
from synthdata.sources.fields import RowError, shortened
from synthdata.sources.harmony import channel_answer
from synthdata.sources.steps import CAME_BACK
from synthdata.sources.written_calls import Written, after_thought, bare, in_tags_of, written
from synthdata.sources.written_tools import tool_name, tool_properties, tools_in

Message = dict[str, Any]
LEFT = "it looks like a call, but nothing here answers it or defines its tool: left as text"
# How an answer names the tool that it is of (Cline, Roo).
_NAMING = re.compile(r"\[([\w-]{3,60})(?: for '[^\n]{0,2000}')?\] Result:")
_OPENED, _CLOSED, _GLAIVE = "<tool_response>", "</tool_response>", "FUNCTION RESPONSE:"


@dataclass(frozen=True, slots=True)
class Called:
    """The messages, those that came of each together; the tools; and how many turns look like calls but are text."""

    messages: list[list[Message]]
    tools: tuple[Any, ...]
    left: int = 0


class _Tools:
    """Which tools a conversation has: those that are defined, and those that its system prompt names."""

    def __init__(self, defined: Iterable[object], prompts: Sequence[str]) -> None:
        self.schemas = {name: tool_properties(tool) for tool in defined if (name := tool_name(tool))}
        self._prompts = prompts

    def named(self, name: str) -> bool:
        """Whether it has a tool of that name."""
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        return name in self.schemas or any(map(word.search, self._prompts))

    def calls(self, text: str, answer: str | None) -> Written | None:
        """The calls of a turn or their fault; neither where it only looks like one, None where it is text."""
        found = None
        if self.schemas and text[after_thought(text) :].lstrip()[:1] in ("[", "{"):
            found = bare(text, self.named)
        if found is None:
            found = written(text, self.schemas)
        named = _NAMING.match(answer) if answer and found is None else None
        if named:
            found = in_tags_of(text, named[1])
        answered = answer is not None
        if found is None or found.sure:
            return found
        if found.fault:
            meant = answered or (found.alone and bool(self.schemas))
        else:
            known = all(self.named(call["function"]["name"]) for call in found.calls)
            meant = answered or (found.opens and known and not found.after)
        return found if meant else Written(text)


def called_chat(messages: Sequence[Message], tools: Sequence[Any], before: Sequence[Message] = ()) -> Called:
    """The messages with the calls and answers that were written as text; without tools those of the system prompt.

    `before` are messages that were said before these, of which the tools and prompts hold.

    Raises:
        RowError: a turn that must be a call cannot be read as one.
    """
    if not messages:
        return Called([], tuple(tools))
    prompts = [*before, *messages]
    if not tools:
        messages, tools = _defined(messages)
    known = _Tools(tools, [_words(turn) for turn in prompts if turn["role"] in _SYSTEMS])
    made: list[list[Message]] = []
    left, asked = 0, False
    for i, message in enumerate(messages):
        following = messages[i + 1] if i + 1 < len(messages) else {}
        came = _called(message, known, _words(following) if _is_answer(following) else None, f"messages[{i}]")
        left += came is None
        # Answers to calls that were written as text.
        asked = (came is not None and came is not message) or (asked and _is_answer(message))
        made.append(_answers(message) if asked and came is message else [message if came is None else came])
    return Called(made, tuple(tools), left)


_SYSTEMS = ("system", "developer")


def _words(message: Message) -> str:
    """The text of a message, also of one whose parts are all text; empty of any other."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = [part_text(part) for part in content] if isinstance(content, list) else []
    return "\n".join(text for text in parts if text) if None not in parts else ""


def _is_answer(message: Message) -> bool:
    role = message.get("role")
    return role in ("tool", "function") or (role == "user" and CAME_BACK.match(_words(message)) is not None)


def _defined(messages: Sequence[Message]) -> tuple[list[Message], list[Any]]:
    """The messages without the tools that a system prompt among them defines, and these."""
    kept, tools = list(messages), list[Any]()
    for i, message in enumerate(kept):
        if message["role"] in _SYSTEMS and not tools:
            text, tools = tools_in(_words(message))
            kept[i] = message | {"content": text} if tools else message
    return kept, tools


def _called(message: Message, known: _Tools, answer: str | None, where: str) -> Message | None:
    """The message, with calls where it has any as text; None where it looks like one and stays text."""
    if message["role"] != "assistant" or message.get("tool_calls") or message.get("function_call"):
        return message
    found = known.calls(_words(message), answer)
    if found is None:
        return message
    if found.fault and is_weighed_in(message):
        fault = shortened(found.fault, 120)
        raise RowError(f"`{where}` holds a call as text that cannot be read: {fault}; mend it, or leave the row out")
    if found.fault or not (found.calls or found.sure):
        return None
    made = message | {"content": found.said} | ({"tool_calls": list(found.calls)} if found.calls else {})
    return made | ({"reasoning_content": found.thought} if found.thought else {})


def _answers(message: Message) -> list[Message]:
    own = message | {"role": "tool"} if message["role"] == "user" else message
    texts = answers_in(_words(message))
    return [message] if own is message and texts == [_words(message)] else [own | {"content": text} for text in texts]


def answers_in(text: str) -> list[str]:
    """The answers in a text, without the tags or the mark around each."""
    rest = text.strip()
    if rest.startswith(_GLAIVE):
        return [rest.removeprefix(_GLAIVE).strip()]
    inner = channel_answer(rest)
    if inner is not None:
        return [inner]
    found = []
    while rest.startswith(_OPENED) and _CLOSED in rest:
        body, _, rest = rest.removeprefix(_OPENED).partition(_CLOSED)
        found.append(body.strip())
        rest = rest.lstrip()
    return [text] if rest or not found else found


def writes_calls(messages: Sequence[Message]) -> bool:
    """Whether a turn of a conversation is calls as text that an answer follows."""
    turns = pairwise(messages)
    spoken = [_words(turn) for turn, after in turns if turn.get("role") == "assistant" and _is_answer(after)]
    return any(found.calls for text in spoken if (found := written(text, {})) is not None)


def called_run(run: Trajectory) -> Trajectory:
    """The run with the calls that were written as text, their answers, and the tools of its system prompt."""
    steps = list(run.steps)
    tools = _listed(run.tools)
    if not run.tools:
        for i, step in enumerate(steps):
            if step.role == "system" and not tools:
                text, tools = tools_in(step.action)
                steps[i] = replace(step, action=text) if tools else step
    known = _Tools(tools, [step.action for step in run.steps if step.role == "system"])
    made = tuple(_called_step(step, known) for step in steps)
    return (
        run
        if made == run.steps
        else replace(run, steps=made, tools=run.tools or (canonical_json(tools) if tools else ""))
    )


def _listed(tools: str) -> list[Any]:
    try:
        value = json.loads(tools) if tools else []
    except (ValueError, RecursionError):
        return []
    return value if isinstance(value, list) else [value]


def _called_step(step: Step, known: _Tools) -> Step:
    if step.role != "agent" or step.tool_calls or not step.action:
        return step
    found = known.calls(step.action, step.observations[0].content if step.observations else None)
    if found is None:
        return step
    if found.fault:
        note = f"a call as text that cannot be read: {shortened(found.fault, 120)}"
        return replace(step, weight=0, notes=(*step.notes, note))
    if not (found.calls or found.sure):
        return replace(step, notes=(*step.notes, LEFT))
    calls = tuple(read_call(call, "call").call for call in found.calls)
    seen = tuple(replace(seen, content=text) for seen in step.observations for text in answers_in(seen.content))
    thought = "\n".join(filter(None, (step.thought, found.thought)))
    return replace(step, action=found.said, thought=thought, tool_calls=calls, observations=seen)
