"""Which rows of a reference that look alike are copies: by what the gate asks of a candidate, so that none gets lost.

A row that falls as a copy is known by the row that stays. Were they apart to the gate (other numbers, a negation, the
same answer about another context), a copy of the fallen row would be admitted as new.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.meaning import differ_in_numbers_alone, numbers_and_negations, same_meaning
from synthdata.protocols import Vectors
from synthdata.settings import AnchorSettings, GateSettings
from synthdata.similarity.pairs import Rows
from synthdata.similarity.shingles import Shingles, jaccard, shingles


class ReferenceCopies:
    """Rows as (context, content), one of them empty in a reference of one view; `unit` (n, d) their centred contents.

    Rows without a content calibrate cells alone, where likeness is all that counts.
    """

    def __init__(
        self, views: Sequence[tuple[str, str]], unit: Vectors, settings: AnchorSettings, gate: GateSettings
    ) -> None:
        self._views, self._unit, self._settings, self._gate = views, unit, settings, gate
        self._content = np.array([bool(content) for _, content in views], dtype=bool)
        # Numbers and negations of contents as a number, -1 where nobody has asked.
        self._codes = np.full(len(views), -1, dtype=np.int64)
        self._known: dict[object, int] = {}
        self._shingles: dict[int, Shingles] = {}

    def near(self, one: int, other: int) -> bool:
        """Of rows whose words are near as a whole: near in each view, and apart in more than numbers."""
        (about, content), (other_about, other_content) = self._views[one], self._views[other]
        if not content or not other_content:
            return True
        if self._gate.same_numbers and differ_in_numbers_alone(content, other_content):
            return False
        return not (about and other_about) or (
            self._same_context(one, other) and self._reaches(self._made(content), self._made(other_content))
        )

    def alike(self, one: Rows, other: Rows) -> NDArray[np.bool_]:
        """Of pairs (m,) of rows whose vectors are near as a whole: near in content, of one meaning and context."""
        asked = self._content[one] & self._content[other]
        alike: NDArray[np.bool_] = np.logical_not(asked)
        if self._gate.same_numbers:
            asked &= self._coded(one) == self._coded(other)
        for i in np.flatnonzero(asked).tolist():
            alike[i] = self._means_the_same(int(one[i]), int(other[i]))
        return alike

    def _means_the_same(self, one: int, other: int) -> bool:
        if self._gate.same_numbers and not same_meaning(self._views[one][1], self._views[other][1]):
            return False
        if not (self._views[one][0] and self._views[other][0]):
            return True
        cosine = float(self._unit[one].astype(np.float64) @ self._unit[other])
        return cosine >= self._settings.clean_cosine and self._same_context(one, other)

    def _coded(self, rows: Rows) -> NDArray[np.int64]:
        for row in np.unique(rows[self._codes[rows] < 0]).tolist():
            key = numbers_and_negations(self._views[row][1])
            self._codes[row] = self._known.setdefault(key, len(self._known))
        return self._codes[rows]

    def _same_context(self, one: int, other: int) -> bool:
        if self._views[one][0] == self._views[other][0]:
            return True
        return self._reaches(self._context(one), self._context(other))

    def _context(self, row: int) -> Shingles:
        if row not in self._shingles:
            self._shingles[row] = self._made(self._views[row][0])
        return self._shingles[row]

    def _made(self, text: str) -> Shingles:
        return shingles(text, self._gate.shingle_chars)

    def _reaches(self, one: Shingles, other: Shingles) -> bool:
        return (
            jaccard(one, other) >= self._settings.clean_jaccard if len(one) and len(other) else len(one) == len(other)
        )
