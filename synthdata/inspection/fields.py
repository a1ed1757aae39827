"""Which text of a row is looked at: the field that was asked for, or the one that the row's shape suggests.

Nothing is repaired here: a row without such a text is refused with a reason.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from synthdata.sources import candidates
from synthdata.sources.fields import RowError
from synthdata.sources.parts import content_text

# Instruction sets come with their questions and answers both made, so all of it is the sample.
_ASKED = ("instruction", "question", "problem", "query")
_REST = ("input", "output", "response", "answer", "solution", "instances.input", "instances.output")
_SINGLE = (
    "text",
    "generations",
    "responses",
    "completions",
    "outputs",
    "prompt",
    "response",
    "output",
    "answer",
    "code",
)
_CHATS = ("conversations", "conversation", "dialog", "dialogue")

Found = tuple[str, list[str]]


def choose(value: object, fields: Sequence[str], longest: str) -> Found:
    """The name of what is looked at in a row, and its texts: one, or several where the field is a list of texts.

    `fields` are those asked for (dotted paths lead into objects, and into each item of a list): several are joined to
    one text. Without any, the first that fits: `content`; `prompt` with `completion` (the completion); `messages` (the
    last of the assistant); an instruction with its input and answer (all of it); a conversation; `text` and other usual
    names; `longest`, the field with most text in the beginning of the file.

    Raises:
        RowError: the row has no such text.
    """
    if isinstance(value, str) and not fields:
        return "the row itself", [value]
    if not isinstance(value, dict):
        raise RowError("not an object with fields")
    if fields:
        return " + ".join(fields), asked(value, fields)
    return _candidate(value) or _instruction(value) or _single(value, longest)


def asked(row: dict[str, Any], fields: Sequence[str]) -> list[str]:
    """The texts of the fields that were asked for.

    Raises:
        RowError: none of them holds a text.
    """
    if len(fields) == 1:
        texts = texts_at(row, fields[0])
    else:
        joined = "\n".join(text for field in fields for text in texts_at(row, field) if text.strip())
        texts = [joined] if joined else []
    if not texts:
        raise RowError(f"no text in `{'`, `'.join(fields)}`")
    return texts


def texts_at(value: object, path: str) -> list[str]:
    """All texts under a dotted path; a conversation is one text, numbers and objects stand as JSON."""
    name, _, rest = path.partition(".")
    if isinstance(value, list):
        return [text for item in value for text in texts_at(item, path)]
    if not isinstance(value, dict):
        return []
    # A column may have a dot in its name: the whole name comes first.
    if path in value:
        return _texts(value[path])
    return texts_at(value.get(name), rest) if rest else []


def longest_field(rows: Iterable[object]) -> str:
    """The field with most text in the rows given, the first by name among equals; empty where there is none."""
    sizes: Counter[str] = Counter()
    for row in rows:
        if isinstance(row, dict):
            sizes.update({key: sum(map(len, _plain(item))) for key, item in row.items() if _plain(item)})
    return min(sizes, key=lambda name: (-sizes[name], name), default="")


def field_names(rows: Iterable[object]) -> list[str]:
    """The fields that the rows have, in the order in which they first appear."""
    return list(dict.fromkeys(str(key) for row in rows if isinstance(row, dict) for key in row))


def _candidate(row: dict[str, Any]) -> Found | None:
    """As `admit` reads it."""
    known = {key: row[key] for key in ("content", "prompt", "completion", "messages") if row.get(key) is not None}
    if candidates.sniff(known) is not None:
        return None
    if isinstance(known.get("content"), str):
        return "content", [known["content"]]
    name = "completion" if "completion" in known and "prompt" in known else "messages (the last of the assistant)"
    return name, [candidates.read(known, "").content]


def _instruction(row: dict[str, Any]) -> Found | None:
    first = next((name for name in _ASKED if isinstance(row.get(name), str)), None)
    if first is None:
        return None
    parts = [name for name in _REST if name in row or (name.startswith("instances.") and "instances" in row)]
    return " + ".join([first, *parts]), asked(row, [first, *parts]) if parts else [row[first]]


def _single(row: dict[str, Any], longest: str) -> Found:
    for name in (*_CHATS, *_SINGLE, longest):
        texts = _texts(row.get(name)) if name in _CHATS else _plain(row.get(name))
        if texts:
            return name, texts
    raise RowError("no text in any field; name one with --field")


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if (
        isinstance(value, list)
        and value
        and all(isinstance(item, dict) and ({"role", "from"} & set(item)) for item in value)
    ):
        return ["\n".join(content_text(item.get("content", item.get("value"))) for item in value)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    # Parquet also holds dates and bytes, which JSON has not.
    return [json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)]


def _plain(value: object) -> list[str]:
    """A text, or a list of nothing but texts."""
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else []
