"""Diversity of wording: what embeddings do not see. Token lists or texts in, floats out.

Every number here depends on how much text there is, so compare only at equal numbers of tokens. Tokenising is the
caller's affair.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from metrics.entropy import shannon_entropy

Tokens = Sequence[str]


def distinct_n(documents: Sequence[Tokens], n: int) -> float:
    """Share of n-grams that are different, in [0, 1]; 0 where no document has n tokens. Li et al. 2016. O(tokens).

    Falls as text grows, by Heaps' law. N-grams do not cross documents.

    Raises:
        ValueError: n < 1.
    """
    counts = _counts(documents, n)
    total = counts.total()
    return len(counts) / total if total else 0.0


def ngram_entropy(documents: Sequence[Tokens], n: int) -> float:
    """Shannon entropy of the n-gram distribution in nats, in [0, log(number of n-grams)]; 0 without any. O(tokens).

    Raises:
        ValueError: n < 1.
    """
    counts = _counts(documents, n)
    return shannon_entropy(np.fromiter(counts.values(), dtype=np.float64)) if counts else 0.0


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes before over bytes after DEFLATE (level 9) of the texts joined by line breaks; 1 for no text. O(bytes).

    Around 2 to 3 for ordinary English, above it for templates, below 1 for a few random bytes. Repetition is only seen
    within 32 KiB, so the order of the texts matters. Shaib et al. 2024 (arXiv 2403.00553).
    """
    data = "\n".join(texts).encode("utf-8", "surrogatepass")
    return len(data) / len(zlib.compress(data, 9)) if data else 1.0


def self_repetition(documents: Sequence[Tokens], n: int = 4) -> float:
    """Mean over documents of log(1 + sum over its n-grams of (documents that hold it - 1)), at least 0. O(tokens).

    0 where no n-gram is shared between documents (or there are none). Unbounded: grows with the number of documents.
    Salkar et al. 2022; Shaib et al. 2024.

    Raises:
        ValueError: n < 1.
    """
    held = [set(_ngrams(document, n)) for document in documents]
    frequency = Counter(gram for grams in held for gram in grams)
    if not held:
        return 0.0
    return math.fsum(math.log1p(sum(frequency[gram] - 1 for gram in grams)) for grams in held) / len(held)


def _counts(documents: Sequence[Tokens], n: int) -> Counter[tuple[str, ...]]:
    return Counter(gram for document in documents for gram in _ngrams(document, n))


def _ngrams(document: Tokens, n: int) -> Iterator[tuple[str, ...]]:
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if isinstance(document, str):
        raise ValueError("a document is a list of tokens, not a string: split it first")
    return zip(*(document[start:] for start in range(n)), strict=False)
