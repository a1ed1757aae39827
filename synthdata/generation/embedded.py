"""The embedded model: SmolLM2-135M in llama.cpp, in this process, without key or network service.

A smoke-quality model that can put a fact into words and cannot judge; real work points at an endpoint. Eight requests
share the two cores by continuous batching; each has a seed of its own, hashed from the request.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

from synthdata.errors import EndpointError
from synthdata.generation.answers import fault_in
from synthdata.generation.weights import SHA256, locate
from synthdata.protocols import Answered, Request, Response, unkept
from synthdata.records import canonical_json, content_hash

SLOTS = 8
CONTEXT_TOKENS = 2048
# What stands between two documents in the text that the model learnt from.
_DOCUMENT = "<|endoftext|>"


class EmbeddedGenerator:
    """Generator and Scorer on the packaged weights; the model is loaded at the first request.

    `adapter` is a LoRA adapter as GGUF file, put over the weights unmerged; its name becomes part of `model`.
    """

    def __init__(self, threads: int = 2, adapter: Path | None = None, adapter_name: str = "") -> None:
        self.model = f"SmolLM2-135M-Instruct.Q4_1@{SHA256[:12]}" + (f"+{adapter_name}" if adapter else "")
        self._adapter = adapter
        self._threads = threads
        self.answered: Answered = unkept
        self._server: Any = None
        self._loading = Lock()
        self._key = secrets.token_hex(16)

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One response a request; what llama.cpp refuses comes back as a response with `error`."""
        server = self._loaded()
        with ThreadPoolExecutor(SLOTS) as pool:
            answers = []
            for request, answer in zip(requests, pool.map(lambda one: self._one(server, one), requests), strict=True):
                answers.append(answer)
                self.answered(request, answer)
            return answers

    def nll(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean nats a token of each continuation after the prompt, exact: a grammar leaves one token at each place.

        Llama.cpp reports log probabilities from before the grammar, so they are those of the model. An empty prompt is
        the beginning of a document. Tokens that no grammar can force (pieces of a character, the model's end marks) are
        read and not scored; 0 where that leaves none.

        Raises:
            EndpointError: llama.cpp refuses to score a text.
        """
        server = self._loaded()
        prompt = prompt or _DOCUMENT
        rows = [self._tokens(server, prompt + text) for text in continuations]
        ids = [[token for token, _ in row] for row in rows]
        start = len(self._tokens(server, prompt))
        # A continuation may merge with the prompt's last token; scoring starts where all tokenisations agree.
        start = min([start, *(_common(ids[0], other) for other in ids)]) if ids else start
        return [_mean_loss(server, row, start) for row in rows]

    def _one(self, server: Any, request: Request) -> Response:  # noqa: ANN401 - untyped native object
        seed = int(content_hash(canonical_json([list(map(str, _identity(request)))]), length=7), 16)
        body = _sampling(request) | {"seed": seed}
        if request.raw:
            prompt = "".join(_plain(message.content) for message in request.messages)
            answer = server.handle_completions(body | {"prompt": prompt} | _choice(request))
        else:
            messages = [{"role": m.role, "content": _plain(m.content)} for m in request.messages]
            answer = server.handle_chat_completions(body | {"messages": messages} | _schema(request))
        response = _response(answer, self.model)
        fault = "" if response.error else fault_in(response.text, request)
        return replace(response, error=fault) if fault else response

    def _tokens(self, server: Any, text: str) -> list[tuple[int, bool]]:  # noqa: ANN401 - untyped native object
        """Each token's number, and whether a grammar can force it."""
        import httpx2

        # The library offers no tokenizer call of its own, only the loopback port of the same server.
        body = {"content": _plain(text), "add_special": True, "with_pieces": True}
        key = {"Authorization": f"Bearer {self._key}"}
        answer = httpx2.post(f"{server.listening_address}/tokenize", json=body, headers=key, timeout=30)
        return [(int(t["id"]), _forceable(t["piece"])) for t in answer.raise_for_status().json()["tokens"]]

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
                if self._adapter is not None:
                    over = xllamacpp.CommonAdapterLoraInfo()
                    over.path, over.scale = str(self._adapter), 1.0
                    params.lora_adapters = [over]
                # The server listens on a loopback port that any local user could ask.
                params.api_keys = [self._key]
                params.endpoint_slots = False
                # Below every message level: the library's notes are not for our users.
                params.verbosity = -1
                self._server = xllamacpp.Server(params)
            return self._server


def _identity(request: Request) -> Iterator[object]:
    yield from (request.prompt_sha256, request.sample_index, request.temperature, request.top_p, request.min_p)
    yield from (request.max_tokens, request.schema, request.stop, request.raw)
    # Seeds of requests without choices stay what they were.
    yield from (request.choices,) if request.choices else ()


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


def _choice(request: Request) -> dict[str, object]:
    """A grammar of nothing but the choices."""
    if not request.choices:
        return {}
    return {"grammar": "root ::= " + " | ".join(json.dumps(text, ensure_ascii=False) for text in request.choices)}


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


def _mean_loss(server: Any, row: Sequence[tuple[int, bool]], start: int) -> float:  # noqa: ANN401 - native object
    ids = [token for token, _ in row]
    losses: list[float] = []
    for able, run in groupby(range(start, len(row)), key=lambda i: row[i][1]):
        places = list(run)
        if able:
            losses += _forced_losses(server, ids[: places[0]], ids[places[0] : places[-1] + 1])
    return sum(losses) / len(losses) if losses else 0.0


def _forced_losses(server: Any, prompt: Sequence[int], forced: Sequence[int]) -> list[float]:  # noqa: ANN401 - native
    grammar = "root ::= " + " ".join(f"<[{token}]>" for token in forced)
    body = {"prompt": list(prompt), "max_tokens": len(forced), "temperature": 0, "logprobs": 1, "grammar": grammar}
    answer = server.handle_completions(body | {"cache_prompt": True})
    if "error" in answer:
        raise EndpointError(f"llama.cpp cannot score a text: {answer['error'].get('message', answer['error'])}")
    listed = answer["choices"][0]["logprobs"]["content"]
    if len(listed) != len(forced):
        raise EndpointError(f"llama.cpp scored {len(listed)} of the {len(forced)} tokens of a text")
    return [-float(token["logprob"]) for token in listed]


def _forceable(piece: object) -> bool:
    """Bytes that are no whole character come as a list; after a mark of the model's own it may stop."""
    return isinstance(piece, str) and "\x00" not in piece and not piece.startswith("<|")


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(left), len(right)))


def _plain(text: str) -> str:
    """Text that UTF-8 can hold: logs may carry half surrogate pairs, which the native side refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")
