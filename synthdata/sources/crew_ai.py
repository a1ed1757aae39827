"""CrewAI's log (`output_log_file` that ends in .json): what each task asked, which agent took it, what came out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.records import Step
from synthdata.sources.fields import as_name, as_object
from synthdata.sources.files import Row
from synthdata.sources.parts import content_text
from synthdata.sources.sessions import ReadRun, SessionItem, each_row, run_of
from synthdata.sources.steps import Draft, close

NAME = "crew_ai"
_STATES = ("started", "completed", "failed")


def sniff(value: object) -> str | None:
    """None if this row is an entry of such a log, else why not."""
    entry = isinstance(value, dict) and value.get("status") in _STATES and isinstance(value.get("task"), str)
    if entry and isinstance(value, dict) and isinstance(value.get("agent"), str) and "timestamp" in value:
        return None
    return "no entry of CrewAI's log (`task`, `agent`, `status`)"


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """A run for each task that came to an end, and the rows that cannot be used: tasks that never did among them."""
    entries, refused = each_row(rows, lambda row: (row, as_object(row.value, "entry")))
    yield from refused
    open_tasks: dict[tuple[str, str], Row] = {}
    for row, entry in entries:
        reason = sniff(entry)
        if reason is not None:
            yield row.quarantined(f"{NAME}: {reason}")
            continue
        key = (entry["task"], entry["agent"])
        if entry["status"] == "started":
            open_tasks[key] = row
            continue
        open_tasks.pop(key, None)
        if entry["status"] == "completed":
            yield ReadRun(row.line, run_of(_steps(entry)))
        else:
            yield row.quarantined(f"{NAME}: the task failed, and the log does not say what its agent did")
    for row in open_tasks.values():
        yield row.quarantined(f"{NAME}: the task began and did not end in this log")


def _steps(entry: dict[str, Any]) -> tuple[Step, ...]:
    asked = Draft("user", entry["task"])
    done = Draft("agent", content_text(entry.get("output")), name=as_name(entry["agent"], "agent"))
    return close([asked, done])
