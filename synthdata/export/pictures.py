"""Pictures of a row on their way out: as words for whoever reads texts, as parts for whoever sees.

Until here a picture is a mark in a text (records/picture.py), so that nothing between the corpus and a file moves it.
Turns of others in a prompt or a conversation show theirs; what an assistant says, and answers to be learnt, say them.
"""

from __future__ import annotations

import base64
from collections.abc import Container, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from synthdata.export.conversation import Message
from synthdata.export.kinds import AS_CAME, HIDDEN, PICTURES, Kind, Row, Rows
from synthdata.pictures.store import PictureStore
from synthdata.records import Chat, Trajectory
from synthdata.records.chat import part_text
from synthdata.records.picture import code_of, cut_at_marks, pictures_in, without_codes

# Kinds that trainers of models with eyes read; in all others a picture is words.
SEEN: tuple[Kind, ...] = ("sft", "messages", "preference", "kto")
FOLDER = "images"
# What LLaMA-Factory and ShareGPT have in a text for the next picture.
TOKEN = "<image>"
_COLUMNS = ("prompt", "messages")


def of_run(run: Trajectory) -> dict[str, str]:
    """The kept pictures of a run: file names by the letters of their marks."""
    return {code_of(media.sha256): media.picture for step in run.steps for media in step.media if media.picture}


def of_chat(chat: Chat) -> dict[str, str]:
    """The kept pictures of a chat: file names by the letters of their marks."""
    turns = (*chat.messages, *chat.rejected)
    return {picture.code: picture.name for turn in turns for picture in pictures_in(turn.get("content"))}


def naming(rows: Rows, names: Mapping[str, str]) -> Rows:
    """The rows, each with the pictures that its marks may mean beside its columns."""
    if not names:
        return rows
    return {kind: [row | {PICTURES: dict(names)} for row in listed] for kind, listed in rows.items()}


def in_words(row: Row) -> tuple[Row, int]:
    """The row with every mark as the gate reads it, and how many of its pictures that leaves out."""
    names = row.get(PICTURES)
    if not names:
        return row, 0
    columns = {name: value for name, value in row.items() if name not in HIDDEN}
    count = sum(len(cut_at_marks(text, names)) - 1 for text in _texts(columns))
    return {name: value if name == PICTURES else _worded(value) for name, value in row.items()}, count


def without_pictures(row: Row, withheld: AbstractSet[str]) -> tuple[Row, int]:
    """The row in which the pictures of these names are words, and how many of them stood there."""
    codes = {code for code, name in (row.get(PICTURES) or {}).items() if name in withheld}
    if not codes:
        return row, 0
    columns = {name: value for name, value in row.items() if name not in HIDDEN}
    count = sum(len(cut_at_marks(text, codes)) - 1 for text in _texts(columns))
    return {name: value if name == PICTURES else _worded(value, codes) for name, value in row.items()}, count


def with_parts(row: Row) -> tuple[Row, list[str]]:
    """The row as TRL reads it, all of its turns as parts, and its pictures by name, in the order of their parts.

    TRL gives no pictures to answers of tools: these stand in a turn of the user right after them.
    """
    names = row.get(PICTURES) or {}
    column = next((name for name in _COLUMNS if isinstance(row.get(name), list)), "")
    shown: list[str] = []
    turns = [_bare(turn) for turn in _turns(row[column], names, shown)] if column else []
    worded, _ = in_words(row)
    if not shown:
        return worded, []
    others = {
        name: [message | {"content": _part_list(message["content"])} for message in value]
        for name, value in worded.items()
        if name in ("completion", "chosen", "rejected") and isinstance(value, list)
    }
    return worded | others | {column: turns}, shown


def with_tokens(row: Row) -> tuple[Row, list[str]]:
    """The row with `<image>` for each mark that is shown, and its pictures by name in that order."""
    names, shown = row.get(PICTURES) or {}, list[str]()
    worded, _ = in_words(row)
    for column in _COLUMNS:
        if isinstance(row.get(column), list):
            worded[column] = [_tokens(message, names, shown) for message in row[column]]
    return worded, shown


