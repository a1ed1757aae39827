"""Where the numbers of rounds go besides the corpus: a JSON Lines file, or MLflow (extra `mlflow`).

Both are `MetricSink`s; another tracker is a class with one method `log(metrics, step)`.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from synthdata.errors import EndpointError, InputError, SettingsError
from synthdata.protocols import MetricSink
from synthdata.settings import SinkSettings
from synthdata.text.redaction import address_without_login, without_secrets

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

BATCH = 1000  # metrics that MLflow takes in one call


class JsonlSink:
    """One line a step: `{"step": n, "metrics": {...}}`, appended; a number that is not finite becomes null."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Append the line.

        Raises:
            InputError: the file cannot be written.
        """
        values = {name: value if math.isfinite(value) else None for name, value in sorted(metrics.items())}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, "metrics": values}) + "\n")
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from error


class MlflowSink:
    """Metrics of one MLflow run, which is found again by `name`; names and steps are kept as they are.

    `uri` is a tracking URI: a database such as `sqlite:///mlflow.db`, or a server.
    """

    def __init__(self, uri: str, experiment: str, name: str) -> None:
        self._uri, self._experiment, self._name = uri, experiment, name
        self._run = ""

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Log them at this step; numbers that are not finite are left out.

        Raises:
            EndpointError: the tracking server or database refuses.
            SettingsError: the `mlflow` extra is not installed.
        """
        try:
            from mlflow.entities import Metric
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise SettingsError("MLflow is not installed: install the extra `mlflow`") from error
        now = int(time.time() * 1000)
        rows = [Metric(name, value, now, step) for name, value in sorted(metrics.items()) if math.isfinite(value)]
        try:
            client = MlflowClient(self._uri)
            run = self._run = self._run or self._find(client)
            for start in range(0, len(rows), BATCH):
                client.log_batch(run, metrics=rows[start : start + BATCH])
        except (MlflowException, OSError) as error:
            why = without_secrets(next(iter(str(error).splitlines()), type(error).__name__))
            raise EndpointError(f"MLflow at {address_without_login(self._uri)}: {why}") from error

    def _find(self, client: MlflowClient) -> str:
        """The id of our run; it and the experiment are made where they are missing."""
        known = client.get_experiment_by_name(self._experiment)
        experiment = known.experiment_id if known else client.create_experiment(self._experiment)
        quoted = self._name.replace("'", "")
        runs = client.search_runs([experiment], f"tags.corpus = '{quoted}'", max_results=1)
        if runs:
            return str(runs[0].info.run_id)
        run_name = Path(self._name).name
        return str(client.create_run(experiment, tags={"corpus": quoted}, run_name=run_name).info.run_id)


def make_sinks(settings: SinkSettings, name: str) -> dict[str, MetricSink]:
    """The sinks that the settings name, none by default; `name` tells one corpus from another."""
    sinks: dict[str, MetricSink] = {}
    if settings.jsonl:
        sinks[f"jsonl {settings.jsonl}"] = JsonlSink(settings.jsonl)
    if settings.mlflow_uri:
        # The name is kept among the events of the corpus, and shown.
        name_of = f"mlflow {address_without_login(settings.mlflow_uri)}"
        sinks[name_of] = MlflowSink(settings.mlflow_uri, settings.mlflow_experiment, name)
    return sinks
