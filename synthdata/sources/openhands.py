"""OpenHands: event logs (one document, one row a run, or a folder of events), of its first edition and of its SDK.

The model's own calls are read where the log keeps its response; older logs keep the action alone, whose name and fields
are the call then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from synthdata.records import Trajectory, canonical_json
from synthdata.sources.calls import read_call
from synthdata.sources.fields import as_list, as_name, as_object
from synthdata.sources.files import Row
from synthdata.sources.message_calls import read_calls
from synthdata.sources.outcome import success_of
from synthdata.sources.parts import Answer, content_text, read_answer, read_content
from synthdata.sources.sessions import ReadRun, SessionItem, each_row, run_of
from synthdata.sources.steps import Draft, close
from synthdata.sources.turn_reader import TurnReader, folded

NAME = "openhands"
# Of the harness: nobody said or did them.
_SILENT = ("null", "", "agent_state_changed", "change_agent_state", "recall", "condensation", "condensation_request",
           "start", "resume", "pause", "stop", "streaming_chunk")  # fmt: skip
# Fields of an action that are not what was asked of the tool.
_BESIDE = frozenset({
    "thought", "action", "is_confirmed", "confirmation_state", "action_risk", "security_risk", "keep_prompt", "hidden",
    "kernel_init_code", "id", "timestamp", "source", "message", "tool_call_metadata", "llm_metrics", "timeout",
    "is_static", "blocking", "cwd", "include_extra", "return_axtree", "impl_source",
})  # fmt: skip
_SDK = ("MessageEvent", "ActionEvent", "ObservationEvent", "SystemPromptEvent", "AgentErrorEvent",
        "UserRejectObservation", "Condensation", "CondensationSummaryEvent", "ConversationStateUpdateEvent",
        "PauseEvent", "CondensationRequest", "ConversationErrorEvent", "TokenEvent")  # fmt: skip


def sniff(value: object) -> str | None:
    """None if this row is a run with its `history` of events, else why not."""
    if not isinstance(value, dict) or not isinstance(value.get("history"), list) or not value["history"]:
        return "no `history` of events"
    events = list(_flat(value["history"]))
    if events and all(_is_event(event) for event in events):
        return None
    return "`history` holds something that is no event (`action` or `observation`)"


def sniff_event(value: object) -> str | None:
    """None if this row is one event of a session, else why not."""
    if _is_event(value) and isinstance(value, dict) and "source" in value and ("id" in value or "timestamp" in value):
        return None
    return "no OpenHands event (`action` or `observation` with `source`)"


def read(value: object) -> list[Trajectory]:
    """The run of one row with its history."""
    row = as_object(value, "row")
    reader = _Events()
    for number, event in enumerate(_flat(as_list(row.get("history"), "history"))):
        reader.take(as_object(event, f"history[{number}]"), f"history[{number}]")
    notes: list[str] = []
    tested = row.get("test_result")
    report = tested.get("report") if isinstance(tested, dict) else None
    success = success_of({**row, "outcome": report}, ("success", "resolved"), notes)
    run = reader.run(notes)
    instance = row.get("instance_id")
    task = run.task or content_text(row.get("instruction"))
    stopped = bool(row.get("error"))
    return [
        Trajectory(
            task, run.steps, as_name(instance, "instance_id"), success, agent_model=run.agent_model, tools=run.tools,
            truncated=stopped, notes=run.notes,
        )
    ]  # fmt: skip


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The events of a file or folder as one run."""
    reader = _Events()

    def take(row: Row) -> None:
        for number, event in enumerate(_flat(row.value if isinstance(row.value, list) else [row.value])):
            reader.take(as_object(event, f"[{number}]"), f"line {row.line}")

    _, refused = each_row(rows, take)
    yield from refused
    yield ReadRun(rows[0].line, reader.run([]))


def _flat(history: list[Any]) -> Iterable[Any]:
    """The oldest logs list pairs of an action and its observation."""
    for item in history:
        if isinstance(item, list):
            yield from item
        else:
            yield item


def _is_event(value: object) -> bool:
    if not isinstance(value, dict) or "role" in value:
        return False
    if value.get("kind") in _SDK:
        return True
    if isinstance(value.get("action"), str) and "trajectory" not in value:
        return isinstance(value.get("args"), dict) or bool(
            value.keys() & {"thought", "content", "command", "code", "outputs"}
        )
    return isinstance(value.get("observation"), str) and "content" in value


