"""One row of a data set by its column map: the texts that the gate reads, and the chat that they come from as it came.

The chat is kept where there is more than one question and its answer; content and context are derived from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from synthdata.records.chat import Chat
from synthdata.sources.called import called_chat
from synthdata.sources.fields import RowError, as_name, as_object, quoted
from synthdata.sources.kept import holds_kept
from synthdata.sources.mapping import ColumnMap, values_at
from synthdata.sources.picture_parts import column_pictures, with_pictures
from synthdata.sources.shapes import is_turns
from synthdata.sources.tool_columns import tools_beside
from synthdata.sources.turns import Message, content_of, parsed, said, turns_of

Row = dict[str, Any]
_HH = re.compile(r"(?:^|\n\n)(Human|Assistant):[ \t]*")
_MARKS = re.compile(r"(?:^|\n)\s*(SYSTEM|USER|ASSISTANT|FUNCTION RESPONSE):[ \t]*")
_MARK_ROLES = {
    "Human": "user", "Assistant": "assistant", "SYSTEM": "system", "USER": "user", "ASSISTANT": "assistant",
    "FUNCTION RESPONSE": "tool",
}  # fmt: skip


# Beside a chat: what its template is given, whether its calls may run at once.
_EXTRA = ("chat_template_kwargs", "parallel_tool_calls")


class NotASampleError(RowError):
    """A row that says of itself that it must not be learnt, such as an undesirable answer of a KTO set."""


@dataclass(frozen=True)
class Sample:
    """A text with its context, or a chat, from which both are derived. `index` counts several answers of one row.

    `left` counts turns that look like calls of tools and stayed text (`called`).
    """

    content: str
    context: str = ""
    chat: Chat | None = None
    index: int = 0
    left: int = 0


def of_chat(row: Row, messages: list[Message], index: int = 0, **fields: Any) -> Sample:  # noqa: ANN401 - of `Chat`
    """The sample of a conversation, with the pictures that stand in it and beside it in its row.

    Raises:
        RowError: nothing in it can be learnt, a turn is malformed, or pictures have no place.
    """
    called = called_chat(messages, fields.pop("tools", ()) or tools_beside(row, messages))
    asked = fields.pop("prompt_length", 0)
    fields |= {"tools": called.tools, "prompt_length": sum(map(len, called.messages[:asked]))}
    worse = called_chat(fields.pop("rejected", ()), called.tools, before=messages)
    try:
        turns = with_pictures(list(chain.from_iterable(called.messages)), column_pictures(row))
        chat = Chat(turns, rejected=tuple(with_pictures(list(chain.from_iterable(worse.messages)))), **fields)
    except ValueError as error:
        raise RowError(str(error)) from error
    return Sample(chat.content, chat.context, chat, index, called.left + worse.left)


def samples(row: Row, mapping: ColumnMap) -> Iterator[Sample]:
    """The samples of a row: one, or one for each of several answers.

    Raises:
        NotASampleError: the row's label is false.
        RowError: a column is missing, or holds what it must not.
    """
    if mapping.label and _is_false(row.get(mapping.label)):
        raise NotASampleError(f"`{mapping.label}` is false: an answer that must not be learnt")
    if mapping.chosen:
        yield _preference(row, mapping)
    elif mapping.messages:
        yield _chat(row, mapping)
    else:
        answers, column = _answers(row, mapping)
        for index, answer in enumerate(answers):
            asked = _asked(row if len(answers) == 1 or column == "" else row | {column: [row[column][index]]}, mapping)
            yield _pair(row, mapping, asked, answer, index)


def _is_false(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() == "false")


def _answers(row: Row, mapping: ColumnMap) -> tuple[list[Any], str]:
    """The answers of a row, and the list column that they come from where there are several."""
    if len(mapping.content) == 1:
        path = mapping.content[0]
        values = values_at(row, path)
        if not values:
            raise RowError(f"no text `{path}`, which is the text of this file")
        column = path.partition(".")[0]
        if len(values) > 1 and path not in row:
            # Several answers in one object say the same: the gold answers of a question.
            return (values, column) if isinstance(row[column], list) else (values[:1], "")
        return values, ""
    parts = [_text(value, path) for path in mapping.content for value in values_at(row, path)]
    joined = "\n".join(part for part in parts if part.strip())
    if not joined:
        raise RowError(f"no text in `{'`, `'.join(mapping.content)}`")
    return [joined], ""


def _text(value: object, path: str) -> str:
    if isinstance(value, str):
        return value
    if is_turns(value):
        return said(turns_of(value, path))
    raise RowError(f"`{path}` must be a text, not {_kind(value)}")


def _turns_or_refuse(value: object, path: str) -> list[Message]:
    """The turns in a column that may be a text as well."""
    if isinstance(value, list) or (isinstance(value, dict) and {"role", "from"} & value.keys()):
        return turns_of(value, path)
    if path in ("content", "context"):
        raise RowError(f"no text `{path}`: `{path}` must be a text, not {_kind(value)}")
    raise RowError(f"`{path}` must be a list of messages or a text, not {_kind(value)}")


def _kind(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return quoted(value)


def _asked(row: Row, mapping: ColumnMap) -> str | list[Message]:
    """What was asked: the joined texts, or turns."""
    values = [(path, value) for path in mapping.context for value in values_at(row, path)]
    if len(values) == 1 and not isinstance(values[0][1], str):
        return _turns_or_refuse(values[0][1], values[0][0])
    parts = [_text(value, path) for path, value in values]
    return "\n".join(part for part in parts if part.strip()) if len(parts) > 1 else "".join(parts)


def _pair(row: Row, mapping: ColumnMap, asked: str | list[Message], answer: object, index: int) -> Sample:
    before = _before(row, mapping)
    path = mapping.content[0]
    called = _called(row, mapping, answer)
    around = _around(row, mapping)
    alone = isinstance(asked, str) and isinstance(answer, str) and not before and called is None
    if alone and not around and not (column_pictures(row) or holds_kept(f"{asked}{answer}")):
        return Sample(str(answer), str(asked), index=index)
    if called is None:
        called = (
            [{"role": "assistant", "content": answer}] if isinstance(answer, str) else _turns_or_refuse(answer, path)
        )
    prompt = _with_system(before, _turns(asked))
    # Earlier answers in a history are learnt as well.
    length = 0 if mapping.history and row.get(mapping.history) else len(prompt)
    return of_chat(row, [*prompt, *called], index, prompt_length=length, **around)


def _turns(asked: str | list[Message]) -> list[Message]:
    return ([{"role": "user", "content": asked}] if asked else []) if isinstance(asked, str) else list(asked)


def _around(row: Row, mapping: ColumnMap) -> dict[str, Any]:
    """What a chat keeps beside its messages, as far as the row has it: tools, label, arguments of its template."""
    fields: dict[str, Any] = {}
    tools = _tools(row, mapping)
    if tools:
        fields["tools"] = tools
    if mapping.label and mapping.label in row:
        fields["label"] = True
    extra = {key: row[key] for key in _EXTRA if row.get(key) is not None}
    return fields | ({"extra": extra} if extra else {})


def _called(row: Row, mapping: ColumnMap, answer: object) -> list[Message] | None:
    """An answer that is a list of calls, as JSON text or not, in a row that has tools."""
    if mapping.shape != "function calls":
        return None
    path = mapping.content[0]
    items = parsed(answer, path) if isinstance(answer, str) else answer
    return turns_of([{"role": "tool_call", "content": items}], path)


def _before(row: Row, mapping: ColumnMap) -> list[Message]:
    """The system prompt and the earlier turns of a row."""
    messages = []
    system = row.get(mapping.system) if mapping.system else None
    if isinstance(system, dict):
        system = system.get("parts", [system])
    text = content_of(system, mapping.system) if system else ""
    if mapping.shape == "marked chat":
        text = text.removeprefix("SYSTEM:").lstrip()
    if text.strip():
        messages.append({"role": "system", "content": text})
    if mapping.history and row.get(mapping.history):
        messages += turns_of(row[mapping.history], mapping.history)
    return messages


def _with_system(before: list[Message], turns: list[Message]) -> list[Message]:
    """A chat with its own system message needs no second one."""
    own = bool(turns) and turns[0].get("role") in ("system", "developer")
    return [*(message for message in before if not (own and message["role"] == "system")), *turns]


def _tools(row: Row, mapping: ColumnMap) -> tuple[Any, ...]:
    """The definitions of tools, one each: of a list, of JSON text of one, or what else stands there as one."""
    tools = values_at(row, mapping.tools) if mapping.tools else []
    value = tools[0] if len(tools) == 1 else tools
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        value = parsed(value, mapping.tools)
    if isinstance(value, list):
        return tuple(value)
    return (value,) if value else ()


def _chat(row: Row, mapping: ColumnMap) -> Sample:
    path = mapping.messages
    value = row[path] if path in row else next(iter(values_at(row, path)), None)
    if value is None:
        raise RowError(f"no chat `{path}`, which is the text of this file")
    turns = _with_system(_before(row, mapping), _spoken_turns(value, path, mapping))
    if mapping.content:
        answer = next(iter(values_at(row, mapping.content[0])), "")
        turns.append({"role": "assistant", "content": _text(answer, mapping.content[0])})
    rejected = _worse(row, mapping)
    before = turns[: _shared(turns, list(rejected))]
    worse = rejected[len(before) :] if before and list(rejected[: len(before)]) == before else rejected
    return of_chat(row, turns, rejected=worse, **_around(row, mapping))


def _worse(row: Row, mapping: ColumnMap) -> tuple[Message, ...]:
    """The turns of the rejected answer."""
    value = row.get(mapping.rejected) if mapping.rejected else None
    if value is None:
        return ()
    if isinstance(value, str) and not is_turns(value):
        return tuple(_marked(value, _HH, mapping.rejected)) if _HH.match(value) else (_answer(value),)
    return tuple(turns_of(value, mapping.rejected, mapping.tags))


def _answer(text: str) -> Message:
    return {"role": "assistant", "content": text}


def _spoken_turns(value: object, path: str, mapping: ColumnMap) -> list[Message]:
    if isinstance(value, str) and not is_turns(value):
        return _marked(value, _MARKS, path)
    if isinstance(value, list) and value and isinstance(value[0], dict) and {"label", "text"} <= value[0].keys():
        return _segments(value, path)
    return turns_of(value, path, mapping.tags)


def _marked(text: str, marks: re.Pattern[str], path: str) -> list[Message]:
    """The turns of a conversation that is one text with marks of who speaks."""
    parts = marks.split(text.replace("<|endoftext|>", ""))
    turns = [
        {"role": _MARK_ROLES[role], "content": spoken.strip()}
        for role, spoken in zip(parts[1::2], parts[2::2], strict=True)
    ]
    if not turns or parts[0].strip():
        raise RowError(f"`{path}` is a text without the usual marks of who speaks")
    return [turn for turn in turns if turn["content"]]


def _segments(value: list[Any], path: str) -> list[Message]:
    """Axolotl's `input_output`: what has the label true is learnt, all else is what it is learnt from."""
    messages: list[Message] = []
    for number, item in enumerate(value):
        segment = as_object(item, f"{path}[{number}]")
        role = "assistant" if segment.get("label") else "user"
        text = as_name(segment.get("text"), f"{path}[{number}].text")
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += text
        else:
            messages.append({"role": role, "content": text})
    return messages


