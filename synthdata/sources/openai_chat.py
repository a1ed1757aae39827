"""Chat messages: a list, or an object with `messages` or the request and response of an API call.

How messages of every dialect become steps is in `messages`; here is what stands around them. Nothing of a benchmark or
an agent is known here.
"""

from __future__ import annotations

from typing import Any

from synthdata.records import Step, ToolCall, Trajectory, canonical_json
from synthdata.sources.fields import RowError, as_flag, as_list, as_name
from synthdata.sources.message_calls import read_calls
from synthdata.sources.messages import is_message
from synthdata.sources.outcome import reward_of, success_of
from synthdata.sources.parts import content_text
from synthdata.sources.tool_columns import tools_beside
from synthdata.sources.turn_reader import steps_from

NAME = "openai_chat"
_LISTS = ("messages", "conversation", "conversations", "chat_history", "contents", "input_items")


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    if isinstance(value, dict):
        if any(is_conversation(value.get(key)) for key in _LISTS):
            return None
        named = next((key for key in _LISTS if isinstance(value.get(key), list)), None)
        return f"`{named}` is empty or holds something that does not say who speaks" if named else "no `messages`"
    if not isinstance(value, list):
        return "neither a list of messages nor an object with `messages`"
    return None if is_conversation(value) else "empty, or it holds something that does not say who speaks"


def is_conversation(value: object) -> bool:
    """Whether this is a list of messages or items, that is one conversation and not a list of rows."""
    if not isinstance(value, list) or not value:
        return False
    # A plain loop, and what almost every message has first: every message of every log passes here twice.
    for item in value:  # noqa: SIM110
        if not ((isinstance(item, dict) and isinstance(item.get("role"), str)) or is_message(item)):
            return False
    return True


def conversation_of(value: object) -> object:
    """The list of messages in a value that may be one; None where there is none."""
    if not isinstance(value, dict):
        return value
    return next((value[key] for key in _LISTS if is_conversation(value.get(key))), None)


def read(value: object) -> list[Trajectory]:
    """One conversation; its task is `task`, else the first user message.

    Of the object around the messages also `task_id` (or `instance_id`), `success` (or `resolved`), `reward` (or
    `score`), `truncated`, `model` and `tools` are used, and the response where it stands beside its request. Outcomes
    may also stand in `metadata`, `extra` and the like.
    """
    around: dict[str, Any] = value if isinstance(value, dict) else {"messages": value}
    messages = _messages(around)
    if messages is None:
        raise RowError("no `messages`")
    notes: list[str] = []
    steps = steps_from(messages)
    tools = tools_beside(around, messages)
    return [
        Trajectory(
            task=content_text(around.get("task")) or first_user(steps),
            steps=steps,
            task_id=as_name(around.get("task_id"), "task_id") or as_name(around.get("instance_id"), "instance_id"),
            success=success_of(around, ("success", "resolved"), notes),
            reward=reward_of(around, ("reward", "score"), notes),
            agent_model=as_name(around.get("model"), "model"),
            tools=canonical_json(list(tools)) if tools else "",
            truncated=bool(as_flag(around.get("truncated"), "truncated")),
            notes=tuple(notes),
        )
    ]


def first_user(steps: tuple[Step, ...]) -> str:
    """What the first user step with words says, or nothing."""
    return next((step.action for step in steps if step.role == "user" and step.action.strip()), "")


def calls_of(message: dict[str, Any], where: str) -> list[ToolCall]:
    """The tool calls that a message lists beside its content."""
    return [read.call for read in read_calls(message, where)]


def _messages(row: dict[str, Any]) -> list[Any] | None:
    """The messages of a row with the system prompt before and the response after them, where it has these."""
    messages = conversation_of(row)
    if not isinstance(messages, list):
        return None
    system = row.get("system", row.get("system_instruction", row.get("systemInstruction")))
    before: list[Any] = []
    if isinstance(system, str) and messages and messages[0] == {"role": "system", "content": system}:
        # A log that keeps the prompt beside the messages and once more before them.
        return [*messages, *_response(row.get("response"))]
    if isinstance(system, str | list) and system:
        before = [{"role": "system", "content": system}]
    elif isinstance(system, dict) and isinstance(system.get("parts"), list):
        before = [{"role": "system", "parts": system["parts"]}]
    return [*before, *messages, *_response(row.get("response"))]


def _response(response: object) -> list[Any]:
    """What the model answered to the messages: a message, the first choice, or output items."""
    if not isinstance(response, dict):
        return []
    choices = as_list(response.get("choices"), "response.choices")
    if choices:
        return [choices[0]] if is_message(choices[0]) else []
    if is_conversation(response.get("output")):
        return as_list(response["output"], "response.output")
    return [response] if is_message(response) else []
