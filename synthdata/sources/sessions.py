"""What readers of sessions share: a file of events is one run, or a run and its sub-agents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from synthdata.records import QuarantinedRow, Step, Trajectory
from synthdata.sources.fields import RowError
from synthdata.sources.files import Row
from synthdata.sources.openai_chat import first_user

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadRun:
    """A run and the line at which it began."""

    line: int
    run: Trajectory


SessionItem = ReadRun | QuarantinedRow


def each_row(rows: Iterable[Row], read: Callable[[Row], T | None]) -> tuple[list[T], list[QuarantinedRow]]:
    """What `read` makes of each row, None left out, and the rows that it refuses.

    One bad event is not a bad session.
    """
    read_rows: list[T] = []
    refused: list[QuarantinedRow] = []
    for row in rows:
        try:
            item = read(row)
        except (RowError, RecursionError) as error:
            refused.append(row.quarantined(str(error)))
            continue
        if item is not None:
            read_rows.append(item)
    return read_rows, refused


def run_of(steps: tuple[Step, ...], model: str = "", notes: Sequence[str] = (), task: str = "") -> Trajectory:
    """A run whose task is what the user asked first."""
    return Trajectory(task=task or first_user(steps), steps=steps, agent_model=model, notes=tuple(dict.fromkeys(notes)))


def noted(run: Trajectory, *notes: str) -> Trajectory:
    """The run with further notes."""
    return replace(run, notes=(*run.notes, *notes))
