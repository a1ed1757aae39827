"""Healthy and collapsed sets beside a reference, to show what each metric says: a seeded mixture and real utterances.

The mixture has 40 kinds with words of their own; the collapsed one kept four of them. The real set is CLINC150 (Larson
et al. 2019, CC BY 3.0): 150 intents, of which the collapsed sample kept fifteen. Only figures of it are shipped.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.cells import centre
from synthdata.settings import EncoderSettings, RuntimeSettings
from synthdata.similarity.encoder import make_encoder

KINDS, KEPT, D = 40, 4, 64
INTENTS_KEPT, PER_INTENT = 15, 2


@dataclass(frozen=True)
class Sample:
    """Unit rows (n, d), the kind of each of `kinds`, and the same n texts as token lists."""

    rows: NDArray[np.float64]
    cells: NDArray[np.intp]
    kinds: int
    texts: list[list[str]]

    @property
    def counts(self) -> NDArray[np.intp]:
        """How many rows of each kind there are, shape (kinds,)."""
        return np.bincount(self.cells, minlength=self.kinds)


def mixture(n: int, kinds: int, seed: int) -> Sample:
    """n rows of the first `kinds` of 40 fixed kinds; 20 words each, half common, half of the kind, by Zipf's law."""
    rng = np.random.default_rng([seed, n, kinds])
    middles = np.random.default_rng(0).normal(size=(KINDS, D))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    cells = rng.integers(kinds, size=n)
    rows = middles[cells] + 0.6 * rng.normal(size=(n, D)) / np.sqrt(D)
    ranks = rng.zipf(1.3, size=(n, 20)) % 3000
    texts = [
        [f"w{rank}" if i % 2 else f"k{kind}x{rank}" for i, rank in enumerate(line)]
        for kind, line in zip(cells.tolist(), ranks.tolist(), strict=True)
    ]
    return Sample(rows / np.linalg.norm(rows, axis=1, keepdims=True), cells, KINDS, texts)


def mixtures() -> tuple[Sample, Sample, Sample]:
    """(reference, healthy, collapsed) of 1,000 rows each."""
    return mixture(1000, KINDS, 1), mixture(1000, KINDS, 2), mixture(1000, KEPT, 3)


def clinc(folder: Path) -> tuple[Sample, Sample, Sample]:
    """(reference, healthy, collapsed) of 300 utterances each, embedded by the shipped encoder.

    Two of each of 150 intents, two others of each, and twenty others of each of fifteen; vectors are centred by the
    reference's mean, as the gate does.
    """
    by_intent: dict[str, list[str]] = defaultdict(list)
    with gzip.open(folder / "data_full.json.gz", "rt", encoding="utf-8") as file:
        for text, intent in json.load(file)["train"]:
            by_intent[intent].append(text)
    names = sorted(by_intent)
    kept = sorted(np.random.default_rng(0).choice(len(names), INTENTS_KEPT, replace=False).tolist())
    p, many = PER_INTENT, PER_INTENT * len(names) // INTENTS_KEPT
    spans = [
        [(i, by_intent[name][:p]) for i, name in enumerate(names)],
        [(i, by_intent[name][p : 2 * p]) for i, name in enumerate(names)],
        [(i, by_intent[names[i]][2 * p : 2 * p + many]) for i in kept],
    ]
    encoder = make_encoder(EncoderSettings(), RuntimeSettings())
    vectors = [encoder.encode([text for _, texts in span for text in texts]) for span in spans]
    mean = vectors[0].mean(axis=0)
    return tuple(
        Sample(
            centre(raw, mean)[0].astype(np.float64),
            np.array([i for i, texts in span for _ in texts]),
            len(names),
            [text.lower().split() for _, texts in span for text in texts],
        )
        for span, raw in zip(spans, vectors, strict=True)
    )
