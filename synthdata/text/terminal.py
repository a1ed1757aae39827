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

from rich.cells import cell_len
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
# What a text needs beside columns that stay whole.
_TEXT = 12
# A number with its place beside real text, an interval, or nothing.
_FIGURE = re.compile(r"(-?[\d.,]*\d( [-+]| to -?[\d.,]*\d)?|-)?")


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
    """A table; numbers right, texts left. A column in which no row has anything is left out."""
    console = out()
    used = [i for i in range(len(columns)) if not rows or any(row[i] not in (None, "") for row in rows)]
    columns, rows = [columns[i] for i in used], [[row[i] for i in used] for row in rows]
    cells = [[_cell(value) for value in row] for row in rows]
    shown = Table(header_style="bold")
    for i, width in enumerate(_widths(columns, cells, console.width - 3 * len(columns) - 1)):
        numeric = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        shown.add_column(columns[i], justify="right" if numeric else "left", overflow="fold", width=width)
    for row in cells:
        shown.add_row(*map(Text, row))
    # Not the table's own title, which would be as narrow as the table and break a path in two.
    console.print(Text(printable(title), style="bold"), soft_wrap=not sys.stdout.isatty())
    console.print(shown)


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[int]:
    """The width of each column, so that they fit into the room.

    Half a number is another number, and half a word is none: texts and headings make room first, by wrapping between
    words, then the names of rows. Rich crops what it was told not to wrap, so the room is shared out here.
    """
    held = [[row[i] for row in cells] for i in range(len(columns))]
    natural = [max(map(cell_len, [column, *texts])) for column, texts in zip(columns, held, strict=True)]
    least = []
    for i, column in enumerate(columns):
        longest = max(map(cell_len, held[i]), default=0)
        whole = longest <= _WHOLE and (i == 0 or all(_FIGURE.fullmatch(cell) for cell in held[i]))
        least.append(max(longest if whole else min(longest, _TEXT), _longest_word([column])))
    if sum(least) > room:
        least[0] = min(least[0], _longest_word([columns[0], *held[0]]))
    if sum(least) > room:
        least = [1] * len(columns)
    return _shared_out(least, natural, room)


def _shared_out(least: Sequence[int], natural: Sequence[int], room: int) -> list[int]:
    """Widths from the least up to the natural ones, the narrowest column first, until the room is full."""
    widths = list(least)
    while sum(widths) < room and (short := [i for i, width in enumerate(widths) if width < natural[i]]):
        widths[min(short, key=widths.__getitem__)] += 1
    return widths


def _longest_word(texts: Iterable[str]) -> int:
    return max((cell_len(word) for text in texts for word in text.split()), default=0)


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
