"""Tables and pictures as HTML for a notebook. Any text may come from untrusted rows: all is escaped and bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from synthdata.drawing import Bar, bars
from synthdata.text.display import printable

ROWS = 20
_LONGEST = 200


def cell(value: object) -> str:
    """One value as escaped text."""
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return escape(printable(text[:_LONGEST] + ("..." if len(text) > _LONGEST else "")))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with its title; rows after the first 20 are counted."""
    head = "".join(f"<th>{cell(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>" for row in rows[:ROWS])
    more = f"<p>and {len(rows) - ROWS} rows more: <code>to_polars()</code></p>" if len(rows) > ROWS else ""
    shown = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    return f"<div><p><b>{cell(title)}</b></p>{shown}{more}</div>"


def picture(title: str, values: Mapping[str, float]) -> str:
    """Horizontal bars as SVG, in the order given, with the number over each."""
    return bars(printable(title, _LONGEST), [Bar(name, value) for name, value in values.items()]).alone()
