"""What language models were paid and may still cost: the events `spend`, the purse of a run, the judges it pays.

Where a budget limits it, a portion is reserved at the most that it can cost before it is asked for, and settled
afterwards: a killed run has spent its reservation, so a budget is never overdrawn. Where nothing limits it, answers are
noted as they come, and the next run settles what a killed one had paid for. Answers from the cache are free.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from synthdata.corpus import CorpusStore
from synthdata.errors import LockedError, RefusedError
from synthdata.generation import CachedGenerator
from synthdata.generation.dry_run import estimate
from synthdata.protocols import Request, Response
from synthdata.records import canonical_json, content_hash
from synthdata.rounds.unsettled import Unsettled
from synthdata.settings import Settings

LOCK_SECONDS = 30.0
# Answers of a judge that are reserved together, where a budget limits them.
GROUP = 64


class BudgetExceededError(RefusedError):
    """The judges of a round cost more than the budget has left; nothing was decided."""


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
        values = json.loads(payload)
        if (not day or values["day"] == day) and (not run or values["run"] == run):
            portions[values["run"], values["portion"]] = Spend(values["tokens"], values["cost"])
    return sum(portions.values(), Spend())


def settle_left_over(store: CorpusStore, writing: Callable[[], AbstractContextManager[object]]) -> None:
    """Write down, inside of `writing()`, what a killed run had paid for.

    A run settles before it makes its ledger, so that the portions of a run that goes on under its name are others.
    """
    unsettled = Unsettled(store.cache_dir)
    left = unsettled.read()
    if left is not None and (left["tokens"] or left["cost"]):
        with writing():
            _append(store, left)
    unsettled.end()


def _append(store: CorpusStore, payload: dict[str, object]) -> None:
    key = f"{payload['run']} {payload['portion']} {payload['state']}"
    store.append_event("spend", key, payload, store.latest_round())


class BudgetLedger:
    """The budget of one run, named `run`; several rounds of it share the purse. `day` is the UTC date of now."""

    def __init__(self, store: CorpusStore, settings: Settings, run: str = "", day: str = "") -> None:
        self._store = store
        self._settings = settings
        self._run = run or uuid4().hex
        self._day = day or datetime.now(UTC).date().isoformat()
        self._portion = self._next_portion()
        self._unsettled = Unsettled(store.cache_dir)

    def left(self) -> Spend | None:
        """What may still be spent, the least of run and day; None where nothing limits it."""
        budget, store = self._settings.runtime.budget, self._store
        if not any((budget.tokens_per_day, budget.tokens_per_run, budget.cost_per_day, budget.cost_per_run)):
            return None
        today, mine = spent(store, day=self._day), spent(store, run=self._run)
        tokens = _remaining((budget.tokens_per_day, today.tokens), (budget.tokens_per_run, mine.tokens))
        cost = _remaining((budget.cost_per_day, today.cost), (budget.cost_per_run, mine.cost))
        return Spend(tokens, cost)

    @contextmanager
    def paying(
        self, spend: Spend | None, generator: CachedGenerator, writing: Callable[[], AbstractContextManager[object]]
    ) -> Iterator[None]:
        """Pay for what the generator answers in the block; `most` is reserved before, None where nothing limits it.

        Events are written inside of `writing()`.
        """
        # Of a run that was killed, where judges are paid without a run of their own: the file begins anew.
        settle_left_over(self._store, writing)
        if spend is None:
            self._unsettled.begin(self._payload("paid", Spend()))
        else:
            with writing():
                self._note("reserved", spend)
        before = generator.paid
        try:
            with generator.noting(self._unsettled.add) if spend is None else nullcontext():
                yield
        finally:
            paid = Spend(generator.paid[0] - before[0], generator.paid[1] - before[1])
            if spend is not None or paid != Spend():
                with writing():
                    self._note("paid", paid)
            self._unsettled.end()
            self._portion += 1

    def pay(self, model: CachedGenerator) -> MeteredModel:
        """A judge's model that this purse pays."""
        return MeteredModel(model, self._settings, self)

    def _next_portion(self) -> int:
        events = self._store.events("spend")["payload"]
        mine = [json.loads(payload) for payload in events]
        return 1 + max((event["portion"] for event in mine if event["run"] == self._run), default=0)

    def _note(self, state: str, amount: Spend) -> None:
        _append(self._store, self._payload(state, amount))

    def _payload(self, state: str, amount: Spend) -> dict[str, object]:
        payload: dict[str, object] = {"day": self._day, "run": self._run, "portion": self._portion, "state": state}
        return payload | {"tokens": amount.tokens, "cost": amount.cost}


