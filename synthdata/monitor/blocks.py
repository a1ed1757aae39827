"""The semantic numbers of many samples from shared inner products, so that 200 subsamples cost no matrix product each.

The same values as `effective_number`, `vendi_score`, `mmd2` and `prdc` of the metrics on the rows themselves; a test
holds them together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Block = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """Inner products of a sample (n, n) with itself, of as many real rows (n, n) with themselves, and between them.

    `between` has shape (real, sample). Both are None without a reference.
    """

    sample: Block
    real: Block | None = None
    between: Block | None = None


def own_numbers(blocks: Blocks) -> dict[str, float]:
    """N2 and the Vendi score of order 1."""
    collision = max(0.0, _collision(blocks.sample))
    shares = np.clip(scipy.linalg.eigvalsh(blocks.sample / len(blocks.sample)), 0, None)
    return {
        "n2": math.inf if collision == 0 else 1 / collision,
        "vendi_1": float(np.exp(scipy.special.entr(shares / shares.sum()).sum())),
    }


def numbers_against(blocks: Blocks, k: int) -> dict[str, float]:
    """Coverage and precision by k-nearest-neighbour balls of the real rows, and the squared MMD with kernel cos^2."""
    assert blocks.real is not None and blocks.between is not None
    # Of unit rows the k-th nearest other row is the one with the (k+1)-th largest inner product, the row itself first.
    radius = -np.partition(-blocks.real, k, axis=1)[:, k]
    inside = blocks.between > radius[:, None]
    across = float(np.square(blocks.between).mean())
    return {
        "coverage": float(inside.any(axis=1).mean()),
        "precision": float(inside.any(axis=0).mean()),
        "mmd2": _collision(blocks.sample) + _collision(blocks.real) - 2 * across,
    }


def _collision(gram: Block) -> float:
    n = len(gram)
    return (float(np.square(gram).sum()) - float(np.square(np.diag(gram)).sum())) / (n * (n - 1))
