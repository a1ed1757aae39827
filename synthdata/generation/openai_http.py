"""Any OpenAI-compatible endpoint: vLLM, SGLang, Ollama, llama.cpp's server, or a service.

Asynchronous inside, plain outside. The key is read from the environment when it is needed and is never part of a
message, a log or a repr. What the endpoint says is checked against the schema; one repair turn, then an error.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

import httpx2

from synthdata.errors import EndpointError, SettingsError
from synthdata.generation.answers import fault_in, fault_of, repair_messages
from synthdata.generation.limits import AdaptiveLimit, Clock, Rate, Sleep
from synthdata.io.http import client_for, key_header, retry_after, run_to_end, token_counts, usable_address
from synthdata.protocols import Answered, Request, Response, unkept
from synthdata.settings import RuntimeSettings
from synthdata.text.redaction import address_without_login, redacted

MAX_BODY = 8 << 20
MAX_WAIT = 60.0
MILLION = 1_000_000
# Retrying cannot help where the endpoint says that the caller, not the moment, is wrong.
FATAL = frozenset({401, 403, 404})


class _Refused(Exception):
    """An answer that may be different later: `wait` seconds if the endpoint said so, `slow_down` on 429."""

    def __init__(self, why: str, wait: float | None = None, slow_down: bool = False) -> None:
        super().__init__(why)
        self.wait = wait
        self.slow_down = slow_down


class _TooLarge(Exception):
    """An answer of more bytes than any completion has."""


class OpenAIGenerator:
    """A Generator on `runtime.endpoint`, a base URL such as http://127.0.0.1:8000/v1.

    Totals since it was made: `calls`, `prompt_tokens`, `completion_tokens`, `cost` (by the prices of the settings).
    """

    def __init__(
        self,
        model: str,
        runtime: RuntimeSettings,
        *,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = time.monotonic,
    ) -> None:
        if not runtime.endpoint:
            raise SettingsError(
                "recipe.generation.generator is openai_http, but runtime.endpoint is empty: set its URL"
            )
        self.model = model
        self.calls = self.prompt_tokens = self.completion_tokens = 0
        self.cost = 0.0
        self._runtime = runtime
        self._url = usable_address(runtime.endpoint).rstrip("/") + "/chat/completions"
        # A URL may hold a password, which no message may repeat.
        self._name = address_without_login(self._url)
        self._sleep, self._clock = sleep, clock
        self.answered: Answered = unkept
        self._reached = False
        self._limit = runtime.concurrency
        self._turn = Lock()

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One response a request, in order.

        Raises:
            EndpointError: nothing answers at the URL, or it refuses the key or the path.
        """
        # One batch at a time, whichever thread asks: the limits are those of the endpoint, not of a caller.
        with self._turn:
            return run_to_end(self._all(requests))

    async def _all(self, requests: Sequence[Request]) -> list[Response]:
        limit = AdaptiveLimit(self._runtime.concurrency, self._limit)
        rate = Rate(self._runtime.requests_per_minute, self._clock, self._sleep)
        headers = key_header(self._runtime.api_key_env)
        size = httpx2.Limits(max_connections=self._runtime.concurrency)
        seconds = self._runtime.timeout_seconds
        async with client_for(self._name, headers=headers, timeout=seconds, limits=size) as client:
            jobs = [asyncio.create_task(self._answer(client, request, limit, rate)) for request in requests]
            try:
                return list(await asyncio.gather(*jobs))
            finally:
                self._limit = limit.limit
                for job in jobs:
                    job.cancel()

    async def _answer(self, client: httpx2.AsyncClient, request: Request, limit: AdaptiveLimit, rate: Rate) -> Response:
        response = await self._repaired(client, request, limit, rate)
        if request.choices and not response.error:
            # No endpoint promises to keep to given answers: only whether it did can be seen.
            response = replace(response, error=fault_in(response.text, request))
        self.answered(request, response)
        return response

    async def _repaired(
        self, client: httpx2.AsyncClient, request: Request, limit: AdaptiveLimit, rate: Rate
    ) -> Response:
        """The answer, repaired once where it does not fit the schema."""
        first = await self._ask(client, request, limit, rate)
        fault = fault_of(first.text, request.schema) if request.schema and not first.error else ""
        if not fault:
            return first
        again = replace(request, messages=repair_messages(request.messages, first.text, fault))
        second = await self._ask(client, again, limit, rate)
        fault = second.error or fault_of(second.text, request.schema)
        return replace(
            second,
            prompt_tokens=first.prompt_tokens + second.prompt_tokens,
            completion_tokens=first.completion_tokens + second.completion_tokens,
            cost=first.cost + second.cost,
            error=f"does not fit the schema after a repair turn: {fault}" if fault else "",
        )

    async def _ask(self, client: httpx2.AsyncClient, request: Request, limit: AdaptiveLimit, rate: Rate) -> Response:
        jitter = random.Random(request.prompt_sha256 + str(request.sample_index))
        for attempt in range(self._runtime.retries + 1):
            refused: _Refused | None = None
            async with limit.slot() as epoch:
                await rate.wait()
                try:
                    response = await self._post(client, request)
                    limit.succeeded()
                    return response
                except _Refused as error:
                    refused = error
                    if error.slow_down:
                        limit.refused(epoch)
            if attempt == self._runtime.retries or (not self._reached and attempt >= 2):
                break
            # Full jitter, so that many waiting requests do not come back together; a stated wait is kept to.
            backoff = jitter.uniform(0, min(MAX_WAIT, 0.5 * 2**attempt))
            await self._sleep(backoff if refused.wait is None else min(MAX_WAIT, refused.wait) + backoff / 10)
        if not self._reached:
            raise EndpointError(f"{self._name}: cannot be reached ({refused}); check the URL and that the server runs")
        return Response("", self.model, "error", error=f"gave up after {attempt + 1} tries: {refused}")

    async def _post(self, client: httpx2.AsyncClient, request: Request) -> Response:
        seconds = self._runtime.timeout_seconds
        try:
            # The client's own limit is for each piece: an answer that drips in would never end.
            async with asyncio.timeout(seconds), client.stream("POST", self._url, json=self._body(request)) as answer:
                body = await _bounded(answer)
        except TimeoutError as error:
            raise _Refused(f"no whole answer in {seconds:g} s") from error
        except httpx2.TransportError as error:
            raise _Refused(type(error).__name__) from error
        except httpx2.DecodingError as error:
            return Response("", self.model, "error", error=f"the answer is compressed and damaged: {error}")
        except _TooLarge:
            return Response("", self.model, "error", error=f"the answer is over {MAX_BODY >> 20} MB")
        self._reached = True
        if answer.status_code in FATAL:
            hint = f"check the key in {self._runtime.api_key_env} and the base URL"
            raise EndpointError(f"{self._name}: status {answer.status_code}; {hint}")
        if answer.status_code == 429 or answer.status_code >= 500:
            slow_down = answer.status_code == 429
            raise _Refused(
                f"status {answer.status_code}", retry_after(answer.headers.get("Retry-After", "")), slow_down
            )
        if answer.status_code != 200:
            reply = redacted(body[:600].decode("utf-8", "replace"))[:300]
            key = os.environ.get(self._runtime.api_key_env)
            # Some servers repeat the key that they refuse.
            reply = reply.replace(key, "[key]") if key else reply
            return Response("", self.model, "error", error=f"status {answer.status_code}: {reply}")
        return self._parsed(body)

    def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_tokens": request.max_tokens,
            "seed": int(request.prompt_sha256[:7], 16) + request.sample_index,
        }
        if request.stop:
            body["stop"] = list(request.stop)
        if request.logprobs:
            body["logprobs"] = True
        if request.schema:
            schema = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _parsed(self, body: bytes) -> Response:
        try:
            answer = json.loads(body)
            choice = answer["choices"][0]
            text = choice["message"]["content"] or ""
            prompt, completion = token_counts(answer.get("usage"))
            listed = (choice.get("logprobs") or {}).get("content") or []
            losses = [-float(token["logprob"]) for token in listed]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            excerpt = redacted(body[:120].decode("utf-8", "replace"))
            return Response(
                "", self.model, "error", error=f"not a chat completion ({type(error).__name__} {error}): {excerpt}"
            )
        runtime = self._runtime
        cost = (prompt * runtime.price_prompt_per_million + completion * runtime.price_completion_per_million) / MILLION
        self.calls += 1
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        self.cost += cost
        nll = sum(losses) / len(losses) if losses else None
        return Response(str(text), self.model, str(choice.get("finish_reason")), prompt, completion, nll, cost)


async def _bounded(answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_BODY:
            raise _TooLarge
    return bytes(body)
