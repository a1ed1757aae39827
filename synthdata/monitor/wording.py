"""The lexical numbers of many samples from n-grams that were numbered once, so that subsamples only count numbers.

The same values as `distinct_n`, `self_repetition`, `tail_coverage` and `compression_ratio` of the metrics on the words
themselves; a test holds them together.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.entropy import hill_number
from metrics.lexical import compression_ratio

Ids = NDArray[np.int64]
DISTINCT, REPEATED, RARE = 3, 4, 3


class Vocabulary:
    """Numbers for words and skeletons, shared by all texts that are compared."""

    def __init__(self) -> None:
        self._numbers: defaultdict[object, int] = defaultdict(itertools.count().__next__)

    def ids(self, things: Sequence[object]) -> Ids:
        """The number of each thing, in the order in which they came first; equal things have equal numbers."""
        return np.fromiter(map(self._numbers.__getitem__, things), dtype=np.int64, count=len(things))


@dataclass(frozen=True)
class Cut:
    """Rows (k,) of which only the first `lengths` (k,) words count; all but the last are whole."""

    rows: Ids
    lengths: Ids


class Wording:
    """Texts as numbers of words, 3-grams and 4-grams, and of their skeletons (n,).

    Words and skeletons are numbered as in all texts that are compared, n-grams among the texts of this object alone.
    Numbers stand one text after the other, so that those of many texts are picked at once.
    """

    def __init__(self, words: Sequence[Sequence[str]], frames: Sequence[str], vocabulary: Vocabulary) -> None:
        self.words = words
        self.texts = [" ".join(document) for document in words]
        self.lengths: Ids = np.array([len(document) for document in words], dtype=np.int64)
        self._starts = np.cumsum(self.lengths) - self.lengths
        self.frames = vocabulary.ids([("frame", frame) for frame in frames])
        flat = vocabulary.ids(list(itertools.chain.from_iterable(words)))
        self._grams = {n: _numbered(flat, n) for n in (1, DISTINCT, REPEATED)}
        every = Cut(np.arange(len(words)), self.lengths)
        self._sets, self._sizes = _distinct(self.grams(every, REPEATED), _gram_counts(self.lengths, REPEATED))
        self._set_starts = np.cumsum(self._sizes) - self._sizes

    def cut(self, rows: Ids, words: int) -> Cut:
        """Rows with how many of their words count, so that all together have that many words (or all there are)."""
        lengths = self.lengths[rows]
        before = np.cumsum(lengths) - lengths
        there = before < words
        return Cut(rows[there], np.minimum(words - before, lengths)[there])

    def cut_texts(self, cut: Cut) -> list[str]:
        """The words of each cut row, with a space between them."""
        texts = [self.texts[i] for i in cut.rows.tolist()]
        if texts:
            texts[-1] = " ".join(self.words[int(cut.rows[-1])][: int(cut.lengths[-1])])
        return texts

    def grams(self, cut: Cut, n: int) -> Ids:
        """The n-grams of the cut rows, one row after the other."""
        return self._grams[n][_ranges(self._starts[cut.rows], _gram_counts(cut.lengths, n))]

    def sets(self, cut: Cut) -> tuple[Ids, Ids]:
        """The distinct 4-grams of the cut rows, one row after the other, and how many each row has."""
        whole, last = Cut(cut.rows[:-1], cut.lengths[:-1]), Cut(cut.rows[-1:], cut.lengths[-1:])
        sizes = self._sizes[whole.rows]
        final, final_size = _distinct(self.grams(last, REPEATED), _gram_counts(last.lengths, REPEATED))
        before = self._sets[_ranges(self._set_starts[whole.rows], sizes)]
        return np.concatenate([before, final]), np.concatenate([sizes, final_size])


def own_wording(texts: Wording, rows: Ids, words: int) -> dict[str, float]:
    """Distinct 3-grams, deflate ratio, self-repetition and effective skeletons of the rows, up to `words` words."""
    cut = texts.cut(rows, words)
    grams = texts.grams(cut, DISTINCT)
    frames = np.unique(texts.frames[cut.rows], return_counts=True)[1]
    return {
        "distinct_3": np.count_nonzero(np.bincount(grams)) / len(grams) if len(grams) else 0.0,
        "compression_ratio": compression_ratio(texts.cut_texts(cut)),
        "self_repetition": _self_repetition(*texts.sets(cut)),
        "skeleton_hill_1": hill_number(frames, 1),
    }


def tail(real: Wording, real_rows: Ids, texts: Wording, rows: Ids, words: int) -> float:
    """Share of the rare words of the real rows (at most three times there) that the other rows still hold."""
    counts = np.bincount(real.grams(real.cut(real_rows, words), 1))
    rare = np.flatnonzero((counts > 0) & (counts <= RARE))
    held = np.bincount(texts.grams(texts.cut(rows, words), 1), minlength=len(counts)) > 0
    return float(held[rare].mean()) if len(rare) else 1.0


def _self_repetition(grams: Ids, sizes: Ids) -> float:
    others = np.bincount(grams) - 1
    owner = np.repeat(np.arange(len(sizes)), sizes)
    shared = np.bincount(owner, weights=others[grams], minlength=len(sizes))
    return float(np.log1p(shared).mean())


def _gram_counts(lengths: Ids, n: int) -> Ids:
    """How many n-grams texts of so many words have."""
    return np.maximum(lengths - n + 1, 0)


def _ranges(starts: Ids, counts: Ids) -> Ids:
    """The places start, start + 1, ... of each start, `counts` of them, one after the other."""
    return np.asarray(np.arange(int(counts.sum())) + np.repeat(starts - (np.cumsum(counts) - counts), counts))


def _distinct(grams: Ids, sizes: Ids) -> tuple[Ids, Ids]:
    """Of texts with so many n-grams each n-gram once and in order, and how many that are."""
    width = np.int64(grams.max(initial=0) + 1)
    rows, kept = np.divmod(np.unique(np.repeat(np.arange(len(sizes)), sizes) * width + grams), width)
    return kept, np.bincount(rows, minlength=len(sizes))


def _numbered(words: Ids, n: int) -> Ids:
    """The n-grams of texts whose words stand one after the other, equal ones under one number, by their first word."""
    numbers = words
    for k in range(1, n):
        # A pair of numbers as one number: both are under the count of all words.
        pairs = numbers[: len(words) - k] * np.int64(words.max(initial=0) + 1) + words[k:]
        numbers = np.unique(pairs, return_inverse=True)[1]
    return numbers


def cells_of(cells: Ids, shares: NDArray[np.float64]) -> dict[str, float]:
    """Effective cells and the most over-full one, and the share of rows outside all cells (-1)."""
    inside = cells[cells >= 0]
    values = {"outside_share": 1 - len(inside) / len(cells)}
    if len(inside):
        counts = np.bincount(inside, minlength=len(shares))
        values["cell_hill_1"] = hill_number(counts, 1)
        values["cell_max_ratio"] = float((counts / len(inside) / shares).max())
    return values
