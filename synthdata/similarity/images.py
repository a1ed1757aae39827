"""Which encoder of pictures the settings mean, and the one that asks an endpoint.

Servers agree on the answer, OpenAI's, and not on the question. `messages` is vLLM's: a chat with one picture, so that a
request brings one vector. `input` is Jina's, which SGLang and Xinference take too: a list of objects with a picture
each. Pictures travel as `data:` URLs, which all of them read.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthdata.errors import EndpointError, SettingsError
from synthdata.io.http import JsonClient
from synthdata.pictures.gradients import GradientEncoder
from synthdata.protocols import ImageEncoder, Vectors
from synthdata.records import content_hash
from synthdata.settings import ImageEncoderSettings, RuntimeSettings
from synthdata.similarity.remote import embeddings
from synthdata.similarity.vectors import CachedImageEncoder

# A request holds at most so many pictures of so many bytes in all; one picture is always sent.
_MOST_PICTURES, _MOST_BYTES = 16, 16_000_000


def make_image_encoder(runtime: RuntimeSettings, cache_dir: Path | str) -> ImageEncoder | None:
    """The encoder of pictures that the settings name, behind a cache; None where they name none.

    Raises:
        SettingsError: an endpoint without an address or a model, or an address that no form goes with.
        EndpointError: an address that cannot be asked.
    """
    settings = runtime.image_encoder
    if settings.form in ("none", "gradients"):
        if settings.url:
            raise SettingsError(
                f"runtime.image_encoder.url is set but runtime.image_encoder.form is {settings.form!r}: say how the "
                "endpoint takes pictures, `messages` or `input`"
            )
        return CachedImageEncoder(GradientEncoder(), cache_dir) if settings.form == "gradients" else None
    if not (settings.url and settings.model):
        raise SettingsError(
            f"runtime.image_encoder.form is {settings.form!r}, which needs runtime.image_encoder.url and .model"
        )
    return CachedImageEncoder(HTTPImageEncoder(settings, runtime), cache_dir)


class HTTPImageEncoder:
    """Asks `POST {url}/embeddings` and brings the answers to unit length.

    Retries, key and bounds are those of all endpoints (io/http.py). The fingerprint is model, width, form and prompt: a
    server that changes its weights under one name cannot be noticed from here.
    """

    def __init__(self, settings: ImageEncoderSettings, runtime: RuntimeSettings) -> None:
        self.dim = settings.dim
        prompt = f":{content_hash(settings.prompt, length=8)}" if settings.prompt else ""
        self.fingerprint = f"http-image:{settings.form}:{settings.model}:{settings.dim}{prompt}"
        self._settings = settings
        self._client = JsonClient(settings.url.rstrip("/") + "/embeddings", runtime)

    def encode(self, pictures: Sequence[bytes]) -> Vectors:
        """Unit vectors, shape (n, dim), of files that are PNG or JPEG.

        Raises:
            EndpointError: no connection, a refusal that outlasts the retries, or an answer of another shape.
        """
        advice = (
            f"no vectors of pictures from model {self._settings.model!r}: check url, model, form and key of "
            "runtime.image_encoder"
        )
        parts = [np.empty((0, self.dim), dtype=np.float32)]
        for batch in self._batches(pictures):
            answer = self._client.post(self._body(batch), advice)
            shape, setting = (len(batch), self.dim), "runtime.image_encoder.dim"
            made = embeddings(answer, self._client.name, shape, setting)
            if not made.any(axis=1).all():
                raise EndpointError(f"{self._client.name}: the embedding of a picture is zero, so it says nothing")
            parts.append(made)
        return np.concatenate(parts)

    def _batches(self, pictures: Sequence[bytes]) -> Iterator[list[bytes]]:
        most = 1 if self._settings.form == "messages" else _MOST_PICTURES
        batch: list[bytes] = []
        for picture in pictures:
            if batch and (len(batch) == most or sum(map(len, batch)) + len(picture) > _MOST_BYTES):
                yield batch
                batch = []
            batch.append(picture)
        if batch:
            yield batch

    def _body(self, batch: list[bytes]) -> dict[str, Any]:
        model = {"model": self._settings.model}
        if self._settings.form == "input":
            return model | {"input": [{"image": _data_url(picture)} for picture in batch]}
        content: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": _data_url(batch[0])}}]
        if self._settings.prompt:
            content.append({"type": "text", "text": self._settings.prompt})
        return model | {"messages": [{"role": "user", "content": content}]}


def _data_url(picture: bytes) -> str:
    kind = "jpeg" if picture.startswith(b"\xff\xd8\xff") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
