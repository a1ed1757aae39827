"""How verbs speak: tables and progress bars on a terminal, plain lines elsewhere, JSON on request.

Everything shown may come from an untrusted log, so control characters never reach the terminal and markup is off.
"""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

_KEPT = {"\n", "\t"}


def printable(text: str, limit: int = 4000) -> str:
    """Text without control, format (bidirectional, zero-width) or surrogate characters, cut with a note of how much."""
    shown = text[:limit]
    safe = "".join(c if c in _KEPT or unicodedata.category(c)[0] != "C" else f"\\x{ord(c):02x}" for c in shown)
    return safe if len(text) <= limit else f"{safe} [{len(text) - limit:,} more characters]"


def out() -> Console:
    """The console for results; width 100 where there is no terminal, so that pipes get whole lines."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 100)


def say(line: str) -> None:
    """One line of prose, safe for the terminal."""
    out().print(Text(printable(line)))


def emit_json(value: object) -> None:
    """One JSON document; NaN and infinity become null."""
    sys.stdout.write(json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str) + "\n")


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; numbers right, texts left."""
    shown = Table(title=Text(printable(title)), title_justify="left", title_style="bold", header_style="bold")
    for i, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        shown.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(_cell(value)) for value in row))
    out().print(shown)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else printable(str(value), 600)


def number(value: float | None) -> str:
    """Four significant digits; a dash where there is no number."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.4g}"


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; on something that is no terminal, one line at the end."""
    if not sys.stderr.isatty():
        done = 0

        def count(step: int) -> None:
            nonlocal done
            done += step

        yield count
        sys.stderr.write(f"{label}: {done} of {total}\n")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda step: bar.advance(task, step)
