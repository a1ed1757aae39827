"""The `tick` flow: one scheduled round that ends in a state an operator can read in a list of runs.

A tick never waits for another: where a round is being made it is skipped, and what it would have read is read by the
next one. So a tick that crashed needs no repair either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from flows.curate import THREADS, curate
from synthdata.errors import LockedError, RefusedError, SynthdataError
from synthdata.gate.fill import TooFewLessonsError
from synthdata.monitor.ticks import note_tick
from synthdata.operations.reflect import RunSelection
from synthdata.text.redaction import without_secrets


@flow(name="tick", task_runner=cast(Any, THREADS))
def tick(
    corpus: str, trajectories: str, choice: RunSelection | None = None, settings: dict[str, Any] | None = None
) -> State[str]:
    """One round over the new runs of the logs, as `curate` makes it, with what came of it as the state's message."""
    folder = Path(corpus)
    try:
        report = curate.fn(corpus, trajectories, choice, settings)
    except LockedError as error:
        return Cancelled(name="Skipped", message=note_tick(folder, "skipped", str(error)).message)
    except RefusedError as error:
        return Cancelled(name="Refused", message=note_tick(folder, "refused", str(error)).message)
    except TooFewLessonsError as error:
        return Cancelled(name="Waiting", message=note_tick(folder, "waiting", str(error)).message)
    except SynthdataError as error:
        return Failed(message=note_tick(folder, "failed", str(error)).message)
    except BaseException as error:
        note_tick(folder, "failed", without_secrets(f"{type(error).__name__}: {error}"))
        raise
    if report.repeated:
        message = f"nothing new after round {report.round}"
        return Completed(message=note_tick(folder, "nothing new", message).message, data="")
    counts = report.counts
    alarm = f"; alarm: {report.alarm}" if report.alarm else ""
    message = f"round {report.round}: {counts['admit']} of {sum(counts.values())} candidates admitted{alarm}"
    note_tick(folder, "round", message)
    return Completed(message=message, data=message)
