"""The process that `schedule` keeps: it tells the server of the deployments and starts each run that comes due.

Runs that a killed process left as running are reported as crashed once nobody holds the corpus' round lock, so that
their place under the concurrency limit is free again. Ticks that ended and could not note it are noted here.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import serve
from prefect.automations import Automation
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import ConcurrencyLimitConfig, FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import RunnerDeployment
from prefect.events.actions import PauseDeployment
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import PrefectException
from prefect.schedules import Cron, Interval, Schedule
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from flows.monitor import EVENTS, monitor, resource_of
from flows.schedule import Plan
from flows.scheduled import tick
from synthdata.api import Corpus
from synthdata.errors import LockedError, SynthdataError
from synthdata.monitor.ticks import Outcome, Tick, note_tick, ticks
from synthdata.operations.reflect import round_lock
from synthdata.text.redaction import without_secrets

LOOK_SECONDS = 15.0
# A run that is starting has no lock yet; imports take this long on a busy machine.
STARTING, STARTING_OURS = timedelta(seconds=60), timedelta(minutes=5)
# A disk that was full for longer loses the lines of its ticks; the server still has them.
LOOK_BACK = timedelta(days=1)


def deployments(plan: Plan) -> list[RunnerDeployment]:
    """The tick, one at a time with a late one cancelled, and where it is wanted the monitor."""
    name = Path(plan.corpus).name
    when = Cron(plan.cron) if plan.cron else _every(plan.seconds)
    parameters = {"corpus": plan.corpus, "trajectories": plan.trajectories, "choice": plan.choice}
    found: list[Any] = [
        tick.to_deployment(
            name=name,
            schedule=when,
            parameters=parameters | {"settings": plan.settings},
            concurrency_limit=ConcurrencyLimitConfig.model_validate({"limit": 1, "collision_strategy": "CANCEL_NEW"}),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
    ]
    if plan.monitor_seconds:
        found.append(
            monitor.to_deployment(
                name=name,
                schedule=_every(plan.monitor_seconds),
                parameters={"corpus": plan.corpus},
                concurrency_limit=1,
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
        )
    return found


def _every(seconds: float) -> Schedule:
    # A fixed beginning: started again, the process keeps to the same ticks.
    return Interval(timedelta(seconds=seconds), anchor_date=datetime(2026, 1, 1, tzinfo=UTC))


def make_automation(plan: Plan, deployment: UUID) -> None:
    """The brake: a red round pauses this deployment. Made anew each time; it acts only where the plan says so."""
    corpus = Corpus.open(plan.corpus)
    resource = resource_of(corpus)["prefect.resource.id"]
    name = f"pause {corpus.store.path.name} on red ({resource.rpartition('.')[2]})"
    with contextlib.suppress(ValueError):  # there is none yet
        cast(Automation, Automation.read(name=name)).delete()
    Automation(
        name=name,
        description="A red round of the corpus stops its schedule until somebody has looked.",
        enabled=plan.pause_on_red,
        trigger=EventTrigger(
            expect={EVENTS["red"]},
            match={"prefect.resource.id": resource},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[PauseDeployment(source="selected", deployment_id=deployment)],
    ).create()


def report_crashed(client: SyncPrefectClient, plan: Plan, deployment: UUID, began: datetime) -> list[FlowRun]:
    """Report runs as crashed that the server takes for alive while nobody makes a round; those that it was.

    Runs from before this process `began` are nobody's soon; one of its own may still be importing on a busy machine.
    """
    try:
        with round_lock(Corpus.open(plan.corpus).store).held():
            pass
    except LockedError:
        return []
    alive = FlowRunFilter.model_validate({"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}})
    mine = DeploymentFilter.model_validate({"id": {"any_": [str(deployment)]}})
    now = datetime.now(UTC)
    gone = []
    for run in client.read_flow_runs(flow_run_filter=alive, deployment_filter=mine):
        if run.state is None:
            continue
        since = run.state.timestamp
        if now - since > (STARTING if since < began else STARTING_OURS):
            client.set_flow_run_state(run.id, Crashed(message="its process is gone; the next tick takes its work up"))
            gone.append(run)
    return gone


# By the name of a state, else by its type, what came of a tick.
OUTCOMES: dict[str, Outcome] = {
    "Refused": "refused",
    "Waiting": "waiting",
    "CANCELLED": "skipped",
    "FAILED": "failed",
    "CRASHED": "crashed",
}


def record_missing_ticks(client: SyncPrefectClient, plan: Plan, deployment: UUID, began: datetime) -> list[Tick]:
    """Record the ticks that ended and did not record it themselves; those that were recorded now.

    Of the last day, since this process `began` or since the first tick of which the run is known.

    A full disk took the line, the process died, or the server ended the run before it was started.
    """
    known = {tick.run: tick for tick in ticks(Path(plan.corpus)) if tick.run}
    first = min([began, *(datetime.fromisoformat(tick.at) for tick in known.values())])
    ended = FlowRunFilter.model_validate(
        {
            "state": {"type": {"any_": ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"]}},
            "expected_start_time": {"after_": max(first, datetime.now(UTC) - LOOK_BACK).isoformat()},
        }
    )
    mine = DeploymentFilter.model_validate({"id": {"any_": [str(deployment)]}})
    missing = []
    runs = client.read_flow_runs(
        flow_run_filter=ended,
        deployment_filter=mine,
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
    )
    for run in reversed(runs):
        state = run.state
        if state is None or str(run.id) in known:
            continue
        message = state.message or state.name or str(state.type)
        done: Outcome = "nothing new" if message.startswith("nothing new") else "round"
        outcome = OUTCOMES.get(state.name or "") or OUTCOMES.get(str(state.type.value)) or done
        missing.append(note_tick(Path(plan.corpus), outcome, without_secrets(message), str(run.id), state.timestamp))
    return missing


def look(client: SyncPrefectClient, plan: Plan, deployment: UUID, began: datetime) -> None:
    """Report crashed runs and record missing ticks once; where the server or the corpus does not answer, say so."""
    try:
        report_crashed(client, plan, deployment, began)
        record_missing_ticks(client, plan, deployment, began)
    except (PrefectException, httpx.HTTPError, OSError, SynthdataError) as error:
        sys.stderr.write(f"ended runs cannot be looked for now: {type(error).__name__} {error}\n")


def _look_for_ended(plan: Plan, deployment: UUID) -> None:
    began = datetime.now(UTC)
    with get_client(sync_client=True) as client:
        while True:
            time.sleep(LOOK_SECONDS)
            look(client, plan, deployment, began)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main(plan: Plan) -> None:
    """Tell the server of the plan and start its runs until the parent ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    served = deployments(plan)
    first = served[0].apply()
    assert isinstance(first, UUID)
    make_automation(plan, first)
    threading.Thread(target=_look_for_ended, args=(plan, first), daemon=True).start()
    serve(*served, pause_on_shutdown=False, print_starting_message=False)


if __name__ == "__main__":
    main(Plan(**json.loads(sys.argv[1])))
