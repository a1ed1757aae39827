"""What a block looks up ahead is to the bit what a search a row would find, ties and copies included."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthdata.gate.library import Library, LookAhead
from synthdata.settings import GateSettings


def enter(library: Library, vector: np.ndarray, number: int) -> None:
    text = f"row {number}"
    library.add([text], [text], [0], vector[None], library.sketches([text]), [text])


@given(st.integers(0, 30), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_looking_ahead_finds_what_a_search_finds(before, count, seed, copies):
    rng = np.random.default_rng(seed)
    kinds = rng.normal(size=(4 if copies else before + count, 16))
    x = kinds[rng.integers(len(kinds), size=before + count)]
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    library = Library(16, GateSettings())
    for number in range(before):
        enter(library, x[number], number)
    block = x[before:]
    ahead = LookAhead(library, block)
    for place, vector in enumerate(block):
        scores, rows = library.nearest(vector[None])
        assert ahead.nearest(place) == (scores[0], rows[0])
        if rng.random() < 0.7:
            enter(library, vector, before + place)
            ahead.enter(place)
