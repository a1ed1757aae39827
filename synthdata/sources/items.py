"""Items of OpenAI's Responses API, which Codex logs too: messages, calls, answers and thoughts one beside the other.

What the model gave in one go is one step: thoughts, then words, then calls, until something comes back or it begins
anew.
"""

from __future__ import annotations

from typing import Any

from synthdata.records import ToolCall, canonical_json
from synthdata.sources.calls import ReadCall, read_call
from synthdata.sources.fields import as_name
from synthdata.sources.parts import Answer, read_answer, read_content
from synthdata.sources.steps import Draft

# Calls of tools that run at the provider's, or whose arguments stand in a field of their own: name and that field.
_OWN_CALLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "local_shell_call": ("local_shell", ("action",)),
    "shell_call": ("shell", ("action",)),
    "apply_patch_call": ("apply_patch", ("operation",)),
    "computer_call": ("computer", ("action", "actions")),
    "web_search_call": ("web_search", ("action", "query")),
    "file_search_call": ("file_search", ("queries",)),
    "code_interpreter_call": ("code_interpreter", ("code", "input")),
    "image_generation_call": ("image_generation", ("action", "revised_prompt")),
    "tool_search_call": ("tool_search", ("arguments",)),
}
_CALLS = ("function_call", "custom_tool_call", "mcp_call")
_ANSWERS = (
    "function_call_output", "custom_tool_call_output", "local_shell_call_output", "shell_call_output",
    "apply_patch_call_output", "computer_call_output", "tool_search_output", "mcp_call_output",
)  # fmt: skip
# Kept by the API for itself: nothing that anyone said or did.
_SILENT = ("mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "compaction", "ghost_snapshot")
ITEMS = frozenset({"reasoning", *_OWN_CALLS, *_CALLS, *_ANSWERS, *_SILENT})
# What a call that ran at the provider's gave back, in the call's own item.
_RESULTS = ("output", "outputs", "results", "result")


class ItemFold:
    """Joins the items of one response; `end` says that something else came between."""

    def __init__(self) -> None:
        self._open: Draft | None = None

    def end(self) -> None:
        """The next item begins a new response."""
        self._open = None

    def message(self, draft: Draft) -> list[Draft | Answer]:
        """Words of the model: they join thoughts that wait for them, and are a new step otherwise."""
        waiting = self._open
        if waiting is None or waiting.action or waiting.calls:
            self._open = draft
            return [draft]
        waiting.action, waiting.media = draft.action, waiting.media + draft.media
        waiting.thought = "\n".join(filter(None, (waiting.thought, draft.thought)))
        waiting.unfit += draft.unfit
        waiting.name = draft.name
        return []

    def add(self, item: dict[str, Any], where: str) -> list[Draft | Answer]:
        """The turns and answers that an item without a role brings; a call or a thought may join the open step."""
        kind = str(item.get("type"))
        if kind in _SILENT:
            return []
        if kind in _ANSWERS:
            self._open = None
            value = item.get("output", item.get("content", item.get("tools")))
            return [read_answer(value, item.get("call_id", item.get("id")), where, item.get("error"))]
        begun: list[Draft | Answer] = []
        if self._open is None or (kind == "reasoning" and (self._open.action or self._open.calls)):
            self._open = Draft("agent")
            begun.append(self._open)
        if kind == "reasoning":
            thought = _thought(item, where)
            self._open.thought = "\n".join(filter(None, (self._open.thought, thought)))
            return begun
        read = read_call(item, where) if kind in _CALLS else _own_call(kind, item, where)
        self._open.take([_with_call_id(read, item, where)])
        return begun + _own_answer(kind, item, where)


def _with_call_id(read: ReadCall, item: dict[str, Any], where: str) -> ReadCall:
    """Answers name `call_id`, not the item's own `id`."""
    identity = as_name(item.get("call_id"), f"{where}.call_id")
    if not identity:
        return read
    return ReadCall(ToolCall(read.call.name, read.call.arguments, identity), read.repaired, read.unfit)


def _thought(item: dict[str, Any], where: str) -> str:
    """The summary, and the text where the log holds it; encrypted content is none."""
    thoughts = [read_content(item.get(key), f"{where}.{key}") for key in ("content", "summary")]
    texts = [*thoughts[0].thoughts, *thoughts[0].texts] or [*thoughts[1].thoughts, *thoughts[1].texts]
    return "\n".join(filter(None, texts))


def _own_call(kind: str, item: dict[str, Any], where: str) -> ReadCall:
    name, keys = _OWN_CALLS[kind]
    key = next((key for key in keys if item.get(key) is not None), None)
    value = item.get(key) if key else {}
    identity = as_name(item.get("call_id", item.get("id")), f"{where}.call_id")
    body = value if isinstance(value, dict) else {str(key): value}
    return ReadCall(ToolCall(name, canonical_json(body), identity or None))


def _own_answer(kind: str, item: dict[str, Any], where: str) -> list[Draft | Answer]:
    value = next((item[key] for key in _RESULTS if item.get(key) is not None), None)
    if value is None and not item.get("error"):
        return []
    if kind == "image_generation_call":
        value = [{"type": "image", "data": value}]
    return [read_answer(value, item.get("call_id", item.get("id")), where, item.get("error"))]
