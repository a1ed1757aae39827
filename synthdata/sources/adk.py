"""Google's Agent Development Kit: events, each with its author and a content of parts; a file of them, or eval sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.sources import openai_chat
from synthdata.sources.fields import RowError, shortened
from synthdata.sources.files import Row
from synthdata.sources.sessions import ReadRun, SessionItem, noted

NAME = "adk"
_INVOCATIONS = ("invocationId", "invocation_id")


def sniff(value: object) -> str | None:
    """None if this row is one event of a session, else why not."""
    if is_event(value) and isinstance(value, dict) and any(isinstance(value.get(key), str) for key in _INVOCATIONS):
        return None
    return "no event of ADK (`author` with `invocationId`)"


def is_event(value: object) -> bool:
    """Whether this may be an event, in a place where events are expected."""
    return isinstance(value, dict) and isinstance(value.get("author"), str) and "role" not in value


def messages_of(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the events say, as messages; pieces of a streamed answer come whole once more, so they are left out."""
    messages = []
    for event in events:
        content = event.get("content")
        if isinstance(content, dict) and content.get("parts") and event.get("partial") is not True:
            author = event["author"]
            named = {} if author == "user" else {"name": author}
            role = content.get("role") or ("user" if author == "user" else "model")
            messages.append({"role": role, "parts": content["parts"], **named})
    return messages


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The one run of a file of events."""
    events: list[dict[str, Any]] = []
    first: Row | None = None
    for row in rows:
        if isinstance(row.value, dict) and is_event(row.value):
            first = first or row
            events.append(row.value)
        else:
            yield row.quarantined(f"{NAME}: {sniff(row.value)}, as the rest of the file is")
    if first is None:
        return
    try:
        run = openai_chat.read({"messages": messages_of(events)})[0]
    except RowError as error:
        yield first.quarantined(f"{NAME}: {error}")
        return
    errors = [f"the model failed: {shortened(_error(event), 200)}" for event in events if _error(event)]
    yield ReadRun(first.line, noted(run, *dict.fromkeys(errors)))


def _error(event: dict[str, Any]) -> str:
    code, message = (
        event.get(a, event.get(b)) for a, b in (("errorCode", "error_code"), ("errorMessage", "error_message"))
    )
    return ": ".join(str(part) for part in (code, message) if part)


def eval_cases(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The cases of an eval set: what the user said, the calls that are expected, the answer that is."""
    cases = row.get("eval_cases", row.get("evalCases"))
    if not isinstance(cases, list) or not cases or not all(map(_is_case, cases)):
        return []
    return [
        {"messages": messages, "task_id": str(case.get("eval_id", case.get("evalId", "")))}
        for case in cases
        if (messages := [message for turn in case["conversation"] for message in _invocation(turn)])
    ]


def _is_case(case: object) -> bool:
    return isinstance(case, dict) and isinstance(case.get("conversation"), list)


def _invocation(turn: object) -> list[dict[str, Any]]:
    if not isinstance(turn, dict):
        return []
    between = turn.get("intermediate_data", turn.get("intermediateData"))
    between = between if isinstance(between, dict) else {}
    calls = _listed(between.get("tool_uses", between.get("toolUses")))
    answers = _listed(between.get("tool_responses", between.get("toolResponses")))
    turns = [_content(turn.get("user_content", turn.get("userContent")), "user")]
    turns += [{"role": "model", "parts": [{"functionCall": call} for call in calls]}] if calls else []
    turns += [{"role": "user", "parts": [{"functionResponse": answer} for answer in answers]}] if answers else []
    turns.append(_content(turn.get("final_response", turn.get("finalResponse")), "model"))
    return [message for message in turns if message.get("parts")]


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _content(content: object, role: str) -> dict[str, Any]:
    parts = content.get("parts") if isinstance(content, dict) else None
    return {"role": role, "parts": parts}
