"""Chat messages of every dialect as turns and answers, folded into steps.

A message says who speaks (`role`, LangChain's `type`, pydantic-ai's `kind`, AutoGen's `type`, ShareGPT's `from`) and
what (`content`, `parts`, `items`). Items of the Responses API have no role of their own: what the model gave in one go
is one step. docs/formats.md lists the shapes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from synthdata.records import Media, Observation, Step
from synthdata.records.chat import is_weighed_in
from synthdata.sources.calls import ReadCall, read_call
from synthdata.sources.fields import RowError, as_list, as_object, quoted, shortened
from synthdata.sources.items import ITEMS, ItemFold
from synthdata.sources.literals import python_value
from synthdata.sources.media import without_files
from synthdata.sources.parts import (
    Answer,
    Content,
    in_steps,
    is_answer_part,
    is_tool_part,
    read_answer,
    read_content,
)
from synthdata.sources.steps import Draft, Fold, Role, close, heard_back

# Names of speakers in small letters: of roles, of LangChain's types, of AutoGen's message classes.
_AGENTS = (
    "assistant ai model bot agent gpt chatgpt chatbot aimessage aimessagechunk assistantmessage assistant_message "
    "tool-call tool_call function_call textmessage toolcallrequestevent toolcallsummarymessage thoughtevent "
    "handoffmessage stopmessage"
).split()
_USERS = "user human humanmessage humanmessagechunk usermessage user_message human_message customer".split()
_SYSTEMS = "system developer systemmessage systemmessagechunk root platform".split()
_ANSWERS = (
    "tool function toolresult tool_result tool-result tool_response tool-response ipython toolmessage toolmessagechunk "
    "functionmessage observation environment toolcallexecutionevent functionexecutionresultmessage function_response "
    "tool_output bashexecution"
).split()
ROLES: dict[str, Role | None] = {
    **dict.fromkeys(_AGENTS, "agent"),
    **dict.fromkeys(_USERS, "user"),
    **dict.fromkeys(_SYSTEMS, "system"),
    **dict.fromkeys(_ANSWERS, None),
}
# The roles of almost every log, exactly as they are written.
_USUAL: dict[str, Role | None] = {
    "assistant": "agent", "user": "user", "system": "system", "developer": "system", "tool": None, "function": None,
}  # fmt: skip
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "thought", "tool_plan")
# Only read where none of the above says anything: the same thoughts once more, with signatures.
_THOUGHTS_AGAIN = ("reasoning_details", "thinking_blocks")
# Parts first: an interface that has them keeps their words once more as `content`.
_CONTENTS = ("parts", "content", "blocks", "items", "Items", "value", "text")
_LISTED = ("tool_calls", "toolCalls", "ToolCalls", "invalid_tool_calls")
_THINKING = frozenset((*_THOUGHTS, *_THOUGHTS_AGAIN))
_CALLING = frozenset((*_LISTED, "function_call", "additional_kwargs"))
_ANSWER_IDS = ("tool_call_id", "toolCallId", "tool_use_id", "call_id", "id")
ECHO = "a framework's echo of a tool's answer"
FAILED = "the log says that this turn is an error"
WEIGHED_OUT = "the log says that this turn is not learnt"


def steps_from(messages: object) -> tuple[Step, ...]:
    """Fold messages into steps, losing none.

    Raises:
        RowError: a message of unknown role, a call without a name, a field of the wrong type.
    """
    return close(heard_back(drafts_from(messages)))


def drafts_from(messages: object) -> list[Draft]:
    """As `steps_from`, before user turns are taken for what came back and the steps are numbered."""
    reader = TurnReader()
    turns: list[Draft | Answer] = []
    for number, value in enumerate(as_list(messages, "messages")):
        turns += reader.add(value, f"messages[{number}]")
    return folded(turns)


class TurnReader:
    """Messages and items one by one, as turns and answers; items that the model gave in one go join."""

    def __init__(self) -> None:
        self._items = ItemFold()
        #: What the agent said or called last, while nothing came between, and the id of that message.
        self._said: Draft | None = None
        self._said_id: object = None

    def add(self, value: object, where: str) -> list[Draft | Answer]:
        """The turns and answers that one message or item brings; none where it joins an earlier one.

        Raises:
            RowError: it does not say who speaks, a call has no name, a field has the wrong type.
        """
        plain = _plain(value, where)
        if plain is not None:
            self._items.end()
            self._said = plain if isinstance(plain, Draft) and plain.role == "agent" else None
            self._said_id = None
            return [plain]
        item = unwrapped(as_object(value, where))
        if is_item(item):
            return self._items.add(item, where)
        turns = _turns(item, where)
        first = turns[0] if turns else None
        before, self._said = self._said, first if isinstance(first, Draft) and first.role == "agent" else None
        identity, self._said_id = self._said_id, item.get("id")
        again = isinstance(identity, str) and identity == self._said_id and len(turns) == 1
        if before and self._said and again and _goes_on(before, self._said, item):
            self._said = before
            return []
        if before is not None and isinstance(first, Draft) and _is_spelled(item) and not (before.unfit or first.unfit):
            # Calls in turns of their own, one after the other, were made at once.
            before.calls += first.calls
            self._said = before
            return []
        if item.get("type") == "message" and isinstance(first, Draft) and first.role == "agent" and len(turns) == 1:
            return self._items.message(first)
        self._items.end()
        return turns


def _goes_on(before: Draft, now: Draft, item: dict[str, Any]) -> bool:
    """Whether a message with the id of the one before is that message in a later state, or its next piece.

    Then the one before becomes what is known of the message now.
    """
    piece = str(item.get("type")).lower() == "aimessagechunk" and not (before.calls or now.calls)
    grew = now.action.startswith(before.action) and now.calls[: len(before.calls)] == before.calls
    if not (piece or grew):
        return False
    if grew:
        before.action, before.thought, before.calls = now.action, now.thought or before.thought, now.calls
        before.media, before.unfit, before.repaired = now.media, now.unfit, now.repaired
    else:
        before.action += now.action
        before.thought += now.thought
        before.media += now.media
    return True


def _plain(value: object, where: str) -> Draft | Answer | None:
    """The turn of a message as almost every log has it: a usual role, a text, calls of the usual shape; else None.

    It gives what the general way gives, in a third of the time.
    """
    if not isinstance(value, dict) or not _PLAIN.issuperset(value):
        return None
    role, content = value.get("role"), value.get("content")
    if not isinstance(role, str) or role not in _USUAL or not (content is None or isinstance(content, str)):
        return None
    name = value.get("name")
    if not (name is None or isinstance(name, str)):
        return None
    media: list[Media] = []
    text = without_files(content, media) if content else ""
    speaker = _USUAL[role]
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


def folded(turns: Iterable[Draft | Answer]) -> list[Draft]:
    """Every answer put to the step that made its call."""
    turns = list(turns)
    named = frozenset([call.call_id for turn in turns if type(turn) is Draft for call in turn.calls if call.call_id])
    fold = Fold(named)
    for turn in turns:
        if isinstance(turn, Draft):
            fold.add(turn)
        else:
            fold.answer(turn)
    return fold.drafts


def is_message(value: object) -> bool:
    """Whether this says who speaks, or is an item of the Responses API."""
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("role"), str):
        # Whether the role is a known one is said by the reading, with its place.
        return True
    item = unwrapped(value)
    return is_item(item) or _is_pydantic(item) or _spoken_by(item) is not _NOBODY


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
_NOBODY = object()


def _spoken_by(item: dict[str, Any]) -> Role | object | None:
    """The role of a message; None for a tool's answer, `_NOBODY` where it does not say."""
    speaker = item.get("role", item.get("from", item.get("Role")))
    if isinstance(speaker, dict):
        speaker = speaker.get("Label", speaker.get("label"))
    if isinstance(speaker, str):
        return _USUAL[speaker] if speaker in _USUAL else ROLES.get(speaker.lower(), _NOBODY)
    kind = item.get("type")
    if not isinstance(kind, str) or not any(key in item for key in _CONTENTS):
        return _NOBODY
    role = ROLES.get(kind.lower(), _NOBODY)
    # AutoGen's agents and users speak in messages of the same type; the source tells them apart.
    return "user" if role == "agent" and str(item.get("source")).lower() in _USERS else role


