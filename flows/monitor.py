"""The `monitor` flow: the tiles of the last round as an artifact, alarms as Prefect events and by webhook.

`curate` calls `report_round` at its end; the flow does the same on a schedule of its own, so that what a killed round
could not say is said later. What is an alarm, and the freeze on red, are the library's.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed, Failed

from synthdata.api import Corpus
from synthdata.errors import LockedError
from synthdata.monitor.health import HealthReport, mark_sent, read_tiles, was_sent
from synthdata.monitor.notify import log_metrics, send_alert
from synthdata.text.numbers import number
from synthdata.text.terminal import note

EVENTS = {level: f"synthdata.round.{level}" for level in ("green", "amber", "red")}


def resource_of(corpus: Corpus) -> dict[str, str]:
    """The Prefect resource that the events of a corpus name; its id is the same on every machine that mounts it there.

    An automation matches on `prefect.resource.id`.
    """
    path = corpus.store.path.resolve()
    name = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    return {"prefect.resource.id": f"synthdata.corpus.{name}", "prefect.resource.name": path.name}


def report_round(corpus: Corpus) -> HealthReport:
    """Show the last round in Prefect, and tell what is new of it by event and webhook."""
    health = read_tiles(corpus.store)
    create_table_artifact(_table(health), key="tiles", description=health.summary())
    if not was_sent(corpus.store, "event", health.key):
        emit_event(event=EVENTS[health.level], resource=resource_of(corpus), payload=health.news())
        mark_sent(corpus.store, "event", health.key)
    runtime = corpus.settings.runtime
    for line in (*send_alert(corpus.store, runtime.webhook, health), *log_metrics(corpus.store, runtime.sinks)):
        note(line)
    return health


@flow(name="monitor")
def monitor(corpus: str) -> State[dict[str, Any]]:
    """Measure the last round where a kill kept that from happening, and report it; fails where it is red."""
    opened = Corpus.open(corpus)
    try:
        opened.watch()
    except LockedError as error:
        note(f"not measured now: {error}")
    health = report_round(opened)
    state = Failed if health.level == "red" else Completed
    return state(message=health.summary(), data=asdict(health))


def _table(health: HealthReport) -> list[dict[str, Any]]:
    raised = {alarm["tile"]: alarm["level"] for alarm in health.alarms}
    return [
        {"tile": row["tile"], "metric": row["metric"], "view": row["view"], "value": number(row["value"])}
        | {"real text": "" if row["low"] is None else f"{number(row['low'])} to {number(row['high'])}"}
        | {"alarm": raised.get(row["metric"], "") if row["view"] == "raw" else ""}
        for row in health.tiles
    ]
