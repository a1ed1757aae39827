"""One chat message of any dialect as turns and answers.

A message says who speaks (`role`, LangChain's `type`, pydantic-ai's `kind`, AutoGen's `type`, ShareGPT's `from`) and
what (`content`, `parts`, `items`). Items of the Responses API have no role of their own. docs/formats.md lists the
shapes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synthdata.records import Media, Observation
from synthdata.records.chat import is_weighed_in
from synthdata.sources.calls import read_call
from synthdata.sources.fields import RowError, as_list, as_object, quoted, shortened
from synthdata.sources.items import ITEMS
from synthdata.sources.media import without_files
from synthdata.sources.message_calls import (
    CALL_LISTS,
    CALLING,
    LISTED,
    calls_of,
    is_spelled,
    listed_calls,
    only_calls,
    take_spelled_call,
)
from synthdata.sources.parts import (
    Answer,
    Content,
    in_steps,
    is_answer_part,
    is_tool_part,
    read_answer,
    read_content,
)
from synthdata.sources.speakers import CONTENTS, NOBODY, USUAL, speaker_name, spoken_by
from synthdata.sources.steps import Draft, Role

_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "thought", "tool_plan")
# Only read where none of the above says anything: the same thoughts once more, with signatures.
_THOUGHTS_AGAIN = ("reasoning_details", "thinking_blocks")
_THINKING = frozenset((*_THOUGHTS, *_THOUGHTS_AGAIN))
_ANSWER_IDS = ("tool_call_id", "toolCallId", "tool_use_id", "call_id", "id")
ECHO = "a framework's echo of a tool's answer"
FAILED = "the log says that this turn is an error"
WEIGHED_OUT = "the log says that this turn is not learnt"


def plain_turn(value: object, where: str) -> Draft | Answer | None:
    """The turn of a message as almost every log has it: a usual role, a text, calls of the usual shape; else None.

    It gives what the general way gives, in a third of the time.
    """
    if not isinstance(value, dict) or not _PLAIN.issuperset(value):
        return None
    role, content = value.get("role"), value.get("content")
    if not isinstance(role, str) or role not in USUAL or not (content is None or isinstance(content, str)):
        return None
    name = value.get("name")
    if not (name is None or isinstance(name, str)):
        return None
    media: list[Media] = []
    text = without_files(content, media) if content else ""
    speaker = USUAL[role]
    if speaker is None:
        identity = value.get("tool_call_id")
        return Answer(Observation(text, identity or None), media) if isinstance(identity, str | None) else None
    draft = Draft(speaker, text, media=media)
    if name:
        draft.name = speaker_name(name, speaker)
    if value.get("tool_calls"):
        listed = as_list(listed_calls(value["tool_calls"]), f"{where}.tool_calls")
        draft.take([read_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(listed)])
    return draft


# What a plain message may hold.
_PLAIN = frozenset(("role", "content", "tool_calls", "tool_call_id", "name"))


def is_message(value: object) -> bool:
    """Whether this says who speaks, or is an item of the Responses API."""
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("role"), str):
        # Whether the role is a known one is said by the reading, with its place.
        return True
    item = unwrapped(value)
    return is_item(item) or _is_pydantic(item) or spoken_by(item) is not NOBODY


def is_item(item: dict[str, Any]) -> bool:
    """An item of the Responses API that has no role."""
    kind = item.get("type")
    return isinstance(kind, str) and kind in ITEMS and "role" not in item and "from" not in item and "data" not in item


def unwrapped(item: dict[str, Any]) -> dict[str, Any]:
    """The message itself where a framework wraps it: LangChain's serialised objects, choices, rows of a store."""
    if "role" in item:
        return item
    if "_role" in item:
        # Haystack before 2.9 wrote the names of its fields as the class has them.
        return {key.removeprefix("_"): value for key, value in item.items()}
    kwargs, names = item.get("kwargs"), item.get("id")
    if isinstance(kwargs, dict) and isinstance(names, list) and names:
        return {**kwargs, "type": str(names[-1])}
    data = item.get("data")
    if isinstance(data, dict) and "content" in data and isinstance(item.get("type"), str):
        return {**data, "type": item["type"]}
    message = item.get("message")
    choice = isinstance(message, dict) and "role" in message and not item.keys() - _CHOICE
    return message if choice and isinstance(message, dict) else item


# What stands beside the message in a choice of a response.
_CHOICE = frozenset({"message", "index", "finish_reason", "stop_reason", "logprobs", "native_finish_reason", "seed"})


