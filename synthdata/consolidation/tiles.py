"""Tiles D1 to D6 on raw samples of the model before and after, beside what real runs did at the same places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthdata.consolidation.keep_rule import AMBER, RED, Paired, half_samples
from synthdata.gate.cells import assign, cell_count, centre, smoothed_shares, spherical_kmeans
from synthdata.gate.lexical import skeleton
from synthdata.monitor.samples import Draws, ReferenceSample
from synthdata.monitor.views import View
from synthdata.monitor.wording import Vocabulary
from synthdata.protocols import Encoder, Vectors
from synthdata.settings import TrainingSettings

_CELLS = (2, 16)


def compare_samples(
    real: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
    encoder: Encoder,
    settings: TrainingSettings,
) -> dict[str, Paired]:
    """Paired differences of every tile that is defined on both, from the same halves of the same prompts.

    `real[i]`, `before[i]` and `after[i]` answer prompt i. Prompts at which one of the two models said nothing that the
    encoder sees are left out of both.
    """
    vectors = {name: encoder.encode(list(texts)) for name, texts in (("real", real), ("b", before), ("a", after))}
    live = [i for i in range(len(real)) if all(np.linalg.norm(rows[i]) > 0 for rows in vectors.values())]
    if len(live) < 2 * _CELLS[1] - 12:
        return {}
    mean = vectors["real"].mean(axis=0)
    centroids = spherical_kmeans(centre(vectors["real"], mean)[0], cell_count(len(real), *_CELLS), settings.seed)
    # One name for both, so that both are drawn at the same prompts.
    views = {key: _view(texts, vectors[key], live, mean, centroids) for key, texts in (("b", before), ("a", after))}
    truth = _view(real, vectors["real"], live, mean, centroids)
    counts = np.bincount(truth.cells, minlength=len(centroids))
    shares = smoothed_shares(counts)
    vocabulary, size = Vocabulary(), len(live) // 2
    reference = ReferenceSample(truth, vocabulary, settings.seed)
    draws = {key: Draws(view, size, vocabulary, settings.seed) for key, view in views.items()}
    words = min(reference.words(size), *(one.words() for one in draws.values()))
    numbers = {key: one.numbers(words, shares, reference) for key, one in draws.items()}
    measures = {}
    for name, good in (RED | AMBER).items():
        pairs = [(old.get(name), new.get(name)) for old, new in zip(numbers["b"], numbers["a"], strict=True)]
        if all(old is not None and new is not None and np.isfinite([old, new]).all() for old, new in pairs):
            olds, news = [float(old or 0) for old, _ in pairs], [float(new or 0) for _, new in pairs]
            measures[name] = half_samples(name, len(live), olds, news, settings, 1 if good > 0 else -1)
    return measures


def _view(texts: Sequence[str], vectors: Vectors, live: list[int], mean: Vectors, centroids: Vectors) -> View:
    content, _ = centre(vectors[live], mean)
    cells, _ = assign(content, centroids)
    kept = [texts[i] for i in live]
    return View(
        "samples", content, cells.astype(np.int64), [t.lower().split() for t in kept], [skeleton(t, "") for t in kept]
    )
