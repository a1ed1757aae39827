"""A run reflects on as many runs of the logs as its budget pays for, and no more; what is left pays the judges."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial

from synthdata.api import Corpus
from synthdata.errors import RefusedError
from synthdata.generation import CachedGenerator
from synthdata.generation.dry_run import estimate
from synthdata.operations.reflect import Work
from synthdata.records import Trajectory
from synthdata.reflection import requests_for
from synthdata.rounds.budget import BudgetLedger, Spend, wait_for_lock
from synthdata.settings import Recipe


def tries_at_most(recipe: Recipe) -> int:
    """How often one request may be asked: a refused lesson again, an answer that is no JSON once more."""
    return recipe.reflection.tries if recipe.reflection.reflector == "framed" else 2


def affordable_batches(
    corpus: Corpus, purse: BudgetLedger, work: Work, generator: CachedGenerator
) -> Generator[tuple[Trajectory, ...], None, None]:
    """The runs of a round in portions that can be paid; it ends where the next one cannot, or with the work.

    Ask for the next portion when the one before is done: what it cost is settled then.
    """
    rest = work.runs
    while rest:
        left = purse.left()
        count, spend = (len(rest), None) if left is None else _fitting(corpus, rest, work, generator, left)
        if count == 0:
            return
        with purse.paying(spend, generator, partial(wait_for_lock, corpus.store)):
            yield rest[:count]
        rest = rest[count:]


def _fitting(
    corpus: Corpus, rest: tuple[Trajectory, ...], work: Work, generator: CachedGenerator, left: Spend
) -> tuple[int, Spend]:
    """How many runs from the first on can be paid whatever is answered, and what they cost at most."""
    settings, secret, spend = corpus.settings, corpus.store.secret, Spend()
    recipe = settings.recipe
    for count, run in enumerate(rest[: settings.runtime.chunk_size]):
        requests = requests_for([run], recipe, secret, work.sample_start, work.guidance)
        one, tries = estimate(requests, settings, generator), tries_at_most(recipe)
        more = spend + Spend(tries * (one.prompt_tokens + one.completion_tokens_max), tries * one.cost_max)
        if more.tokens > left.tokens or more.cost > left.cost:
            return count, spend
        spend = more
    return min(len(rest), settings.runtime.chunk_size), spend


def within_budget(work: Work, done: Sequence[Trajectory]) -> Work:
    """The work cut down to the runs that were paid for.

    Raises:
        RefusedError: there was work, and the budget paid for none of it.
    """
    if work.runs and not done:
        raise RefusedError(budget_refusal(0, len(work.runs)))
    return replace(work, runs=tuple(done))


def budget_refusal(done: int, wanted: int) -> str:
    """What to say where a budget paid for `done` of `wanted` runs."""
    return (
        f"the budget pays for {done} of {wanted} runs now; the others wait, and the next `run` takes them up "
        "(runtime.budget; a day's budget begins anew at 00:00 UTC)"
    )
