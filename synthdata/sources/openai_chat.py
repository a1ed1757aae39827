"""OpenAI chat messages: a list, or an object with `messages`, with tool calls in today's and the legacy form.

The folding of messages into steps is here for every reader whose log is made of chat messages. Nothing of a benchmark
or an agent is known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from synthdata.records import Observation, Step, ToolCall, Trajectory, canonical_json
from synthdata.sources.fields import (
    RowError,
    as_flag,
    as_list,
    as_name,
    as_number,
    as_object,
    content_text,
    observation,
    tool_call,
)
from synthdata.sources.files import is_chat

NAME = "openai_chat"
Role = Literal["agent", "user", "system"]
_ROLES: dict[str, Role] = {"assistant": "agent", "user": "user", "system": "system", "developer": "system"}
_ANSWERS = ("tool", "function")
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")


@dataclass
class Draft:
    """A step in the making: answers that arrive later still find their place in it."""

    role: Role
    action: str = ""
    thought: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    messages = value.get("messages") if isinstance(value, dict) else value
    if isinstance(value, dict) and "messages" not in value:
        return "no `messages`"
    if not isinstance(messages, list):
        return "neither a list of messages nor an object with `messages`"
    return None if is_chat(messages) else "`messages` is empty or holds something without a `role`"


def read(value: object) -> list[Trajectory]:
    """One conversation; its task is `task`, else the first user message.

    Of the object around the messages also `task_id`, `success`, `reward` (or `score`), `truncated`, `model` and `tools`
    are used.
    """
    around: dict[str, Any] = value if isinstance(value, dict) else {"messages": value}
    steps = steps_from(around["messages"])
    reward = around.get("reward", around.get("score"))
    tools = around.get("tools", around.get("functions"))
    return [
        Trajectory(
            task=content_text(around.get("task")) or first_user(steps),
            steps=steps,
            task_id=as_name(around.get("task_id"), "task_id"),
            success=as_flag(around.get("success"), "success"),
            reward=as_number(reward, "reward"),
            agent_model=as_name(around.get("model"), "model"),
            tools=canonical_json(tools) if tools else "",
            truncated=bool(as_flag(around.get("truncated"), "truncated")),
        )
    ]


def first_user(steps: tuple[Step, ...]) -> str:
    """What the first user step says, or nothing."""
    return next((step.action for step in steps if step.role == "user"), "")


class Fold:
    """Steps in the making. It never searches back, so a hostile log of orphaned answers costs no more than others."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self._caller: Draft | None = None
        self._by_call: dict[str, Draft] = {}

    def add(self, draft: Draft) -> None:
        """The next step."""
        self.drafts.append(draft)
        if draft.calls:
            self._caller = draft
            self._by_call.update({call.call_id: draft for call in draft.calls if call.call_id})

    def answer(self, answer: Observation) -> None:
        """Put an answer to the latest step that made the call it names.

        One that names no known call goes to the latest caller while that waits for an answer, else to the latest
        step; one before any step makes a system step of its own.
        """
        named = self._by_call.get(answer.call_id or "")
        waiting = self._caller
        if named:
            named.observations.append(answer)
        elif waiting and len(waiting.observations) < len(waiting.calls):
            waiting.observations.append(answer)
        else:
            if not self.drafts:
                self.add(Draft("system"))
            self.drafts[-1].observations.append(answer)


def steps_from(messages: object) -> tuple[Step, ...]:
    """Fold messages into steps, losing none."""
    fold = Fold()
    for number, item in enumerate(as_list(messages, "messages")):
        where = f"messages[{number}]"
        message = as_object(item, where)
        role = message.get("role")
        if role in _ANSWERS:
            _answer(fold, message, where)
        elif isinstance(role, str) and role in _ROLES:
            fold.add(_draft(_ROLES[role], message, where))
        else:
            raise RowError(f"`{where}.role` is {role!r:.40}: none of {', '.join((*_ROLES, *_ANSWERS))}")
    return close(fold.drafts)


def close(drafts: list[Draft]) -> tuple[Step, ...]:
    """The drafts as numbered steps."""
    return tuple(
        Step(number, draft.role, draft.action, draft.thought, tuple(draft.calls), tuple(draft.observations))
        for number, draft in enumerate(drafts)
    )


def _draft(role: Role, message: dict[str, Any], where: str) -> Draft:
    calls = calls_of(message, where)
    texts = [content_text(message.get("content")), content_text(message.get("refusal"))]
    thoughts = [content_text(message.get(key)) for key in _THOUGHTS]
    # Some servers send the reasoning under two names; the same text twice is said once.
    return Draft(role, "\n".join(filter(None, texts)), "\n".join(dict.fromkeys(filter(None, thoughts))), calls)


def calls_of(message: dict[str, Any], where: str) -> list[ToolCall]:
    """The tool calls of a message, a legacy `function_call` last."""
    listed = as_list(message.get("tool_calls"), f"{where}.tool_calls")
    calls = [tool_call(item, f"{where}.tool_calls[{i}]") for i, item in enumerate(listed)]
    if message.get("function_call"):
        calls.append(tool_call({"function": message["function_call"]}, f"{where}.function_call"))
    return calls


def _answer(fold: Fold, message: dict[str, Any], where: str) -> None:
    several = message.get("tool_messages")
    items = [message] if several is None else as_list(several, f"{where}.tool_messages")
    for item in items:
        one = as_object(item, where)
        # tau2 gives the id of the call as the id of the answer.
        fold.answer(observation(one.get("content"), one.get("tool_call_id", one.get("id")), f"{where}.tool_call_id"))
