"""How fast an endpoint may be asked: concurrency that halves on refusal and recovers, and a rate per minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]


class AdaptiveLimit:
    """At most `limit` requests at a time: halved (never under one) on a refusal, one more after `limit` successes.

    Additive increase, multiplicative decrease, so that rate limits need no tuning. Refusals of requests that started
    before the last halving do not halve again: they report the same moment.
    """

    def __init__(self, maximum: int, start: int | None = None) -> None:
        self.most = maximum
        self.limit = maximum if start is None else start
        self.busy = 0
        self._successes = 0
        self._epoch = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        """Hold a place; yields the epoch to hand to `refused`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.busy < self.limit)
            self.busy += 1
        try:
            yield self._epoch
        finally:
            async with self._changed:
                self.busy -= 1
                self._changed.notify_all()

    def succeeded(self) -> None:
        """Count a success."""
        self._successes += 1
        if self._successes >= self.limit and self.limit < self.most:
            self.limit += 1
            self._successes = 0

    def refused(self, epoch: int) -> None:
        """Halve, once for all requests of the same epoch."""
        if epoch == self._epoch:
            self._epoch += 1
            self.limit = max(1, self.limit // 2)
            self._successes = 0


class Rate:
    """Starts at most `per_minute` requests a minute, evenly spaced; 0 means no limit."""

    def __init__(self, per_minute: float, clock: Clock, sleep: Sleep) -> None:
        self._gap = 60 / per_minute if per_minute > 0 else 0.0
        self._next = 0.0
        self._clock = clock
        self._sleep = sleep

    async def wait(self) -> None:
        """Wait for this request's turn."""
        now = self._clock()
        turn = max(now, self._next)
        self._next = turn + self._gap
        if turn > now:
            await self._sleep(turn - now)
