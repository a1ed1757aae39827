"""What a tool of the desk is, and how one is carried out.

Answers are JSON texts. What cannot be done raises `ToolError`, whose text the agent sees. The tools hold the laws of
the database alone; the company's policy is for the agent to keep.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthdata.records import canonical_json

Values = Mapping[str, Any]
Run = Callable[[sqlite3.Connection, Values], object]
# How many steps of SQLite's machine a call may take before it counts as hanging: thousands of times what any needs.
OPERATIONS = 2_000_000


class ToolError(Exception):
    """A call that cannot be carried out; the text says why."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: `parameters` is the JSON schema's `properties`, all of them required."""

    name: str
    does: str
    parameters: Mapping[str, Mapping[str, Any]]
    run: Run

    @property
    def schema(self) -> dict[str, Any]:
        """The arguments' JSON schema."""
        return {
            "type": "object",
            "properties": dict(self.parameters),
            "required": list(self.parameters),
            "additionalProperties": False,
        }

    @property
    def definition(self) -> dict[str, Any]:
        """The tool as chat endpoints take it."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.does, "parameters": self.schema},
        }


def carry_out(db: sqlite3.Connection, tool: Tool, values: Values) -> str:
    """The tool's answer as JSON text.

    Raises:
        ToolError: it cannot be done, or it hangs: SQLite is stopped after `OPERATIONS` steps.
    """
    db.set_progress_handler(lambda: 1, OPERATIONS)
    try:
        return canonical_json(tool.run(db, values))
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        raise ToolError(f"{tool.name} took too long and was stopped") from error
    finally:
        db.set_progress_handler(None, 0)


def rows(db: sqlite3.Connection, query: str, *values: object) -> list[dict[str, object]]:
    """The rows of a query by column."""
    cursor = db.execute(query, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def row(db: sqlite3.Connection, table: str, name: object) -> dict[str, Any]:
    """The row of this id.

    Raises:
        ToolError: there is none.
    """
    matches = rows(db, f"SELECT * FROM {table} WHERE id = ?", name)
    if not matches:
        raise ToolError(f"{table} {name} not found")
    return matches[0]


def next_id(db: sqlite3.Connection, table: str, letter: str) -> str:
    """The id of the next new row: ids of made rows begin above those that a seed gives."""
    (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    return f"{letter}{90_000 + count + 1}"


# Schemas of arguments.
TEXT = {"type": "string", "minLength": 1, "maxLength": 2000}
ID = {"type": "string", "minLength": 1, "maxLength": 40}
NUMBER = {"type": "integer", "minimum": 1, "maximum": 100_000}


def one_of(options: Sequence[str]) -> dict[str, Any]:
    """The schema of a text that is one of these."""
    return {"type": "string", "enum": list(options)}
