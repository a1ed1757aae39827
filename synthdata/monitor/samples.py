"""Draws of one size from a view or from the set-aside reference, and their numbers.

The reference keeps its inner products and numbered n-grams, so that its 200 subsamples share all work that they can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthdata.monitor.blocks import Blocks, numbers_against, own_numbers
from synthdata.monitor.kept import Keeper, Numbers, made_anew
from synthdata.monitor.views import AnyView, Rows, View, permutation
from synthdata.monitor.wording import Vocabulary, Wording, cells_of, own_wording, tail
from synthdata.records import canonical_json, content_hash

# Subsamples of the reference for an interval, and draws that a view's value is the mean of.
SUBSAMPLES = 200
VIEW_DRAWS = 20
# To be raised with any change of the numbers themselves: kept ones of before are then not read.
_NUMBERS = "1"
NEIGHBOURS = 5
Shares = NDArray[np.float64]


class ReferenceSample:
    """The set-aside real rows: subsamples of `size` rows, each beside as many others."""

    def __init__(self, view: View, vocabulary: Vocabulary, seed: int, keep: Keeper = made_anew) -> None:
        self.n, self._keep = len(view), keep
        self.rows = view.content.astype(np.float64)
        self.wording = Wording(view.words, view.frames, vocabulary)
        self._cells, self._seed = view.cells, seed
        self._gram = self.rows @ self.rows.T
        self._name = _name_of(view, seed)

    def pairs(self, size: int) -> list[tuple[Rows, Rows]]:
        """200 pairs of disjoint row sets of `size` rows, at most half of the reference each."""
        orders = [permutation(self.n, self._seed, f"interval {k}") for k in range(SUBSAMPLES)]
        return [(order[:size], order[size : 2 * size]) for order in orders]

    def words(self, size: int) -> int:
        """The fewest words that any row set of `pairs` has."""
        return min(int(self.wording.lengths[side].sum()) for pair in self.pairs(size) for side in pair)

    def gram(self, left: Rows, right: Rows) -> NDArray[np.float64]:
        """Inner products between rows of the reference."""
        # Whole rows first, which are copied as they lie.
        return self._gram.take(left, axis=0).take(right, axis=1)

    def numbers(self, size: int, words: int, shares: Shares) -> list[Numbers]:
        """All numbers of each subsample."""
        placed = content_hash(*(repr(share) for share in shares.tolist()), length=12)
        bare = self._keep(f"{self._name}-{size}-{placed}", lambda: self._without_words(size, shares))
        worded = self._keep(f"{self._name}-{size}-{words}-words", lambda: self._of_words(size, words))
        return [one | other for one, other in zip(bare, worded, strict=True)]

    def _without_words(self, size: int, shares: Shares) -> list[Numbers]:
        """What does not depend on how many words are looked at."""
        per_sample = []
        for taken, real in self.pairs(size):
            blocks = Blocks(self.gram(taken, taken), self.gram(real, real), self.gram(real, taken))
            against = numbers_against(blocks, min(NEIGHBOURS, size - 1))
            per_sample.append(own_numbers(blocks) | cells_of(self._cells[taken], shares) | against)
        return per_sample

    def _of_words(self, size: int, words: int) -> list[Numbers]:
        return [
            own_wording(self.wording, taken, words)
            | {"tail_coverage": tail(self.wording, real, self.wording, taken, words)}
            for taken, real in self.pairs(size)
        ]


def _name_of(view: View, seed: int) -> str:
    """A name for all that the numbers of a reference depend on."""
    words = content_hash(canonical_json([list(document) for document in view.words]), canonical_json(list(view.frames)))
    arrays = hashlib.sha256(view.content.tobytes() + view.cells.tobytes()).hexdigest()
    return content_hash(_NUMBERS, str(seed), str(view.content.dtype), words, arrays, length=16)


class Draws:
    """Seeded draws of `size` rows from a view; one that is all rows where there are no more."""

    def __init__(self, view: AnyView, size: int, vocabulary: Vocabulary, seed: int) -> None:
        orders = [permutation(len(view), seed, f"{view.name} {k}") for k in range(VIEW_DRAWS)]
        chosen = [np.sort(order[:size]) for order in orders]
        # Only rows of some draw are looked at: a round may hold many times as many.
        used = np.unique(np.concatenate(chosen))
        small = view.take(used)
        self._draws = [np.searchsorted(used, rows) for rows in chosen]
        self._rows, self._cells = small.content.astype(np.float64), small.cells
        self._wording = Wording(small.words, small.frames, vocabulary)
        self.size = size

    def words(self) -> int:
        """The fewest words that any draw has."""
        return min(int(self._wording.lengths[rows].sum()) for rows in self._draws)

    def numbers(self, words: int, shares: Shares, reference: ReferenceSample | None) -> list[Numbers]:
        """All numbers of each draw; those against the reference only where there is one."""
        per_sample = []
        pairs = reference.pairs(self.size)[: len(self._draws)] if reference is not None else []
        for k, rows in enumerate(self._draws):
            x = self._rows[rows]
            own = Blocks(x @ x.T)
            numbers = own_numbers(own) | cells_of(self._cells[rows], shares) | own_wording(self._wording, rows, words)
            if reference is not None:
                real = pairs[k][1]
                blocks = Blocks(own.sample, reference.gram(real, real), reference.rows[real] @ x.T)
                numbers |= numbers_against(blocks, min(NEIGHBOURS, self.size - 1))
                numbers["tail_coverage"] = tail(reference.wording, real, self._wording, rows, words)
            per_sample.append(numbers)
        return per_sample


def mean_and_deviation(draws: Sequence[Numbers]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over draws, of every number that all draws have and that is finite in all."""
    names = [name for name in draws[0] if all(name in draw for draw in draws)]
    columns = {name: np.array([draw[name] for draw in draws]) for name in names}
    finite = {name: column for name, column in columns.items() if np.isfinite(column).all()}
    return {name: (float(column.mean()), float(column.std())) for name, column in finite.items()}
