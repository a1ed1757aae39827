"""Messages of Letta (MemGPT) as its API lists them: thoughts, calls, answers and words of an agent, each for itself.

What shares an id was given in one go. Lists come newest first or oldest first; their dates tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.sources import openai_chat
from synthdata.sources.fields import RowError, as_object
from synthdata.sources.files import Row
from synthdata.sources.sessions import ReadRun, SessionItem, each_row

NAME = "letta"
_SPOKEN = {"user_message": "user", "system_message": "system", "assistant_message": "assistant",
           "summary_message": "system"}  # fmt: skip
_CALLS = ("tool_call_message", "approval_request_message")
_SILENT = ("event_message", "approval_response_message", "ping", "usage_statistics", "stop_reason")
_KINDS = frozenset((
    *_SPOKEN, *_CALLS, *_SILENT, "reasoning_message", "hidden_reasoning_message", "tool_return_message",
    "internal_monologue", "function_call", "function_return",
))  # fmt: skip
# What the server tells an agent stands in user messages as JSON of one of these types.
_EVENTS = ("login", "heartbeat", "system_alert")
_ANSWERED = ("tool_return", "function_return")


def sniff(value: object) -> str | None:
    """None if this row is a message of Letta, else why not."""
    if isinstance(value, dict) and isinstance(value.get("message_type"), str) and value["message_type"] in _KINDS:
        return None
    return "no message of Letta (`message_type`)"


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The one run of a file."""
    records, refused = each_row(rows, lambda row: (row.line, _checked(row.value)))
    yield from refused
    if not records:
        return
    if _newest_first([message for _, message in records]):
        records.reverse()
    messages: list[dict[str, Any]] = []
    last = ""
    for _, message in records:
        identity = str(message.get("id") or "")
        _add(messages, message, same=bool(identity) and identity == last)
        last = identity
    first = min(line for line, _ in records)
    try:
        yield ReadRun(first, openai_chat.read({"messages": messages})[0])
    except RowError as error:
        yield next(row for row in rows if row.line == first).quarantined(f"{NAME}: {error}")


def _checked(value: object) -> dict[str, Any]:
    message = as_object(value, "message")
    why = sniff(message)
    if why is not None:
        raise RowError(f"{NAME}: {why}")
    return message


def _newest_first(messages: Sequence[dict[str, Any]]) -> bool:
    dates = [message["date"] for message in messages if isinstance(message.get("date"), str)]
    return len(dates) > 1 and len(dates[0]) == len(dates[-1]) and dates[0] > dates[-1]


def _add(messages: list[dict[str, Any]], message: dict[str, Any], same: bool) -> None:
    kind: str = message["message_type"]
    if kind in _SILENT:
        return
    if kind in _SPOKEN:
        role = "system" if kind == "user_message" and _is_event(message.get("content")) else _SPOKEN[kind]
        content = message.get("summary") if kind == "summary_message" else message.get("content")
        spoken: dict[str, Any] = {"role": role, "content": content}
        name = message.get("name")
        if role == "assistant":
            _agent(messages, same)["content"] = content
        else:
            messages.append(spoken | ({"name": name} if isinstance(name, str) and role == "user" else {}))
    elif kind in ("tool_return_message", "function_return"):
        _answer(messages, message)
    elif kind in _CALLS or kind == "function_call":
        listed = message.get("tool_calls") or [message.get("tool_call", message.get("function_call"))]
        _agent(messages, same).setdefault("tool_calls", []).extend(listed if isinstance(listed, list) else [listed])
    else:
        thought = message.get("reasoning", message.get("hidden_reasoning", message.get("internal_monologue")))
        if isinstance(thought, str) and thought:
            turn = _agent(messages, same)
            turn["reasoning_content"] = "\n".join(filter(None, (turn.get("reasoning_content"), thought)))


def _agent(messages: list[dict[str, Any]], same: bool) -> dict[str, Any]:
    """The agent's turn to which something is added: the last one, where the log gives both the same id.

    A thought whose id is not that of what follows waits for it: models think first.
    """
    last = messages[-1] if messages else {}
    thought = last.get("role") == "assistant" and not last.get("content") and not last.get("tool_calls")
    if last.get("role") != "assistant" or not (same or thought):
        messages.append({"role": "assistant", "content": ""})
    return messages[-1]


def _answer(messages: list[dict[str, Any]], message: dict[str, Any]) -> None:
    listed = message.get("tool_returns")
    for item in listed if isinstance(listed, list) and listed else [message]:
        one = as_object(item, "tool_returns")
        value = next((one[key] for key in _ANSWERED if one.get(key) is not None), one.get("func_response"))
        error = one.get("stderr") if one.get("status") == "error" else None
        if isinstance(error, list):
            error = "\n".join(map(str, error))
        messages.append({"role": "tool", "tool_call_id": one.get("tool_call_id"), "content": value, "error": error})


def _is_event(content: object) -> bool:
    if not isinstance(content, str) or content[:1] != "{":
        return False
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("type") in _EVENTS
