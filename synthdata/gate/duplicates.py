"""Texts that a candidate may repeat, findable at three levels: exact, lexical, semantic.

Two of them exist at a time: one of everything admitted before the round and the reference's contents, one of the rows
admitted in the round. What a likeness means is decided by the stages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.meaning import same_meaning
from synthdata.protocols import Vectors
from synthdata.settings import GateSettings
from synthdata.similarity.index import VectorIndex
from synthdata.similarity.minhash import LexicalIndex, Sketch
from synthdata.similarity.parts import Dealer, RowSearch
from synthdata.similarity.shingles import Shingles, jaccard, shingles
from synthdata.similarity.stored_rows import ExactRows, Texts


@dataclass(slots=True)
class Neighbours:
    """What a library holds around one vector.

    `cosine` to its nearest row, -1 where there are no rows; `copy` the nearest row within tau that says the same about
    the same context, and its cosine; where there is none, `others` are the rows within tau that say the same about
    other contexts, nearest first, and `count` how many there are: the list may be cut; `real` of them are the
    reference's. `apart` rows within tau differ in numbers, negation or roles and are no copies.
    """

    cosine: float = -1
    copy: tuple[int, float] | None = None
    others: list[int] = field(default_factory=list)
    count: int = 0
    real: int = 0
    apart: int = 0


# Content and context of a text; the context is empty in a corpus of one view, where it is the same for all.
Text = tuple[str, str]


class DuplicateIndex:
    """Rows by number, in order of arrival, with their ids, contents, contexts and cells.

    The first `reference_rows` are the reference's.
    """

    reference_rows = 0

    def __init__(self, dim: int, settings: GateSettings) -> None:
        self.ids, self.contents, self.contexts = Texts(), Texts(), Texts()
        self.cells: list[int] = []
        self._exact = ExactRows()
        self.settings = settings
        self.lexical = LexicalIndex(settings)
        self._held: RowSearch = VectorIndex(dim)
        self._waiting: list[Vectors] = []
        self._about: dict[int, Shingles] = {}

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of_parts(  # noqa: PLR0913 - its parts
        cls,
        ids: Texts,
        contents: Texts,
        contexts: Texts,
        cells: list[int],
        exact: ExactRows,
        lexical: LexicalIndex,
        vectors: RowSearch,
        settings: GateSettings,
    ) -> DuplicateIndex:
        """A library of rows that were made ready before, all parts in the same order."""
        library = cls.__new__(cls)
        library.ids, library.contents, library.contexts, library.cells = ids, contents, contexts, cells
        library.settings, library._exact = settings, exact
        library.lexical, library._held, library._waiting, library._about = lexical, vectors, [], {}
        return library

    def sketches(self, contents: Sequence[str]) -> list[Sketch]:
        """What `add` and `near` need of texts, in bulk."""
        return self.lexical.sketches(contents)

    def add(
        self,
        ids: Sequence[str],
        contents: Sequence[str],
        contexts: Sequence[str],
        cells: Sequence[int],
        vectors: Vectors,
        sketches: Sequence[Sketch],
        keys: Sequence[bytes],
    ) -> None:
        """Append rows; `vectors` are centred unit contents (n, d), `keys` their exact keys."""
        start = len(self.ids)
        self.ids.extend(ids)
        self.contents.extend(contents)
        self.contexts.extend(contexts)
        self.cells.extend(cells)
        for offset, key in enumerate(keys):
            self._exact.add(key, start + offset)
        self.lexical.enter(range(start, len(self.ids)), sketches)
        # A call of the index for every row would cost more than all else; it takes them in before it is asked.
        self._waiting.append(vectors)

    def exact(self, key: bytes) -> Sequence[int]:
        """The rows with this exact key, in order of arrival."""
        return self._exact.rows([key])[0]

    def exact_many(self, keys: Sequence[bytes]) -> list[list[int]]:
        """`exact` of many at once, which costs hardly more than one where the rows are stored."""
        return self._exact.rows(keys)

    def near(self, sketch: Sketch) -> list[tuple[int, float]]:
        """Rows whose true Jaccard reaches the threshold, nearest first."""
        return self.lexical.find(sketch)

    def near_many(self, sketches: Sequence[Sketch]) -> list[list[tuple[int, float]]]:
        """`near` of many, much cheaper where few of them have such a row."""
        return self.lexical.find_many(sketches)

    def nearest(self, vectors: Vectors) -> NDArray[np.float64]:
        """Cosine of the nearest content to each vector, (n,); -1 where there are no rows."""
        if not len(self):
            return np.full(len(vectors), -1, dtype=np.float64)
        return self.vectors.search(vectors, 1)[0][:, 0]

    def within(self, vectors: Vectors, tau: float) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """Scores and rows at cosine `tau` or nearer to each vector, nearest first; exact, so none is missed."""
        yield from self.vectors.within_many(vectors, tau)

    def says_the_same(self, row: int, content: str) -> bool:
        """Whether nothing in the words speaks against a row and a content meaning the same."""
        return not self.settings.same_numbers or same_meaning(content, self.contents[row])

    def same_context(self, row: int, context: str) -> bool:
        """Whether a row is about this context: equal, or a light edit of it."""
        held = self.contexts[row]
        if held == context:
            return True
        size, least = self.settings.shingle_chars, self.settings.near_jaccard
        if row not in self._about:
            # A label stands about thousands of contexts, each of which is asked for again and again.
            self._about[row] = shingles(held, size)
        one, other = self._about[row], _shingles_of(context, size)
        if not len(one) or not len(other):
            return len(one) == len(other)
        return min(len(one), len(other)) >= least * max(len(one), len(other)) and jaccard(one, other) >= least

    def around(self, vectors: Vectors, texts: Sequence[Text], tau: float, limit: int) -> list[Neighbours]:
        """What stands around each vector and its text; at most `most` rows of other contexts.

        Where the nearest row of all is a copy, as that of most copies is, no other row is looked for.
        """
        if not len(self):
            return [Neighbours() for _ in vectors]
        cosines, nearest = (column[:, 0].tolist() for column in self.vectors.search(vectors, 1))
        neighbours = [Neighbours(cosine) for cosine in cosines]
        hot = []
        for i, (near, row) in enumerate(zip(neighbours, nearest, strict=True)):
            if near.cosine >= tau and self._is_copy(row, texts[i]):
                near.copy = row, near.cosine
            elif near.cosine >= tau:
                hot.append(i)
        for i, (scores, rows) in zip(hot, self.within(vectors[hot], tau), strict=True):
            self.sort_out(neighbours[i], scores, rows, texts[i], limit)
        return neighbours

    def _is_copy(self, row: int, text: Text) -> bool:
        return self.says_the_same(row, text[0]) and self.same_context(row, text[1])

    def sort_out(
        self,
        near: Neighbours,
        scores: NDArray[np.float64],
        rows: NDArray[np.int64],
        text: Text | None,
        limit: int | None = None,
    ) -> None:
        """Enter into `near` the rows within tau, which come nearest first: the copy, or those of other contexts.

        Without a text all count as rows of other contexts.
        """
        others = []
        for score, row in zip(scores.tolist(), rows.tolist(), strict=True):
            if text is not None and not self.says_the_same(row, text[0]):
                near.apart += 1
            elif text is not None and self.same_context(row, text[1]):
                near.copy = row, score
                return
            else:
                others.append(row)
        near.others, near.count = others[:limit], len(others)
        near.real = sum(row < self.reference_rows for row in others)

    def crowds(self, rows: Sequence[int], tau: float) -> list[int]:
        """How many other rows stand within tau of each of these rows."""
        return [len(ids) - 1 for _, ids in self.vectors.within_many(self.vectors.reconstruct(rows), tau)]

    def deal(self, dealer: Dealer) -> None:
        """Let the rows so far be searched where the dealer puts them; later ones stay here."""
        self._held = dealer(self.vectors)

    @property
    def vectors(self) -> RowSearch:
        """The index of all rows' vectors."""
        if self._waiting:
            self._held.add(np.concatenate(self._waiting))
            self._waiting = []
        return self._held


@lru_cache(maxsize=64)
def _shingles_of(context: str, size: int) -> Shingles:
    return shingles(context, size)


def among_themselves(sketches: Sequence[Sketch]) -> list[Sketch]:
    """The sketches with only those bands that another of them has too: enough to find each other in an index.

    Few texts share a band, so that entering and finding them costs nothing.
    """
    if not sketches:
        return []
    keys = np.concatenate([sketch.bands for sketch in sketches])
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    shared = counts[place] > 1
    ends = np.cumsum([len(sketch.bands) for sketch in sketches])
    kept = np.split(keys[shared], np.cumsum(shared)[ends[:-1] - 1])
    return [Sketch(sketch.plain, sketch.signature, bands) for sketch, bands in zip(sketches, kept, strict=True)]
