"""Codex sessions: rollout files of its sessions folder, old and new, and what `codex exec --json` prints.

A rollout keeps the items of the Responses API; its own event messages say the same again and are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.sources.fields import RowError, as_object
from synthdata.sources.files import Row
from synthdata.sources.items import ITEMS
from synthdata.sources.parts import Answer
from synthdata.sources.sessions import ReadRun, SessionItem, each_row, run_of
from synthdata.sources.steps import Draft, close
from synthdata.sources.turn_reader import TurnReader, folded

NAME = "codex"
_LINES = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
_STREAM = ("thread.started", "turn.started", "turn.completed", "turn.failed", "item.started", "item.updated",
           "item.completed")  # fmt: skip
# What Codex puts before the user's words: the agent sees it, the user did not ask it.
_CONTEXT = (
    "<environment_context>", "<user_instructions>", "<permissions", "<turn_aborted>", "<user_action>", "<skill>",
    "# AGENTS.md instructions", "<collaboration_mode>", "<personality", "<app-context>", "<INSTRUCTIONS>",
)  # fmt: skip
_ABOUT = ("id", "timestamp", "instructions")


def sniff(value: object) -> str | None:
    """None if this row is a line of a rollout, else why not."""
    if not isinstance(value, dict):
        return "not an object"
    kind = value.get("type")
    if kind in _LINES and isinstance(value.get("payload"), dict):
        return None
    if kind in _STREAM and ("thread_id" in value or isinstance(value.get("item"), dict) or kind.startswith("turn.")):
        return None
    # The first line of an old rollout says when the session began and with which instructions.
    if "role" not in value and kind is None and all(key in value for key in _ABOUT) and "messages" not in value:
        return None
    return "no line of a Codex rollout (`type` session_meta, response_item, ... with `payload`)"


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The session as one run; lines that cannot be read are refused, the rest goes on."""
    session = _Session()
    _, refused = each_row(rows, session.take)
    yield from refused
    steps = close(folded(session.turns))
    yield ReadRun(rows[0].line, run_of(steps, session.model, session.notes))


class _Session:
    def __init__(self) -> None:
        self.turns: list[Draft | Answer] = []
        self.model = ""
        self.notes: list[str] = []
        self._reader = TurnReader()

    def take(self, row: Row) -> None:
        """One line.

        Raises:
            RowError: no line of a rollout, or an item that cannot be read.
        """
        value = as_object(row.value, "line")
        kind, where = value.get("type"), f"line {row.line}"
        if kind == "response_item":
            self._item(as_object(value.get("payload"), where), where)
        elif kind == "item.completed":
            self._streamed(as_object(value.get("item"), where), where)
        elif kind in ("session_meta", "turn_context", "compacted"):
            self._about(str(kind), as_object(value.get("payload"), where), where)
        elif kind == "message" or kind in ITEMS:
            self._item(value, where)
        elif kind is None and isinstance(value.get("instructions"), str):
            self._system(value["instructions"])
        elif not isinstance(kind, str) and "record_type" not in value and "id" not in value:
            raise RowError("not a line of a Codex rollout")

    def _about(self, kind: str, payload: dict[str, Any], where: str) -> None:
        if kind == "turn_context":
            self.model = self.model or str(payload.get("model") or "")
        elif kind == "compacted":
            self._system(payload.get("message"))
            self.notes.append("the session was compacted: what stands before was summed up for the agent")
        else:
            base = payload.get("base_instructions", payload.get("instructions"))
            self._system(base.get("text") if isinstance(base, dict) else base)

    def _system(self, text: object) -> None:
        if isinstance(text, str) and text:
            self.turns.append(Draft("system", text))

    def _item(self, item: dict[str, Any], where: str) -> None:
        if item.get("type") not in ("message", *ITEMS):
            return
        turns = self._reader.add(item, where)
        for turn in turns:
            if isinstance(turn, Draft) and turn.role == "user" and turn.action.lstrip().startswith(_CONTEXT):
                turn.role = "system"
        self.turns += turns

    def _streamed(self, item: dict[str, Any], where: str) -> None:
        """An item of `codex exec --json`, as the item of the API that it came from."""
        kind, identity = item.get("type", item.get("item_type")), item.get("id")
        text = item.get("text")
        if kind in ("agent_message", "assistant_message"):
            self._item({"type": "message", "role": "assistant", "content": text}, where)
        elif kind == "reasoning":
            self._item({"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}, where)
        elif kind == "command_execution":
            self._done("shell", {"command": item.get("command")}, item.get("aggregated_output"), identity, where)
        elif kind == "file_change":
            self._done("apply_patch", {"changes": item.get("changes")}, item.get("status"), identity, where)
        elif kind == "mcp_tool_call":
            name = f"{item.get('server', '')}__{item.get('tool', '')}"
            answer = item.get("result", item.get("error"))
            self._done(name, item.get("arguments"), answer, identity, where)
        elif kind == "web_search":
            self._done("web_search", {"query": item.get("query")}, None, identity, where)

    def _done(self, name: str, arguments: object, answer: object, identity: object, where: str) -> None:
        call = {"type": "function_call", "name": name, "arguments": arguments, "call_id": identity}
        self._item(call, where)
        if answer is not None:
            self._item({"type": "function_call_output", "call_id": identity, "output": answer}, where)
