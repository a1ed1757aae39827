"""A conversation as it came: its turns with roles, names, calls, parts and weights, and which of them are to be learnt.

What the gate compares is derived from it and never the other way round: `content` is the last turn to be learnt,
`context` all other turns as lines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from synthdata.records.identity import canonical_json
from synthdata.records.picture import picture_of

Message = dict[str, Any]

# What a data set says of a turn that is not to be learnt: OpenAI's `weight`, Axolotl's `train`, ms-swift's `loss`.
_WEIGHTS = ("weight", "train", "loss")
_PLAIN = (None, "text", "input_text", "output_text")


@dataclass(frozen=True)
class Chat:
    """The messages of a row, each a JSON object with a `role`; nothing in them is changed.

    `prompt_length` counts the leading messages that are asked only, as the prompt of a prompt-completion or preference
    row; 0 where the row does not say. `rejected` holds the worse turns of a preference row, `label` whether the answer
    is right (KTO), None where the row does not say. `extra` holds what else the row had, by name.

    Raises:
        ValueError: a message without a role, a call without a name, text that is not Unicode, a value that is no JSON,
            or no turn to be learnt.
    """

    messages: Sequence[Message]
    tools: Sequence[Any] = ()
    prompt_length: int = 0
    rejected: Sequence[Message] = ()
    label: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i, message in enumerate(self.messages):
            _check(message, f"messages[{i}]")
        for i, message in enumerate(self.rejected):
            _check(message, f"rejected[{i}]")
        if not any(message["role"] == "assistant" for message in self.messages):
            raise ValueError("`messages` holds no message of role assistant")
        if not self.answers:
            raise ValueError("`messages` holds no assistant turn to learn: each is empty or has weight 0")
        try:
            self.to_json().encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(f"a message holds text that is not Unicode: {error.reason}") from error

    @cached_property
    def answers(self) -> tuple[int, ...]:
        """The places of the assistant turns to be learnt: they say something, and no weight takes them out."""
        turns = range(self.prompt_length, len(self.messages))
        return tuple(i for i in turns if is_answer(self.messages[i]))

    @property
    def content(self) -> str:
        """What the last turn to be learnt says: its words, then its calls as `name(arguments)` lines."""
        return spoken(self.messages[self.answers[-1]])

    @property
    def context(self) -> str:
        """What all other turns say, a `role: text` each; the words alone where there is one other turn."""
        rest = [message for i, message in enumerate(self.messages) if i != self.answers[-1]]
        if len(rest) == 1 and self.prompt_length == 1:
            return spoken(rest[0])
        return "\n".join(f"{message['role']}: {spoken(message)}" for message in rest)

    def to_json(self) -> str:
        """JSON text that keeps the order of keys as it came; `from_json` reads it back."""
        values = {name: getattr(self, name) for name in ("messages", "tools", "prompt_length", "rejected", "label")}
        kept = {name: value for name, value in values.items() if value not in ((), [], 0, None) or value is False}
        if self.extra:
            kept["extra"] = dict(self.extra)
        return json.dumps(kept, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Chat:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the text is no such JSON.
        """
        values = json.loads(text)
        if not isinstance(values, dict) or not isinstance(values.get("messages"), list):
            raise ValueError("a stored conversation is an object with a list of `messages`")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"a stored conversation with an unknown field: {error}") from error


def is_answer(message: Mapping[str, Any]) -> bool:
    """An assistant's turn that says or calls something and that no weight takes out of training."""
    return message["role"] == "assistant" and is_weighed_in(message) and bool(spoken(message).strip())


def is_weighed_in(message: Mapping[str, Any]) -> bool:
    """False where a weight takes a turn out of training; a turn without one counts."""
    return all(message.get(name) is None or bool(message[name]) for name in _WEIGHTS)


def spoken(message: Mapping[str, Any]) -> str:
    """The words of a message, then its calls as `name(arguments)` lines."""
    calls = [f"{name}({arguments})" for name, arguments in _calls(message)]
    words = [text for text in (content_words(message.get("content")), message.get("refusal")) if isinstance(text, str)]
    return "\n".join(text for text in (*words, *calls) if text)


def content_words(content: object) -> str:
    """The words of a message's content: of null none, of a list those of its parts, joined by line breaks.

    A picture that the corpus keeps stands as `[picture 640x480]`, with its words where it has any; another part that is
    no text as its kind, size and hash.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(_part_words(part) for part in content)
    return canonical_json(content)


def part_text(part: object) -> str | None:
    """The text of a content part that is text; None of a picture, a file, or anything else."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type") in _PLAIN:
        return next((part[name] for name in ("text", "value", "content") if isinstance(part.get(name), str)), None)
    return None


def _part_words(part: object) -> str:
    text = part_text(part)
    if text is not None:
        return text
    picture = picture_of(part)
    if picture is not None:
        return picture.shown
    data = canonical_json(part).encode("utf-8", "surrogatepass")
    kind = part.get("type") if isinstance(part, dict) else None
    return f"[{kind if isinstance(kind, str) else 'part'}, {len(data)} bytes, {hashlib.sha256(data).hexdigest()[:12]}]"


def _calls(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = [call.get("function", call) for call in message.get("tool_calls") or ()]
    if message.get("function_call"):
        listed.append(message["function_call"])
    return [(call["name"], arguments_words(call.get("arguments"))) for call in listed]


def arguments_words(arguments: object) -> str:
    """Arguments as text: verbatim where they are text, canonical JSON for anything else, nothing for null."""
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else canonical_json(arguments)


def _check(message: object, where: str) -> None:
    if not isinstance(message, dict):
        raise ValueError(f"`{where}` must be an object")
    if not isinstance(message.get("role"), str) or not message["role"]:
        raise ValueError(f"`{where}.role` must be a text")
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise ValueError(f"`{where}.tool_calls` must be a list")
    for i, call in enumerate(calls or ()):
        body = call.get("function", call) if isinstance(call, dict) else None
        _check_call(body, f"{where}.tool_calls[{i}]")
    if message.get("function_call"):
        _check_call(message["function_call"], f"{where}.function_call")


def _check_call(body: object, where: str) -> None:
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or not body["name"].strip():
        raise ValueError(f"`{where}` has no name")
