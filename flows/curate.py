"""The `curate` flow: one round as Prefect tasks, one a chunk of runs, with retries on generation and two artifacts.

Names, retries and reports only. A task hands its reviews on in memory; what must survive a kill is in the response
cache and in the corpus, so a killed flow is simply run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect import flow, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.monitor import report_round
from synthdata.api import Corpus
from synthdata.errors import EndpointError
from synthdata.operations.reflect import RunSelection, Work, find_work, remember, round_lock
from synthdata.operations.round import ReflectionJob, Reviews, run_round
from synthdata.records import Trajectory
from synthdata.records.report import RoundReport
from synthdata.settings import Settings
from synthdata.text.terminal import note, progress

THREADS: ThreadPoolTaskRunner[Reviews] = ThreadPoolTaskRunner(max_workers=2)


@task(name="read-logs", cache_policy=NO_CACHE, persist_result=False)
def read_logs(corpus: Corpus, trajectories: Path, choice: RunSelection) -> Work:
    """The runs of this round, written to the corpus' experience before anything is decided about them."""
    work = find_work(corpus, trajectories, choice)
    remember(corpus, work)
    return work


def _may_mend(task: object, run: object, state: State[Any]) -> bool:
    """Another try helps where an endpoint was away; a mistake in settings or data stays one."""
    return isinstance(state.result(raise_on_failure=False), EndpointError)


@task(
    name="reflect",
    task_run_name="reflect-{number}",
    retries=2,
    retry_delay_seconds=[1, 10],
    retry_jitter_factor=0.2,
    retry_condition_fn=_may_mend,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def reflect_chunk(number: int, runs: tuple[Trajectory, ...], job: ReflectionJob) -> Reviews:
    """Reviews of one chunk; what was answered before a retry comes from the cache."""
    return job.reflect(runs)


@flow(name="curate", task_runner=cast(Any, THREADS))
def curate(
    corpus: str, trajectories: str, choice: RunSelection | None = None, settings: dict[str, Any] | None = None
) -> RoundReport:
    """One round over the new runs of the logs at `trajectories`; a table artifact shows its counts.

    Parameters are paths and plain values, which a deployment can hold and a server can store: Prefect refuses
    parameters over 512 KiB. `settings` are those of the corpus unless others are given.
    """
    opened = Corpus.open(corpus, settings=Settings.from_dict(settings, "settings") if settings else None)
    with round_lock(opened.store).held():
        return _one_round(opened, Path(trajectories), choice or RunSelection())


def _one_round(corpus: Corpus, trajectories: Path, choice: RunSelection) -> RoundReport:
    work = read_logs(corpus, trajectories, choice)
    artifact = cast(UUID, create_progress_artifact(0.0, key="curate", description=f"{len(work.runs)} runs"))
    done = 0

    def as_tasks(job: ReflectionJob, chunks: Sequence[tuple[Trajectory, ...]]) -> Iterator[Reviews]:
        nonlocal done
        futures = [reflect_chunk.submit(i, chunk, job) for i, chunk in enumerate(chunks)]
        for chunk, future in zip(chunks, futures, strict=True):
            yield future.result()
            done += len(chunk)
            update_progress_artifact(artifact, 100.0 * done / len(work.runs))

    report = run_round(corpus, work, choice, as_tasks, progress, note)
    _publish(report)
    report_round(corpus)
    return report


def _publish(report: RoundReport) -> None:
    counts = Counter({"admit": 0} | report.counts) - Counter({"reject": report.counts["reject"]})
    rows = [{"verdict": name, "rows": n} for name, n in counts.items()]
    rows += [{"verdict": f"reject: {reason}", "rows": n} for reason, n in report.reasons.items()]
    create_table_artifact(rows, key="round", description=f"round {report.round}")
