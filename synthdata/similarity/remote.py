"""Vectors from an OpenAI-style `/v1/embeddings` endpoint, of whose model nothing but the name is known here."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthdata.errors import EndpointError
from synthdata.protocols import Vectors
from synthdata.settings import EncoderSettings, RuntimeSettings
from synthdata.text.redaction import address_without_login, redacted

if TYPE_CHECKING:
    import httpx2

_BATCH = 64
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class HTTPEncoder:
    """Asks `POST {url}/embeddings` in batches of 64 texts and brings the answers to unit length.

    The key is read from the environment variable that the runtime names, when it is needed, and never shown. The
    fingerprint is model and width: a server that changes its weights under one name cannot be noticed from here, and
    vectors are as repeatable as the server makes them.
    """

    def __init__(self, settings: EncoderSettings, runtime: RuntimeSettings) -> None:
        self.dim = settings.dim
        self.fingerprint = f"http:{settings.model}:{settings.dim}"
        self._model = settings.model
        self._url = settings.url.rstrip("/") + "/embeddings"
        # A URL may hold a password, which no message may repeat.
        self._name = address_without_login(self._url)
        self._runtime = runtime

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (n, dim); a blank text is not sent and gets the zero vector.

        Raises:
            EndpointError: no connection, a refusal that outlasts the retries, or an answer of another shape.
        """
        import httpx2

        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        wanted = [row for row, text in enumerate(texts) if text.strip()]
        key = os.environ.get(self._runtime.api_key_env, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with httpx2.Client(timeout=self._runtime.timeout_seconds, headers=headers) as client:
            for start in range(0, len(wanted), _BATCH):
                rows = wanted[start : start + _BATCH]
                answer = self._ask(client, [texts[row] for row in rows])
                vectors[rows] = self._vectors(answer, len(rows))
        return vectors

    def _ask(self, client: httpx2.Client, batch: list[str]) -> Any:  # noqa: ANN401 - JSON from outside
        import httpx2

        wait, trouble = _FIRST_WAIT, ""
        for attempt in range(self._runtime.retries + 1):
            if attempt:
                time.sleep(min(wait, _LONGEST_WAIT))
                wait *= 2
            try:
                response = client.post(self._url, json={"model": self._model, "input": batch})
            except httpx2.HTTPError as error:
                trouble = f"{type(error).__name__}: {error}"
                continue
            if response.status_code == 200:
                return _json(response, self._name)
            trouble = f"status {response.status_code}: {redacted(response.text[:600])[:200]}"
            if response.status_code not in _TRY_AGAIN:
                break
            after = response.headers.get("retry-after", "")
            wait = max(wait, float(after)) if after.isdigit() else wait
        raise EndpointError(
            f"{self._name}: no embeddings for model {self._model!r}: {trouble}; check url, model and key"
        )

    def _vectors(self, answer: Any, count: int) -> Vectors:  # noqa: ANN401 - JSON from outside
        try:
            items = sorted(answer["data"], key=lambda item: int(item["index"]))
            raw = np.array([item["embedding"] for item in items], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise EndpointError(f"{self._name}: the answer is not a list of embeddings: {error!r}") from error
        if raw.shape != (count, self.dim) or not np.isfinite(raw).all():
            raise EndpointError(
                f"{self._name}: asked for {count} vectors of {self.dim} numbers, got {raw.shape}; set "
                "recipe.encoder.dim"
            )
        lengths = np.linalg.norm(raw, axis=1, keepdims=True)
        return np.asarray(raw / np.where(lengths == 0.0, 1.0, lengths), dtype=np.float32)


def _json(response: httpx2.Response, url: str) -> Any:  # noqa: ANN401 - JSON from outside
    try:
        return response.json()
    except ValueError as error:
        raise EndpointError(f"{url}: the answer is not JSON: {redacted(response.text[:600])[:200]!r}") from error