def _remaining(*limits: tuple[float, float]) -> float:
    """The least that is left of limits (limit, used); a limit of 0 is none."""
    return min((limit - used for limit, used in limits if limit), default=math.inf)


@contextmanager
def wait_for_lock(store: CorpusStore) -> Iterator[None]:
    """Write to a corpus, waiting while somebody commits a round: money that was paid must be written down.

    Raises:
        LockedError: it is still held after half a minute.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(store.writing())
                break
            except LockedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield


class MeteredModel:
    """A judge's model that a purse pays: what it cannot pay is not asked. Used where the corpus is held for writing."""

    def __init__(self, inner: CachedGenerator, settings: Settings, purse: BudgetLedger) -> None:
        self.model = inner.model
        self._inner, self._settings, self._purse = inner, settings, purse

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One response a request, in order; what was answered before the money ended stays in the cache.

        Raises:
            UnpaidError: the next answer could cost more than is left.
        """
        answers: list[Response] = []
        while len(answers) < len(requests):
            rest = requests[len(answers) :]
            count, spend = self._fitting(rest)
            if not count:
                raise BudgetExceededError(
                    f"the budget pays for no more answers of the judge {self.model}, and {len(rest)} are wanted now: "
                    "nothing is decided. What was answered is kept, and the next `run` goes on with the same runs "
                    "(runtime.budget; a day's budget begins anew at 00:00 UTC)"
                )
            with self._purse.paying(spend, self._inner, nullcontext):
                answers += self._inner.generate(rest[:count])
        return answers

    def reject(self, request: Request) -> None:
        """As the model behind it."""
        self._inner.reject(request)

    def _fitting(self, rest: Sequence[Request]) -> tuple[int, Spend | None]:
        """How many requests from the first on can be paid whatever is answered, and what they cost at most."""
        left, spend = self._purse.left(), Spend()
        if left is None:
            return len(rest), None
        for count, request in enumerate(rest[:GROUP]):
            one = estimate([request], self._settings, self._inner)
            more = spend + Spend(one.prompt_tokens + one.completion_tokens_max, one.cost_max)
            if more.tokens > left.tokens or more.cost > left.cost:
                return count, spend
            spend = more
        return min(len(rest), GROUP), spend


def hold_back(store: CorpusStore, runs: Sequence[str]) -> None:
    """Note the runs of a round that could not be judged: the next round takes these and no others.

    Canaries depend on what is judged beside them, so with other runs all of them would have to be paid for again.
    """
    latest, ids = store.latest_round(), sorted(runs)
    payload: dict[str, object] = {"day": "", "run": "unjudged", "portion": 0, "state": "unjudged"}
    payload |= {"tokens": 0, "cost": 0.0, "runs": ids}
    with wait_for_lock(store):
        store.append_event("spend", f"unjudged {latest} {content_hash(canonical_json(ids))}", payload, latest)


def held_back(store: CorpusStore) -> frozenset[str]:
    """The runs that wait for their judges since the last round; none once a round was committed."""
    events = store.events("spend")
    latest = store.latest_round()
    payloads = [json.loads(payload) for payload in events.filter(events["round"] == latest)["payload"]]
    return frozenset(next((item["runs"] for item in reversed(payloads) if item["state"] == "unjudged"), ()))
