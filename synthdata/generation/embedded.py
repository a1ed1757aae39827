"""The embedded model: SmolLM2-135M in llama.cpp, in this process, without key or network service.

A smoke-quality model that can put a fact into words and cannot judge; real work points at an endpoint. Eight requests
share the two cores by continuous batching; each has a seed of its own, hashed from the request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

from synthdata.generation.weights import SHA256, locate
from synthdata.protocols import Request, Response
from synthdata.records import canonical_json, content_hash

SLOTS = 8
CONTEXT_TOKENS = 2048
# A token outside the most likely ones counts as the least likely of them: an upper bound on its probability.
LISTED_TOKENS = 300


class EmbeddedGenerator:
    """Generator and Scorer on the packaged weights; the model is loaded at the first request."""

    def __init__(self, threads: int = 2) -> None:
        self.model = f"SmolLM2-135M-Instruct.Q4_1@{SHA256[:12]}"
        self._threads = threads
        self._server: Any = None
        self._loading = Lock()

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One response a request; what llama.cpp refuses comes back as a response with `error`."""
        server = self._loaded()
        with ThreadPoolExecutor(SLOTS) as pool:
            return list(pool.map(lambda request: self._one(server, request), requests))

    def nll(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean nats a token of each continuation after the prompt, by teacher forcing.

        Continuations share their common beginnings, so a dozen commands cost some thirty single-token calls.
        """
        server = self._loaded()
        tokens = [_tokens(server, prompt + text) for text in continuations]
        start = len(_tokens(server, prompt))
        # A continuation may merge with the prompt's last token; scoring starts where all tokenisations agree.
        start = min([start, *(_common(tokens[0], other) for other in tokens)]) if tokens else start
        wanted = sorted({tuple(row[:i]) for row in tokens for i in range(start, len(row))})
        with ThreadPoolExecutor(SLOTS) as pool:
            listed = dict(zip(wanted, pool.map(lambda row: _next_logprobs(server, row), wanted), strict=True))
        means = []
        for row in tokens:
            losses = [_loss(listed[tuple(row[:i])], row[i]) for i in range(start, len(row))]
            means.append(sum(losses) / max(1, len(losses)))
        return means

    def _one(self, server: Any, request: Request) -> Response:  # noqa: ANN401 - untyped native object
        seed = int(content_hash(canonical_json([list(map(str, _identity(request)))]), length=7), 16)
        body = _sampling(request) | {"seed": seed}
        if request.raw:
            prompt = "".join(message.content for message in request.messages)
            answer = server.handle_completions(body | {"prompt": prompt})
        else:
            messages = [{"role": m.role, "content": m.content} for m in request.messages]
            answer = server.handle_chat_completions(body | {"messages": messages} | _schema(request))
        return _response(answer, self.model)

    def _loaded(self) -> Any:  # noqa: ANN401 - untyped native object
        with self._loading:
            if self._server is None:
                import xllamacpp

                params = xllamacpp.CommonParams()
                params.model.path = str(locate())
                params.n_ctx = SLOTS * CONTEXT_TOKENS
                params.n_parallel = SLOTS
                params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
                params.n_gpu_layers = 0
                params.warmup = False
                # Below every message level: the library's notes are not for our users.
                params.verbosity = -1
                self._server = xllamacpp.Server(params)
            return self._server


def _identity(request: Request) -> Iterator[object]:
    yield from (request.prompt_sha256, request.sample_index, request.temperature, request.top_p, request.min_p)
    yield from (request.max_tokens, request.schema, request.stop, request.raw)


def _sampling(request: Request) -> dict[str, object]:
    body: dict[str, object] = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "min_p": request.min_p,
        # Small models fall into loops; DRY penalises only verbatim repetition. Not in completions, which are asked to
        # restate a line of their prompt.
        "dry_multiplier": 0.0 if request.raw else 0.8,
        "cache_prompt": True,
        "stop": list(request.stop),
    }
    return body | ({"logprobs": 1} if request.raw else {"logprobs": True, "top_logprobs": 1})


def _schema(request: Request) -> dict[str, object]:
    if not request.schema:
        return {}
    schema = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _response(answer: dict[str, Any], model: str) -> Response:
    if "error" in answer:
        return Response("", model, "error", error=str(answer["error"].get("message", answer["error"]))[:500])
    choice = answer["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    listed = (choice.get("logprobs") or {}).get("content") or []
    losses = [-float(token["logprob"]) for token in listed]
    usage = answer.get("usage", {})
    return Response(
        text=text or "",
        model=model,
        finish_reason=choice.get("finish_reason") or "stop",
        prompt_tokens=int(usage.get("prompt_tokens", 0)),
        completion_tokens=int(usage.get("completion_tokens", 0)),
        mean_nll=sum(losses) / len(losses) if losses else None,
    )


def _tokens(server: Any, text: str) -> list[int]:  # noqa: ANN401 - untyped native object
    import httpx2

    # The library offers no tokenizer call of its own, only the loopback port of the same server.
    answer = httpx2.post(
        f"{server.listening_address}/tokenize", json={"content": text, "add_special": True}, timeout=30
    )
    return [int(token) for token in answer.raise_for_status().json()["tokens"]]


def _next_logprobs(server: Any, tokens: tuple[int, ...]) -> dict[int, float]:  # noqa: ANN401 - untyped native object
    body = {"prompt": list(tokens), "max_tokens": 1, "temperature": 0, "logprobs": LISTED_TOKENS, "cache_prompt": True}
    answer = server.handle_completions(body)
    listed = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return {int(token["id"]): float(token["logprob"]) for token in listed}


def _loss(listed: dict[int, float], token: int) -> float:
    return -listed.get(token, min(listed.values()))


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(left), len(right)))
