"""What the content of a chat message holds: texts, thoughts, tool calls, tool answers, images and files.

Read are the parts of OpenAI (chat and Responses), Anthropic, Gemini, Bedrock, the Vercel AI SDK, LangChain,
pydantic-ai, Semantic Kernel, Inspect, MCP and the GenAI conventions of OpenTelemetry. Signatures and encrypted thoughts
are dropped. A part of unknown kind stands as its JSON, so nothing is lost, and `unknown` names it, so that nobody
imitates it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from synthdata.records import Media, Observation, ToolCall, canonical_json
from synthdata.sources.calls import ReadCall, read_call
from synthdata.sources.fields import as_name, quoted
from synthdata.sources.media import file_text, without_files

_TEXTS = frozenset({
    "text", "input_text", "output_text", "text_content", "markdown", "user_prompt", "system_prompt", "refusal",
    "multimodal_text", "summary_text",
})  # fmt: skip
_THOUGHTS = frozenset({
    "thinking", "reasoning", "thought", "thoughts", "redacted_thinking", "reasoning_text", "reasoning_content",
    "reasoning_summary", "text_reasoning", "text_reasoning_content",
})  # fmt: skip
_CALLS = frozenset({
    "tool_use", "tool_call", "function_call", "server_tool_use", "mcp_tool_use", "custom_tool_call", "mcp_call",
    "function_call_content", "builtin_tool_call", "server_tool_call", "dynamic_tool", "tool_invocation", "tool_request",
    "tool_call_request", "tool_use_content",
    "tool",
})  # fmt: skip
_ANSWERS = frozenset({
    "tool_result", "tool_return", "tool_call_response", "tool_response", "function_response", "function_call_output",
    "custom_tool_call_output", "function_result", "function_result_content", "retry_prompt", "builtin_tool_return",
    "server_tool_call_response", "tool_result_content", "tool_call_result", "tool_output",
})  # fmt: skip
_FILES = frozenset({
    "image", "image_url", "input_image", "image_file", "audio", "input_audio", "audio_url", "video", "video_url",
    "input_video", "file", "input_file", "document", "document_url", "blob", "uri", "media", "binary", "image_content",
    "audio_content", "video_content", "binary_content", "file_content", "image_asset_pointer", "audio_asset_pointer",
    "pdf", "data_content", "uri_content",
})  # fmt: skip
# Marks of an interface, not words of anyone.
_MARKS = frozenset(
    {"step_start", "step_finish", "cache_point", "source", "source_url", "source_document", "compaction"}
)
# Parts that say what they are by their only key: Gemini's and Bedrock's.
_KEYS: dict[str, str] = {
    "functionCall": "tool_call", "function_call": "tool_call", "toolUse": "tool_call", "toolCall": "tool_call",
    "tool_call": "tool_call", "tool_call_result": "tool_result",
    "functionResponse": "tool_result", "function_response": "tool_result", "toolResult": "tool_result",
    "inlineData": "file", "inline_data": "file", "fileData": "file", "file_data": "file", "image": "file",
    "document": "file", "video": "file", "audio": "file", "image_url": "file", "reasoningContent": "thinking",
    "thinking": "thinking", "reasoning": "thinking", "tool_use_id": "tool_result", "cachePoint": "cache_point",
    "executableCode": "code", "executable_code": "code",
    "codeExecutionResult": "code_result", "code_execution_result": "code_result", "json": "json",
}  # fmt: skip
_ANSWER_BODIES = ("functionResponse", "function_response", "toolResult", "tool_call_result")
_ANSWER_IDS = (
    "tool_use_id", "tool_call_id", "toolCallId", "toolUseId", "call_id", "callId", "CallId", "FunctionCallId",
    "id", "Id",
)  # fmt: skip
_ANSWER_VALUES = ("content", "output", "result", "response", "value", "Result", "error")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST_KIND = 60


@dataclass(slots=True)
class Answer:
    """What came back, and the files that stood in it."""

    observation: Observation
    media: list[Media] = field(default_factory=list)


@dataclass(slots=True)
class Content:
    """A message's content by kind, each in the order of the log; `unknown` names parts that nothing here knows."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[ReadCall] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read_content(value: object, where: str) -> Content:
    """The content of a message.

    Raises:
        RowError: a tool call in it has no name or no arguments that can be told.
    """
    content = Content()
    _add(content, value, where)
    return content


