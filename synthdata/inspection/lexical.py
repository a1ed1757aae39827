"""Lengths, words and n-grams of all texts, counted in one pass over a stream.

The same values as `distinct_n`, `ngram_entropy` and `compression_ratio` of the metrics, which want all texts at once; a
test holds them together. A word is a run of characters that are no white space, in lower case.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthdata.inspection.tally import Tally, distinct_share, entropy

ORDERS = (1, 2, 3)
_WEIGHTS = tuple(np.uint64(w) for w in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))
_BINS = 24


@dataclass(frozen=True)
class Lengths:
    """Words a text: least, percentiles, most, and a histogram of `counts` between `edges` (one more of them)."""

    least: int
    p5: float
    median: float
    p95: float
    most: int
    edges: list[float]
    counts: list[int]


class Wording:
    """Takes in texts in batches, then tells the numbers. Close it when done."""

    def __init__(self) -> None:
        self._tallies = {n: Tally() for n in ORDERS}
        self._words = array("Q")
        self._deflate = zlib.compressobj(9)
        self._plain = self._packed = 0

    def add(self, texts: Sequence[str]) -> None:
        """Count a batch."""
        hashes, lengths = hashed_words(texts)
        joint = "\n" if self._words else ""
        self._words.extend(lengths.tolist())
        owners = np.repeat(np.arange(len(texts)), lengths)
        for n, tally in self._tallies.items():
            tally.add(_grams(hashes, owners, n))
        data = (joint + "\n".join(texts)).encode("utf-8", "replace")
        self._plain += len(data)
        self._packed += len(self._deflate.compress(data))

    def close(self) -> None:
        """Remove the temporary files of the tallies."""
        for tally in self._tallies.values():
            tally.close()

    def lengths(self) -> Lengths:
        """Of at least one text."""
        words = np.frombuffer(self._words, dtype=np.uint64).astype(np.int64)
        p5, median, p95 = (float(value) for value in np.percentile(words, (5, 50, 95)))
        counts, edges = np.histogram(
            np.minimum(words, np.percentile(words, 99)), bins=min(_BINS, int(np.ptp(words)) + 1)
        )
        return Lengths(int(words.min()), p5, median, p95, int(words.max()), edges.tolist(), counts.tolist())

    def numbers(self) -> dict[str, float]:
        """Distinct 1- to 3-grams, entropies of words and 3-grams in nats, deflate ratio, and how many words in all."""
        spreads = {n: tally.spread() for n, tally in self._tallies.items()}
        totals = {n: tally.total for n, tally in self._tallies.items()}
        packed = self._packed + len(self._deflate.copy().flush())
        return {
            "words": float(totals[1]),
            "word_entropy": entropy(spreads[1], totals[1]),
            **{f"distinct_{n}": distinct_share(spreads[n], totals[n]) for n in ORDERS},
            "trigram_entropy": entropy(spreads[3], totals[3]),
            "compression_ratio": self._plain / packed if self._plain else 1.0,
        }


def hashed_words(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A 64-bit hash of each word of all texts in a row, and how many words each text has."""
    import polars as pl

    words = pl.Series("words", list(texts), dtype=pl.String).str.to_lowercase().str.extract_all(r"\S+")
    lengths = words.list.len().to_numpy().astype(np.int64)
    flat = words.filter(words.list.len() > 0).explode()
    return flat.hash(seed=0).to_numpy(), lengths


def _grams(hashes: NDArray[np.uint64], owners: NDArray[np.int64], n: int) -> NDArray[np.uint64]:
    """Hashes of the n-grams that do not cross from one text to the next."""
    count = len(hashes) - n + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64)
    grams = np.zeros(count, dtype=np.uint64)
    for place in range(n):
        grams += (hashes[place : place + count] ^ (hashes[place : place + count] >> np.uint64(29))) * _WEIGHTS[place]
    # Sums of products have well-mixed high bits, by which the tallies are parted.
    kept: NDArray[np.uint64] = grams[owners[:count] == owners[n - 1 :]]
    return kept
