"""Vectors made by workers before a round asks for them: they land in the cache that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

from synthdata.errors import SettingsError
from synthdata.protocols import Encoder, Mapper, Vectors
from synthdata.settings import EncoderSettings, RuntimeSettings
from synthdata.similarity.encoder import make_encoder
from synthdata.similarity.vectors import CachedEncoder

# Texts of a part: a second's work of a small model.
_AT_ONCE = 128
# Backends with a model of their own; others answer over a network or cost less than the way to a worker.
_MODELS = ("torch", "openvino")


def encode_ahead(encoder: Encoder | None, texts: Sequence[str], settings: EncoderSettings, mapper: Mapper) -> None:
    """Let workers embed those texts that the cache of an encoder lacks; one of the caller's own making stays here.

    Raises:
        SettingsError: a worker has another model than this machine, or none.
    """
    if isinstance(encoder, CachedEncoder) and settings.backend in _MODELS:
        encoder.fill(texts, partial(_encoded, settings=settings, fingerprint=encoder.fingerprint), mapper, _AT_ONCE)


def _encoded(texts: Sequence[str], settings: EncoderSettings, fingerprint: str) -> Vectors:
    encoder = _encoder(settings)
    if encoder.fingerprint != fingerprint:
        raise SettingsError(
            f"a worker's model is {encoder.fingerprint} where this machine has {fingerprint}: copy the same files to "
            "every node (recipe.encoder.model)"
        )
    return encoder.encode(texts)


@cache
def _encoder(settings: EncoderSettings) -> Encoder:
    """The model of a worker, loaded once for all its parts."""
    return make_encoder(settings, RuntimeSettings(threads=1))