def as_came_with_urls(row: Row, picture_store: PictureStore) -> Row:
    """The row whose messages, as they came, have their pictures in OpenAI's parts, as `data:` URLs."""
    names = row.get(PICTURES) or {}
    worded, _ = in_words(row)
    came, turns = row.get(AS_CAME) or row["messages"], row["messages"]
    shown: list[str] = []
    made = _turns(came, names, shown)
    if not shown:
        return worded
    urls = iter([_url(picture_store, name) for name in shown])
    messages = [m | {"content": [_openai_part(part, urls) for part in m["content"]]} for m in made]
    # Weights are told by place: a turn that was put in for a tool's pictures has none.
    weights = iter(turns)
    weighed = [m if m.pop(_ADDED, False) else _with_weight(m, next(weights)) for m in messages]
    return worded | {"messages": weighed, AS_CAME: weighed}


def _bare(turn: Message) -> Message:
    return {name: value for name, value in turn.items() if name != _ADDED}


def _with_weight(message: Message, turn: Message) -> Message:
    return message | {"weight": turn["weight"]} if "weight" in turn else message


def _turns(messages: Sequence[Message], names: Mapping[str, str], shown: list[str]) -> list[Message]:
    """The messages with parts; what tools show follows them as the user's, before what the user says next."""
    made: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if waiting and message["role"] != "tool":
            made, waiting = [*made, _shows(waiting)], []
        if message["role"] == "tool":
            seen = [names[c] for text in _said(message) for _, c in cut_at_marks(text, names)[:-1]]
            waiting += seen
            shown += seen
            made.append(message | {"content": _part_list(_worded(message.get("content")))})
        elif message["role"] == "assistant":
            made.append(_worded(message) | {"content": _part_list(_worded(message.get("content")))})
        else:
            parts = _cut(message, names, shown)
            if made and made[-1].get(_ADDED) and message["role"] == "user":
                # One turn of the user, not two: many templates refuse the second.
                parts = [*made.pop()["content"], *parts]
            made.append(message | {"content": parts})
    return [*made, _shows(waiting)] if waiting else made


# Says of a turn that it was put in for what a tool showed.
_ADDED = "_added"


def _shows(names: Sequence[str]) -> Message:
    return {"role": "user", "content": [{"type": "image"} for _ in names], _ADDED: True}


def _cut(message: Message, names: Mapping[str, str], shown: list[str]) -> list[Message]:
    """A content as parts; the line break between a picture and the words beside it is the border of parts."""
    parts: list[Message] = []
    for text in _said(message):
        pieces = cut_at_marks(text, names)
        for number, (before, code) in enumerate(pieces):
            words = before.removeprefix("\n") if number else before
            words = words.removesuffix("\n") if code else words
            if words or len(pieces) == 1:
                parts.append({"type": "text", "text": without_codes(words)})
            if code:
                parts.append({"type": "image"})
                shown.append(names[code])
    return parts


def _tokens(message: Message, names: Mapping[str, str], shown: list[str]) -> Message:
    content = message.get("content")
    if message["role"] in ("assistant", "system") or not isinstance(content, str):
        return {name: _worded(value) for name, value in message.items()}
    pieces = cut_at_marks(content, names)
    shown += [names[code] for _, code in pieces[:-1]]
    return message | {"content": TOKEN.join(without_codes(before) for before, _ in pieces)}


def _said(message: Message) -> list[str]:
    """The texts of a message's content, part by part."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    return [text for text in map(part_text, parts) if text is not None]


def _openai_part(part: Message, urls: Iterator[str]) -> Message:
    return {"type": "image_url", "image_url": {"url": next(urls)}} if part["type"] == "image" else part


def _url(picture_store: PictureStore, name: str) -> str:
    kind = "image/png" if name.endswith(".png") else "image/jpeg"
    return f"data:{kind};base64,{base64.b64encode(picture_store.read(name)).decode()}"


def _part_list(content: object) -> list[Message]:
    if isinstance(content, list):
        return [part if isinstance(part, dict) else {"type": "text", "text": part} for part in content]
    return [{"type": "text", "text": content if isinstance(content, str) else ""}]


def _worded(value: Any, codes: Container[str] | None = None) -> Any:  # noqa: ANN401 - JSON in, JSON out
    if isinstance(value, str):
        return without_codes(value, codes)
    if isinstance(value, dict):
        return {key: _worded(item, codes) for key, item in value.items()}
    return [_worded(item, codes) for item in value] if isinstance(value, list) else value


def _texts(value: object) -> Iterator[str]:
    """Every text in a row's columns, in the order in which they stand there."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name != "type":
                yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