def read_answer(value: object, identity: object, where: str, error: object = None) -> Answer:
    """A tool's answer: text as it is, the parts of a list joined by line breaks, any other JSON as its text.

    `error` is what the log says went wrong; it is put before the answer unless the answer says the same.
    """
    media: list[Media] = []
    text = _answer_text(value, media)
    error_text = _answer_text(error, media) if error not in (None, False, True, "", {}) else ""
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        error_text = without_files(error["message"], media)
    if error_text and error_text not in text:
        text = f"Error: {error_text}\n{text}" if text else f"Error: {error_text}"
    return Answer(Observation(text, as_name(identity, where) or None), media)


def content_text(value: object) -> str:
    """A content as one text, its images and files as placeholders: parts joined by line breaks, other JSON as text."""
    return _answer_text(value, [])


def part_kind(part: dict[str, Any]) -> str:
    """What a part says it is, in small letters with underscores; empty where it does not say."""
    for key in ("type", "part_kind", "block_type", "kind", "$type", "content_type", "contentType"):
        kind = part.get(key)
        if isinstance(kind, str) and kind:
            return _snake(kind) if len(kind) <= _LONGEST_KIND else ""
    known = next((key for key in part if key in _KEYS and part[key] is not None), None)
    if known is None and isinstance(part.get("name"), str) and "input" in part:
        # A block of Anthropic's SDK, written without the type that its class stands for.
        return "tool_use"
    return _KEYS[known] if known else ""


def is_tool_part(part: dict[str, Any]) -> bool:
    """Whether a part is a tool call or a tool's answer."""
    return _reader(part_kind(part), part) in (_add_call, _add_answer, _add_code, _add_code_result)


def is_answer_part(part: dict[str, Any]) -> bool:
    """Whether a part is a tool's answer."""
    return _reader(part_kind(part), part) in (_add_answer, _add_code_result)


@lru_cache(maxsize=512)
def _snake(text: str) -> str:
    return _CAMEL.sub("_", text).replace("-", "_").replace(".", "_").lower()


def _add(content: Content, value: object, where: str) -> None:
    if value is None:
        return
    if isinstance(value, str):
        content.texts.append(without_files(value, content.media))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            _add_part(content, part, f"{where}[{number}]")
    elif isinstance(value, dict) and isinstance(value.get("parts"), list):
        _add(content, value["parts"], f"{where}.parts")
    else:
        _add_part(content, value, where)


def _add_part(content: Content, part: object, where: str) -> None:
    if isinstance(part, str):
        content.texts.append(without_files(part, content.media))
        return
    if not isinstance(part, dict):
        if part is not None:
            content.texts.append(canonical_json(part))
            content.unknown.append("a value that is no text")
        return
    kind = part_kind(part)
    reader = _reader(kind, part)
    if reader:
        reader(content, part, where)
    elif kind not in _MARKS and not kind.startswith("data_"):
        content.texts.append(without_files(canonical_json(part), content.media))
        content.unknown.append(f"a part of kind {quoted(kind)}" if kind else "a part that does not say what it is")


