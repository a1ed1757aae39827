"""Arguments of a call held against the schema of its tool, for every world alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthdata.worlds.environment import Action


def fault(tools: Sequence[Mapping[str, Any]], action: Action) -> str:
    """Why the call is none, empty where it is one: no such tool, or arguments that do not fit the tool's schema."""
    import jsonschema

    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in tools}
    if action.name not in schemas:
        return f"unknown tool {action.name[:60]!r}"
    errors = sorted(jsonschema.Draft202012Validator(schemas[action.name]).iter_errors(action.values), key=str)
    where = ".".join(map(str, errors[0].absolute_path)) if errors else ""
    return f"invalid argument {where}: {errors[0].message[:200]}".replace(" :", ":") if errors else ""
