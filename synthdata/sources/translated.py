"""Messages of other SDKs as standard chat messages, for data sets: what the reader of logs understands of them.

A message with a file or a part that nothing knows is not translated: its turn stays as it came or is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synthdata.records import ToolCall
from synthdata.sources.fields import RowError
from synthdata.sources.messages import WEIGHED_OUT, unknown_parts
from synthdata.sources.parts import Answer
from synthdata.sources.steps import Draft
from synthdata.sources.turn_reader import TurnReader

Message = dict[str, Any]
_ROLES = {"agent": "assistant", "user": "user", "system": "system"}


def standard_messages(messages: Sequence[Message], where: str) -> list[Message]:
    """The messages as standard ones: answers that one carries are messages of their own, items of one answer are one.

    Raises:
        RowError: one holds a file, a part of unknown kind, or a call that no tool could take.
    """
    for number, message in enumerate(messages):
        unknown = unknown_parts(message, f"{where}[{number}]")
        if unknown:
            raise RowError(f"`{where}[{number}]` holds {unknown[0]}: not known")
    reader = TurnReader()
    turns = [turn for number, message in enumerate(messages) for turn in reader.add(message, f"{where}[{number}]")]
    return [_answer(turn, where) if isinstance(turn, Answer) else _turn(turn, where) for turn in turns]


def _answer(answer: Answer, where: str) -> Message:
    _no_files(answer.media, where)
    identity = answer.observation.call_id
    made = {"role": "tool", "content": answer.observation.content}
    return made | ({"tool_call_id": identity} if identity else {})


def _turn(turn: Draft, where: str) -> Message:
    _no_files(turn.media, where)
    unfit = [reason for reason in turn.unfit if reason != WEIGHED_OUT]
    if unfit:
        raise RowError(f"`{where}`: {unfit[0]}")
    made: Message = {"role": _ROLES[turn.role], "content": turn.action}
    made |= {"reasoning_content": turn.thought} if turn.thought else {}
    made |= {"tool_calls": [_call(call) for call in turn.calls]} if turn.calls else {}
    made |= {"name": turn.name} if turn.name else {}
    return made | ({"weight": 0} if turn.unfit else {})


def _no_files(media: object, where: str) -> None:
    if media:
        raise RowError(f"`{where}` holds a file in a form that is not kept")


def _call(call: ToolCall) -> Message:
    function = {"name": call.name, "arguments": call.arguments}
    return ({"id": call.call_id} if call.call_id else {}) | {"type": "function", "function": function}
