"""What cosine does not see: phrases and sentence frames that fill up with ever new names.

Saturating counters of word n-grams in a table of fixed size, and skeletons: a content with the entities of its own
context, its numbers and its quotes masked.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SLOTS_LOG2 = 24
_WORD = re.compile(r"\w+(?:'\w+)?")
_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|`[^`\n]*`|(?<!\w)'[^'\n]+'(?!\w)")
_NUMBER = re.compile(r"\w*\d\w*")
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z]\w+(?: [A-Z]\w+)*")
# Words that are nobody's entity, even where the context uses them too.
FUNCTION_WORDS = frozenset(
    "a about after again all also an and any are as at be because been before but by can could did do does for from "
    "get go had has have he her here him his how i if in instead into is it its just like make may me might more most "
    "must my need no not now of off on once one only or other our out over own rather same she should since so some "
    "still such take than that the their them then there these they this those though to too try under until up use "
    "was we were what when where which while who why will with without would yet you your".split()
)


@lru_cache(maxsize=1 << 18)
def token_hash(token: str) -> int:
    """A 64-bit hash of a word that is the same in every process."""
    data = token.encode("utf-8", "surrogatepass")
    return zlib.crc32(data) << 32 | zlib.adler32(data)


def ngram_slots(text: str, n: int) -> NDArray[np.int64]:
    """Table slots of the distinct word n-grams of a text; empty for texts under n words."""
    tokens = np.array([token_hash(word) for word in _WORD.findall(text.lower())], dtype=np.uint64)
    count = len(tokens) - n + 1
    if count < 1:
        return np.empty(0, dtype=np.int64)
    mixed = np.zeros(count, dtype=np.uint64)
    for k in range(n):
        # An odd multiplier mixes order in; overflow is the intended arithmetic modulo 2**64.
        mixed = (mixed ^ tokens[k : k + count]) * np.uint64(0x9E3779B97F4A7C15)
    return np.unique(mixed >> np.uint64(64 - SLOTS_LOG2)).astype(np.int64)


def word_ngrams(text: str, n: int) -> list[str]:
    """The word n-grams of a text as lower-case strings, in order."""
    words = _WORD.findall(text.lower())
    return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]


class PhraseCounters:
    """In how many admitted rows each word n-gram occurs, saturating at 255; two n-grams may share a slot."""

    def __init__(self) -> None:
        self._rows = np.zeros(1 << SLOTS_LOG2, dtype=np.uint8)

    def add(self, slots: NDArray[np.int64]) -> None:
        """Count one row."""
        values = self._rows[slots]
        self._rows[slots] = values + (values < np.iinfo(np.uint8).max)

    def share(self, slots: NDArray[np.int64], rows: int) -> float:
        """Share of the n-grams that at least `rows` rows hold already; 0 for a text without n-grams."""
        return float((self._rows[slots] >= rows).mean()) if len(slots) else 0


def skeleton(content: str, context: str) -> str:
    """The frame of a content: lower-cased words with numbers, quotes, names and the words of its own context masked.

    Runs of masks count as one. Where a corpus has one view (`context` empty), names are runs of capitalised words
    inside a sentence.
    """
    text = _QUOTED.sub(" # ", content)
    text = _NAME.sub(" # ", text)
    entities = set(_WORD.findall(context.lower())) - FUNCTION_WORDS
    frame: list[str] = []
    for word in re.findall(r"\w+(?:'\w+)?|#", text.lower()):
        masked = word == "#" or word in entities or _NUMBER.fullmatch(word) is not None
        if not masked:
            frame.append(word)
        elif not frame or frame[-1] != "#":
            frame.append("#")
    return " ".join(frame)


class SkeletonCounts:
    """How many admitted rows stand on each skeleton."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()

    def add(self, frame: str) -> None:
        """Count one row."""
        self._rows[frame] += 1

    def rows(self, frame: str) -> int:
        """Rows on this skeleton so far."""
        return self._rows[frame]
