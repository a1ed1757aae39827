"""Files of one message a line: Strands, Cursor, Goose, and programs that append what is said.

A file is one conversation, or as many as its rows name by a session's id. A row without a message (a heading, a
summary) may stand before the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.sources.fields import RowError, as_object
from synthdata.sources.files import Row
from synthdata.sources.parts import Answer
from synthdata.sources.sessions import ReadRun, SessionItem, run_of
from synthdata.sources.speakers import ROLES
from synthdata.sources.steps import Draft, close, heard_back
from synthdata.sources.turn_reader import TurnReader, folded

NAME = "message_lines"
_NAMED = ("session_id", "sessionId", "conversation_id", "conversationId", "thread_id", "threadId", "chat_id")
_BODIES = ("content", "parts", "tool_calls")
# A row of these is a sample, or a node of a tree.
_OTHER = ("context", "parent_id", "parentId", "messages", "conversations", "prompt", "completion", "chosen")


def sniff(value: object) -> str | None:
    """None if this row is one message, else why not."""
    message = _message(value)
    if message is not None and str(message["role"]).lower() in ROLES:
        return None
    return "no single message (`role` with `content`)"


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The conversations of the rows, in the order in which they begin.

    Two system messages in one unnamed conversation are two conversations that nothing tells apart: all is refused.
    """
    by_session: dict[str, list[tuple[Row, dict[str, Any]]]] = {}
    for row in rows:
        message = _message(row.value)
        if message is not None:
            by_session.setdefault(_conversation(row.value), []).append((row, message))
        elif by_session:
            yield row.quarantined(f"{NAME}: no message in a file of one message a line")
    for name, turns in by_session.items():
        yield _run(name, turns)


def _run(name: str, turns: Sequence[tuple[Row, dict[str, Any]]]) -> SessionItem:
    first = turns[0][0]
    later = [row for row, message in turns[1:] if message["role"] == "system"]
    if not name and later:
        return later[0].quarantined(
            f"{NAME}: a second conversation seems to begin here, and nothing says which message is whose; "
            "write each as a list of `messages`, or give the rows a `session_id`"
        )
    reader = TurnReader()
    read: list[Draft | Answer] = []
    for row, message in turns:
        try:
            read += reader.add(message, f"line {row.line}")
        except RowError as error:
            # A conversation without one of its turns would say what nobody said.
            return row.quarantined(f"{NAME}: {error}")
    return ReadRun(first.line, run_of(close(heard_back(folded(read)))))


def _message(value: object) -> dict[str, Any] | None:
    """The message of a row, which may stand under `message`, with its role there or beside it."""
    if not isinstance(value, dict) or any(value.get(key) is not None for key in _OTHER):
        return None
    inner = value.get("message")
    whole = {**value, **as_object(inner, "message")} if isinstance(inner, dict) else value
    if not isinstance(whole.get("role"), str) or all(whole.get(key) is None for key in _BODIES):
        return None
    # What was around it names the row, not the message.
    beside = ("message", "message_id", "id", *_NAMED) if isinstance(inner, dict) else _NAMED
    return {key: item for key, item in whole.items() if key not in beside}


def _conversation(value: object) -> str:
    row = as_object(value, "row")
    return next((str(row[key]) for key in _NAMED if isinstance(row.get(key), str | int)), "")
