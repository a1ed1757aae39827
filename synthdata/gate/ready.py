"""Texts made ready for the stages: a function of the texts alone, so that it may run anywhere.

Phrases and frames of the text as it is written; normal form, signature and bands of what it looks like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.lexical import wordings
from synthdata.judging.phrases import latin_letters
from synthdata.protocols import Mapper
from synthdata.settings import GateSettings
from synthdata.similarity.minhash import LexicalIndex, Sketch
from synthdata.similarity.stored_rows import Signatures

# Texts of a part of the work.
AT_ONCE = 2048
# Content and context of a text.
Pair = tuple[str, str]


@dataclass(frozen=True)
class ReadyTexts:
    """Texts made ready as few arrays, which travel between processes at little cost.

    `slots` are those of all texts one after the other up to `ends` (n,), `frames` and normal forms `plain` a text each,
    `signatures` (n, permutations) and `bands` (n, bands).
    """

    slots: NDArray[np.int64]
    ends: NDArray[np.int64]
    frames: list[str]
    plain: list[bytes]
    signatures: Signatures
    bands: NDArray[np.uint64]

    def __iter__(self) -> Iterator[tuple[Sketch, NDArray[np.int64], str]]:
        """Sketch, slots and frame of each text."""
        sketches = map(Sketch, self.plain, self.signatures, self.bands)
        return zip(sketches, np.split(self.slots, self.ends[:-1]), self.frames, strict=True)


def make_ready(
    texts: Sequence[Pair], settings: GateSettings, mapper: Mapper
) -> Iterator[tuple[Sketch, NDArray[np.int64], str]]:
    """Sketch, slots of phrases and frame of each text with its context (empty in a corpus of one view)."""
    parts = [texts[start : start + AT_ONCE] for start in range(0, len(texts), AT_ONCE)]
    for ready in mapper(partial(_part_ready, settings=settings), parts):
        yield from ready


def _part_ready(texts: Sequence[Pair], settings: GateSettings) -> ReadyTexts:
    contents = [content for content, _ in texts]
    worded = list(wordings(contents, [context for _, context in texts], settings.lexical_ngram))
    # A spelling with letters that only look like others is the same text.
    plain, signatures, bands = LexicalIndex(settings).sketched([latin_letters(content) for content in contents])
    slots = [row_slots for row_slots, _ in worded]
    ends = np.cumsum([len(row_slots) for row_slots in slots])
    return ReadyTexts(np.concatenate(slots), ends, [frame for _, frame in worded], plain, signatures, bands)
