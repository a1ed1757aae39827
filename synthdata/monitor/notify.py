"""Tell of a reading once: by webhook where it is not green, and by every metric sink that the settings name.

Whoever calls this gets lines for the operator, never an exception: the round is committed already.
"""

from __future__ import annotations

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.errors import EndpointError, InputError
from synthdata.monitor.health import HealthReport, mark_sent, was_sent
from synthdata.monitor.sinks import make_sinks
from synthdata.monitor.webhook import post, webhook_url
from synthdata.settings import SinkSettings, WebhookSettings
from synthdata.text.redaction import redacted_json, without_secrets


def send_alert(store: CorpusStore, settings: WebhookSettings, health: HealthReport) -> list[str]:
    """POST an amber or red reading unless it was delivered before; what to say of it."""
    url = webhook_url(settings)
    if not url or health.level == "green" or was_sent(store, "webhook", health.key):
        return []
    payload = {"type": f"synthdata.round.{health.level}", "text": f"{health.corpus}: {health.summary()}"}
    # The names of sources and cells in it may come from a log.
    problem = post(url, redacted_json(payload | {"data": health.news()}), settings)
    if problem:
        return [f"the webhook did not take the alarm, the next monitor run tries again: {without_secrets(problem)}"]
    mark_sent(store, "webhook", health.key)
    return ["the webhook took the alarm"]


def log_metrics(store: CorpusStore, settings: SinkSettings) -> list[str]:
    """Hand each sink the metrics, as `view/metric`, of every round that it has not got; what to say of it."""
    lines = []
    # A folder of the corpus is the best name that two corpora of one tracking server do not share.
    for name, sink in make_sinks(settings, str(store.path.resolve())).items():
        known = store.snapshots().drop_nulls("value")
        for number in range(1, store.latest_round() + 1):
            key = f"round {number}"
            rows = known.filter(pl.col("round") == number)
            if rows.is_empty() or was_sent(store, name, key):
                continue
            metrics = {f"{view}/{metric}": value for view, metric, value in rows["view", "metric", "value"].iter_rows()}
            try:
                sink.log(metrics, number)
            except (EndpointError, InputError) as error:
                lines.append(f"metrics of round {number} wait for the next monitor run: {error}")
                break
            mark_sent(store, name, key)
    return lines