def _turns(item: dict[str, Any], where: str) -> list[Draft | Answer]:
    if _is_pydantic(item):
        return _pydantic(item, where)
    role = _spoken_by(item)
    if role is _NOBODY:
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
    value = next((item[key] for key in _CONTENTS if item.get(key) not in (None, "", [])), None)
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
    if content.calls or not _CALLING.isdisjoint(item):
        draft.take(_calls(item, content, where))
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
        if key in _NO_WORDS or key in _CONTENTS or key in _THINKING or key in _CALLING:
            continue
        prose = isinstance(value, str) and " " in value.strip()
        if prose or (isinstance(value, list) and any(isinstance(one, dict | str) for one in value)):
            raise RowError(
                f"`{where}` says nothing under `content`, and `{shortened(key, 60)}` may be what was said; "
                "rename it to `content`"
            )


def speaker_name(name: str, role: Role) -> str:
    """Who spoke, where the log's name says more than the role does."""
    return "" if ROLES.get(name.strip().lower(), "") == role else name


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
    content = _content(item, where) if kind not in _CALL_LISTS or not _only_calls(item) else Content()
    draft = _draft("agent", item, content, where)
    draft.unfit += [] if is_weighed_in(item) else [WEIGHED_OUT]
    if kind in _CALL_LISTS and _only_calls(item):
        draft.take(read_call(call, f"{where}.content[{i}]") for i, call in enumerate(item["content"]))
    if _is_spelled(item):
        _take_spelled_call(draft, where)
    draft.unfit += [FAILED] if item.get("error") and not draft.calls else []
    draft.unfit += [ECHO] if kind == "toolcallsummarymessage" else []
    draft.unfit += content.unknown
    return [draft, *content.answers]


