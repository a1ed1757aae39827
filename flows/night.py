"""The `night` flow: collect, curate, monitor, export, consolidate, each resumed where a kill stopped it.

Names, order and reports only. A stage reads from the corpus what was done already, so the flow is simply run again.
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
from synthdata.consolidation import night as stages
from synthdata.consolidation.sleep import SleepReport
from synthdata.operations.reflect import RunSelection
from synthdata.records import Origin
from synthdata.settings import Settings
from synthdata.text.terminal import note, progress

Logs = list[tuple[Path, Origin]]


@task(name="collect", cache_policy=NO_CACHE, persist_result=False)
def collect(corpus: Corpus, tonight: stages.Night) -> Logs:
    """Play this night's games, unless they were played."""
    return stages.collect(corpus, tonight)


@task(name="export", cache_policy=NO_CACHE, persist_result=False)
def release(corpus: Corpus, tonight: stages.Night) -> None:
    """Write this night's release, unless it was written."""

    def bar(total: int) -> Any:  # noqa: ANN401 - the context manager of a progress bar
        return progress("export", total)

    stages.release(corpus, tonight, bar)


@task(name="consolidate", cache_policy=NO_CACHE, persist_result=False)
def sleep(corpus: Corpus, tonight: stages.Night) -> SleepReport:
    """Train, compare, keep or roll back; the same night again only tells what came of it."""
    return stages.sleep(corpus, tonight, progress)


@flow(name="night")
def night(
    corpus: str, trajectories: str = "", origin: str = "real", settings: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One whole night; what it wrote into its `night.json`. New logs at `trajectories` take the place of played games.

    Raises:
        RefusedError: an alarm has frozen the corpus, or too little is left to train on; the night goes on when it is
            run again after that was mended.
    """
    opened = Corpus.open(corpus, settings=Settings.from_dict(settings, "settings") if settings else None)
    tonight = stages.begin(opened)
    logs = [(Path(trajectories), Origin(origin))] if trajectories else collect(opened, tonight)
    if not (tonight.folder / stages.RELEASE).is_dir():
        used = stages.dreamer(opened).model_dump(mode="json")
        for path, vouched in logs:
            curate(corpus, str(path), RunSelection(origin=vouched, limit=opened.settings.recipe.night.limit), used)
        opened.watch()
        report_round(opened)
    release(opened, tonight)
    slept = sleep(opened, tonight)
    told = stages.finish(opened, tonight, slept)
    report = stages.write_report(opened)
    create_markdown_artifact(report.read_text(encoding="utf-8"), key="night", description=f"night {tonight.number}")
    note(f"night {tonight.number}: {stages.decision_of(told['sleep'])}; {report}")
    return told
