"""The `consolidate` flow: one sleep as a Prefect task, with its before-and-after table as an artifact.

Names and reports only. What must survive a kill lies in the corpus, so a killed flow is simply run again.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from synthdata.api import Corpus
from synthdata.consolidation.sleep import SleepReport
from synthdata.consolidation.sleep import consolidate as sleep
from synthdata.settings import Settings
from synthdata.text.terminal import progress


@task(name="sleep", cache_policy=NO_CACHE, persist_result=False)
def sleep_on(corpus: Corpus, release: str) -> SleepReport:
    """Train, compare, keep or roll back."""
    return sleep(corpus, release, bar=progress)


@flow(name="consolidate")
def consolidate(corpus: str, release: str, settings: dict[str, Any] | None = None) -> SleepReport:
    """Consolidate a release of a corpus into an adapter; the same release again only tells what came of it."""
    opened = Corpus.open(corpus, settings=Settings.from_dict(settings, "settings") if settings else None)
    report = sleep_on(opened, release)
    rows = [{name: one[name] for name in ("name", "before", "after", "low", "high")} for one in report.measured]
    what = "nothing trained" if report.number is None else f"adapter {report.number}"
    create_table_artifact(rows, key="consolidate", description=f"{what}: {'; '.join(report.reasons)}")
    return report
