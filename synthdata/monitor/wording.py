"""The lexical numbers of many samples from n-grams that were numbered once, so that subsamples only count numbers.

The same values as `distinct_n`, `self_repetition`, `tail_coverage` and `compression_ratio` of the metrics on the words
themselves; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metrics.entropy import hill_number
from metrics.lexical import compression_ratio

Ids = NDArray[np.int64]
DISTINCT, REPEATED, RARE = 3, 4, 3


class Vocabulary:
    """Numbers for words and word n-grams, shared by all texts that are compared."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def ids(self, things: Sequence[object]) -> Ids:
        """The number of each thing; equal things have equal numbers."""
        numbers = self._numbers
        return np.array([numbers.setdefault(thing, len(numbers)) for thing in things], dtype=np.int64)


class Wording:
    """Texts as numbers of words, 3-grams and 4-grams, and of their skeletons (n,).

    Words and skeletons are numbered as in all texts that are compared, n-grams among the texts of this object alone.
    """

    def __init__(self, words: Sequence[Sequence[str]], frames: Sequence[str], vocabulary: Vocabulary) -> None:
        self.words = words
        self.lengths: Ids = np.array([len(document) for document in words], dtype=np.int64)
        self.frames = vocabulary.ids([("frame", frame) for frame in frames])
        flat = vocabulary.ids([word for document in words for word in document])
        self._grams = {n: _numbered(flat, self.lengths, n) for n in (1, DISTINCT, REPEATED)}
        self._sets = _distinct(self._grams[REPEATED])

    def cut(self, rows: Ids, words: int) -> list[tuple[int, int]]:
        """Rows with how many of their words count, so that all together have that many words (or all there are)."""
        lengths = self.lengths[rows]
        before = np.cumsum(lengths) - lengths
        there = before < words
        return list(zip(rows[there].tolist(), np.minimum(words - before, lengths)[there].tolist(), strict=True))

    def grams(self, cut: list[tuple[int, int]], n: int) -> list[Ids]:
        """The n-grams of each cut row."""
        return [self._grams[n][i][: max(0, length - n + 1)] for i, length in cut]

    def sets(self, cut: list[tuple[int, int]]) -> list[Ids]:
        """The distinct 4-grams of each cut row; hardly any is cut short, so they were made before."""
        return [
            self._sets[i] if length == self.lengths[i] else np.unique(self.grams([(i, length)], REPEATED)[0])
            for i, length in cut
        ]


def own_wording(texts: Wording, rows: Ids, words: int) -> dict[str, float]:
    """Distinct 3-grams, deflate ratio, self-repetition and effective skeletons of the rows, up to `words` words."""
    cut = texts.cut(rows, words)
    grams = np.concatenate(texts.grams(cut, DISTINCT))
    frames = np.unique(texts.frames[[i for i, _ in cut]], return_counts=True)[1]
    return {
        "distinct_3": np.count_nonzero(np.bincount(grams)) / len(grams) if len(grams) else 0.0,
        "compression_ratio": compression_ratio([" ".join(texts.words[i][:length]) for i, length in cut]),
        "self_repetition": _self_repetition(texts.sets(cut)),
        "skeleton_hill_1": hill_number(frames, 1),
    }


def tail(real: Wording, real_rows: Ids, texts: Wording, rows: Ids, words: int) -> float:
    """Share of the rare words of the real rows (at most three times there) that the other rows still hold."""
    counts = np.bincount(np.concatenate(real.grams(real.cut(real_rows, words), 1)))
    rare = np.flatnonzero((counts > 0) & (counts <= RARE))
    held = np.bincount(np.concatenate(texts.grams(texts.cut(rows, words), 1)), minlength=len(counts)) > 0
    return float(held[rare].mean()) if len(rare) else 1.0


def _self_repetition(sets: list[Ids]) -> float:
    grams = np.concatenate(sets)
    others = np.bincount(grams) - 1
    owner = np.repeat(np.arange(len(sets)), [len(grams) for grams in sets])
    shared = np.bincount(owner, weights=others[grams], minlength=len(sets))
    return float(np.log1p(shared).mean())


def _distinct(grams: list[Ids]) -> list[Ids]:
    """Of each text its n-grams, each once and in order."""
    sizes = [len(own) for own in grams]
    every = np.concatenate([*grams, np.empty(0, dtype=np.int64)])
    width = np.int64(every.max(initial=0) + 1)
    rows, kept = np.divmod(np.unique(np.repeat(np.arange(len(grams)), sizes) * width + every), width)
    return np.split(kept, np.searchsorted(rows, np.arange(1, len(grams)))) if grams else []


def _numbered(words: Ids, lengths: Ids, n: int) -> list[Ids]:
    """The n-grams of texts whose words stand one after the other, equal ones under one number."""
    numbers = words
    for k in range(1, n):
        # A pair of numbers as one number: both are under the count of all words.
        pairs = numbers[: len(words) - k] * np.int64(words.max(initial=0) + 1) + words[k:]
        numbers = np.unique(pairs, return_inverse=True)[1]
    starts = (np.cumsum(lengths) - lengths).tolist()
    return [numbers[i : i + max(0, count - n + 1)] for i, count in zip(starts, lengths.tolist(), strict=True)]


def cells_of(cells: Ids, shares: NDArray[np.float64]) -> dict[str, float]:
    """Effective cells and the most over-full one, and the share of rows outside all cells (-1)."""
    inside = cells[cells >= 0]
    values = {"outside_share": 1 - len(inside) / len(cells)}
    if len(inside):
        counts = np.bincount(inside, minlength=len(shares))
        values["cell_hill_1"] = hill_number(counts, 1)
        values["cell_max_ratio"] = float((counts / len(inside) / shares).max())
    return values