def turns_of(item: dict[str, Any], where: str) -> list[Draft | Answer]:
    """The turns and answers that a message holds, in their order.

    Raises:
        RowError: it does not say who speaks, a call has no name, a field has the wrong type.
    """
    if _is_pydantic(item):
        return _pydantic(item, where)
    role = spoken_by(item)
    if role is NOBODY:
        speaker = item.get("role", item.get("from", item.get("type")))
        known = "assistant, user, system, developer, tool, function"
        raise RowError(f"`{where}.role` is {quoted(speaker)}: none of {known} or another known name")
    if role is None:
        return list(_answers(item, where))
    if role == "agent":
        return _agent(item, where)
    return _other("user" if role == "user" else "system", item, where)


def _content(item: dict[str, Any], where: str) -> Content:
    value = item.get("content")
    if isinstance(value, str) and value and "parts" not in item and "toolInvocations" not in item:
        content = Content()
        content.texts.append(without_files(value, content.media))
        return content
    value = next((item[key] for key in CONTENTS if item.get(key) not in (None, "", [])), None)
    ran = item.get("toolInvocations")
    if isinstance(ran, list) and not isinstance(item.get("parts"), list):
        # The Vercel AI SDK before it had parts.
        value = [*({"type": "tool-invocation", "toolInvocation": one} for one in ran), *([value] if value else [])]
    return read_content(value, f"{where}.content") if value is not None else Content()


def unknown_parts(message: dict[str, Any], where: str) -> list[str]:
    """What in a message's content nothing here knows."""
    return _content(unwrapped(message), where).unknown


def _draft(role: Role, item: dict[str, Any], content: Content, where: str) -> Draft:
    texts = [text for text in content.texts if text]
    refusal = item.get("refusal")
    if isinstance(refusal, str) and refusal and refusal not in texts:
        texts.append(refusal)
    draft = Draft(role, "\n".join(texts), media=content.media)
    # AutoGen's classes of messages say `source`.
    named = item.get("name") or (item.get("source") if str(item.get("type")).endswith(("Message", "Event")) else None)
    if isinstance(named, str) and named:
        draft.name = speaker_name(named, role)
    if content.thoughts or not _THINKING.isdisjoint(item):
        listed = [text for key in _THOUGHTS if item.get(key) for text in _thoughts(item[key], where)]
        thoughts = [*content.thoughts, *listed] or _thoughts_again(item, where)
        # Some servers send the reasoning under two names; the same text twice is said once.
        draft.thought = "\n".join(dict.fromkeys(filter(None, thoughts)))
    if content.calls or not CALLING.isdisjoint(item):
        draft.take(calls_of(item, content, where))
    if draft.blank and not (draft.thought or content.answers):
        _nothing_lost(item, where)
    return draft


# What stands beside the words of a message that has none, however long its text is.
_NO_WORDS = frozenset((
    "role", "from", "type", "name", "id", "metadata", "meta", "title", "description", "annotations", "model",
    "stop_reason", "finish_reason", "reason", "error", "status_msg", "date", "timestamp", "created_at", "createdAt",
    "additional_kwargs", "response_metadata", "system_prompt", "raw_content", "refusal", "logprobs", "tools", "task",
))  # fmt: skip


def _nothing_lost(item: dict[str, Any], where: str) -> None:
    """Refuse a message without words, thoughts and calls that holds prose or objects under a key nobody knows here."""
    for key, value in item.items():
        if key in _NO_WORDS or key in CONTENTS or key in _THINKING or key in CALLING:
            continue
        prose = isinstance(value, str) and " " in value.strip()
        if prose or (isinstance(value, list) and any(isinstance(one, dict | str) for one in value)):
            raise RowError(
                f"`{where}` says nothing under `content`, and `{shortened(key, 60)}` may be what was said; "
                "rename it to `content`"
            )


def _thoughts(value: object, where: str) -> list[str]:
    content = read_content(value, where)
    return content.thoughts or content.texts


def _thoughts_again(item: dict[str, Any], where: str) -> list[str]:
    thoughts = (read_content(item[key], where) for key in _THOUGHTS_AGAIN if isinstance(item.get(key), list))
    return next((content.thoughts for content in thoughts if content.thoughts), [])


def _agent(item: dict[str, Any], where: str) -> list[Draft | Answer]:
    kind = str(item.get("type")).lower()
    if kind == "thoughtevent":
        return [Draft("agent", thought=str(item.get("content")), unfit=["a thought alone is no answer"])]
    pieces = _pieces(item)
    if pieces:
        return [turn for number, piece in enumerate(pieces) for turn in _agent(piece, f"{where}, step {number}")]
    content = _content(item, where) if kind not in CALL_LISTS or not only_calls(item) else Content()
    draft = _draft("agent", item, content, where)
    draft.unfit += [] if is_weighed_in(item) else [WEIGHED_OUT]
    if kind in CALL_LISTS and only_calls(item):
        draft.take(read_call(call, f"{where}.content[{i}]") for i, call in enumerate(item["content"]))
    if is_spelled(item):
        take_spelled_call(draft, where)
    draft.unfit += [FAILED] if item.get("error") and not draft.calls else []
    draft.unfit += [ECHO] if kind == "toolcallsummarymessage" else []
    draft.unfit += content.unknown
    return [draft, *content.answers]