def in_steps(parts: object) -> list[list[Any]]:
    """The parts of one message by the steps that it tells of: what follows an answer was said after that answer.

    Interfaces keep a whole turn as one message, with the calls of several steps and their answers. A mark of a step
    tells them apart; where there is none, words or a thought after an answer begin the next.
    """
    if not isinstance(parts, list):
        return []
    kinds = [part_kind(part) if isinstance(part, dict) else "text" for part in parts]
    marked = "step_start" in kinds
    steps: list[list[Any]] = [[]]
    answered = False
    for kind, part in zip(kinds, parts, strict=True):
        spoken = not marked and answered and (kind in _TEXTS or kind in _THOUGHTS)
        if (kind == "step_start" or spoken) and answered:
            steps.append([])
            answered = False
        answered = answered or _is_answered(kind, part)
        steps[-1].append(part)
    return [step for step in steps if step]


def _is_answered(kind: str, part: object) -> bool:
    """Whether a part is an answer, or a call with its answer in it."""
    if not isinstance(part, dict):
        return False
    reader = _reader(kind, part)
    inner = part.get("toolInvocation")
    state = (inner if isinstance(inner, dict) else part).get("state")
    state = state.get("status") if isinstance(state, dict) else state
    done = reader is _add_call and (state in _DONE or _STATES.get(str(state)) in _DONE)
    return done or reader in (_add_answer, _add_code_result)


def _reader(kind: str, part: dict[str, Any]) -> Callable[[Content, dict[str, Any], str], None] | None:
    if kind in _TEXTS or (not kind and isinstance(part.get("text", part.get("Text")), str)):
        return _add_thought if part.get("thought") is True else _add_text
    if kind in _THOUGHTS:
        return _add_thought
    if kind in _ANSWERS or kind.endswith("_tool_result"):
        return _add_answer
    # The Vercel AI SDK puts the tool's name into the type of the part.
    if kind in _CALLS or (kind.startswith("tool_") and "toolCallId" in part):
        return _add_call
    if kind in _FILES:
        return _add_file
    return {"code": _add_code, "code_result": _add_code_result, "json": _add_json}.get(kind)


def _add_text(content: Content, part: dict[str, Any], where: str) -> None:
    value = next(
        (part[key] for key in ("text", "content", "value", "refusal", "Text") if part.get(key) is not None), ""
    )
    if isinstance(value, dict):
        value = value.get("value", value.get("text", value))
    _add(content, value if isinstance(value, str | list) else canonical_json(value), where)


def _add_thought(content: Content, part: dict[str, Any], where: str) -> None:
    keys = (
        "thinking",
        "reasoning",
        "text",
        "thought",
        "summary",
        "content",
        "reasoningText",
        "reasoningContent",
        "Text",
    )
    for key in keys:
        text = thought_text(part.get(key))
        if text:
            content.thoughts.append(text)
            return


