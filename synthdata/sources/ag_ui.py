"""Event streams of the AG-UI protocol: what a run said, thought and called, in pieces, as one conversation a thread.

A stream that was cut leaves its last message unfinished: it stays in the history and carries no weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.sources import openai_chat
from synthdata.sources.fields import RowError, as_list, as_name, as_object, shortened
from synthdata.sources.files import Row
from synthdata.sources.sessions import ReadRun, SessionItem, each_row, noted

NAME = "ag_ui"
BROKEN = "the stream ends before the run does"
_SPOKEN = ("TEXT_MESSAGE", "THINKING_TEXT_MESSAGE", "REASONING_MESSAGE")
_EVENTS = frozenset((
    *(f"{kind}_{part}" for kind in _SPOKEN for part in ("START", "CONTENT", "END", "CHUNK")),
    *(f"TOOL_CALL_{part}" for part in ("START", "ARGS", "END", "CHUNK", "RESULT")),
    *(f"RUN_{part}" for part in ("STARTED", "FINISHED", "ERROR")),
    *(f"{kind}_{part}" for kind in ("STATE", "MESSAGES", "ACTIVITY") for part in ("SNAPSHOT", "DELTA")),
    *(f"{kind}_{part}" for kind in ("THINKING", "REASONING") for part in ("START", "END")),
    "STEP_STARTED", "STEP_FINISHED", "RAW", "CUSTOM", "REASONING_ENCRYPTED_VALUE",
))  # fmt: skip
# Messages of the interface that no model saw.
_SILENT = ("activity",)


def sniff(value: object) -> str | None:
    """None if this row is an event of AG-UI, else why not."""
    if isinstance(value, dict) and isinstance(value.get("type"), str) and value["type"] in _EVENTS:
        return None
    return "no event of AG-UI (`type` RUN_STARTED, TEXT_MESSAGE_START, ...)"


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """One run a thread, in the order in which the threads began; events of no thread belong to the last that began."""
    threads: dict[str, _Thread] = {}
    current = ""

    def take(row: Row) -> None:
        nonlocal current
        event = as_object(row.value, "event")
        if sniff(event) is not None:
            raise RowError(f"{NAME}: {sniff(event)}")
        if event["type"] == "RUN_STARTED":
            current = as_name(event.get("threadId", event.get("thread_id")), "threadId")
        threads.setdefault(current, _Thread(row.line)).take(event)

    _, refused = each_row(rows, take)
    yield from refused
    places = {row.line: row for row in rows}
    for name, thread in threads.items():
        try:
            yield ReadRun(thread.line, noted(openai_chat.read(thread.conversation(name))[0], *thread.notes))
        except RowError as error:
            yield places[thread.line].quarantined(f"{NAME}: {error}")


class _Thread:
    """The messages of one thread in the making."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.notes: list[str] = []
        self._messages: list[dict[str, Any]] = []
        self._open: dict[str, dict[str, Any]] = {}
        self._calls: dict[str, dict[str, Any]] = {}
        self._thought = ""
        self._running = False
        self._failed = False

    def take(self, event: dict[str, Any]) -> None:
        """The next event; those of the interface change nothing."""
        kind: str = event["type"]
        if kind == "RUN_STARTED":
            self._running = True
            given = event.get("input")
            self._join(as_list(given.get("messages"), "input.messages") if isinstance(given, dict) else [])
        elif kind in ("RUN_FINISHED", "RUN_ERROR"):
            self._running, self._failed = False, kind == "RUN_ERROR"
            if self._failed:
                self.notes.append(f"the run ended with an error: {shortened(str(event.get('message')), 200)}")
        elif kind == "MESSAGES_SNAPSHOT":
            self._replace(as_list(event.get("messages"), "messages"))
        elif kind.startswith("TEXT_MESSAGE_"):
            self._text(kind, event)
        elif kind.startswith(_SPOKEN[1:]):
            self._thought += _delta(event)
        elif kind == "TOOL_CALL_RESULT":
            identity = _identity(event, "toolCallId", "tool_call_id")
            self._messages.append({"role": "tool", "tool_call_id": identity, "content": event.get("content")})
        elif kind.startswith("TOOL_CALL_"):
            self._call(kind, event)

    def conversation(self, name: str) -> dict[str, Any]:
        """What the chat reader takes."""
        broken = self._running or any("train" in message for message in self._open.values())
        self.notes += [BROKEN] if broken else []
        spoken = [message for message in self._messages if message.get("role") not in _SILENT]
        return {"messages": spoken, "task_id": name, "truncated": broken or self._failed}

    def _join(self, messages: list[Any]) -> None:
        """The history that a run was given: what the thread does not have yet."""
        known = {str(message["id"]) for message in self._messages if message.get("id") is not None}
        self._messages += [message for message in _plain(messages) if str(message.get("id")) not in known]

    def _replace(self, messages: list[Any]) -> None:
        """A snapshot is all there is; thoughts of messages that stay are kept, since a snapshot has none."""
        known = {message["id"]: message for message in self._messages if isinstance(message.get("id"), str)}
        snapshot = _plain(messages)
        for message in snapshot:
            before = known.get(str(message.get("id")), {})
            if before.get("reasoning_content") and not message.get("reasoning_content"):
                message["reasoning_content"] = before["reasoning_content"]
        self._messages, self._open = snapshot, {}
        self._calls = {}

    def _text(self, kind: str, event: dict[str, Any]) -> None:
        identity = _identity(event, "messageId", "message_id")
        if kind == "TEXT_MESSAGE_START" or identity not in self._open:
            role = event.get("role") or "assistant"
            message = self._speak({"id": identity, "role": role, "content": ""}, thinks=role == "assistant")
            self._open[identity] = message
            if kind == "TEXT_MESSAGE_START" and role == "assistant":
                # Until its end is seen.
                message["train"] = False
        message = self._open[identity]
        message["content"] += _delta(event)
        if kind == "TEXT_MESSAGE_END":
            message.pop("train", None)

    def _call(self, kind: str, event: dict[str, Any]) -> None:
        identity = _identity(event, "toolCallId", "tool_call_id")
        if identity not in self._calls:
            name = as_name(event.get("toolCallName", event.get("tool_call_name")), "toolCallName")
            call = {"id": identity, "type": "function", "function": {"name": name, "arguments": ""}}
            self._calls[identity] = call
            parent = event.get("parentMessageId", event.get("parent_message_id"))
            message = self._open.get(parent) if isinstance(parent, str) else None
            last = self._messages[-1] if self._messages else {}
            if message is None or (last is not message and last.get("role") != "assistant"):
                # Calls one after the other are one step; an answer between them begins the next.
                joins = last.get("role") == "assistant" and last.get("tool_calls") and not self._thought
                message = last if joins else self._speak({"id": parent, "role": "assistant", "content": ""})
                if isinstance(parent, str):
                    self._open[parent] = message
            message.setdefault("tool_calls", []).append(call)
        self._calls[identity]["function"]["arguments"] += _delta(event)

    def _speak(self, message: dict[str, Any], thinks: bool = True) -> dict[str, Any]:
        if thinks and self._thought:
            message["reasoning_content"], self._thought = self._thought, ""
        self._messages.append(message)
        return message


def _plain(messages: list[Any]) -> list[dict[str, Any]]:
    """A history's messages; one of role `reasoning` is the thought of the message after it."""
    told: list[dict[str, Any]] = []
    thought = ""
    for number, item in enumerate(messages):
        message = dict(as_object(item, f"messages[{number}]"))
        if message.get("role") == "reasoning":
            thought += str(message.get("content") or "")
            continue
        if thought and message.get("role") == "assistant":
            message["reasoning_content"], thought = thought, ""
        told.append(message)
    return told


def _delta(event: dict[str, Any]) -> str:
    delta = event.get("delta")
    if not (delta is None or isinstance(delta, str)):
        raise RowError(f"{NAME}: `delta` must be a text")
    return delta or ""


def _identity(event: dict[str, Any], *keys: str) -> str:
    return next((as_name(event[key], key) for key in keys if event.get(key) is not None), "")
