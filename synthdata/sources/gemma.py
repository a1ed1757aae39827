"""How Gemma writes the arguments of a call: `{city:<|"|>Paris<|"|>,days:3}`, texts between marks of their own."""

from __future__ import annotations

import re
from typing import Any

# Around a text: Gemma 4's mark, FunctionGemma's.
_QUOTES = ('<|"|>', "<escape>")
_KEY = re.compile(r"\s*([^\s:{}\[\],<\"]{1,200})\s*:")
_NUMBER = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,4})?(?=[\s,}\]])")
_CONSTANTS = {"true": True, "false": False, "null": None, "None": None}
_CONSTANT = re.compile("|".join(_CONSTANTS))
_SPACE = re.compile(r"\s*")
_DEEPEST = 50


def gemma_object(text: str, at: int, depth: int = 0) -> tuple[dict[str, Any], int]:
    """The object that opens at a place, and where it ends.

    Raises:
        ValueError: it is not well formed, names a key twice, or is nested too deep.
    """
    made: dict[str, Any] = {}
    at = _skip(text, at + 1)
    while not text.startswith("}", at):
        quote = _quote(text, at)
        if quote:
            name, at = _text(text, at, quote)
            at = _expect(text, at, ":")
        else:
            key = _KEY.match(text, at)
            if key is None:
                raise ValueError("an argument without a name")
            name, at = key[1], key.end()
        if name in made:
            raise ValueError("a key stands twice")
        made[name], at = _value(text, at, depth)
        at = _next(text, at, "}")
    return made, at + 1


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    at = _skip(text, at)
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    quote = _quote(text, at)
    if quote:
        return _text(text, at, quote)
    if text.startswith("{", at):
        return gemma_object(text, at, depth + 1)
    if text.startswith("[", at):
        return _list(text, at, depth + 1)
    constant = _CONSTANT.match(text, at)
    if constant:
        return _CONSTANTS[constant[0]], constant.end()
    number = _NUMBER.match(text, at)
    if number is None:
        raise ValueError("a value that is no text between marks, number, list or object")
    return (float if set(number[0]) & set(".eE") else int)(number[0]), number.end()


def _list(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    made: list[Any] = []
    at = _skip(text, at + 1)
    while not text.startswith("]", at):
        value, at = _value(text, at, depth)
        made.append(value)
        at = _next(text, at, "]")
    return made, at + 1


def _quote(text: str, at: int) -> str:
    return next((quote for quote in _QUOTES if text.startswith(quote, at)), "")


def _text(text: str, at: int, quote: str) -> tuple[str, int]:
    end = text.find(quote, at + len(quote))
    if end < 0:
        raise ValueError("a text that is not closed")
    return text[at + len(quote) : end], end + len(quote)


def _next(text: str, at: int, close: str) -> int:
    """Where the next item or the end is, behind the comma."""
    at = _skip(text, at)
    return at if text.startswith(close, at) else _expect(text, at, ",")


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if not text.startswith(sign, at):
        raise ValueError(f"`{sign}` is missing")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
