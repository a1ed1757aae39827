"""Drops clients that take too long to say what they want: half-open requests would hold a connection each for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10.0


class PatientProtocol(H11Protocol):
    """Uvicorn's own protocol, with a limit on how long a request may take to arrive, headers and body together.

    Between two requests uvicorn's limit on idle connections holds.
    """

    seconds = REQUEST_SECONDS
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's type is narrower than it says
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on waiting while the request is not whole."""
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            # Each byte that drips in would begin the wait anew, so one that was begun goes on.
            self._wait()
        else:
            self._end_wait()

    def on_response_complete(self) -> None:
        """The next wait begins with the next request."""
        self._end_wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to wait for."""
        self._end_wait()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.seconds, self.transport.abort)

    def _end_wait(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