def _pieces(item: dict[str, Any]) -> list[dict[str, Any]]:
    """A message that holds answers between its words as one message a step; nothing where it is one step."""
    key = next((key for key in _CONTENTS if item.get(key) not in (None, "", [])), "")
    steps = in_steps(item[key]) if key else []
    if len(steps) < 2:
        return []
    # What is not in the parts (thoughts beside them, listed calls) was there before the first answer.
    around = {name: value for name, value in item.items() if name not in _CONTENTS}
    later = {name: value for name, value in around.items() if name not in _THINKING and name not in _CALLING}
    return [{**(later if number else around), "content": parts} for number, parts in enumerate(steps)]


# AutoGen lists calls as the content itself.
_CALL_LISTS = ("toolcallrequestevent", "assistantmessage")


def _only_calls(item: dict[str, Any]) -> bool:
    content = item.get("content")
    if not isinstance(content, list) or not content:
        return False
    return all(isinstance(call, dict) and "name" in call and "arguments" in call for call in content)


def _is_spelled(item: dict[str, Any]) -> bool:
    """Whether a turn says of itself that it is a call."""
    return str(item.get("role", item.get("from"))).lower() in ("tool-call", "tool_call", "function_call")


def spelled_value(text: str) -> object:
    """The value of a turn that is a call as text, in JSON or in Python's notation; None of any other."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return python_value(text)
    except ValueError:
        return None


def _take_spelled_call(draft: Draft, where: str) -> None:
    """ShareGPT with tools: the turn's text is the call, as one JSON object or a list of them."""
    value = spelled_value(draft.action)
    calls = value if isinstance(value, list) else [value]
    if calls and all(isinstance(call, dict) and "name" in call for call in calls):
        draft.action = ""
        draft.take(read_call(call, where) for call in calls)


def _other(role: Role, item: dict[str, Any], where: str) -> list[Draft | Answer]:
    """A user's or a system's turn; answers that it carries come before its words."""
    content = _content(item, where)
    draft = _draft(role, item, content, where)
    bare = content.answers and not (draft.action or draft.thought or draft.calls)
    return [*content.answers, *([] if bare else [draft])]


def read_calls(message: dict[str, Any], where: str) -> list[ReadCall]:
    """The tool calls that a message lists beside its content, a legacy `function_call` last."""
    calls: list[ReadCall] = []
    for key in _LISTED:
        if message.get(key):
            listed = as_list(listed_calls(message[key]), f"{where}.{key}")
            calls += [read_call(item, f"{where}.{key}[{i}]") for i, item in enumerate(listed)]
    legacy = message.get("function_call")
    if legacy:
        calls.append(read_call({"function": legacy} if isinstance(legacy, dict) else legacy, f"{where}.function_call"))
    more = message.get("additional_kwargs")
    if not calls and isinstance(more, dict) and (more.get("tool_calls") or more.get("function_call")):
        calls = read_calls(
            {key: more.get(key) for key in ("tool_calls", "function_call")}, f"{where}.additional_kwargs"
        )
    return calls


def listed_calls(value: object) -> object:
    """The calls of a message; where a table holds them as JSON text, its value."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _calls(item: dict[str, Any], content: Content, where: str) -> list[ReadCall]:
    """Calls of the content, then the listed ones that are not the same once more."""
    listed = read_calls(item, where)
    if not content.calls:
        return listed
    known = {read.call.call_id or (read.call.name, read.call.arguments) for read in content.calls}
    return [*content.calls, *(r for r in listed if (r.call.call_id or (r.call.name, r.call.arguments)) not in known)]


def _answers(item: dict[str, Any], where: str) -> Iterable[Answer]:
    several = next((item[key] for key in ("tool_messages", "tool_responses") if item.get(key) is not None), None)
    if several is not None:
        for number, one in enumerate(as_list(several, f"{where}.tool_messages")):
            yield from _answers(as_object(one, f"{where}.tool_messages[{number}]"), where)
        return
    value = next((item[key] for key in _CONTENTS if item.get(key) not in (None, "", [])), None)
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
        if is_item(item) or _spoken_by(item) is None or any(item.get(key) for key in (*_LISTED, "function_call")):
            return True
        parts = next((item[key] for key in _CONTENTS if isinstance(item.get(key), list)), ())
        if any(isinstance(part, dict) and is_tool_part(part) for part in parts):
            return True
    return False
