"""An inverted index over words with BM25 scores, as flat arrays that open memory-mapped.

Counts are stored and weights are made when asked, so that k1 and b are settings and not part of a file.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthdata.settings import MemorySettings
from synthdata.similarity.exact import normalise

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, eq=False)
class WordIndex:
    """Postings of every word, sorted by the word's 64-bit hash.

    `hashes` (terms,); the rows of term t and the word's count in each stand at `starts[t]` to `starts[t + 1]` of `rows`
    and `counts`; `lengths` (n,) are words a row.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.uint16]
    lengths: NDArray[np.int32]

    @classmethod
    def of(cls, texts: Iterable[str]) -> WordIndex:
        """Index texts, numbered in their order."""
        known: dict[str, int] = {}
        terms: list[int] = []
        counts: list[int] = []
        widths: list[int] = []
        lengths: list[int] = []
        for text in texts:
            words = Counter(words_of(text))
            terms.extend(known.setdefault(word, len(known)) for word in words)
            counts.extend(words.values())
            widths.append(len(words))
            lengths.append(sum(words.values()))
        hashes = np.array([_word_hash(word) for word in known], dtype=np.uint64)
        by_hash = np.argsort(hashes, kind="stable")
        place = np.empty(len(known), dtype=np.int64)
        place[by_hash] = np.arange(len(known))
        sorted_terms = place[np.array(terms, dtype=np.int64)]
        order = np.argsort(sorted_terms, kind="stable")
        rows = np.repeat(np.arange(len(widths), dtype=np.int32), widths)
        return cls(
            hashes[by_hash],
            np.searchsorted(sorted_terms[order], np.arange(len(known) + 1)).astype(np.int64),
            rows[order],
            np.minimum(np.array(counts, dtype=np.int64), np.iinfo(np.uint16).max).astype(np.uint16)[order],
            np.array(lengths, dtype=np.int32),
        )

    def scores(self, query: str, settings: MemorySettings) -> NDArray[np.float64]:
        """BM25 of every row, shape (n,), 0 where no word is shared (Robertson and Zaragoza 2009).

        Of a long query only the `query_words` rarest words count: common ones cost most and say least.
        """
        n = len(self.lengths)
        total = np.zeros(n, dtype=np.float64)
        if not n:
            return total
        k1, b = settings.bm25_k1, settings.bm25_b
        mean = max(1.0, float(self.lengths.mean()))
        for term in self._rarest(query, settings.query_words):
            part = slice(int(self.starts[term]), int(self.starts[term + 1]))
            rows, counts = self.rows[part], self.counts[part].astype(np.float64)
            weight = np.log1p((n - len(rows) + 0.5) / (len(rows) + 0.5))
            total[rows] += weight * counts * (k1 + 1.0) / (counts + k1 * (1.0 - b + b * self.lengths[rows] / mean))
        return total

    def _rarest(self, query: str, limit: int) -> list[int]:
        query_hashes = np.array(sorted({_word_hash(word) for word in words_of(query)}), dtype=np.uint64)
        if not len(query_hashes) or not len(self.hashes):
            return []
        places = np.minimum(np.searchsorted(self.hashes, query_hashes), len(self.hashes) - 1)
        known = places[self.hashes[places] == query_hashes]
        widths = self.starts[known + 1] - self.starts[known]
        return [int(term) for term in known[np.argsort(widths, kind="stable")][:limit]]

    def save(self, folder: Path) -> None:
        """Write one file an array."""
        for item in fields(self):
            np.save(folder / f"{item.name}.npy", getattr(self, item.name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> WordIndex:
        """Open what `save` wrote, memory-mapped.

        Raises:
            OSError, ValueError: a file is missing or damaged.
        """
        return cls(*(np.load(folder / f"{f.name}.npy", mmap_mode="r", allow_pickle=False) for f in fields(cls)))


def words_of(text: str) -> list[str]:
    """The words of a text in its normal form."""
    return _WORD.findall(normalise(text))


def _word_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
