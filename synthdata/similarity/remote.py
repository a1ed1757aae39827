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
            vectors[rows] = embeddings(answer, self._client.name, (len(rows), self.dim), "recipe.encoder.dim")
        return vectors


def embeddings(answer: Any, name: str, shape: tuple[int, int], setting: str) -> Vectors:  # noqa: ANN401 - from outside
    """The vectors of an answer in the form of OpenAI's, brought to unit length, in the order of what was sent.

    `shape` is how many of which width were asked for, `setting` the field that says the width. A zero vector stays one.

    Raises:
        EndpointError: the answer is another, or one of its numbers is none.
    """
    try:
        items = sorted(answer["data"], key=lambda item: float(item["index"]))
        given = [item["embedding"] for item in items]
        if any(isinstance(vector, list) and vector and isinstance(vector[0], list) for vector in given):
            raise EndpointError(f"{name}: gave several vectors for one text or picture; use a model that gives one")
        if np.array(given).dtype.kind not in "iufO":
            raise TypeError("an embedding is no list of numbers")
        raw = np.array(given, dtype=np.float64)
        places = [item["index"] for item in items]
        in_order = [float(place) for place in places] == list(range(shape[0]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EndpointError(f"{name}: the answer is not a list of embeddings: {error!r}") from error
    if raw.shape != shape:
        raise EndpointError(
            f"{name}: asked for {shape[0]} vectors of {shape[1]} numbers, got {raw.shape}; set {setting}"
        )
    if not in_order:
        raise EndpointError(f"{name}: the embeddings are numbered {places[:5]} and not 0, 1, ...; use another server")
    # What is not finite, or too large to square, has no length.
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise EndpointError(f"{name}: an embedding holds a number that is none, or too large to have a length")
    return np.asarray(raw / np.where(lengths == 0.0, 1.0, lengths), dtype=np.float32)