def _pieces(item: dict[str, Any]) -> list[dict[str, Any]]:
    """A message that holds answers between its words as one message a step; nothing where it is one step."""
    key = next((key for key in CONTENTS if item.get(key) not in (None, "", [])), "")
    steps = in_steps(item[key]) if key else []
    if len(steps) < 2:
        return []
    # What is not in the parts (thoughts beside them, listed calls) was there before the first answer.
    around = {name: value for name, value in item.items() if name not in CONTENTS}
    later = {name: value for name, value in around.items() if name not in _THINKING and name not in CALLING}
    return [{**(later if number else around), "content": parts} for number, parts in enumerate(steps)]


def _other(role: Role, item: dict[str, Any], where: str) -> list[Draft | Answer]:
    """A user's or a system's turn; answers that it carries come before its words."""
    content = _content(item, where)
    draft = _draft(role, item, content, where)
    bare = content.answers and not (draft.action or draft.thought or draft.calls)
    return [*content.answers, *([] if bare else [draft])]


def _answers(item: dict[str, Any], where: str) -> Iterable[Answer]:
    several = next((item[key] for key in ("tool_messages", "tool_responses") if item.get(key) is not None), None)
    if several is not None:
        for number, one in enumerate(as_list(several, f"{where}.tool_messages")):
            yield from _answers(as_object(one, f"{where}.tool_messages[{number}]"), where)
        return
    value = next((item[key] for key in CONTENTS if item.get(key) not in (None, "", [])), None)
    more = item.get("additional_kwargs")
    nodes = (item, more) if isinstance(more, dict) else (item,)
    identity = next((node[key] for node in nodes for key in _ANSWER_IDS if node.get(key) is not None), None)
    if value is None and "content" not in item:
        _nothing_lost(item, where)
    if isinstance(value, list) and value and all(map(_names_call, value)):
        for number, part in enumerate(value):
            inner = read_content([part], f"{where}.content[{number}]").answers
            yield from inner or [read_answer(part.get("content"), part.get("call_id"), where)]
        return
    yield read_answer(value, identity, f"{where}.tool_call_id", item.get("error"))


def _names_call(part: object) -> bool:
    """Whether a part of an answer is an answer of its own: it names its call, or says that it is one."""
    own = isinstance(part, dict) and any(
        key in part for key in ("tool_call_id", "toolCallId", "tool_use_id", "call_id")
    )
    return own or (isinstance(part, dict) and is_answer_part(part))


def _is_pydantic(item: dict[str, Any]) -> bool:
    return item.get("kind") in ("request", "response") and isinstance(item.get("parts"), list)


def _pydantic(item: dict[str, Any], where: str) -> list[Draft | Answer]:
    """pydantic-ai: a request of system, user and answer parts, or the model's response."""
    parts = as_list(item.get("parts"), f"{where}.parts")
    if item["kind"] == "response":
        content = read_content(parts, f"{where}.parts")
        draft = _draft("agent", {}, content, where)
        draft.unfit += content.unknown
        return [draft, *content.answers]
    turns: list[Draft | Answer] = []
    for number, part in enumerate(parts):
        one = as_object(part, f"{where}.parts[{number}]")
        kind = one.get("part_kind")
        if kind == "tool-return" or (kind == "retry-prompt" and one.get("tool_name")):
            turns.append(read_answer(one.get("content"), one.get("tool_call_id"), where))
        elif kind == "system-prompt":
            turns.append(_draft("system", {}, read_content(one.get("content"), where), where))
        else:
            turns.append(_draft("user", {}, read_content(one.get("content"), where), where))
    return turns


def uses_tools(messages: Iterable[dict[str, Any]]) -> bool:
    """Whether a conversation calls a tool or holds what one gave back, in any of the known shapes."""
    for value in messages:
        item = unwrapped(value)
        if is_item(item) or spoken_by(item) is None or any(item.get(key) for key in (*LISTED, "function_call")):
            return True
        parts = next((item[key] for key in CONTENTS if isinstance(item.get(key), list)), ())
        if any(isinstance(part, dict) and is_tool_part(part) for part in parts):
            return True
    return False
