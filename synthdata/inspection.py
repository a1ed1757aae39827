"""A free diversity report of any file: no corpus, no anchor, no language model.

Duplicates at three levels with examples, lexical and semantic numbers, and, beside a reference, what of it is covered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metrics.coverage import prdc, tail_coverage
from metrics.drift import mmd2
from metrics.entropy import shannon_entropy
from metrics.lexical import compression_ratio, distinct_n, ngram_entropy, self_repetition
from metrics.spectrum import effective_number, vendi_score
from synthdata.gate.cells import centre
from synthdata.pipeline import read_reference
from synthdata.protocols import Encoder, Vectors
from synthdata.records import content_hash
from synthdata.settings import GateSettings, Settings
from synthdata.similarity.exact import exact_key
from synthdata.similarity.index import VectorIndex
from synthdata.similarity.minhash import LexicalIndex

# Semantic numbers of larger files come from a seeded sample of this many rows; lexical ones from all rows.
SEMANTIC_ROWS = 5000
EXAMPLES = 3


@dataclass(frozen=True)
class Inspection:
    """The report: `numbers` by name, `duplicates` rows by level, `examples` (level, score, text, text it repeats)."""

    rows: int
    unreadable: int
    duplicates: dict[str, int]
    examples: list[tuple[str, float, str, str]]
    numbers: dict[str, float]


def inspect_file(path: Path, settings: Settings, encoder: Encoder, reference: Path | None = None) -> Inspection:
    """Inspect a file of samples or of agent runs (then the contexts of their steps), beside a reference if given.

    Raises:
        InputError: nothing readable in a file.
    """
    rows, broken = read_reference(path, settings)
    texts = [row.text for row in rows]
    sample = _sample(len(texts), settings.recipe.anchor.seed)
    vectors = encoder.encode([texts[i] for i in sample])
    duplicates, examples = _duplicates(texts, sample, vectors, settings.recipe.gate)
    numbers = _lexical(texts) | _semantic(vectors)
    if reference is not None:
        real, _ = read_reference(reference, settings)
        numbers |= _against([row.text for row in real], texts, vectors, encoder, settings)
    return Inspection(len(texts), len(broken), duplicates, examples, numbers)


def _sample(n: int, seed: int) -> list[int]:
    if n <= SEMANTIC_ROWS:
        return list(range(n))
    rng = np.random.default_rng(int(content_hash(str(seed), "inspect", length=15), 16))
    return sorted(int(i) for i in rng.permutation(n)[:SEMANTIC_ROWS])


def _duplicates(
    texts: Sequence[str], sample: Sequence[int], vectors: Vectors, gate: GateSettings
) -> tuple[dict[str, int], list[tuple[str, float, str, str]]]:
    """Rows that repeat an earlier row: exactly, by Jaccard, and within the sample by cosine."""
    found: list[tuple[str, float, str, str]] = []
    first: dict[str, int] = {}
    distinct = []
    for i, text in enumerate(texts):
        key = exact_key(text)
        if key in first:
            found.append(("exact", 1.0, text, texts[first[key]]))
        else:
            first[key] = i
            distinct.append(i)
    lexical = LexicalIndex(gate)
    signatures = lexical.signatures([texts[i] for i in distinct])
    for row, i in enumerate(distinct):
        near = lexical.query(texts[i], signatures[row])
        if near:
            found.append(("near", near[0][1], texts[i], texts[near[0][0]]))
        lexical.add([i], [texts[i]], signatures[row : row + 1])
    found += _semantic_copies(texts, sample, vectors, gate.tau or 0.92)
    counts = Counter(level for level, *_ in found)
    shown = [row for level in ("exact", "near", "semantic") for row in [r for r in found if r[0] == level][:EXAMPLES]]
    return {level: counts[level] for level in ("exact", "near", "semantic")}, shown


def _semantic_copies(
    texts: Sequence[str], sample: Sequence[int], vectors: Vectors, tau: float
) -> list[tuple[str, float, str, str]]:
    index, found = VectorIndex(vectors.shape[1]), []
    index.add(vectors)
    k = min(len(sample), 8)
    if not k:
        return []
    scores, ids = index.search(vectors, k)
    for row, i in enumerate(sample):
        earlier = [(s, j) for s, j in zip(scores[row], ids[row], strict=True) if j < row and s >= tau]
        if earlier and exact_key(texts[i]) != exact_key(texts[sample[int(earlier[0][1])]]):
            found.append(("semantic", float(earlier[0][0]), texts[i], texts[sample[int(earlier[0][1])]]))
    return found


def _lexical(texts: Sequence[str]) -> dict[str, float]:
    tokens = [text.lower().split() for text in texts]
    words = np.array([len(row) for row in tokens])
    counts: NDArray[np.int64] = np.array(list(Counter(w for row in tokens for w in row).values()), dtype=np.int64)
    return {
        "words_median": float(np.median(words)),
        "word_entropy": shannon_entropy(counts),
        "distinct_1": distinct_n(tokens, 1),
        "distinct_2": distinct_n(tokens, 2),
        "distinct_3": distinct_n(tokens, 3),
        "trigram_entropy": ngram_entropy(tokens, 3),
        "compression_ratio": compression_ratio(list(texts)),
        "self_repetition": self_repetition(tokens),
    }


def _semantic(vectors: Vectors) -> dict[str, float]:
    if len(vectors) < 2:
        return {}
    x, norms = centre(vectors, vectors.mean(axis=0))
    x = x[norms > 0]
    # Identical rows have nothing left after centring: one kind, by definition.
    return {"n2": effective_number(x), "vendi_1": vendi_score(x)} if len(x) > 1 else {"n2": 1.0, "vendi_1": 1.0}


def _against(
    real: Sequence[str], texts: Sequence[str], vectors: Vectors, encoder: Encoder, settings: Settings
) -> dict[str, float]:
    chosen = [real[i] for i in _sample(len(real), settings.recipe.anchor.seed)]
    reference = encoder.encode(chosen)
    mean = reference.mean(axis=0)
    (x, own), (y, other) = centre(reference, mean), centre(vectors, mean)
    x, y = x[own > 0], y[other > 0]
    size = min(len(x), len(y))
    fit = prdc(x[:size], y[:size], k=min(5, size - 1))
    return {
        "reference_n2": effective_number(x),
        "coverage": fit["coverage"],
        "precision": fit["precision"],
        "mmd2": mmd2(x, y),
        "tail_coverage": tail_coverage([t.lower().split() for t in chosen], [t.lower().split() for t in texts]),
    }
