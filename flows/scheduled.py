"""The `tick` flow: one scheduled round that ends in a state an operator can read in a list of runs.

A tick never waits for another: where a round is being made it is skipped, and what it would have read is read by the
next one. So a tick that crashed needs no repair either.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, cast

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from flows.curate import THREADS, curate
from synthdata.errors import LockedError, RefusedError, SynthdataError
from synthdata.gate.fill import TooFewLessonsError
from synthdata.io.refusals import sentence
from synthdata.monitor.ticks import Outcome, note_tick
from synthdata.operations.reflect import RunSelection
from synthdata.text.redaction import without_secrets


@flow(name="tick", task_runner=cast(Any, THREADS))
def tick(
    corpus: str, trajectories: str, choice: RunSelection | None = None, settings: dict[str, Any] | None = None
) -> State[str]:
    """One round over the new runs of the logs, as `curate` makes it, with what came of it as the state's message."""
    note = partial(_note, Path(corpus))
    try:
        report = curate.fn(corpus, trajectories, choice, settings)
    except LockedError as error:
        return Cancelled(name="Skipped", message=note("skipped", str(error)))
    except RefusedError as error:
        return Cancelled(name="Refused", message=note("refused", str(error)))
    except TooFewLessonsError as error:
        return Cancelled(name="Waiting", message=note("waiting", str(error)))
    except SynthdataError as error:
        return Failed(message=note("failed", str(error)))
    except OSError as error:
        return Failed(message=note("failed", without_secrets(sentence(error))))
    except BaseException as error:
        note("failed", without_secrets(f"{type(error).__name__}: {error}"))
        raise
    if report.repeated:
        return Completed(message=note("nothing new", f"nothing new after round {report.round}"), data="")
    counts = report.counts
    alarm = f"; alarm: {report.alarm}" if report.alarm else ""
    message = f"round {report.round}: {counts['admit']} of {sum(counts.values())} candidates admitted{alarm}"
    return Completed(message=note("round", message), data=message)


def _note(corpus: Path, outcome: Outcome, message: str) -> str:
    return note_tick(corpus, outcome, message, flow_run.id or "").message
