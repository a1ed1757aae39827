"""JSON from a server that is asked and not trusted: a POST with retries, a bounded body, errors that say what to do.

The generator has a loop of its own (`generation/openai_http.py`): it asks for many answers at once and adapts their
number to what the server takes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from synthdata.errors import EndpointError
from synthdata.settings import RuntimeSettings
from synthdata.text.redaction import address_without_login, redacted

if TYPE_CHECKING:
    import httpx2

MAX_BODY = 64 << 20
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class JsonClient:
    """Asks one address; the key is read from the environment variable that the runtime names, and never shown."""

    def __init__(self, url: str, runtime: RuntimeSettings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = url
        # A URL may hold a password, which no message may repeat.
        self.name = address_without_login(url)
        self._runtime = runtime
        self._sleep = sleep

    def post(self, body: Mapping[str, Any], advice: str) -> Any:  # noqa: ANN401 - JSON of an untrusted server
        """The answer as JSON. `advice` says what to look at where there is none.

        A redirect is not followed: it would carry the key elsewhere.

        Raises:
            EndpointError: no connection or a refusal that outlasts the retries, a body over 64 MB, or no JSON.
        """
        import httpx2

        key = os.environ.get(self._runtime.api_key_env, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        wait, trouble = FIRST_WAIT, ""
        for attempt in range(self._runtime.retries + 1):
            if attempt:
                self._sleep(min(wait, LONGEST_WAIT))
                wait *= 2
            try:
                with httpx2.stream(
                    "POST", self._url, json=body, headers=headers, timeout=self._runtime.timeout_seconds
                ) as answer:
                    data = self._bounded(answer, time.monotonic() + self._runtime.timeout_seconds)
            except httpx2.TransportError as error:
                trouble = f"{type(error).__name__}: {error}"
                continue
            if answer.status_code == 200:
                return self._json(data, key)
            trouble = f"status {answer.status_code}: {_shown(data, key)}"
            if answer.status_code not in TRY_AGAIN:
                break
            wait = max(wait, retry_after(answer.headers.get("retry-after", "")) or 0.0)
        raise EndpointError(f"{self.name}: {trouble}; {advice}")

    def _bounded(self, answer: httpx2.Response, deadline: float) -> bytes:
        body = bytearray()
        for part in answer.iter_bytes():
            body += part
            if len(body) > MAX_BODY:
                raise EndpointError(f"{self.name}: the answer is over {MAX_BODY >> 20} MB")
            # The client's own limit is for each piece: an answer that drips in would never end.
            if time.monotonic() > deadline:
                raise EndpointError(f"{self.name}: no whole answer in {self._runtime.timeout_seconds:g} s")
        return bytes(body)

    def _json(self, data: bytes, key: str) -> Any:  # noqa: ANN401
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise EndpointError(f"{self.name}: the answer is not JSON: {_shown(data, key)!r}") from error


def retry_after(text: str) -> float | None:
    """Seconds that a server asks to wait (RFC 9110, section 10.2.3): a number or a date; None where it says nothing."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text.strip()).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _shown(data: bytes, key: str) -> str:
    """The beginning of an answer for a message. Some servers repeat the key that they refuse."""
    text = redacted(data[:600].decode("utf-8", "replace"))[:300]
    return text.replace(key, "[key]") if key else text
