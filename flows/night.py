"""The `night` flow: collect, curate, monitor, export, consolidate, each resumed where a kill stopped it.

Names and reports only. A stage reads from the corpus what was done already, so the flow is simply run again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.curate import curate
from flows.monitor import report_round
from synthdata.api import Corpus
from synthdata.consolidation import night as plain
from synthdata.consolidation.night import Logs, Night, Stages, decision_of, report_path, whole_night
from synthdata.consolidation.sleep import SleepReport
from synthdata.operations.reflect import RunSelection
from synthdata.records import Origin
from synthdata.records.report import RoundReport
from synthdata.settings import Settings
from synthdata.text.terminal import note, progress


@task(name="collect", cache_policy=NO_CACHE, persist_result=False)
def collect(corpus: Corpus, tonight: Night) -> Logs:
    """Play this night's games, unless they were played."""
    return plain.collect(corpus, tonight)


@task(name="export", cache_policy=NO_CACHE, persist_result=False)
def release(corpus: Corpus, tonight: Night) -> None:
    """Write this night's release, unless it was written."""

    def bar(total: int) -> Any:  # noqa: ANN401 - the context manager of a progress bar
        return progress("export", total)

    plain.release(corpus, tonight, bar)


@task(name="consolidate", cache_policy=NO_CACHE, persist_result=False)
def sleep(corpus: Corpus, tonight: Night) -> SleepReport:
    """Train, compare, keep or roll back; the same night again only tells what came of it."""
    return plain.sleep(corpus, tonight, progress)


@flow(name="night")
def night(
    corpus: str, trajectories: str = "", origin: str = "real", settings: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One whole night, as `whole_night` has it. New logs at `trajectories` take the place of played games."""
    opened = Corpus.open(corpus, settings=Settings.from_dict(settings, "settings") if settings else None)
    logs = [(Path(trajectories), Origin(origin))] if trajectories else []
    stages = Stages(collect, _curate, report_round, release, sleep)
    content = whole_night(opened, logs, stages)
    report = report_path(opened)
    number = content["night"]
    create_markdown_artifact(report.read_text(encoding="utf-8"), key="night", description=f"night {number}")
    note(f"night {number}: {decision_of(content['sleep'])}; {report}")
    return content


def _curate(corpus: Corpus, settings: Settings, log: Path, choice: RunSelection) -> RoundReport:
    report: RoundReport = curate(str(corpus.store.path), str(log), choice, settings.model_dump(mode="json"))
    return report
