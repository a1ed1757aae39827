"""Definitions of tools that stand in the words of a system prompt, as chat templates and data sets put them there."""

from __future__ import annotations

import re
from typing import Any

from synthdata.sources.literals import json_at, python_value

_OPENED, _CLOSED = re.compile(r"<tools>\s{0,20}(?=[\[{])"), "</tools>"
# Where a list or an object may begin that is no part of a sentence or of another object.
_BEGINS = re.compile(r"(?:^|\n|(?<!\")[:>-])[ \t]{0,20}([\[{])")
# What stands before and after a value within a list or object that cannot be read: it is not taken out of the middle.
_WITHIN, _WITHIN_AFTER = ("[", "{", ",", '":'), re.compile(r"\s*[,\]}]")
# A prompt with more beginnings than that is no list of definitions.
_TRIES = 64
_SCHEMAS = ("parameters", "input_schema", "inputSchema")
_BETWEEN = re.compile(r"[\s,]*")


def tools_in(text: str) -> tuple[str, list[Any]]:
    """The text without the definitions of tools in it, and these; the text as it is where there are none.

    They stand between `<tools>` tags, or as JSON of objects with a name, a description and a schema.
    """
    if "{" not in text:
        return text, []
    tagged = _OPENED.search(text)
    end = text.find(_CLOSED, tagged.end()) if tagged else -1
    if tagged and end >= 0:
        defined = _defined(text[tagged.end() : end].strip())
        if defined and all(map(_is_tool, defined)):
            return text[: tagged.start()] + text[end + len(_CLOSED) :].lstrip("\n"), defined
        return text, []
    end = 0
    for _ in range(_TRIES):
        begin = _BEGINS.search(text, end)
        if begin is None:
            break
        defined, end = _run(text, begin.start(1))
        within = text[: begin.start(1)].rstrip().endswith(_WITHIN) or _WITHIN_AFTER.match(text, end)
        if defined and all(map(_is_described, defined)) and not within:
            return text[: begin.start(1)] + text[end:], defined
        end = max(end, begin.end())
    return text, []


def _defined(text: str) -> list[Any]:
    """The objects of a text that holds nothing else, in JSON or in Python's notation."""
    defined, end = _run(text, 0)
    if defined and end == len(text):
        return defined
    try:
        value = python_value(text)
    except ValueError:
        return []
    return value if isinstance(value, list) else [value]


def _run(text: str, at: int) -> tuple[list[Any], int]:
    """The JSON objects that follow each other from a place, those of lists among them, and where they end."""
    defined: list[Any] = []
    end = at
    while text[at : at + 1] in ("{", "["):
        try:
            value, end = json_at(text, at)
        except ValueError:
            break
        defined += value if isinstance(value, list) else [value]
        between = _BETWEEN.match(text, end)
        at = between.end() if between else end
    return defined, end


def _is_tool(value: object) -> bool:
    body = value.get("function", value) if isinstance(value, dict) else None
    return isinstance(body, dict) and isinstance(body.get("name"), str) and bool(body["name"].strip())


def _is_described(value: object) -> bool:
    if not _is_tool(value) or not isinstance(value, dict):
        return False
    body = value["function"] if isinstance(value.get("function"), dict) else value
    return isinstance(body.get("description"), str) and any(isinstance(body.get(key), dict) for key in _SCHEMAS)


def tool_name(value: object) -> str:
    """The name of a defined tool; empty where it has none."""
    return str(_body(value)["name"]) if _is_tool(value) else ""


def tool_properties(value: object) -> dict[str, Any]:
    """The schemas of a tool's arguments by name."""
    body = _body(value)
    schema: dict[str, Any] = next((body[key] for key in _SCHEMAS if isinstance(body.get(key), dict)), {})
    properties = schema.get("properties", schema)
    return properties if isinstance(properties, dict) else {}


def _body(value: object) -> dict[str, Any]:
    body = value.get("function", value) if isinstance(value, dict) else None
    return body if isinstance(body, dict) else {}
