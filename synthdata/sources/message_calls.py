"""The tool calls of a message: listed beside its content, in it, or as its text."""

from __future__ import annotations

import json
from typing import Any

from synthdata.sources.calls import ReadCall, read_call
from synthdata.sources.fields import as_list
from synthdata.sources.literals import python_value
from synthdata.sources.parts import Content
from synthdata.sources.steps import Draft

LISTED = ("tool_calls", "toolCalls", "ToolCalls", "invalid_tool_calls")
CALLING = frozenset((*LISTED, "function_call", "additional_kwargs"))
# AutoGen lists calls as the content itself.
CALL_LISTS = ("toolcallrequestevent", "assistantmessage")


def read_calls(message: dict[str, Any], where: str) -> list[ReadCall]:
    """The tool calls that a message lists beside its content, a legacy `function_call` last."""
    calls: list[ReadCall] = []
    for key in LISTED:
        if message.get(key):
            listed = as_list(listed_calls(message[key]), f"{where}.{key}")
            calls += [read_call(item, f"{where}.{key}[{i}]") for i, item in enumerate(listed)]
    legacy = message.get("function_call")
    if legacy:
        calls.append(read_call({"function": legacy} if isinstance(legacy, dict) else legacy, f"{where}.function_call"))
    more = message.get("additional_kwargs")
    if not calls and isinstance(more, dict) and (more.get("tool_calls") or more.get("function_call")):
        calls = read_calls(
            {key: more.get(key) for key in ("tool_calls", "function_call")}, f"{where}.additional_kwargs"
        )
    return calls


def listed_calls(value: object) -> object:
    """The calls of a message; where a table holds them as JSON text, its value."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def calls_of(item: dict[str, Any], content: Content, where: str) -> list[ReadCall]:
    """Calls of the content, then the listed ones that are not the same once more."""
    listed = read_calls(item, where)
    if not content.calls:
        return listed
    known = {read.call.call_id or (read.call.name, read.call.arguments) for read in content.calls}
    return [*content.calls, *(r for r in listed if (r.call.call_id or (r.call.name, r.call.arguments)) not in known)]


def only_calls(item: dict[str, Any]) -> bool:
    """Whether the content is a list of calls and nothing else."""
    content = item.get("content")
    if not isinstance(content, list) or not content:
        return False
    return all(isinstance(call, dict) and "name" in call and "arguments" in call for call in content)


def is_spelled(item: dict[str, Any]) -> bool:
    """Whether a turn says of itself that it is a call."""
    return str(item.get("role", item.get("from"))).lower() in ("tool-call", "tool_call", "function_call")


def spelled_value(text: str) -> object:
    """The value of a turn that is a call as text, in JSON or in Python's notation; None of any other."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return python_value(text)
    except ValueError:
        return None


def take_spelled_call(draft: Draft, where: str) -> None:
    """ShareGPT with tools: the turn's text is the call, as one JSON object or a list of them."""
    value = spelled_value(draft.action)
    calls = value if isinstance(value, list) else [value]
    if calls and all(isinstance(call, dict) and "name" in call for call in calls):
        draft.action = ""
        draft.take(read_call(call, where) for call in calls)
