"""Vectors from an OpenAI-style `/v1/embeddings` endpoint, of whose model nothing but the name is known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from synthdata.errors import EndpointError
from synthdata.io.http import JsonClient
from synthdata.protocols import Vectors
from synthdata.settings import EncoderSettings, RuntimeSettings

_BATCH = 64


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
        self._client = JsonClient(settings.url.rstrip("/") + "/embeddings", runtime)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (n, dim); a blank text is not sent and gets the zero vector.

        Raises:
            EndpointError: no connection, a refusal that outlasts the retries, or an answer of another shape.
        """
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        wanted = [row for row, text in enumerate(texts) if text.strip()]
        for start in range(0, len(wanted), _BATCH):
            rows = wanted[start : start + _BATCH]
            body = {"model": self._model, "input": [texts[row] for row in rows]}
            answer = self._client.post(body, f"no embeddings for model {self._model!r}: check url, model and key")
            vectors[rows] = self._vectors(answer, len(rows))
        return vectors

    def _vectors(self, answer: Any, count: int) -> Vectors:  # noqa: ANN401 - JSON from outside
        try:
            items = sorted(answer["data"], key=lambda item: int(item["index"]))
            raw = np.array([item["embedding"] for item in items], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise EndpointError(f"{self._client.name}: the answer is not a list of embeddings: {error!r}") from error
        if raw.shape != (count, self.dim) or not np.isfinite(raw).all():
            raise EndpointError(
                f"{self._client.name}: asked for {count} vectors of {self.dim} numbers, got {raw.shape}; set "
                "recipe.encoder.dim"
            )
        lengths = np.linalg.norm(raw, axis=1, keepdims=True)
        return np.asarray(raw / np.where(lengths == 0.0, 1.0, lengths), dtype=np.float32)
