"""Diversity of wording: what embeddings do not see. Token lists or texts in, floats out.

Every number here depends on how much text there is, so compare only at equal numbers of tokens. Tokenising is the
caller's affair.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from metrics._ngrams import Tokens, all_ngrams, check_order, ngrams
from metrics.entropy import shannon_entropy


def distinct_n(documents: Sequence[Tokens], n: int) -> float:
    """Share of the n-grams of all documents (token lists) that are different: types over tokens.

    Range: [0, 1]; 1 where none comes twice, 0 where no document has n tokens. Cost: O(tokens). Size: falls as text
    grows, by Heaps' law, so it compares nothing but equal numbers of tokens. Fails: made-up words raise it; one word
    changed in a template makes n new n-grams. N-grams do not cross documents.

    Li et al. 2016 (arXiv 1510.03055).

    Raises:
        ValueError: n < 1, or a document that is a string.
    """
    counts = _counts(documents, n)
    total = counts.total()
    return len(counts) / total if total else 0.0


def ngram_entropy(documents: Sequence[Tokens], n: int) -> float:
    """How evenly the n-grams of all documents (token lists) are used: the Shannon entropy of their counts, in nats.

    Range: [0, log(number of n-grams)]; 0 where there are none or all are one. Cost: O(tokens). Size: grows with
    text, in small sets nearly as the log of the number of n-grams, so compare at equal tokens. Fails: rises with noise;
    what lies further apart than n tokens is unknown to it.

    Shannon 1948; as a measure of generated text Zhang et al. 2018 (arXiv 1809.05972).

    Raises:
        ValueError: n < 1, or a document that is a string.
    """
    counts = _counts(documents, n)
    return shannon_entropy(np.fromiter(counts.values(), dtype=np.float64)) if counts else 0.0


def compression_ratio(texts: Sequence[str]) -> float:
    """How much the texts repeat each other: bytes before over bytes after DEFLATE (level 9), joined by line breaks.

    Range: from under 1 (a few random bytes) to about 1000 (one text again and again); 2 to 3 for ordinary English, more
    for templates, 1 for no text. Cost: O(bytes). Size: rises with the first 32 KiB, then levels off; compare at equal
    bytes. Fails: repetition is only seen within 32 KiB, so the order of the texts matters and copies far apart are
    missed; scripts of several bytes a letter compress better without saying less.

    Shaib et al. 2024 (arXiv 2403.00553), with the plain DEFLATE stream in place of a gzip file.

    Raises:
        ValueError: one string in place of a sequence of texts.
    """
    if isinstance(texts, str):
        raise ValueError("texts is a sequence of texts, not one string: wrap it in a list")
    data = "\n".join(texts).encode("utf-8", "surrogatepass")
    return len(data) / len(zlib.compress(data, 9)) if data else 1.0


def self_repetition(documents: Sequence[Tokens], n: int = 4) -> float:
    """How much long phrases recur across documents (token lists): the mean of log(1 + recurrences) over documents.

    A document's recurrences are, summed over its different n-grams, the numbers of other documents that hold them.
    Range: [0, inf); 0 where no n-gram is shared between documents or there are none. Cost: O(tokens). Size: grows like
    the log of the number and the length of documents; compare at equal numbers of both. Fails: one boilerplate sentence
    in all documents drowns the rest; a paraphrase escapes it.

    Salkar et al. 2022; Shaib et al. 2024 (arXiv 2403.00553).

    Raises:
        ValueError: n < 1, or a document that is a string.
    """
    check_order(n)
    held = [set(ngrams(document, n)) for document in documents]
    frequency = Counter(gram for grams in held for gram in grams)
    if not held:
        return 0.0
    return math.fsum(math.log1p(sum(frequency[gram] - 1 for gram in grams)) for grams in held) / len(held)


def _counts(documents: Sequence[Tokens], n: int) -> Counter[tuple[str, ...]]:
    check_order(n)
    return Counter(all_ngrams(documents, n))