def thought_text(value: object) -> str:
    """The readable text of a thought, however deep its format packs it; encrypted ones have none."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(thought_text, value)))
    if isinstance(value, dict):
        keys = ("text", "thinking", "reasoning", "reasoningText", "reasoning_text", "content", "summary")
        return next((text for key in keys if (text := thought_text(value.get(key)))), "")
    return ""


def _add_call(content: Content, part: dict[str, Any], where: str) -> None:
    kind = part_kind(part)
    inner = part.get("toolInvocation")
    source = inner if isinstance(inner, dict) else part
    named = source
    state = part.get("state")
    if kind == "tool" and isinstance(state, dict):
        # OpenCode keeps the call and its answer in one part.
        source = {"state": _STATES.get(str(state.get("status"))), "id": part.get("callID"), **state}
        named = {"name": part.get("tool"), "id": part.get("callID"), "arguments": state.get("input")}
    asked = part.get("toolCall")
    if kind == "tool_request" and isinstance(asked, dict) and isinstance(asked.get("value"), dict):
        named = {"id": part.get("id"), **asked["value"]}
    if kind.startswith("tool_") and "toolCallId" in part and "toolName" not in source and "name" not in source:
        named = {**source, "toolName": str(part["type"]).removeprefix("tool-")}
    content.calls.append(read_call(named, where))
    done = str(source.get("state", "")) in _DONE
    if done or (kind == "mcp_call" and source.get("output") is not None):
        value = source.get("result", source.get("output"))
        error = source.get("errorText", source.get("error"))
        content.answers.append(read_answer(value, source.get("toolCallId", source.get("id")), where, error))


# States of a call that has its answer in it.
_DONE = ("result", "output-available", "output-error", "output-denied")
# How OpenCode says how far a call is, in the words of the Vercel AI SDK.
_STATES = {"completed": "output-available", "error": "output-error"}


def _add_answer(content: Content, part: dict[str, Any], where: str) -> None:
    inner = next((part[key] for key in _ANSWER_BODIES if isinstance(part.get(key), dict)), part)
    origin = inner["origin"] if isinstance(inner.get("origin"), dict) else {}
    nodes = (part, inner, origin)
    identity = next((node[key] for node in nodes for key in _ANSWER_IDS if node.get(key) is not None), None)
    value = next((inner[key] for key in _ANSWER_VALUES if inner.get(key) is not None), None)
    shown = inner.get("parts")
    if inner is not part and isinstance(shown, list) and shown:
        # Gemini: what a function shows stands beside what it says.
        said = [] if value is None else [value if isinstance(value, str) else canonical_json(value)]
        value = [*said, *shown]
    error = part.get("error", part.get("errorText"))
    content.answers.append(read_answer(value, identity, where, error))


def _add_file(content: Content, part: dict[str, Any], where: str) -> None:
    source = part.get("source")
    plain = source.get("data") if isinstance(source, dict) and source.get("type") == "text" else None
    content.texts.append(plain if isinstance(plain, str) else file_text(part, content.media))


def _add_code(content: Content, part: dict[str, Any], where: str) -> None:
    body = part.get("executableCode", part.get("executable_code"))
    content.calls.append(ReadCall(ToolCall("code_execution", canonical_json(body if isinstance(body, dict) else {}))))


def _add_code_result(content: Content, part: dict[str, Any], where: str) -> None:
    body = part.get("codeExecutionResult", part.get("code_execution_result"))
    value = body.get("output", body) if isinstance(body, dict) else body
    content.answers.append(read_answer(value, None, where))


def _add_json(content: Content, part: dict[str, Any], where: str) -> None:
    content.texts.append(without_files(canonical_json(part["json"]), content.media))


def _answer_text(value: object, media: list[Media]) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return without_files(value, media)
    if isinstance(value, dict):
        kind = value.get("type")
        if isinstance(kind, str) and "value" in value and kind in _WRAPPED:
            return _answer_text(value["value"], media)
        return _part_text(value, media) if _is_part(value) else without_files(canonical_json(value), media)
    if isinstance(value, list) and value and all(isinstance(part, str) or _is_part(part) for part in value):
        return "\n".join(part if isinstance(part, str) else _part_text(part, media) for part in value)
    return "" if value == [] else without_files(canonical_json(value), media)


_FILE_BODIES = (
    "image_url",
    "source",
    "data",
    "file_data",
    "image",
    "file",
    "base64",
    "inline_data",
    "inlineData",
    "input_audio",
)
# The outputs of the Vercel AI SDK say which kind of value they hold.
_WRAPPED = ("text", "json", "content", "error-text", "error-json", "execution-denied")


def _is_part(value: object) -> bool:
    """Whether this is a content part and not a tool's own JSON, which may well have a `type` of its own."""
    if not isinstance(value, dict):
        return False
    kind = part_kind(value)
    if "type" not in value and "block_type" not in value:
        return len(value) == 1 and (kind in ("file", "json") or isinstance(value.get("text"), str))
    if kind in _FILES:
        return any(isinstance(value.get(key), dict | str) for key in _FILE_BODIES)
    return kind in _TEXTS and any(isinstance(value.get(key), str) for key in ("text", "content", "value"))


def _part_text(part: object, media: list[Media]) -> str:
    if isinstance(part, str):
        return without_files(part, media)
    inner = Content(media=media)
    _add_part(inner, part, "answer")
    return "\n".join(inner.texts)
