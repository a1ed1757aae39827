"""A view: one set of texts with its vectors, cells, words and skeletons; seeded draws from it without replacement.

With replacement, copies would bias collision, neighbours and tail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from synthdata.protocols import Vectors
from synthdata.records import content_hash

Rows = NDArray[np.int64]
T = TypeVar("T")


class Computed(Sequence[T]):
    """A sequence whose items are computed when they are read: of a large view only the drawn rows ever are."""

    def __init__(self, length: int, item: Callable[[int], T]) -> None:
        self._length, self._item = length, item

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        if isinstance(at, slice):
            return [self._item(i) for i in range(*at.indices(self._length))]
        if not -self._length <= at < self._length:
            raise IndexError(at)
        return self._item(at % self._length)


@dataclass(frozen=True)
class View:
    """One set of texts: `content` centred unit vectors (n, d), `cells` (n,) with -1 outside, `words` of each text.

    `frames` are the skeletons: each text with the entities of its own context, numbers and quotes masked.
    """

    name: str
    content: Vectors
    cells: Rows
    words: Sequence[Sequence[str]]
    frames: Sequence[str]

    def __len__(self) -> int:
        return len(self.words)

    def take(self, rows: Rows) -> View:
        """The view cut down to some of its rows."""
        words, frames = [self.words[i] for i in rows], [self.frames[i] for i in rows]
        return View(self.name, self.content[rows], self.cells[rows], words, frames)


def permutation(n: int, seed: int, label: str) -> Rows:
    """A seeded order of n rows; another label gives an independent one."""
    rng = np.random.default_rng(int(content_hash(str(seed), label, length=15), 16))
    return rng.permutation(n).astype(np.int64)
