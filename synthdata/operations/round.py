"""One round over agent logs, from the chosen runs to the commit: the same steps for `run --plain` and for the flow.

Whoever calls hands in how chunks of runs are reflected on (in line, or spread over tasks with retries) and how work is
shown. Nothing else differs, so that an engine can never change a decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from synthdata.api import Corpus
from synthdata.errors import EndpointError
from synthdata.generation import CachedGenerator, equal_samples_warning, make_generator
from synthdata.monitor.running import noting
from synthdata.operations.reflect import RunSelection, Work, count_requests, decide_reviews
from synthdata.operations.within_budget import affordable_batches, budget_refusal, within_budget
from synthdata.protocols import Progress, no_progress
from synthdata.records import QuarantinedRow, Reflection, Trajectory
from synthdata.records.report import RoundReport
from synthdata.rounds.budget import BudgetLedger, settle_left_over, wait_for_lock
from synthdata.rounds.steps import reflect_on
from synthdata.settings import Settings
from synthdata.text.redaction import address_without_login

Reviews = list[Reflection | QuarantinedRow]


@dataclass(frozen=True)
class ReflectionJob:
    """What reflecting on a chunk of runs needs: the corpus' recipe and secret, the model, and what steering asks."""

    corpus: Corpus
    work: Work
    generator: CachedGenerator

    def reflect(self, runs: Sequence[Trajectory]) -> Reviews:
        """Reviews of one chunk; what was answered before an interruption comes from the cache."""
        recipe, secret = self.corpus.settings.recipe, self.corpus.store.secret
        return reflect_on(runs, self.generator, recipe, secret, self.work.sample_start, self.work.guidance)


class MapChunks(Protocol):
    """How the chunks of a round are reflected on; reviews come back in the order of the chunks."""

    def __call__(self, job: ReflectionJob, chunks: Sequence[tuple[Trajectory, ...]]) -> Iterable[Reviews]:
        """The reviews of each chunk, as `job.reflect` makes them."""


def in_line(job: ReflectionJob, chunks: Sequence[tuple[Trajectory, ...]]) -> Iterable[Reviews]:
    """One chunk after the other, in this thread."""
    return map(job.reflect, chunks)


def run_round(
    corpus: Corpus,
    work: Work,
    choice: RunSelection,
    map_chunks: MapChunks = in_line,
    progress: Progress = no_progress,
    warn: Callable[[str], None] = lambda line: None,
) -> RoundReport:
    """Reflect on the runs that the budget pays for, decide and commit; `warn` gets what the operator should know.

    Call it under `round_lock`, after `remember`.

    Raises:
        RefusedError: the budget pays for none of the runs, or not for the judges.
        EndpointError: a model cannot be reached, or too many of its answers could not be used.
    """
    settle_left_over(corpus.store, partial(wait_for_lock, corpus.store))
    ledger = BudgetLedger(corpus.store, corpus.settings, choice.run)
    reviews: Reviews = []
    done: list[Trajectory] = []
    with noting(corpus.store, progress)("reflecting: answers", count_requests(corpus, work)) as advance:
        generator = make_generator(corpus.settings, corpus.store.cache_dir / "responses", advance)
        job = ReflectionJob(corpus, work, generator)
        # Closed here, so that what it pays at its end is paid, or fails, before this returns.
        with closing(affordable_batches(corpus, ledger, work, generator)) as batches:
            for batch in batches:
                chunks = replace(work, runs=batch).chunks(corpus.settings.runtime.chunk_size)
                for part in map_chunks(job, chunks):
                    reviews.extend(part)
                done.extend(batch)
                refuse_unusable(reviews, corpus.settings)
    if generator.equal_samples:
        warn(equal_samples_warning(generator.equal_samples))
    if 0 < len(done) < len(work.runs):
        warn(budget_refusal(len(done), len(work.runs)))
    return decide_reviews(corpus, within_budget(work, done), reviews, choice.max_admitted, ledger, progress)


def refuse_unusable(reviews: Reviews, settings: Settings) -> None:
    """Stop a round whose answers say that the endpoint is wrong: it would use up the logs for nothing.

    Raises:
        EndpointError: over `runtime.unusable_share` of the answers so far could not be used.
    """
    broken = [item for item in reviews if isinstance(item, QuarantinedRow)]
    if len(broken) <= settings.runtime.unusable_share * len(reviews):
        return
    why, count = Counter(item.reason for item in broken).most_common(1)[0]
    head = next(item.head for item in broken if item.reason == why)
    where = address_without_login(settings.runtime.endpoint) or settings.recipe.generation.generator
    model = settings.recipe.generation.model or "the model"
    raise EndpointError(
        f"{where}: {len(broken)} of {len(reviews)} answers of {model} cannot be used, over "
        f"runtime.unusable_share = {settings.runtime.unusable_share:g}; {count} times: {why}"
        + (f"; such as {head[:120]!r}" if head else "")
        + ". Nothing was decided and no run is used up: check URL and model, then run the same command again"
    )
