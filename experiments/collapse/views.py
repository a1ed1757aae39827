"""Two embeddings: word uni- and bigrams for the gate, character 3-5-grams that it never sees.

Fitted on real text that is neither anchor nor held-out, as the encoder of the product was trained elsewhere: fitted
on the anchor, new text of any kind has shorter vectors than the anchor's own and looks generic. Hashed TF-IDF reduced
to 64 dimensions, so that a round costs a second and no download is needed. The optional random
Fourier map turns the gate's squared cosine into a squared RBF kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
DIMENSIONS, PAIRS = 64, 128
WIDTH = 0.25


class View:
    """Texts to raw vectors (n, d); `unit` centres by the anchor's mean and normalises."""

    def __init__(self, other: Sequence[str], anchor: Sequence[str], kind: str, seed: int) -> None:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
        from sklearn.pipeline import make_pipeline

        shape = (
            {"ngram_range": (1, 2), "token_pattern": r"\S+", "n_features": 1 << 14}
            if kind == "words"
            else {"ngram_range": (3, 5), "analyzer": "char_wb", "n_features": 1 << 15}
        )
        self._pipeline = make_pipeline(
            HashingVectorizer(alternate_sign=False, norm=None, **shape),
            TfidfTransformer(sublinear_tf=True),
            TruncatedSVD(DIMENSIONS, random_state=seed),
        )
        self._pipeline.fit(other)
        self.anchor: Floats = self.raw(anchor)
        self.mean: Floats = self.anchor.mean(axis=0)

    def raw(self, texts: Sequence[str]) -> Floats:
        """Vectors as an encoder gives them: neither centred nor normalised."""
        return np.asarray(self._pipeline.transform(texts), dtype=np.float32)

    def unit(self, texts: Sequence[str]) -> Floats:
        """Centred unit vectors; a text at the mean itself, or without any known gram, is left out."""
        x = self.raw(texts) - self.mean
        norms = np.linalg.norm(x, axis=1)
        return x[norms > 0] / norms[norms > 0, None]


class Fourier:
    """Random Fourier features of an RBF kernel, width a quarter of the median squared distance (Rahimi 2007)."""

    def __init__(self, anchor: Floats, seed: int) -> None:
        rng = np.random.default_rng([seed, 7])
        x = self._unit(anchor, anchor.mean(axis=0))
        a, b = x[rng.integers(len(x), size=2000)], x[rng.integers(len(x), size=2000)]
        squares = np.square(a - b).sum(axis=1)
        self._mean = anchor.mean(axis=0)
        self._weights = rng.normal(size=(anchor.shape[1], PAIRS)) / np.sqrt(WIDTH * np.median(squares[squares > 0]))

    def __call__(self, raw: Floats) -> Floats:
        """Raw vectors (n, d) to features (n, 256)."""
        angles = self._unit(raw, self._mean) @ self._weights
        return np.hstack([np.cos(angles), np.sin(angles)]).astype(np.float32)

    @staticmethod
    def _unit(x: Floats, mean: Floats) -> Floats:
        shifted = x - mean
        norms = np.linalg.norm(shifted, axis=1, keepdims=True)
        return np.asarray(shifted / np.where(norms > 0, norms, 1), dtype=np.float32)
