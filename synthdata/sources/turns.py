"""Turns of a conversation, in whatever names a data set gives them, as chat messages of `role` and `content`.

A message that has the standard names already is kept as it came, with all its other keys. What is not understood (a
role, a kind of content part) is refused with its place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from synthdata.records.chat import is_weighed_in, spoken
from synthdata.sources.fields import RowError, as_list, as_name, as_object, quoted, shortened
from synthdata.sources.files import strict_json
from synthdata.sources.kept import holds_kept
from synthdata.sources.message_calls import listed_calls, spelled_value
from synthdata.sources.messages import is_item, is_message
from synthdata.sources.parts import is_tool_part, thought_text
from synthdata.sources.translated import standard_messages

Message = dict[str, Any]

STANDARD = ("system", "developer", "user", "assistant", "tool", "function")
_ALIASES = {
    "human": "user", "prompter": "user", "user_query": "user", "customer": "user", "student": "user",
    "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "bot": "assistant", "ai": "assistant",
    "chatbot": "assistant", "bing": "assistant", "bard": "assistant", "agent": "assistant", "teacher": "assistant",
    "llm": "assistant", "instruction": "system",
    "observation": "tool", "ipython": "tool", "tool_response": "tool", "function_response": "tool",
    "environment": "tool", "function_call": "call", "tool_call": "call", "tool_calls": "call",
}  # fmt: skip
_ROLE_KEYS = ("role", "from", "speaker", "sender")
_TEXT_KEYS = ("content", "value", "text", "parts", "message", "utterance")
_ASKED = ("human", "user", "input", "instruction", "question", "prompt", "query")
_ANSWERED = ("assistant", "gpt", "bot", "output", "response", "answer", "completion")
_PLACEHOLDERS = {
    "image": "image", "image_url": "image", "input_image": "image", "video": "video", "video_url": "video",
    "audio": "audio", "audio_url": "audio", "input_audio": "audio", "file": "file", "input_file": "file",
    "document": "file", "inline_data": "file", "inlineData": "file", "file_data": "file",
}  # fmt: skip


# Where messages of an SDK hold what they say, beside a role of the usual name.
_FOREIGN = frozenset(("blocks", "_content", "toolInvocations"))
_CALLS, _RESULTS = ("tool_use", "tool-call", "function_call"), ("tool_result", "tool-result")
_THOUGHTS = ("thinking", "reasoning", "redacted_thinking")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs")
_CALL_KEYS = ("name", "tool_name", "function", "id", "call_id", "type")


@dataclass(frozen=True)
class Tags:
    """Names that a data set gives to roles and keys of its turns, beside those that are known."""

    role: str = ""
    text: str = ""
    roles: tuple[tuple[str, str], ...] = ()


KNOWN = Tags()


def turns_of(value: object, where: str, tags: Tags = KNOWN) -> list[Message]:
    """The messages in a column of turns: a list of turns, of pairs or of alternating texts, or JSON text of one.

    Raises:
        RowError: something in it is not understood.
    """
    if isinstance(value, str):
        value = parsed(value, where)
    if isinstance(value, dict):
        value = _rows_of_columns(value) or value.get("messages") or [value]
    messages: list[Message] = []
    listed = as_list(value, where)
    if any(isinstance(item, dict) and is_item(item) for item in listed):
        # Items of the Responses API: what a model gave in one go stands in several.
        return standard_messages([as_object(item, where) for item in listed], where)
    for number, item in enumerate(listed):
        place = f"{where}[{number}]"
        if isinstance(item, str) and where == "messages":
            raise RowError(f"`{place}` must be an object, not a text")
        if isinstance(item, str):
            messages.append({"role": "assistant" if number % 2 else "user", "content": item})
        elif isinstance(item, list):
            messages += _pair(item, place)
        else:
            turn = as_object(item, place)
            made = _any_turn(turn, place, tags)
            before = messages[-1] if messages and messages[-1]["role"] == "assistant" else {}
            if before and _is_call(turn, tags) and is_weighed_in(before) == is_weighed_in(turn):
                # Calls in turns of their own, one after the other, were made at once.
                calls = [*(before.get("tool_calls") or ()), *made[0]["tool_calls"]]
                messages[-1] = before | {"tool_calls": calls}
            else:
                messages += made
    return messages


def _is_call(turn: Message, tags: Tags) -> bool:
    """Whether a turn says of itself that it is a call."""
    role = turn.get(tags.role) or next((turn[key] for key in _ROLE_KEYS if key in turn), "")
    name = dict(tags.roles).get(role, role) if isinstance(role, str) else ""
    return name == "call" or _ALIASES.get(name.lower().replace("-", "_")) == "call"


def _any_turn(turn: Message, where: str, tags: Tags) -> list[Message]:
    """A turn in the names of data sets, else one of an SDK (LangChain, Gemini, Bedrock, the Vercel AI SDK, ...).

    Raises:
        RowError: neither; of an object that says who speaks and holds parts, why the SDKs' reader refuses it.
    """
    if not _FOREIGN.isdisjoint(turn) or _has_untyped(turn.get("content")):
        return standard_messages([turn], where)
    try:
        return _turn(turn, where, tags)
    except RowError as error:
        role = next((turn[key] for key in _ROLE_KEYS if key in turn), "")
        if not is_message(turn) or _ALIASES.get(str(role).lower().replace("-", "_")) == "call":
            raise
        try:
            return standard_messages([turn], where)
        except RowError:
            raise error from None


def _has_untyped(content: object) -> bool:
    """Whether calls or answers stand in a content that do not say so but by their keys."""
    parts = content if isinstance(content, list) else ()
    return any(isinstance(part, dict) and "type" not in part and is_tool_part(part) for part in parts)


def parsed(text: str, where: str) -> object:
    """The value of a column that holds JSON text.

    Raises:
        RowError: it is none.
    """
    try:
        return strict_json(text.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        hint = "; it looks like Python's own notation: write the column with json.dumps" if "'" in text[:200] else ""
        raise RowError(f"`{where}` is text, but not JSON ({str(error)[:80]}){hint}") from error


def _rows_of_columns(value: Message) -> list[Message]:
    """A struct of lists, as the tables of `datasets` give a sequence of structs, turned into a list of structs."""
    columns = {key: item for key, item in value.items() if isinstance(item, list)}
    if not set(columns) & set(_ROLE_KEYS) or len({len(item) for item in columns.values()}) != 1:
        return []
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _pair(item: list[Any], where: str) -> list[Message]:
    if len(item) != 2 or not all(part is None or isinstance(part, str) for part in item):
        raise RowError(f"`{where}` must be a pair of texts, what was asked and what was answered")
    spoken = zip(("user", "assistant"), item, strict=True)
    return [{"role": role, "content": part} for role, part in spoken if part is not None]


def _turn(turn: Message, where: str, tags: Tags) -> list[Message]:
    if isinstance(turn.get("tool_calls"), str):
        turn = turn | {"tool_calls": listed_calls(turn["tool_calls"])}
    role_key = tags.role if tags.role in turn else next((key for key in _ROLE_KEYS if key in turn), None)
    if role_key is None:
        return _asked_and_answered(turn, where)
    text_key = tags.text if tags.text in turn else next((key for key in _TEXT_KEYS if key in turn), None)
    given = as_name(turn[role_key], f"{where}.{role_key}")
    role = _role(given, f"{where}.{role_key}", tags)
    if role == "call":
        return [_call(turn, role_key, text_key, where)]
    if role == given and role_key == "role" and text_key in ("content", None):
        return blocks(dict(turn), where)
    content = turn.get(text_key) if text_key else None
    if text_key == "parts":
        content = _plain_parts(content)
    return blocks({"role": role, "content": content} | _others(turn, role_key, text_key), where)


def _role(given: str, where: str, tags: Tags) -> str:
    named = dict(tags.roles)
    if given in named:
        return named[given]
    name = given.strip().lower().replace("-", "_").replace(" ", "_")
    if given in STANDARD:
        return given
    role = _ALIASES.get(name, name)
    if role not in (*STANDARD, "call"):
        raise RowError(f"`{where}` is {quoted(given)}: none of the roles that are known ({', '.join(STANDARD)}, ...)")
    return role


def _others(turn: Message, *names: str | None) -> Message:
    return {key: item for key, item in turn.items() if key not in names}


def _call(turn: Message, role_key: str, text_key: str | None, where: str) -> Message:
    """A turn that is a tool call as JSON text, as in LLaMA-Factory, as an assistant's message with tool calls."""
    value = turn.get(text_key) if text_key else None
    if isinstance(value, str):
        value = spelled_value(value) or parsed(value, where)
    calls = []
    for number, item in enumerate(value if isinstance(value, list) else [value]):
        calls.append(_spelled(as_object(item, f"{where}[{number}]"), where))
    return {"role": "assistant", "content": "", "tool_calls": calls} | _others(turn, role_key, text_key)


