"""Vectors of pictures without a model: where a page changes its shade, and how much, on a grid of 32 x 32.

They tell pages of one kind from others as well as the hash of likeness, of which no mean can be taken (docs/LOG.md),
and know nothing of what a page says: for that, name an endpoint.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from synthdata.pictures.encode import on_white
from synthdata.protocols import Vectors

_SIDE = 32


class GradientEncoder:
    """See `ImageEncoder`. The logarithm keeps one dark bar from outweighing a page of writing."""

    fingerprint = f"gradients:{_SIDE}"
    dim = 2 * _SIDE * _SIDE + 1

    def encode(self, pictures: Sequence[bytes]) -> Vectors:
        """Unit vectors, shape (n, dim)."""
        rows = [_gradients(picture) for picture in pictures]
        return np.stack(rows) if rows else np.empty((0, self.dim), dtype=np.float32)


def _gradients(picture: bytes) -> Vectors:
    with Image.open(io.BytesIO(picture), formats=("PNG", "JPEG")) as image:
        greys = on_white(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    down, right = np.gradient(np.asarray(greys, dtype=np.float64))
    # A blank picture has no gradients; the last number is the same for all, so that it has a direction.
    raw = np.concatenate([right.ravel(), down.ravel(), [1.0]])
    steps = np.sign(raw) * np.log1p(np.abs(raw))
    return np.asarray(steps / np.linalg.norm(steps), dtype=np.float32)
