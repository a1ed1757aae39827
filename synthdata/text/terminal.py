"""How verbs speak: tables and progress bars on a terminal, plain lines elsewhere, JSON on request.

Everything shown may come from an untrusted log, so control characters never reach the terminal and markup is off.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from synthdata.text.display import printable, printable_message
from synthdata.text.numbers import number
from synthdata.text.redaction import redacted_json

if TYPE_CHECKING:
    from synthdata.records import QuarantinedRow


# Seconds without a word that a log file may have to bear.
_QUIET = 20.0
# The longest name of a row that a narrow table leaves whole.
_WHOLE = 24
# A number with its place beside real text, or nothing.
_FIGURE = re.compile(r"(-?[\d.,]*\d( [-+])?|-)?")


def out() -> Console:
    """The console for results; where there is no terminal as wide as $COLUMNS says, else 100."""
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit() else 100
    return Console(highlight=False, markup=False, width=width)


def say(line: str) -> None:
    """One line of prose, safe for the terminal; a reader of a pipe gets it unbroken."""
    out().print(Text(printable(line)), soft_wrap=not sys.stdout.isatty())


def note(line: str) -> None:
    """One line beside the results, on standard error, so that `--json` stays one document."""
    if sys.stderr.isatty():
        Console(stderr=True, highlight=False, markup=False).print(Text(printable_message(line)))
    else:
        sys.stderr.write(printable_message(line) + "\n")


def left_out(rows: Iterable[QuarantinedRow], limit: int = 3) -> None:
    """Say which rows could not be read, those of one file and reason together, with the line of the first."""
    groups: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        groups.setdefault((row.file, row.reason), []).append(row.line)
    for (file, reason), lines in list(groups.items())[:limit]:
        where = f"line {lines[0]}" if len(lines) == 1 else f"{len(lines)} rows, the first in line {lines[0]}"
        say(f"left out: {file}, {where}: {reason}")
    if len(groups) > limit:
        say(f"left out for {len(groups) - limit} other reasons: {sum(map(len, list(groups.values())[limit:]))} rows")


def emit_json(value: object) -> None:
    """One JSON document, without secrets and personal data; NaN and infinity become null."""
    sys.stdout.write(json.dumps(redacted_json(_finite(value)), indent=2, ensure_ascii=False, default=str) + "\n")


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
        # Names of rows and numbers stay whole, since half a number is another one; texts make room for them.
        cells = [_cell(row[i]) for row in rows]
        short = max(map(len, cells), default=0) <= _WHOLE
        whole = short and (i == 0 or all(_FIGURE.fullmatch(cell) for cell in cells))
        shown.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        shown.add_row(*(Text(_cell(value)) for value in row))
    out().print(shown)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else printable(str(value), 600)


@contextmanager
def progress(work: str, total: int) -> Iterator[Callable[[int], None]]:
    """A `Progress`: a bar on standard error; on something that is no terminal, a line now and then and one at the end.

    The total grows where there was more to do.
    """
    done = 0
    if not sys.stderr.isatty():
        updated = time.monotonic()

        def count(step: int) -> None:
            nonlocal done, updated
            done += step
            if time.monotonic() - updated >= _QUIET:
                updated = time.monotonic()
                sys.stderr.write(f"{work}: {done} of {max(total, done)} so far\n")
                sys.stderr.flush()

        yield count
        sys.stderr.write(f"{work}: {done} of {max(total, done)}\n")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(work, total=total)

        def advance(step: int) -> None:
            nonlocal done
            done += step
            shown.update(task, completed=done, total=max(total, done))

        yield advance
