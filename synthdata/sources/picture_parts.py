"""Pictures of a chat as parts of its messages, in their places, whatever the data set's way to say where they stand.

Known are parts of all spellings (OpenAI, Anthropic, Gemini, Bedrock), `data:` URLs within a text, `<image>` in the text
with a column `image` or `images` beside (LLaVA, ShareGPT, LLaMA-Factory), and `{"type": "image"}` without a picture
with such a column (TRL). A chat with neither mark has its pictures before what the user says first, as TRL reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from synthdata.records.picture import Picture, alt_of
from synthdata.sources.fields import RowError
from synthdata.sources.kept import cut_at_kept, holds_kept, shown_value
from synthdata.sources.parts import part_kind

Message = dict[str, Any]
# Columns of pictures beside a chat.
COLUMNS = ("images", "image")
_KINDS = ("image", "image_url", "input_image", "image_file", "file")
_ALTS = ("alt", "alt_text", "altText", "caption", "description")
_MARK = "<image>"


def column_pictures(row: Message) -> list[Picture]:
    """The pictures of a row's own columns, in their order; empty where one of them is not here."""
    value = next((row[name] for name in COLUMNS if row.get(name) is not None), None)
    items = value if isinstance(value, list) else [value]
    held = [_held(item) for item in items]
    return [picture for picture in held if picture is not None] if all(held) else []


def with_pictures(messages: Sequence[Message], beside: Sequence[Picture] = ()) -> list[Message]:
    """The messages with a part for each picture; `beside` are those of the row's columns.

    Raises:
        RowError: not as many places as pictures beside.
    """
    turns = [_own(message) for message in messages]
    if not beside:
        return turns
    waiting = iter(beside)
    places = sum(map(_places, turns))
    marks = sum(_words(turn).count(_MARK) for turn in turns)
    if not places and not marks:
        return _before_first(turns, beside)
    if (places or marks) != len(beside):
        raise RowError(f"{places or marks} places for pictures in the chat, but {len(beside)} pictures beside it")
    return [_filled(turn, waiting) if places else _at_marks(turn, waiting) for turn in turns]


def _held(value: object) -> Picture | None:
    """The one kept picture anywhere in a value."""
    if isinstance(value, str):
        return next((piece for piece in cut_at_kept(value) if isinstance(piece, Picture)), None)
    if isinstance(value, dict):
        return next((picture for item in value.values() if (picture := _held(item)) is not None), None)
    return None


def _own(message: Message) -> Message:
    """The message with its own pictures as parts; in what is no content, such as a call, they are words."""
    content = message.get("content")
    others = {key: shown_value(item) for key, item in message.items() if key != "content"}
    if isinstance(content, str):
        return message | others | {"content": _parts(content)} if holds_kept(content) else message | others
    if not isinstance(content, list):
        return message | others
    made: list[Any] = []
    for part in content:
        made += _of_part(part)
    return message | others | {"content": made}


def _of_part(part: object) -> list[Any]:
    if isinstance(part, str):
        return _parts(part) if holds_kept(part) else [part]
    if not isinstance(part, dict):
        return [part]
    text = part.get("text")
    if isinstance(text, str) and holds_kept(text):
        return _parts(text)
    picture = _held(part) if part_kind(part) in _KINDS else None
    if picture is None:
        return [shown_value(part)]
    alt = next((alt for name in _ALTS if (alt := alt_of(part.get(name)))), "")
    return [replace(picture, alt=alt).part()]


def _parts(text: str) -> list[Any]:
    pieces = cut_at_kept(text)
    return [{"type": "text", "text": piece} if isinstance(piece, str) else piece.part() for piece in pieces]


def _is_place(part: object) -> bool:
    """A part that says that a picture stands there, and not which."""
    if not isinstance(part, dict) or part.get("type") != "image":
        return False
    return not any(value for name, value in part.items() if name not in ("type", *_ALTS))


def _places(turn: Message) -> int:
    content = turn.get("content")
    return sum(map(_is_place, content)) if isinstance(content, list) else 0


def _filled(turn: Message, waiting: Iterator[Picture]) -> Message:
    content = turn.get("content")
    if not isinstance(content, list) or not any(map(_is_place, content)):
        return turn
    return turn | {"content": [_filling(part, waiting) if _is_place(part) else part for part in content]}


def _filling(part: Message, waiting: Iterator[Picture]) -> Message:
    alt = next((alt for name in _ALTS if (alt := alt_of(part.get(name)))), "")
    return replace(next(waiting), alt=alt).part()


def _words(turn: Message) -> str:
    content = turn.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _at_marks(turn: Message, waiting: Iterator[Picture]) -> Message:
    content = turn.get("content")
    if isinstance(content, str):
        return turn | {"content": _cut(content, waiting)} if _MARK in content else turn
    if not isinstance(content, list):
        return turn
    made: list[Any] = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) else None
        made += _cut(text, waiting) if isinstance(text, str) and _MARK in text else [part]
    return turn | {"content": made}


def _cut(text: str, waiting: Iterator[Picture]) -> list[Message]:
    """A text cut at its marks; the line break that parts a mark from the words goes with it."""
    first, *rest = text.split(_MARK)
    made: list[Message] = [{"type": "text", "text": first.removesuffix("\n")}] if first.strip() else []
    for piece in rest:
        made.append(next(waiting).part())
        if piece.strip():
            made.append({"type": "text", "text": piece.removeprefix("\n")})
    return made


def _before_first(turns: list[Message], pictures: Sequence[Picture]) -> list[Message]:
    first = next((i for i, turn in enumerate(turns) if turn.get("role") == "user"), None)
    if first is None:
        raise RowError(f"{len(pictures)} pictures beside a chat in which no user says anything")
    content = turns[first].get("content")
    words = content if isinstance(content, list) else [{"type": "text", "text": content}] if content else []
    opening = turns[first] | {"content": [*(picture.part() for picture in pictures), *words]}
    return [*turns[:first], opening, *turns[first + 1 :]]
