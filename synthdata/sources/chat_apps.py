"""What chat programs write out, as rows of `messages`: ChatGPT's and Claude's exports, Gemini CLI, OpenCode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Row = dict[str, Any]

# Content of ChatGPT's messages that is nothing anybody said.
_SILENT = ("thoughts", "reasoning_recap", "model_editable_context", "user_editable_context")
# Parts of OpenCode's messages that are marks of the program.
_MARKS = ("step-start", "step-finish", "snapshot", "patch", "agent", "retry", "compaction")
_INTERFACE = ("info", "error", "warning")
# A thought of Gemini CLI, in the order in which it reads.
_THOUGHT = ("subject", "description")


def _chatgpt(row: Row) -> list[Row]:
    """The branch of the tree on which the conversation ended."""
    nodes, at = row.get("mapping"), row.get("current_node")
    if not isinstance(nodes, dict) or not isinstance(at, str):
        return []
    turns: list[Row] = []
    seen: set[str] = set()
    while isinstance(at, str) and at not in seen and isinstance(nodes.get(at), dict):
        seen.add(at)
        message = nodes[at].get("message")
        if isinstance(message, dict):
            turns += [made for made in [_chatgpt_turn(message)] if made is not None]
        at = nodes[at].get("parent")
    return [{"messages": turns[::-1]}] if turns else []


def _chatgpt_turn(message: Row) -> Row | None:
    author, content = message.get("author"), message.get("content")
    if not isinstance(author, dict) or not isinstance(content, dict) or content.get("content_type") in _SILENT:
        return None
    value = content.get("parts", content.get("text", content.get("result")))
    if value in (None, "", [], [""]):
        return None
    role, recipient = author.get("role"), message.get("recipient", "all")
    if role == "assistant" and recipient != "all":
        words = "\n".join(map(str, value)) if isinstance(value, list) else value
        return {"role": role, "tool_calls": [{"name": recipient, "arguments": {"input": words}}]}
    return {"role": role, "content": value}


def _claude(row: Row) -> list[Row]:
    turns = row.get("chat_messages")
    if not isinstance(turns, list) or not all(isinstance(turn, dict) and "sender" in turn for turn in turns):
        return []
    return [{"messages": [{"role": turn["sender"], "content": _said(turn)} for turn in turns]}] if turns else []


def _said(turn: Row) -> object:
    """The parts where there are any; an old export has the text alone."""
    return turn.get("content") or turn.get("text")


def _gemini_cli(row: Row) -> list[Row]:
    """A session of Gemini CLI: calls stand with their results in the model's message."""
    turns = row.get("messages")
    if "sessionId" not in row or not isinstance(turns, list) or not turns:
        return []
    kinds = {str(turn.get("type")) for turn in turns if isinstance(turn, dict)}
    if (
        not all(isinstance(turn, dict) for turn in turns)
        or "gemini" not in kinds
        or not kinds <= {"user", "gemini", *_INTERFACE}
    ):
        return []
    messages = [made for turn in turns if turn["type"] not in _INTERFACE for made in _gemini_turns(turn)]
    return [{"messages": messages, "task_id": str(row["sessionId"])}]


def _gemini_turns(turn: Row) -> list[Row]:
    if turn["type"] == "user":
        return [{"role": "user", "content": turn.get("content")}]
    listed_calls = turn.get("toolCalls")
    calls = [call for call in listed_calls if isinstance(call, dict)] if isinstance(listed_calls, list) else []
    thoughts = [": ".join(str(one[key]) for key in _THOUGHT if one.get(key)) for one in _objects(turn)]
    listed = [{key: call.get(key) for key in ("id", "name", "args")} for call in calls]
    made: list[Row] = [
        {"role": "assistant", "content": turn.get("content"), "tool_calls": listed}
        | ({"reasoning_content": "\n".join(thoughts)} if thoughts else {})
    ]
    answers = [part for call in calls if isinstance(call.get("result"), list) for part in call["result"]]
    return [*made, *([{"role": "user", "content": answers}] if answers else [])]


def _objects(turn: Row) -> list[Row]:
    listed = turn.get("thoughts")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _opencode(row: Row) -> list[Row]:
    turns = row.get("messages")
    if not isinstance(turns, list) or not turns or not all(map(_is_opencode, turns)):
        return []
    messages = [{"role": turn["info"].get("role"), "content": _without_marks(turn["parts"])} for turn in turns]
    return [{"messages": messages}]


def _is_opencode(turn: object) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("info"), dict) and isinstance(turn.get("parts"), list)


def _without_marks(parts: list[Any]) -> list[Any]:
    return [part for part in parts if not (isinstance(part, dict) and part.get("type") in _MARKS)]


CHATS: tuple[Callable[[Row], list[Row]], ...] = (_chatgpt, _claude)
AGENTS: tuple[Callable[[Row], list[Row]], ...] = (_gemini_cli, _opencode)
