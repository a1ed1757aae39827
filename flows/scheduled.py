"""The `tick` flow: one scheduled round that ends in a state an operator can read in a list of runs.

A tick never waits for another: where a round is being made it is skipped, and what it would have read is read by the
next one. So a tick that crashed needs no repair either.
"""

from __future__ import annotations

from typing import Any, cast

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.curate import THREADS, curate
from synthdata.errors import LockedError, RefusedError
from synthdata.operations.reflect import RunSelection


@flow(name="tick", task_runner=cast(Any, THREADS))
def tick(
    corpus: str, trajectories: str, choice: RunSelection | None = None, settings: dict[str, Any] | None = None
) -> State[str]:
    """One round over the new runs of the logs, as `curate` makes it, with what came of it as the state's message."""
    try:
        report = curate.fn(corpus, trajectories, choice, settings)
    except LockedError as error:
        return Cancelled(name="Skipped", message=str(error))
    except RefusedError as error:
        return Cancelled(name="Refused", message=str(error))
    if report.repeated:
        return Completed(message=f"nothing new after round {report.round}", data="")
    counts = report.counts
    alarm = f"; alarm: {report.alarm}" if report.alarm else ""
    message = f"round {report.round}: {counts['admit']} of {sum(counts.values())} candidates admitted{alarm}"
    return Completed(message=message, data=message)