def _spelled(item: Message, where: str) -> Message:
    """A call with a name and arguments under one of the usual names; arguments that are there are never emptied.

    Raises:
        RowError: no name, or other keys than those of a call.
    """
    call = as_object(item.get("function", item), where)
    name = as_name(call.get("name", call.get("tool_name")), f"{where}.name")
    if not name:
        raise RowError(f"`{where}` is a tool call without a name")
    key = next((key for key in _ARGUMENTS if call.get(key) is not None), None)
    other = sorted(key for key in call if key not in (*_ARGUMENTS, *_CALL_KEYS))
    if key is None and other:
        raise RowError(
            f"`{where}`: the arguments of {shortened(name, 60)} are not under {', '.join(_ARGUMENTS)}, "
            f"but {quoted(other[0], 60)}"
        )
    function = {"name": name, "arguments": call[key] if key else {}}
    identity = item.get("id", item.get("call_id"))
    return ({"id": identity} if isinstance(identity, str) else {}) | {"type": "function", "function": function}


def _asked_and_answered(turn: Message, where: str) -> list[Message]:
    """A pair as one object: `{"human": ..., "assistant": ...}`, `{"input": ..., "output": ...}`, with a `system`."""
    asked = next((key for key in _ASKED if isinstance(turn.get(key), str)), None)
    answered = next((key for key in _ANSWERED if isinstance(turn.get(key), str)), None)
    if asked is None or answered is None:
        names = ", ".join(map(str, list(turn)[:6])) or "no key at all"
        raise RowError(f"`{where}` is no turn: it has neither a role nor a question with its answer, but {names}")
    system = turn.get("system")
    first = [{"role": "system", "content": system}] if isinstance(system, str) and system else []
    return [*first, {"role": "user", "content": turn[asked]}, {"role": "assistant", "content": turn[answered]}]