def _preference(row: Row, mapping: ColumnMap) -> Sample:
    chosen = row.get(mapping.chosen)
    if chosen is None:
        raise RowError(f"no text `{mapping.chosen}`, which is the better answer")
    asked: str | list[Message] = _asked(row, mapping)
    if mapping.messages:
        asked = turns_of(next(iter(values_at(row, mapping.messages)), []), mapping.messages, mapping.tags)
    prompt, rejected = _with_system(_before(row, mapping), _turns(asked)), list(_worse(row, mapping))
    if not isinstance(chosen, str) or is_turns(chosen):
        answer = turns_of(chosen, mapping.chosen, mapping.tags)
    else:
        answer = _marked(chosen, _HH, mapping.chosen) if not asked and _HH.match(chosen) else [_answer(chosen)]
    # Where the whole conversation stands in the answers, the prompt beside it is its beginning over again.
    shared = _shared(answer, rejected)
    if shared:
        prompt = _with_system(prompt if asked == "" else [], answer[:shared])
        answer, rejected = answer[shared:], rejected[shared:] if rejected[:shared] == answer[:shared] else rejected
    around = _around(row, mapping)
    return of_chat(row, [*prompt, *answer], prompt_length=len(prompt), rejected=tuple(rejected), **around)


def _shared(answer: list[Message], rejected: list[Message]) -> int:
    """How many leading turns of the better answer are the prompt: those it shares, or all before its last turn."""
    if not answer or answer[0].get("role") == "assistant":
        return 0
    same = next((i for i, pair in enumerate(zip(answer, rejected, strict=False)) if pair[0] != pair[1]), 0)
    return same if same and any(turn.get("role") == "assistant" for turn in answer[same:]) else len(answer) - 1
