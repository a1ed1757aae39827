"""The settings as a JSON Schema for editors and other programs; each meaning is the comment of configs/default.toml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from synthdata.settings.reading import Settings, shipped

_TABLE = re.compile(r"\[([a-z_.]+)\]")
# A field without a default is shown as a comment.
_FIELD = re.compile(r"(?:# )?([a-z0-9_]+) = ")


def settings_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a settings file: types, ranges, defaults, and what each field means."""
    schema = Settings.model_json_schema()
    comments = meanings()
    _describe(schema, schema, "", comments)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Settings of synthdata",
        "description": "`recipe` changes rows and is hashed; `runtime` never does.",
    }


def meanings() -> dict[str, str]:
    """The comment over each field of the shipped default settings, by dotted name, as one line."""
    comments: dict[str, str] = {}
    table, comment = "", list[str]()
    for line in shipped(Path("default")).read_text(encoding="utf-8").splitlines():
        if head := _TABLE.fullmatch(line):
            table, comment = head[1], []
        elif field := _FIELD.match(line):
            comments[f"{table}.{field[1]}"] = " ".join(comment)
            comment = []
        elif line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
        else:
            comment = []
    return comments


def _describe(root: dict[str, Any], node: dict[str, Any], at: str, comments: dict[str, str]) -> None:
    """Puts a description on every field of a section and of those in it; no two places share a section."""
    for name, field in node.get("properties", {}).items():
        dotted = f"{at}.{name}" if at else name
        inner = field.get("$ref") or next((part["$ref"] for part in field.get("allOf", ()) if "$ref" in part), "")
        if inner:
            _describe(root, root["$defs"][inner.rsplit("/", 1)[1]], dotted, comments)
        elif text := comments.get(dotted, ""):
            field["description"] = text
