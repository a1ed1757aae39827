"""Tables and bars as HTML for a notebook. Any text may come from untrusted rows: all is escaped and bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from synthdata.text.display import printable

ROWS = 20
_LONGEST = 200
_WIDTH, _LEFT, _HEIGHT = 640, 200, 22


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


def bars(title: str, values: Mapping[str, float]) -> str:
    """Horizontal bars as SVG, in the order given, with the number beside each."""
    highest = max(values.values(), default=0) or 1
    lines = []
    for i, (name, value) in enumerate(values.items()):
        y, width = i * _HEIGHT + _HEIGHT, (_WIDTH - _LEFT - 80) * max(value, 0) / highest
        lines.append(
            f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{cell(name)}</text>'
            f'<rect x="{_LEFT}" y="{y + 3}" width="{width:.1f}" height="{_HEIGHT - 6}" fill="#4878a8"/>'
            f'<text x="{_LEFT + width + 6:.1f}" y="{y + 14}">{cell(value)}</text>'
        )
    height = (len(values) + 1) * _HEIGHT + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'font-family="sans-serif" font-size="12" fill="currentColor" role="img"><title>{cell(title)}</title>'
        f'<text x="0" y="14" font-weight="bold">{cell(title)}</text>{"".join(lines)}</svg>'
    )