def _plain_parts(parts: object) -> object:
    """Gemini's parts: a single text is the content."""
    if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict) and set(parts[0]) == {"text"}:
        return parts[0]["text"]
    return parts


def blocks(message: Message, where: str) -> list[Message]:
    """The message as it is, or, where its content holds calls, answers or thoughts as parts, as standard messages.

    Raises:
        RowError: a part of the content is not known; it names the part.
    """
    content = message.get("content")
    content_of(content, f"{where}.content")
    kinds = (
        {str(part.get("type")) for part in content if isinstance(part, dict)} if isinstance(content, list) else set()
    )
    if not kinds & {*_CALLS, *_RESULTS, *_THOUGHTS}:
        return [message]
    parts = [part if isinstance(part, dict) else {"type": "text", "text": part} for part in content or ()]
    answers = [_answer_message(part) for part in parts if part.get("type") in _RESULTS]
    calls = [_call_of(part) for part in parts if part.get("type") in _CALLS]
    thoughts = [text for part in parts if part.get("type") in _THOUGHTS for text in (_thought(part),) if text]
    rest = [part for part in parts if part.get("type") not in (*_CALLS, *_RESULTS, *_THOUGHTS)]
    plain = [part.get("text") for part in rest]
    own: Message = {"content": "\n".join(map(str, plain)) if all(isinstance(text, str) for text in plain) else rest}
    own |= {"reasoning_content": "\n".join(thoughts)} if thoughts else {}
    own |= {"tool_calls": calls} if calls else {}
    return [*answers, message | own] if rest or calls or not answers else answers


def _answer_message(part: Message) -> Message:
    answer = part.get("content", part.get("result", part.get("output")))
    # A tool that gives pictures back: its parts stay, for `picture_parts` to take them.
    pictured = isinstance(answer, list) and holds_kept(json.dumps(answer, ensure_ascii=False))
    text = answer if isinstance(answer, str) or pictured else content_of(answer, "content")
    identity = part.get("tool_use_id", part.get("toolCallId"))
    return {"role": "tool", "content": text} | ({"tool_call_id": identity} if identity else {})


def _call_of(part: Message) -> Message:
    given = part.get("input", part.get("args", part.get("arguments", {})))
    identity = part.get("id", part.get("toolCallId"))
    function = {"name": part.get("name", part.get("toolName")), "arguments": given}
    return ({"id": identity} if identity else {}) | {"type": "function", "function": function}


def _thought(part: Message) -> str:
    return next((text for key in ("thinking", "text", "reasoning") if (text := thought_text(part.get(key)))), "")


def content_of(content: object, where: str) -> str:
    """The text of a message's content: of parts the text ones, joined by line breaks; `[image]` for what is none.

    Raises:
        RowError: content or a part of it of a kind that is not known.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _part(content, where)
    if not isinstance(content, list):
        raise RowError(f"`{where}` must be a text or a list of parts, not {quoted(content)}")
    return "\n".join(filter(None, (_part(part, f"{where}[{i}]") for i, part in enumerate(content))))


def _part(part: object, where: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise RowError(f"`{where}` must be a text or an object, not {quoted(part)}")
    kind = str(part.get("type") or next((key for key in part if key in _PLACEHOLDERS), "text"))
    if kind in ("text", "input_text", "output_text", "refusal", "summary_text"):
        text: str | None = next(
            (part[key] for key in ("text", "value", "content", "refusal") if isinstance(part.get(key), str)), None
        )
        if text is not None:
            return text
    if kind in _THOUGHTS:
        return ""
    if kind in _CALLS:
        name = as_name(part.get("name", part.get("toolName")), f"{where}.name")
        given = part.get("input", part.get("args", part.get("arguments")))
        return f"{name}({given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, sort_keys=True)})"
    if kind in _RESULTS:
        answer = part.get("content", part.get("result", part.get("output")))
        return answer if isinstance(answer, str) else content_of(answer, f"{where}.content")
    if kind in _PLACEHOLDERS:
        return f"[{_PLACEHOLDERS[kind]}]"
    keys = shortened(", ".join(map(str, list(part)[:6])), 200)
    raise RowError(f"`{where}` is a part of type {quoted(kind)} with {keys}: not known")


def said(messages: list[Message]) -> str:
    """What one message says, or several as lines `role: text`."""
    if len(messages) == 1:
        return spoken(messages[0])
    return "\n".join(f"{message['role']}: {spoken(message)}" for message in messages)
