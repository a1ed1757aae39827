"""What language models may cost: a run reflects on as many runs of the logs as its budget pays for, and no more.

What was paid is an event `spend`. A portion is reserved at the most that it can cost before it is asked for, and
settled afterwards: a killed run has spent its reservation, so a budget is never overdrawn. Answers from the cache are
free. Judges are not counted.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from synthdata.api import Corpus
from synthdata.corpus import CorpusStore
from synthdata.errors import LockedError, RefusedError
from synthdata.generation import CachedGenerator
from synthdata.generation.dry_run import estimate
from synthdata.records import Trajectory
from synthdata.reflection import requests_for
from synthdata.runs import Work
from synthdata.settings import BudgetSettings, Recipe

LOCK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Spend:
    """Prompt and completion tokens together, and cost by the prices of the settings."""

    tokens: float = 0
    cost: float = 0.0

    def __add__(self, other: Spend) -> Spend:
        return Spend(self.tokens + other.tokens, self.cost + other.cost)


def spent(store: CorpusStore, *, day: str = "", run: str = "") -> Spend:
    """What the events say was spent on a UTC day (2026-11-25) or by a run; a reservation counts until it is settled."""
    portions: dict[tuple[str, int], Spend] = {}
    for payload in store.events("spend").sort("seq")["payload"]:
        said = json.loads(payload)
        if (not day or said["day"] == day) and (not run or said["run"] == run):
            portions[said["run"], said["portion"]] = Spend(said["tokens"], said["cost"])
    return sum(portions.values(), Spend())


def tries_at_most(recipe: Recipe) -> int:
    """How often one request may be asked: a refused lesson again, an answer that is no JSON once more."""
    return recipe.reflection.tries if recipe.reflection.reflector == "framed" else 2


class Purse:
    """The budget of one run, named `run`; several rounds of it share the purse. `day` is the UTC date of now."""

    def __init__(self, corpus: Corpus, run: str = "", day: str = "") -> None:
        self._corpus = corpus
        self._budget: BudgetSettings = corpus.settings.runtime.budget
        self._run = run or uuid4().hex
        self._day = day or datetime.now(UTC).date().isoformat()
        self._portion = self._next_portion()

    def left(self) -> Spend | None:
        """What may still be spent, the least of run and day; None where nothing limits it."""
        budget, store = self._budget, self._corpus.store
        today, mine = spent(store, day=self._day), spent(store, run=self._run)
        tokens = _remaining((budget.tokens_per_day, today.tokens), (budget.tokens_per_run, mine.tokens))
        cost = _remaining((budget.cost_per_day, today.cost), (budget.cost_per_run, mine.cost))
        return None if tokens == cost == math.inf else Spend(tokens, cost)

    def portions(self, work: Work, generator: CachedGenerator) -> Iterator[tuple[Trajectory, ...]]:
        """The runs of a round in portions that can be paid; it ends where the next one cannot, or with the work.

        Ask for the next portion when the one before is done: what it cost is settled then.
        """
        rest = work.runs
        while rest:
            left = self.left()
            count, most = (len(rest), Spend()) if left is None else self._fitting(rest, work, generator, left)
            if count == 0:
                return
            if left is not None:
                self._note("reserved", most)
            before = generator.paid
            try:
                yield rest[:count]
            finally:
                self._note("paid", Spend(generator.paid[0] - before[0], generator.paid[1] - before[1]))
                self._portion += 1
            rest = rest[count:]

    def _fitting(
        self, rest: tuple[Trajectory, ...], work: Work, generator: CachedGenerator, left: Spend
    ) -> tuple[int, Spend]:
        """How many runs from the first on can be paid whatever is answered, and what they cost at most."""
        settings, secret, most = self._corpus.settings, self._corpus.store.secret, Spend()
        recipe = settings.recipe
        for count, run in enumerate(rest[: settings.runtime.chunk_size]):
            requests = requests_for([run], recipe, secret, work.sample_start, work.guidance)
            one, tries = estimate(requests, settings, generator), tries_at_most(recipe)
            more = most + Spend(tries * (one.prompt_tokens + one.completion_tokens_max), tries * one.cost_max)
            if more.tokens > left.tokens or more.cost > left.cost:
                return count, most
            most = more
        return min(len(rest), settings.runtime.chunk_size), most

    def _next_portion(self) -> int:
        events = self._corpus.store.events("spend")["payload"]
        mine = [json.loads(payload) for payload in events]
        return 1 + max((said["portion"] for said in mine if said["run"] == self._run), default=0)

    def _note(self, state: str, amount: Spend) -> None:
        payload: dict[str, object] = {"day": self._day, "run": self._run, "portion": self._portion, "state": state}
        payload |= {"tokens": amount.tokens, "cost": amount.cost}
        store = self._corpus.store
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                with store.writing():
                    store.append_event("spend", f"{self._run} {self._portion} {state}", payload, store.latest_round())
                return
            except LockedError:
                # Somebody commits a round this moment; money that was paid must still be written down.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def _remaining(*limits: tuple[float, float]) -> float:
    """The least that is left of limits (limit, used); a limit of 0 is none."""
    return min((limit - used for limit, used in limits if limit), default=math.inf)


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
