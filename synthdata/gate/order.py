"""The canonical order of a round: a function of the candidates and the seed, never of the order of arrival.

Gumbel-DSIR (Xie et al. 2023, 2302.03169): Gumbel noise on the log importance weight of hashed n-grams between the
reference and the round, so that rows like real data tend to come first without any row being sure of its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.lexical import token_hash
from synthdata.records import content_hash

BINS_LOG2 = 13
# As in the paper's code, runs of punctuation are tokens too: without them a loop of dashes has no features and cannot
# look unlikely.
_TOKEN = re.compile(r"\w+|[^\w\s]+")
# An odd multiplier; overflow is the intended arithmetic modulo 2**64.
_MIX = np.uint64(0x9E3779B97F4A7C15)
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bins = NDArray[np.uint16]
# Texts that are cut into tokens at a time.
_AT_ONCE = 1024


def shuffled(ids: Sequence[str], seed: int) -> list[int]:
    """Positions in the order of hash(seed, id)."""
    return sorted(range(len(ids)), key=lambda i: content_hash(str(seed), "order", ids[i]))


def gumbel_dsir(
    ids: Sequence[str], contents: Sequence[str], reference: Sequence[str], seed: int, more: Ints | None = None
) -> list[int]:
    """Positions by descending score of `dsir_scores`; ties by id."""
    scores = dsir_scores(ids, contents, reference, seed, more)
    return sorted(range(len(ids)), key=lambda i: (-scores[i], ids[i]))


def dsir_scores(
    ids: Sequence[str], contents: Sequence[str], reference: Sequence[str], seed: int, more: Ints | None = None
) -> list[float]:
    """The log importance weight a square root of length, plus seeded Gumbel noise, of each candidate.

    Features are counts of hashed uni- and bigrams of words and punctuation in 8,192 bins, as in the paper, add-one
    smoothed. `more` (8192,) are counts of real contents beside `reference`, of silos that do not share texts.
    """
    real = order_counts(reference) if more is None else order_counts(reference) + more
    bins_of = [
        bins for start in range(0, len(contents), _AT_ONCE) for bins in _bins(contents[start : start + _AT_ONCE])
    ]
    target, raw = _log_shares(real), _log_shares(_counted(bins_of))
    ratio = target - raw
    scores = []
    for key, bins in zip(ids, bins_of, strict=True):
        weight = ratio[bins].sum() / np.sqrt(len(bins)) if len(bins) else 0
        scores.append(float(weight) + _gumbel(key, seed))
    return scores


def _bins(texts: Sequence[str]) -> list[Bins]:
    """The bin of each unigram and then of each bigram of every text, repeated ones as often as they occur."""
    words = [_TOKEN.findall(text.lower()) for text in texts]
    ends = np.cumsum([len(tokens) for tokens in words]).tolist()
    tokens = np.fromiter(map(token_hash, chain.from_iterable(words)), dtype=np.uint64, count=ends[-1] if ends else 0)
    unigrams = tokens * _MIX
    # Those across the border of two texts are left out below.
    bigrams = (unigrams[:-1] ^ tokens[1:]) * _MIX
    one, two = ((hashes >> np.uint64(64 - BINS_LOG2)).astype(np.uint16) for hashes in (unigrams, bigrams))
    spans = zip([0, *ends[:-1]], ends, strict=True)
    return [np.concatenate([one[start:end], two[start : max(start, end - 1)]]) for start, end in spans]


def _counted(bins: Sequence[Bins]) -> Ints:
    counts = np.zeros(1 << BINS_LOG2, dtype=np.int64)
    for start in range(0, len(bins), _AT_ONCE):
        counts += np.bincount(np.concatenate(bins[start : start + _AT_ONCE]), minlength=len(counts))
    return counts


def order_counts(texts: Sequence[str]) -> Ints:
    """How often texts hold the n-grams of each bin, (8192,): all that the order asks of them; counts of sets add."""
    counts = np.zeros(1 << BINS_LOG2, dtype=np.int64)
    for start in range(0, len(texts), _AT_ONCE):
        counts += _counted(_bins(texts[start : start + _AT_ONCE]))
    return counts


def _log_shares(counts: Ints) -> Floats:
    shares: Floats = np.log((counts + 1) / (counts + 1).sum())
    return shares


def _gumbel(key: str, seed: int) -> float:
    """Standard Gumbel noise from a hash: 52 bits, never 0 or 1."""
    uniform = (int(content_hash(str(seed), "gumbel", key, length=13), 16) + 1) / ((1 << 52) + 2)
    return float(-np.log(-np.log(uniform)))
