"""How a benchmark writes its part of docs/benchmarks.md: the text between its two markers is replaced, the rest stays.

A script calls `write_section` with what it measured in this run, and `conditions` for the machine that it ran on.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def write_section(name: str, title: str, body: str, page: Path = PAGE) -> None:
    """Replace the section between `<!-- bench: NAME -->` and `<!-- end: NAME -->`; a new one goes where its name sorts.

    `body` is Markdown without a heading; `title` becomes a second-level heading.

    Raises:
        ValueError: the page has one marker of the section without the other.
    """
    first, last = f"<!-- bench: {name} -->", f"<!-- end: {name} -->"
    section = f"{first}\n## {title}\n\n{body.strip()}\n{last}\n"
    text = page.read_text(encoding="utf-8")
    if (first in text) != (last in text):
        raise ValueError(f"{page}: section {name} has one marker without the other; restore or remove both")
    if first in text:
        head, _, rest = text.partition(first)
        tail = rest.partition(last)[2].removeprefix("\n")
        page.write_text(head + section + tail, encoding="utf-8")
        return
    later = [line for line in text.splitlines() if line.startswith("<!-- bench: ") and line > first]
    head, mark, tail = text.partition(later[0]) if later else (text.rstrip("\n") + "\n\n", "", "")
    page.write_text(head + section + ("\n" if mark else "") + mark + tail, encoding="utf-8")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; floats with four significant digits, columns of numbers to the right."""
    numeric = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
    lines = [columns, ["---:" if right else "---" for right in numeric]]
    lines += [[_number(value) if isinstance(value, float) else str(value) for value in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def share(hits: int, items: int) -> str:
    """A share as tables have it, with its exact 95 % interval in brackets; empty where nothing was tried."""
    # Not above: bench/mutation.py must not hold the project's modules, since its forks read them from a copy.
    from metrics.proportion import exact_interval

    if not items:
        return ""
    low, high = exact_interval(hits, items, 0.95)
    return f"{hits / items:.1%} ({low:.0%} to {high:.0%})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def conditions() -> str:
    """One line on the machine and how busy it is by others; call it before the measurement starts."""
    load, cores = os.getloadavg()[0], os.cpu_count()
    day, python = datetime.now(UTC).date().isoformat(), platform.python_version()
    machine = f"{cores} cores ({platform.machine()}), Python {python}"
    return f"Measured {day} on {machine}; load average {load:.1f} when the run began."
