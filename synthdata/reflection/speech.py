"""Actions put into English: `go east` becomes "going east", a tool call "calling book with cabin economy".

Long texts are shortened visibly, with an ellipsis; the verbatim action travels beside the words, never inside them.
"""

from __future__ import annotations

import re

from synthdata.reflection.reading import MOVE_VERBS, command_of, parse_call, words

MAX_SPOKEN = 70
_WHOLE = {
    "look": ("look around", "looking around"),
    "l": ("look around", "looking around"),
    "inventory": ("check the inventory", "checking the inventory"),
    "i": ("check the inventory", "checking the inventory"),
}
_GERUND = {"get": "getting", "put": "putting", "drop": "dropping", "chop": "chopping", "lie": "lying", "x": "examining"}
_SPACE = re.compile(r"\s+")
_CODE_TAG = re.compile(r"</?execute>|^```\w*|```$", re.MULTILINE)


def imperative(raw: str, against: str = "") -> str:
    """An action as an order; `against` is the call it replaces, of which only what differs is then named."""
    return _spoken(raw, against)[0]


def gerund(raw: str) -> str:
    """An action as a thing done."""
    return _spoken(raw, "")[1]


def shorten(text: str, limit: int = MAX_SPOKEN) -> str:
    """One line of at most `limit` characters, cut at a word with an ellipsis where it was longer."""
    line = _SPACE.sub(" ", text).strip()
    if len(line) <= limit:
        return line
    cut = line.rfind(" ", limit // 2, limit - 1)
    return line[: cut if cut > 0 else limit - 1].rstrip(" ,;:") + "…"


def _spoken(raw: str, against: str) -> tuple[str, str]:
    text = command_of(raw) or raw.strip()
    call = parse_call(text)
    if call is not None:
        phrase = f"{call[0]}{_arguments(call[1], parse_call(against))}"
        return f"call {phrase}", f"calling {phrase}"
    first = words(text)[:1]
    if first and first[0] in MOVE_VERBS and len(text) <= 2 * MAX_SPOKEN and "\n" not in text:
        return _move(text.lower(), first[0])
    code = shorten(_CODE_TAG.sub(" ", text))
    return f"run `{code}`", f"running `{code}`"


def _move(text: str, verb: str) -> tuple[str, str]:
    if text in _WHOLE:
        return _WHOLE[text]
    rest = text[len(verb) :]
    stem = verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else verb
    return text, _GERUND.get(verb, stem + "ing") + rest


def _arguments(arguments: dict[str, object], other: tuple[str, dict[str, object]] | None) -> str:
    """The arguments in words; against another call of the same tool, only those that differ."""
    differing = [(k, v) for k, v in arguments.items() if other is None or other[1].get(k, arguments) != v]
    parts = [f"{k.replace('_', ' ')} {shorten(_value(v), 32)}" for k, v in differing[:3] if _value(v)]
    return " with " + " and ".join(parts) if parts else ""


def _value(value: object) -> str:
    """A scalar as it reads; of nested values the scalars in order."""
    if isinstance(value, dict):
        return " ".join(filter(None, (_value(v) for v in value.values())))
    if isinstance(value, list):
        return ", ".join(filter(None, (_value(v) for v in value)))
    return "" if value is None else str(value)
