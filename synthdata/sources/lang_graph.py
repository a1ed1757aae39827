"""What a graph of LangGraph streams: updates of its nodes, or its whole state after each step.

A row is the chunk itself, `[mode, chunk]`, `[namespace, mode, chunk]`, or a server's `{"event": mode, "data": chunk}`.
A message with the id of an earlier one takes its place, as it does in the graph. A graph below another is a run of its
own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.sources import openai_chat
from synthdata.sources.fields import RowError
from synthdata.sources.files import Row
from synthdata.sources.messages import is_message, unwrapped
from synthdata.sources.sessions import ReadRun, SessionItem, noted

NAME = "lang_graph"
UNASKED = "a stream of updates does not hold what the graph was asked"
_MODES = ("updates", "values")
# Other things that a graph streams beside these; nothing of a message is in them that the two modes do not have.
_OTHER = ("metadata", "messages", "messages/metadata", "messages/partial", "messages/complete", "custom", "debug",
          "tasks", "checkpoints", "end", "error", "feedback")  # fmt: skip
_TYPES = ("human", "ai", "tool", "system", "function", "remove", "AIMessageChunk")
# Rows of a request and its response look alike.
_NO_NODES = frozenset(("request", "response", "input", "output", "inputs", "outputs", "prompt", "completion", "result"))


def sniff(value: object) -> str | None:
    """None if this row is a chunk of a stream of updates or of values, else why not."""
    if isinstance(value, dict) and isinstance(value.get("event"), str) and "data" in value:
        mode = value["event"].partition("|")[0]
        chunk = value["data"]
        if mode in _MODES and _is_chunk(mode, chunk):
            return None
    elif isinstance(value, list):
        if _split(value) is not None:
            return None
    elif _is_update(value):
        return None
    return "no update of a graph's nodes"


def _is_chunk(mode: str, chunk: object) -> bool:
    if mode == "updates":
        return _is_update(chunk)
    return isinstance(chunk, dict) and _messages(chunk.get("messages")) is not None


def _is_update(value: object) -> bool:
    """`{node: {"messages": [...]}}` with messages of LangChain; nodes may have given nothing or other fields."""
    if not isinstance(value, dict) or not value or not _NO_NODES.isdisjoint(value):
        return False
    if not all(node is None or isinstance(node, dict | list) for node in value.values()):
        return False
    return any(isinstance(node, dict) and _messages(node.get("messages")) is not None for node in value.values())


def _messages(value: object) -> list[dict[str, Any]] | None:
    listed = value if isinstance(value, list) else [value]
    messages = [item for item in listed if isinstance(item, dict) and _is_lang_chain(item)]
    return messages if messages and len(messages) == len(listed) else None


def _is_lang_chain(item: dict[str, Any]) -> bool:
    if "role" in item:
        return False
    kind = item.get("type")
    return (isinstance(kind, str) and kind in _TYPES and "content" in item) or (
        unwrapped(item) is not item and is_message(item)
    )


def _split(value: list[Any]) -> tuple[str, str, Any] | None:
    """Namespace, mode and chunk of a streamed tuple."""
    space = ""
    parts = list(value)
    if len(parts) == 3 and isinstance(parts[0], list):
        space = "/".join(map(str, parts.pop(0)))
    if len(parts) == 2 and isinstance(parts[0], str) and parts[0] in _MODES and _is_chunk(parts[0], parts[1]):
        return space, parts[0], parts[1]
    return None


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """One run a graph of the file, in the order in which they begin."""
    graphs: dict[str, _Graph] = {}
    for row in rows:
        found = _chunk(row.value)
        if found is None:
            if not _is_other(row.value):
                yield row.quarantined(f"{NAME}: {sniff(row.value)}, as the rest of the file is")
            continue
        space, mode, chunk = found
        graphs.setdefault(space, _Graph(row)).take(mode, chunk)
    for graph in graphs.values():
        try:
            run = openai_chat.read({"messages": graph.messages})[0]
        except RowError as error:
            yield graph.row.quarantined(f"{NAME}: {error}")
            continue
        yield ReadRun(graph.row.line, run if run.task else noted(run, UNASKED))


def _chunk(value: object) -> tuple[str, str, Any] | None:
    if sniff(value) is not None:
        return None
    if isinstance(value, list):
        return _split(value)
    if isinstance(value, dict) and isinstance(value.get("event"), str) and "data" in value:
        mode, _, space = value["event"].partition("|")
        return space, mode, value["data"]
    return "", "updates", value


def _is_other(value: object) -> bool:
    """A row of the stream that brings no messages: another mode, a node that gave none."""
    if isinstance(value, list):
        modes = [item for item in value[:2] if isinstance(item, str)]
        return bool(modes) and modes[0] in (*_OTHER, *_MODES)
    if not isinstance(value, dict):
        return False
    event = value.get("event")
    if isinstance(event, str):
        return event.partition("|")[0] in (*_OTHER, *_MODES)
    return bool(value) and all(
        node is None or isinstance(node, list) or (isinstance(node, dict) and "messages" not in node)
        for node in value.values()
    )


class _Graph:
    """The messages of one graph so far."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.messages: list[dict[str, Any]] = []

    def take(self, mode: str, chunk: dict[str, Any]) -> None:
        """The next chunk; a state replaces all, an update adds."""
        if mode == "values":
            self.messages = _messages(chunk.get("messages")) or []
            return
        for node in chunk.values():
            for message in (_messages(node.get("messages")) or []) if isinstance(node, dict) else []:
                self._add(message)

    def _add(self, message: dict[str, Any]) -> None:
        identity = unwrapped(message).get("id")
        place = next(
            (i for i, known in enumerate(self.messages) if identity and unwrapped(known).get("id") == identity), None
        )
        if message.get("type") == "remove":
            self.messages = [known for i, known in enumerate(self.messages) if i != place]
        elif place is None:
            self.messages.append(message)
        else:
            self.messages[place] = message
