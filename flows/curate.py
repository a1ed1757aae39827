"""The `curate` flow: one round as Prefect tasks, one a chunk of runs, with retries on generation and two artifacts.

Names, retries and reports only. A task hands its reviews on in memory; what must survive a kill is in the response
cache and in the corpus, so a killed flow is simply run again.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast
from uuid import UUID

from prefect import flow, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from synthdata.api import Corpus
from synthdata.generation import make_generator
from synthdata.pipeline import reflect_on
from synthdata.protocols import Generator
from synthdata.records import QuarantinedRow, Reflection, Trajectory
from synthdata.report import RoundReport
from synthdata.runs import Work, decide_reviews

Reviews = list[Reflection | QuarantinedRow]
THREADS: ThreadPoolTaskRunner[Reviews] = ThreadPoolTaskRunner(max_workers=2)


@task(
    name="reflect",
    task_run_name="reflect-{number}",
    retries=2,
    retry_delay_seconds=[1, 10],
    retry_jitter_factor=0.2,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def reflect_chunk(
    number: int, runs: tuple[Trajectory, ...], corpus: Corpus, generator: Generator, sample_start: int
) -> Reviews:
    """Reviews of one chunk; what was answered before a retry comes from the cache."""
    return reflect_on(runs, generator, corpus.settings.recipe, corpus.store.secret, sample_start)


@task(name="admit", cache_policy=NO_CACHE, persist_result=False)
def admit_reviews(corpus: Corpus, work: Work, reviews: Reviews) -> RoundReport:
    """One writer decides the whole round and commits it."""
    return decide_reviews(corpus, work, reviews)


@flow(name="curate", task_runner=cast(Any, THREADS), validate_parameters=False)
def curate(corpus: Corpus, work: Work) -> RoundReport:
    """One round over the work that was found; a table artifact shows its counts."""
    generator = make_generator(corpus.settings, corpus.store.cache_dir / "responses")
    chunks = work.chunks(corpus.settings.runtime.chunk_size)
    progress = cast(UUID, create_progress_artifact(0.0, key="curate", description=f"{len(work.runs)} runs"))
    futures = [reflect_chunk.submit(i, chunk, corpus, generator, work.sample_start) for i, chunk in enumerate(chunks)]
    reviews: Reviews = []
    for done, future in enumerate(futures, 1):
        reviews.extend(future.result())
        update_progress_artifact(progress, 90.0 * done / len(futures))
    report = admit_reviews(corpus, work, reviews)
    update_progress_artifact(progress, 100.0)
    counts = Counter({"admit": 0} | report.counts) - Counter({"reject": report.counts["reject"]})
    rows = [{"verdict": name, "rows": n} for name, n in counts.items()]
    rows += [{"verdict": f"reject: {reason}", "rows": n} for reason, n in report.reasons.items()]
    create_table_artifact(rows, key="round", description=f"round {report.round}")
    return report
