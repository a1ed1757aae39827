"""A view: one set of texts with its vectors, cells, words and skeletons; seeded draws from it without replacement.

With replacement, copies would bias collision, neighbours and tail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.spectrum import effective_number
from synthdata.protocols import Vectors
from synthdata.records import content_hash

Rows = NDArray[np.int64]


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

    def n2(self) -> float:
        """The effective number of different texts, over all rows."""
        return effective_number(self.content)

    def take(self, rows: Rows) -> View:
        """The view cut down to some of its rows."""
        words, frames = [self.words[i] for i in rows], [self.frames[i] for i in rows]
        return View(self.name, self.content[rows], self.cells[rows], words, frames)


@dataclass(frozen=True)
class StoredView:
    """A set of `rows` texts of which only drawn ones are ever read; `read` gives these rows as a view."""

    name: str
    rows: int
    read: Callable[[Rows], View]
    effective: Callable[[], float]

    def __len__(self) -> int:
        return self.rows

    def n2(self) -> float:
        """The effective number of different texts, over all rows."""
        return self.effective()

    def take(self, rows: Rows) -> View:
        """The view of some of its rows."""
        return self.read(rows)


AnyView = View | StoredView


def permutation(n: int, seed: int, label: str) -> Rows:
    """A seeded order of n rows; another label gives an independent one."""
    rng = np.random.default_rng(int(content_hash(str(seed), label, length=15), 16))
    return rng.permutation(n).astype(np.int64)
