"""The language model behind the fluency band: the recipe's choice, its losses kept by text.

A text is scored by itself and its loss is kept by its hash, so neither chunks nor kills change a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.fluency import Likelihood
from synthdata.protocols import Scorer, Vectors
from synthdata.settings import Settings
from synthdata.similarity.vectors import CachedEncoder

# Losses that a kill may cost: one takes about a second.
_KEPT_TOGETHER = 8


def make_likelihood(settings: Settings, cache_dir: Path | None = None) -> Likelihood | None:
    """The model that recipe.floor.fluency_model names, behind a cache where a folder is given; None for "none".

    Raises:
        InputError: the embedded model's weights are missing.
    """
    if settings.recipe.floor.fluency_model == "none":
        return None
    from synthdata.generation.embedded import EmbeddedGenerator
    from synthdata.generation.weights import locate

    locate()
    model = EmbeddedGenerator(settings.runtime.threads)
    return ScoredTexts(model, model.model, settings.recipe.floor.fluency_chars, cache_dir)


class ScoredTexts:
    """A Likelihood over a Scorer: the worse of a text's two ends, of `chars` characters each, stands for the text."""

    def __init__(self, scorer: Scorer, model: str, chars: int, cache_dir: Path | None = None) -> None:
        self.name = f"{model}/{chars}"
        losses = _Losses(scorer, chars, self.name)
        self._losses = CachedEncoder(losses, cache_dir) if cache_dir else losses

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Nats a token (n,) in single precision, as they are kept."""
        parts = [texts[i : i + _KEPT_TOGETHER] for i in range(0, len(texts), _KEPT_TOGETHER)]
        return np.concatenate([np.empty(0), *(self._losses.encode(part)[:, 0] for part in parts)])


class _Losses:
    """An Encoder whose vector of a text is its loss, so that the cache of vectors keeps it."""

    dim = 1

    def __init__(self, scorer: Scorer, chars: int, name: str) -> None:
        self.fingerprint = name
        self._scorer = scorer
        self._chars = chars

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Losses (n, 1)."""
        rows = [max(self._scorer.nll("", [part])[0] for part in ends(text, self._chars)) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(-1, 1)


def ends(text: str, chars: int) -> list[str]:
    """The beginning and the end of a text, or the whole where it is no longer than one of them; cut at white space."""
    text = " ".join(text.split())
    if len(text) <= chars:
        return [text]
    # Without a space near the edge the cut is hard, so that an endless word stays bounded.
    first, last = text[:chars], text[-chars:]
    head, _, rest = first.rpartition(" ")
    tail = last.partition(" ")[2]
    return [head if len(rest) < len(head) else first, tail if 2 * len(tail) > len(last) else last]
