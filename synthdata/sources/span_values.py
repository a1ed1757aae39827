"""What a span says went into a model and came out, in whatever shape the tracer kept it: as chat messages."""

from __future__ import annotations

import json
from typing import Any

from synthdata.sources.files import whole_text
from synthdata.sources.messages import is_message, unwrapped

Message = dict[str, Any]
_LISTS = ("messages", "contents", "chat_history", "input_messages", "output_messages", "items")
_TEXTS = ("prompt", "input", "question", "query", "text", "content", "output", "completion", "answer", "result")


def from_json(value: object) -> object:
    """The value of a JSON text; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"'):
        try:
            return whole_text(json.loads(value, parse_constant=str))
        except (ValueError, RecursionError):
            return value
    return value


def input_messages(value: object) -> list[Message]:
    """The messages that a model was given: a list, a request, LangChain's nested lists, or one text of the user."""
    value = from_json(value)
    if isinstance(value, str):
        return [{"role": "user", "content": value}] if value.strip() else []
    listed = _listed(value)
    if listed:
        return listed
    if not isinstance(value, dict):
        return []
    before = _system(value)
    for key in _LISTS:
        messages = _listed(from_json(value.get(key)))
        if messages:
            return [*before, *messages]
    own = value.get("input", value.get("inputs"))
    if own is not None and own is not value:
        inner = input_messages(own)
        if inner:
            return [*before, *inner]
    prompts = value.get("prompts")
    if isinstance(prompts, list) and prompts and isinstance(prompts[0], str):
        return [*before, {"role": "user", "content": prompts[0]}]
    text = next((value[key] for key in _TEXTS if isinstance(value.get(key), str) and value[key]), None)
    return [*before, {"role": "user", "content": text}] if text else []


def output_messages(value: object) -> list[Message]:
    """What the model answered: messages, the first choice, the first generation, output items, or one text."""
    value = from_json(value)
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}] if value.strip() else []
    listed = _listed(value)
    if listed:
        return listed
    if isinstance(value, list):
        return output_messages(value[0]) if value else []
    return _answer_of(value) if isinstance(value, dict) else []


# Where a response keeps what was answered: alternatives first, of which the first counts.
_ALTERNATIVES = ("choices", "generations", "candidates")
_INSIDE = ("message", "output", "outputs", "response", *_LISTS)


def _answer_of(value: dict[str, Any]) -> list[Message]:
    message = unwrapped(value)
    if is_message(message):
        return [message]
    inner = [_first(from_json(value.get(key))) for key in _ALTERNATIVES] + [value.get(key) for key in _INSIDE]
    answer = next((messages for item in inner if item is not None and (messages := output_messages(item))), None)
    if answer:
        return answer
    content = value.get("content")
    if isinstance(content, dict):
        # Gemini's candidates.
        return [{**content, "role": content.get("role") or "model"}]
    if isinstance(content, list):
        return [{"role": "assistant", "content": content}]
    text = next((value[key] for key in _TEXTS if isinstance(value.get(key), str) and value[key]), None)
    return [{"role": "assistant", "content": text}] if text else []


def _listed(value: object) -> list[Message]:
    """A list of messages; the first of a list of such lists, as LangChain keeps one a prompt."""
    if not isinstance(value, list) or not value:
        return []
    if isinstance(value[0], list):
        return _listed(value[0])
    return [item for item in value if isinstance(item, dict)] if all(map(is_message, value)) else []


def _first(value: object) -> object:
    while isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict | str) else None


def _system(value: dict[str, Any]) -> list[Message]:
    config = value.get("config")
    own = next(
        (value[key] for key in ("system", "instructions", "system_instruction", "systemInstruction") if value.get(key)),
        None,
    )
    if own is None and isinstance(config, dict):
        own = config.get("system_instruction", config.get("systemInstruction"))
    if isinstance(own, dict):
        own = own.get("parts", own.get("text"))
    return [{"role": "system", "content": own}] if isinstance(own, str | list) and own else []