class _Events:
    def __init__(self) -> None:
        self.turns: list[Draft | Answer] = []
        self.tools = ""
        self.model = ""
        self._responses: dict[str, Draft] = {}
        self._reader = TurnReader()

    def run(self, notes: Sequence[str]) -> Trajectory:
        """All events so far as one run."""
        steps = close(folded(self.turns))
        run = run_of(steps, self.model, notes)
        return Trajectory(run.task, run.steps, agent_model=self.model, tools=self.tools, notes=run.notes)

    def take(self, event: dict[str, Any], where: str) -> None:
        """One event.

        Raises:
            RowError: a call without a name, or a field of the wrong type.
        """
        if event.get("kind") in _SDK:
            self._sdk(event, where)
        elif isinstance(event.get("action"), str):
            self._action(event, where)
        else:
            self._observation(event, where)

    def _observation(self, event: dict[str, Any], where: str) -> None:
        if event.get("observation") in _SILENT:
            return
        about = as_object(event.get("tool_call_metadata"), f"{where}.tool_call_metadata")
        # Without ids of calls an observation names the event that caused it.
        cause = about.get("tool_call_id") or event.get("cause")
        self.turns.append(read_answer(event.get("content"), cause, f"{where}.tool_call_id"))

    def _action(self, event: dict[str, Any], where: str) -> None:
        kind = event["action"]
        if kind in _SILENT:
            return
        arguments = event.get("args")
        fields = arguments if isinstance(arguments, dict) else event
        source = event.get("source", "user" if kind == "message" and not self.turns else "agent")
        if kind in ("message", "system"):
            self._words("system" if kind == "system" else source, fields, where)
        elif source == "agent":
            self._deed(kind, event, fields, where)
        else:
            # What a user does in the agent's place, such as running a command.
            shown = canonical_json({key: item for key, item in fields.items() if key not in _BESIDE})
            self.turns.append(Draft("user", f"{kind} {shown}"))

    def _words(self, source: str, fields: dict[str, Any], where: str) -> None:
        images = fields.get("image_urls", fields.get("images_urls"))
        parts: list[Any] = [{"type": "text", "text": content_text(fields.get("content"))}]
        parts += [{"type": "image_url", "image_url": {"url": url}} for url in images or [] if isinstance(url, str)]
        content = read_content(parts, where)
        role = {"system": "system", "agent": "agent"}.get(source, "user")
        self.turns.append(Draft(role, "\n".join(filter(None, content.texts)), media=content.media))  # type: ignore[arg-type]
        tools = fields.get("tools")
        self.tools = self.tools or (canonical_json(tools) if tools else "")

    def _deed(self, kind: str, event: dict[str, Any], fields: dict[str, Any], where: str) -> None:
        about = as_object(event.get("tool_call_metadata"), f"{where}.tool_call_metadata")
        response = as_object(about.get("model_response"), f"{where}.model_response")
        self.model = self.model or as_name(response.get("model"), f"{where}.model")
        message = _first_message(response)
        if message is None:
            draft = Draft("agent", thought=content_text(fields.get("thought")))
            made = {key: item for key, item in fields.items() if key not in _BESIDE and item is not None}
            call = {"name": about.get("function_name") or kind, "arguments": made}
            call["id"] = about.get("tool_call_id") or event.get("id")
            draft.take([read_call(call, where)])
            self.turns.append(draft)
            return
        # A response with several calls became several actions; it is one turn.
        name = as_name(response.get("id"), f"{where}.id")
        if name and name in self._responses:
            return
        content = read_content(message.get("content"), where)
        thought = content_text(message.get("reasoning_content"))
        draft = Draft("agent", "\n".join(filter(None, content.texts)), thought or "\n".join(content.thoughts))
        draft.take(read_calls(message, where) or content.calls)
        if name:
            self._responses[name] = draft
        self.turns.append(draft)

    def _sdk(self, event: dict[str, Any], where: str) -> None:
        kind = event["kind"]
        if kind == "MessageEvent":
            self.turns += self._reader.add(as_object(event.get("llm_message"), f"{where}.llm_message"), where)
        elif kind == "SystemPromptEvent":
            self._words("system", {"content": event.get("system_prompt"), "tools": event.get("tools")}, where)
        elif kind == "ActionEvent":
            self._sdk_action(event, where)
        elif kind in ("ObservationEvent", "UserRejectObservation", "AgentErrorEvent"):
            seen = event.get("observation")
            body = seen.get("content", seen.get("output", seen)) if isinstance(seen, dict) else seen
            value = body if body is not None else event.get("rejection_reason", event.get("error"))
            self.turns.append(read_answer(value, event.get("tool_call_id"), where))
        elif kind == "CondensationSummaryEvent":
            self.turns.append(Draft("system", content_text(event.get("summary"))))

    def _sdk_action(self, event: dict[str, Any], where: str) -> None:
        name = as_name(event.get("llm_response_id"), f"{where}.llm_response_id")
        draft = self._responses.get(name) if name else None
        if draft is None:
            thought = content_text(event.get("reasoning_content")) or content_text(event.get("thinking_blocks"))
            draft = Draft("agent", content_text(event.get("thought")), thought)
            self.turns.append(draft)
            if name:
                self._responses[name] = draft
        call = event.get("tool_call")
        made = call if isinstance(call, dict) else {"name": event.get("tool_name"), "arguments": event.get("action")}
        draft.take([read_call({"id": event.get("tool_call_id"), **made}, f"{where}.tool_call")])


def _first_message(response: dict[str, Any]) -> dict[str, Any] | None:
    choices = response.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    return message if isinstance(message, dict) else None
