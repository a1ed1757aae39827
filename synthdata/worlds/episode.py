"""Plays one task: the player chooses, the guard lets through or refuses, the world answers, the recovery loop mends.

The loop works without any knowledge of the goal. A passing failure is tried again after a fresh look; what failed or
was refused is avoided until the world answers something new; who goes in a circle is put back to the last state that
showed something new and kept from entering the circle again; who sees no way on has the last action that worked undone;
when all of that is used up the episode ends with a reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from synthdata.worlds.environment import Action, Answer, Environment, Seen, WorldError
from synthdata.worlds.guard import Guard, Refusal, Spent
from synthdata.worlds.players import Choice, Player, View

Ended = Literal["over", "gave_up", "steps", "seconds", "tokens", "spend", "broken"]


@dataclass(frozen=True, slots=True)
class Recovery:
    """Bounds of the loop.

    `retries` of a passing failure; `repeats`: how often an action may bring a known answer since anything new came;
    `restores`: ways back; after `failures` in a row, refusals among them, the episode is given up.
    """

    retries: int = 2
    repeats: int = 2
    restores: int = 2
    failures: int = 6


@dataclass(frozen=True, slots=True)
class Event:
    """Something the loop did before a step or at the end."""

    kind: Literal["retry", "avoid", "restore", "give_up"]
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """One action with what came back. `carried_out` is false where the guard refused it.

    `before` and `after` are the lengths of the shortest plan, None where there was none. `kept` is the number of
    actions that a way back after this one left standing, None where there was none; `why_back` is its reason in words.
    """

    action: Action
    answer: Answer
    refusal: Refusal | None
    before: int | None
    after: int | None
    score: float
    thought: str = ""
    events: tuple[Event, ...] = ()
    kept: int | None = None
    why_back: str = ""

    @property
    def carried_out(self) -> bool:
        """Whether the world heard of it."""
        return self.refusal is None


@dataclass(frozen=True)
class Episode:
    """All that happened; `events` are those after the last action.

    `plan` is the length of the shortest plan at the start, `score` the world's at the end.
    """

    done: tuple[Done, ...]
    opening: Seen
    ended: Ended
    reason: str
    score: float
    plan: int | None
    spent: Spent
    events: tuple[Event, ...]


@dataclass
class _Loop:
    """What the recovery loop knows: all that was ever answered, and what was done since the last new answer.

    `good` is the number of actions that led to that answer.
    """

    avoid: set[Action] = field(default_factory=set)
    known: set[tuple[Action, str]] = field(default_factory=set)
    stale: list[tuple[Action, str]] = field(default_factory=list)
    good: int = 0
    retries: int = 0
    restores: int = 0
    failures: int = 0


def play(
    world: Environment,
    player: Player,
    guard: Guard,
    recovery: Recovery | None,
    clock: Callable[[], float] = time.monotonic,
) -> Episode:
    """Play the task that the world was reset to; without `recovery` failures are shown and nothing is mended."""
    start = clock()
    try:
        plan, run = world.plan(), _Run(world, player, guard, recovery)
    except WorldError as error:
        return broken(str(error))
    opening = run.opening
    while run.ended is None:
        limit = guard.exhausted(run.spent(clock() - start))
        run.ended = limit or run.advance()
    return Episode(
        done=tuple(run.done),
        opening=opening,
        ended=run.ended,
        reason=run.reason or f"ended by {run.ended}",
        score=run.done[-1].score if run.done else world.score(),
        plan=None if plan is None else len(plan),
        spent=run.spent(clock() - start),
        events=tuple(run.events),
    )


def broken(reason: str) -> Episode:
    """An episode that ended before it began."""
    return Episode((), Seen(""), "broken", reason, 0.0, None, Spent(), ())


class _Run:
    """An episode in the making."""

    def __init__(self, world: Environment, player: Player, guard: Guard, recovery: Recovery | None) -> None:
        self.world, self.player, self.guard, self.recovery = world, player, guard, recovery
        self.opening = world.observe()
        self.ended: Ended | None = None
        self.done: list[Done] = []
        self.taken: list[Action] = []
        self.worked: list[bool] = []
        self.seen = self.opening
        self.loop = _Loop()
        self.reason = ""
        self.tokens, self.spend = 0, 0.0
        self._again: Action | None = None
        self.events: list[Event] = []

    def spent(self, seconds: float) -> Spent:
        """What was used so far."""
        return Spent(len(self.done), seconds, self.tokens, self.spend)

    def advance(self) -> Ended | None:
        """One action; how the episode ends with it, None if it goes on."""
        try:
            return self._advance()
        except WorldError as error:
            self.reason = str(error)
            return "broken"

    def _advance(self) -> Ended | None:
        plan = self.world.plan()
        choice = self._choose(plan)
        if choice.action is None:
            return self._stuck(choice.reason)
        refusal = self.guard.refusal(choice.action)
        if refusal is None:
            answer = self.world.step(choice.action)
            self.taken.append(choice.action)
            self.worked.append(not answer.failed)
        else:
            answer = Answer(Seen(refusal.text), "error")
        after = self.world.plan()
        done = Done(
            choice.action, answer, refusal, None if plan is None else len(plan), None if after is None else len(after),
            self.world.score(), choice.thought, tuple(self.events),
        )  # fmt: skip
        self.events = []
        self.done.append(done)
        self.seen = answer.seen
        return "over" if answer.over else self._recover(done)

    def _choose(self, plan: tuple[Action, ...] | None) -> Choice:
        if self._again is not None:
            action, self._again = self._again, None
            return Choice(action)
        avoid = frozenset(self.loop.avoid) if self.recovery else frozenset()
        offered = tuple(action for action in self.world.actions() if action not in avoid)
        transcript = tuple((done.action, done.answer.seen.text) for done in self.done)
        seen = self.seen
        view = View(
            self.world.task, self.world.rules, transcript, seen.text, offered, avoid, plan or (), seen.picture
        )  # fmt: skip
        choice = self.player.choose(view)
        self.tokens += choice.tokens
        self.spend += choice.spend
        return choice

    def _recover(self, done: Done) -> Ended | None:
        if self.recovery is None:
            return None
        loop = self.loop
        if done.answer.failed:
            loop.failures += 1
            if loop.failures >= self.recovery.failures:
                return self._give_up(f"{loop.failures} failures in a row")
            if done.answer.failed == "transient" and loop.retries < self.recovery.retries:
                loop.retries += 1
                self.seen = self.world.observe()
                self._again = done.action
                self.events.append(Event("retry", f"{done.action.name} failed for the moment"))
                return None
            loop.avoid.add(done.action)
            self.events.append(Event("avoid", f"{done.action.name} failed and nothing has changed since"))
            return None
        pair = (done.action, done.answer.seen.text)
        loop.failures = loop.retries = 0
        if pair not in loop.known:
            loop.known.add(pair)
            loop.good = len(self.taken)
            loop.stale.clear()
            loop.avoid.clear()
            return None
        loop.stale.append(pair)
        return None if loop.stale.count(pair) < self.recovery.repeats else self._turn_back(done)

    def _turn_back(self, done: Done) -> Ended | None:
        """Out of a circle: back to the last state that showed something new."""
        loop = self.loop
        if not self._may_restore():
            return self._give_up(f"still going in a circle after {loop.restores} ways back")
        loop.avoid |= {action for action, _ in loop.stale}
        self._restore(loop.good, "The last actions brought nothing new.")
        return None

    def _stuck(self, reason: str) -> Ended | None:
        """The player sees no way on: undo the last action that worked, unless a failure stands in the way."""
        last = next((i for i in reversed(range(len(self.taken))) if self.worked[i]), None)
        if last is None or self.loop.failures or not self._may_restore():
            return self._give_up(reason)
        undone = self.taken[last]
        self._restore(last, f"No way on from here: {reason}. {undone.name} is undone.")
        self.loop.avoid.add(undone)
        return None

    def _may_restore(self) -> bool:
        return self.recovery is not None and self.loop.restores < self.recovery.restores

    def _restore(self, kept: int, reason: str) -> None:
        self.loop.restores += 1
        self.taken, self.worked = self.taken[:kept], self.worked[:kept]
        self.loop.good = min(self.loop.good, kept)
        self.loop.stale.clear()
        self.seen = self.world.restore(self.taken)
        self.done[-1] = replace(self.done[-1], kept=kept, why_back=reason)
        self.events.append(Event("restore", reason))

    def _give_up(self, reason: str) -> Ended:
        self.reason = reason
        self.events.append(Event("give_up", reason))
        return "gave_up"
