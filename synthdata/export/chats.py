"""Chats that were admitted, as training rows: the turns leave as they came, in the shape that chat templates read.

What is made alike, because templates print nothing, raise or print Python otherwise: content parts that are all text
become one text, null content the empty text, arguments an object, a developer's turn a system's, the legacy
`function_call` a tool call, and a thought of another name stands as `reasoning_content` too. Nothing else of a turn is
touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from synthdata.export.answers import in_order_of_calls, with_ids
from synthdata.export.conversation import Message, object_arguments, tool_definitions
from synthdata.export.kinds import AS_CAME, ROWS_EACH, Row, Rows
from synthdata.records.chat import Chat, content_words, is_answer, part_text, spoken
from synthdata.records.picture import is_name, picture_of

_ROLES = {"developer": "system", "function": "tool"}
_WEIGHTS = ("weight", "train", "loss")
# Other names of a thought; templates print it as `reasoning_content`, and some by one of these.
_THOUGHTS = ("reasoning", "thinking")


def chat_rows(chat: Chat) -> Rows:
    """The rows of a chat: `messages` whole, `sft` one for each of its last answers, and the pair or label it came with.

    An answer that its row calls wrong is in `kto` alone. A picture that the corpus keeps is a mark in the text (see
    `export/pictures.py`). Empty where a turn holds another, a sound or a file.
    """
    if any(holds_media(message) for message in (*chat.messages, *chat.rejected)):
        return {}
    turns = in_order_of_calls(with_ids([template_message(message) for message in chat.messages]))
    tools = tool_definitions(chat.tools)
    own: Row = {"tools": tools} if tools else {}
    if isinstance(chat.extra.get("chat_template_kwargs"), dict):
        own["chat_template_kwargs"] = chat.extra["chat_template_kwargs"]
    bare = [without_weight(turn) for turn in turns]
    split = chat.prompt_length or chat.answers[-1]
    rows: Rows = {}
    if chat.label is not False:
        answers = chat.answers[-ROWS_EACH:]
        rows["sft"] = [{"prompt": bare[:i], "completion": [bare[i]]} | own for i in answers]
        rows["messages"] = [
            {"messages": weighed(turns, chat.prompt_length)}
            | own
            | {AS_CAME: [marked(message) for message in chat.messages]}
        ]
    if chat.rejected:
        worse = with_ids([without_weight(template_message(message)) for message in chat.rejected], split)
        rejected = in_order_of_calls(worse)
        rows["preference"] = [{"prompt": bare[:split], "chosen": bare[split:], "rejected": rejected} | own]
    if chat.label is not None:
        rows["kto"] = [{"prompt": bare[:split], "completion": bare[split:], "label": chat.label} | own]
    return rows


def weighed(turns: Sequence[Message], prompt_length: int) -> list[Message]:
    """The turns with weight 0 on assistant turns that are not to be learnt; a turn without a weight is."""
    silent = [
        turn["role"] == "assistant" and (i < prompt_length or not is_answer(turn)) for i, turn in enumerate(turns)
    ]
    return [turn | {"weight": 0} if off else turn for turn, off in zip(turns, silent, strict=True)]


def holds_media(message: Message) -> bool:
    """Whether a message has a content part that is neither text nor a picture that the corpus keeps."""
    content = message.get("content")
    parts = content if isinstance(content, list) else ()
    return any(part_text(part) is None and picture_of(part) is None for part in parts)


def marked(message: Message) -> Message:
    """The message with the mark of each picture as the text of its part."""
    content = message.get("content")
    if not isinstance(content, list) or not any(picture_of(part) for part in content):
        return message
    return message | {"content": [_marked(part) for part in content]}


def _marked(part: object) -> object:
    picture = picture_of(part)
    return part if picture is None else {"type": "text", "text": picture.mark}


def template_message(message: Message) -> Message:
    """The message as chat templates read it; see the head of this file for what is made alike."""
    made = {name: value for name, value in message.items() if value is not None}
    made["role"] = _ROLES.get(message["role"], message["role"])
    made["content"] = content_words(marked(message).get("content"))
    thought = next((made[name] for name in _THOUGHTS if isinstance(made.get(name), str)), "")
    if thought and message["role"] == "assistant":
        made.setdefault("reasoning_content", thought)
    called = made.pop("function_call", None)
    calls = [*(message.get("tool_calls") or ()), *([called] if called else [])]
    if calls:
        made["tool_calls"] = [template_call(call) for call in calls]
    else:
        made.pop("tool_calls", None)
    return made


def template_call(call: Message) -> Message:
    """A call with `function`, whose arguments are an object wherever they are one as text."""
    body = call.get("function", call)
    own = {name: value for name, value in call.items() if name not in ("function", "name", "arguments")}
    function = {**body, "arguments": object_arguments(body.get("arguments"))}
    if body is call:
        function = {"name": body["name"], "arguments": function["arguments"]}
    return {**own, "type": call.get("type") or "function", "function": function}


def without_weight(turn: Message) -> Message:
    """The turn without the keys that say whether it is learnt: a completion's column says so."""
    return {name: value for name, value in turn.items() if name not in _WEIGHTS}


def openai_messages(messages: Sequence[Message]) -> list[Message]:
    """The messages for OpenAI-style services: as they came, with arguments as JSON text, which is what these read."""
    return [_with_text_arguments(message) if message.get("tool_calls") else message for message in messages]


def _with_text_arguments(message: Message) -> Message:
    calls = []
    for call in message["tool_calls"]:
        made = template_call(call)
        arguments = made["function"]["arguments"]
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        calls.append(made | {"function": made["function"] | {"arguments": text}})
    return message | {"tool_calls": calls}


def chat_views(chat: Chat) -> tuple[tuple[str, str], ...]:
    """Content and context to measure, one for each row of `sft`, the one that the gate saw last."""
    earlier = [
        (spoken(chat.messages[i]), "\n".join(spoken(turn) for turn in chat.messages[:i]))
        for i in chat.answers[-ROWS_EACH:-1]
    ]
    return (*earlier, (chat.content, chat.context))


def texts_in(chat: Chat) -> Iterator[str]:
    """Every text of a chat, of its tools and of its worse answer: where values that must not leave are looked for."""
    pending: list[object] = [chat.rejected, chat.tools, chat.messages]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            # The name of a picture's file is a hash: no words, and nothing to hide.
            pending += reversed([item for name, item in value.items() if name != "picture" or not is_name(item)])
        elif isinstance(value, list | tuple):
            pending += reversed(value)
