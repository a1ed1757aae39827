"""JSON from a server that is asked and not trusted: a POST with retries, a bounded body, errors that say what to do.

The generator has a loop of its own (`generation/openai_http.py`): it asks for many answers at once and adapts their
number to what the server takes.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from synthdata.errors import EndpointError
from synthdata.settings import RuntimeSettings
from synthdata.text.redaction import address_without_login, redacted, without_secrets

if TYPE_CHECKING:
    import httpx2

MAX_BODY = 64 << 20
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
# More tokens than any answer costs: such a count is no count.
MOST_TOKENS = 1_000_000_000
T = TypeVar("T")


class JsonClient:
    """Asks one address; the key is read from the environment variable that the runtime names, and never shown."""

    def __init__(self, url: str, runtime: RuntimeSettings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = usable_address(url)
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
        headers = key_header(self._runtime.api_key_env)
        wait, trouble = FIRST_WAIT, ""
        for attempt in range(self._runtime.retries + 1):
            if attempt:
                self._sleep(min(wait, LONGEST_WAIT))
                wait *= 2
            try:
                answer, data = run_to_end(self._exchange(body, headers))
            except httpx2.RequestError as error:
                trouble = f"{type(error).__name__}: {error}"
                continue
            if answer.status_code == 200:
                return self._json(data, key)
            trouble = f"status {answer.status_code}: {_shown(data, key)}"
            if answer.status_code not in TRY_AGAIN:
                break
            wait = max(wait, retry_after(answer.headers.get("retry-after", "")) or 0.0)
        raise EndpointError(f"{self.name}: {trouble}; {advice}")

    async def _exchange(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[httpx2.Response, bytes]:
        seconds = self._runtime.timeout_seconds
        data = bytearray()
        try:
            # The client's own limit, after which it is asked again, is for each piece: an answer, or its head, that
            # drips in would never end.
            async with (
                asyncio.timeout(seconds + 1),
                client_for(self.name, headers=headers, timeout=seconds) as client,
                client.stream("POST", self._url, json=body) as answer,
            ):
                async for part in answer.aiter_bytes():
                    data += part
                    if len(data) > MAX_BODY:
                        raise EndpointError(f"{self.name}: the answer is over {MAX_BODY >> 20} MB")
        except TimeoutError as error:
            raise EndpointError(f"{self.name}: no whole answer in {seconds:g} s") from error
        return answer, bytes(data)

    def _json(self, data: bytes, key: str) -> Any:  # noqa: ANN401
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise EndpointError(f"{self.name}: the answer is not JSON: {_shown(data, key)!r}") from error


def usable_address(address: str) -> str:
    """The same address, to which a request can be sent and a path be added.

    Raises:
        EndpointError: it has no scheme, host or possible port, or a query.
    """
    import httpx2

    try:
        url = httpx2.URL(address)
        # A resolver takes a name apart so, and fails on empty and too long labels with an error of its own.
        url.raw_host.decode("ascii").encode("idna")
        usable = url.scheme in ("http", "https") and url.host and 0 <= (url.port or 0) < 1 << 16
    except (httpx2.InvalidURL, ValueError):
        usable = False
    if not usable or "?" in address or "#" in address:
        hidden = address_without_login(address).split("?")[0]
        raise EndpointError(
            f"{hidden!r}: cannot be asked; set an address with a host and without a query, "
            "such as http://127.0.0.1:8000/v1"
        )
    return address


def key_header(variable: str) -> dict[str, str]:
    """The header with the key that this environment variable holds; none without one.

    Raises:
        EndpointError: no header can hold the key, which is not shown.
    """
    key = os.environ.get(variable, "")
    if not (key.isascii() and key.isprintable()):
        raise EndpointError(f"{variable}: holds line breaks or letters that no key has; set it anew")
    return {"Authorization": f"Bearer {key}"} if key else {}


def client_for(name: str, **options: Any) -> httpx2.AsyncClient:  # noqa: ANN401 - the library's own options
    """A client for a server; proxies and certificates are those that the environment names.

    Raises:
        EndpointError: it names some that cannot be used.
    """
    import httpx2

    try:
        return httpx2.AsyncClient(**options)
    except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
        raise EndpointError(
            f"{name}: cannot be asked with this environment: {without_secrets(str(error))}; check HTTP_PROXY, "
            "HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
        ) from error


def run_to_end(job: Coroutine[Any, Any, T]) -> T:
    """What the job returns; also where the caller's thread runs a loop already, as in each cell of a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(job)
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, job).result()


def token_counts(usage: Mapping[str, Any] | None) -> tuple[int, int]:
    """Tokens of prompt and completion, as a chat completion counts them; 0 where it does not.

    Raises:
        ValueError: no count. One below nothing would give a budget back, and an endless one spoil it.
    """
    counts = []
    for name in ("prompt_tokens", "completion_tokens"):
        count = float((usage or {}).get(name) or 0)
        if not 0 <= count <= MOST_TOKENS:
            raise ValueError(f"usage.{name} is no count")
        counts.append(int(count))
    return counts[0], counts[1]


def retry_after(text: str) -> float | None:
    """Seconds that a server asks to wait (RFC 9110, section 10.2.3): a number or a date; None where it says nothing."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text.strip()).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _shown(data: bytes, key: str) -> str:
    """The beginning of an answer for a message. Some servers repeat the key that they refuse."""
    text = redacted(data[:600].decode("utf-8", "replace"))[:300]
    return text.replace(key, "[key]") if key else text
