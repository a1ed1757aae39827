"""Texts as sets of hashed character n-grams, one by one or many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from synthdata.similarity.exact import normalise

Shingles = NDArray[np.uint64]

BASE = 0x9E3779B97F4A7C15
_CHUNK_CHARS = 1 << 18


def shingles(text: str, size: int) -> Shingles:
    """The set of character `size`-grams of the normalised text as sorted distinct 64-bit hashes.

    A text shorter than `size` is one shingle; an empty one has none. With 64 bits two different shingles of a corpus of
    10^9 meet with probability 0.03, so Jaccard on hashes is Jaccard on shingles.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    return shingles_of_plain(normalise(text), size)


def shingles_of_plain(text: str, size: int) -> Shingles:
    """As `shingles`, of a text that is normalised already."""
    if not text:
        return np.empty(0, dtype=np.uint64)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64) + np.uint64(1)
    width = min(size, len(codes))
    hashed = np.zeros(len(codes) - width + 1, dtype=np.uint64)
    for offset in range(width):
        weight = np.uint64(pow(BASE, offset + 1, 1 << 64))
        hashed += codes[offset : offset + len(hashed)] * weight
    hashed = np.sort(mix(hashed))
    first = np.ones(len(hashed), dtype=bool)
    first[1:] = hashed[1:] != hashed[:-1]
    return hashed[first]


def mix(values: Shingles) -> Shingles:
    """The splitmix64 finaliser: a bijection that spreads the polynomial sums over all bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def chunks(plain: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Runs of texts whose characters together stay within a bound, one long text by itself."""
    start = chars = 0
    for row, text in enumerate(plain):
        if row > start and chars + len(text) > _CHUNK_CHARS:
            yield start, row
            start, chars = row, 0
        chars += len(text)
    if start < len(plain):
        yield start, len(plain)


def all_shingles(plain: Sequence[str], size: int) -> tuple[Shingles, NDArray[np.int64], NDArray[np.int64]]:
    """Hashes of all texts' shingles in a row, repeats included, where each text's begin, and which texts they are.

    `starts` has one entry more than there are texts with content, the end of the last.
    """
    rows = np.array([i for i, text in enumerate(plain) if text], dtype=np.int64)
    joined = "".join(plain).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, dtype=np.uint32).astype(np.uint64) + np.uint64(1)
    lengths = np.array([len(plain[i]) for i in rows], dtype=np.int64)
    counts = np.maximum(lengths - size + 1, 1)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    begins = np.cumsum(lengths) - lengths
    places = np.arange(starts[-1]) + np.repeat(begins - starts[:-1], counts)
    width = np.repeat(np.minimum(lengths, size), counts)
    hashed = np.zeros(len(places), dtype=np.uint64)
    for offset in range(size):
        weight = np.uint64(pow(BASE, offset + 1, 1 << 64))
        part = codes[np.minimum(places + offset, len(codes) - 1)] * weight if len(codes) else hashed
        # A text that is shorter than a shingle is one shingle of its own length.
        hashed += np.where(offset < width, part, np.uint64(0))
    return mix(hashed), starts, rows


def jaccard(left: Shingles, right: Shingles) -> float:
    """Shared shingles over all shingles, in [0, 1]; 0 where either set is empty."""
    if not len(left) or not len(right):
        return 0.0
    # Both are sorted: a search costs a tenth of sorting them together.
    place = np.minimum(left.searchsorted(right), len(left) - 1)
    shared = int(np.count_nonzero(left[place] == right))
    return shared / (len(left) + len(right) - shared)


def band_keys(signatures: NDArray[np.uint32], bands: int) -> Shingles:
    """One 64-bit key a band of each signature (n, permutations), the band's number folded in: all share one table."""
    parts = signatures.reshape(len(signatures), bands, signatures.shape[1] // bands).astype(np.uint64)
    keys = np.broadcast_to(np.arange(1, bands + 1, dtype=np.uint64), parts.shape[:2]).copy()
    for column in range(parts.shape[2]):
        keys = mix(keys * np.uint64(BASE) + parts[:, :, column])
    return keys
