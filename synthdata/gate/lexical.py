"""What cosine does not see: phrases and sentence frames that fill up with ever new names.

Saturating counters of word n-grams in a table of fixed size, and skeletons: a content with the entities of its own
context, its numbers and its quotes masked.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

SLOTS_LOG2 = 24
_MOST = 255
_AT_ONCE = 1024
_WORD = re.compile(r"\w+(?:'\w+)?")
_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|`[^`\n]*`|(?<!\w)'[^'\n]+'(?!\w)")
_NUMBER = re.compile(r"\w*\d\w*")
_QUOTE = re.compile("[\"'“`]")
_DIGIT = re.compile(r"\d")
_FRAME_WORD = re.compile(r"\w+(?:'\w+)?|#")
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


def ngram_slots(texts: Sequence[Sequence[str]], n: int) -> list[NDArray[np.int64]]:
    """Table slots of the distinct word n-grams of texts as lists of words, sorted; empty for texts under n words."""
    counts = np.array([max(len(words) - n + 1, 0) for words in texts], dtype=np.int64)
    total = sum(len(words) for words in texts)
    tokens = np.fromiter(map(token_hash, chain.from_iterable(texts)), dtype=np.uint64, count=total)
    rows = np.repeat(np.arange(len(texts), dtype=np.uint64), counts)
    begins = np.cumsum([0, *(len(words) for words in texts)])[:-1]
    places = np.arange(len(rows)) + np.repeat(begins - (np.cumsum(counts) - counts), counts)
    mixed = np.zeros(len(rows), dtype=np.uint64)
    for k in range(n):
        # An odd multiplier mixes order in; overflow is the intended arithmetic modulo 2**64.
        mixed = (mixed ^ tokens[places + k]) * np.uint64(0x9E3779B97F4A7C15)
    distinct = np.unique(rows << np.uint64(SLOTS_LOG2) | mixed >> np.uint64(64 - SLOTS_LOG2))
    owners, slots = distinct >> np.uint64(SLOTS_LOG2), distinct & np.uint64((1 << SLOTS_LOG2) - 1)
    return np.split(slots.astype(np.int64), np.searchsorted(owners, np.arange(1, len(texts)))) if texts else []


def wordings(contents: Sequence[str], contexts: Sequence[str], n: int) -> Iterator[tuple[NDArray[np.int64], str]]:
    """The n-gram slots and the skeleton of each content, read into words once for both."""
    for start in range(0, len(contents), _AT_ONCE):
        part = contents[start : start + _AT_ONCE]
        words = [_WORD.findall(content.lower()) for content in part]
        frames = [_frame(*item) for item in zip(part, contexts[start : start + _AT_ONCE], words, strict=True)]
        yield from zip(ngram_slots(words, n), frames, strict=True)


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
        self._rows[slots] = values + (values < _MOST)

    def filled(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """The slots that are in use and their counts."""
        slots = np.flatnonzero(self._rows)
        return slots, self._rows[slots]

    @classmethod
    def of_slots(cls, slots: NDArray[np.int64], rows: NDArray[np.uint8]) -> PhraseCounters:
        """Counters whose `slots` (k,) hold the counts `rows` (k,), as `filled` gave them."""
        counters = cls()
        counters._rows[slots] = rows
        return counters

    def share(self, slots: NDArray[np.int64], rows: int) -> float:
        """Share of the n-grams that at least `rows` rows hold already; 0 for a text without n-grams."""
        return int(np.count_nonzero(self._rows[slots] >= rows)) / len(slots) if len(slots) else 0


def skeleton(content: str, context: str) -> str:
    """The frame of a content: lower-cased words with numbers, quotes, names and the words of its own context masked.

    Runs of masks count as one. Where a corpus has one view (`context` empty), names are runs of capitalised words
    inside a sentence.
    """
    return _frame(content, context, _WORD.findall(content.lower()))


def _frame(content: str, context: str, words: Sequence[str]) -> str:
    """The skeleton of a content whose `words` are known; most need no look at their characters."""
    text = _QUOTED.sub(" # ", content) if _QUOTE.search(content) else content
    text = _NAME.sub(" # ", text) if not text.islower() else text
    if text != content or "#" in text:
        words = _FRAME_WORD.findall(text.lower())
    entities = _entities(context)
    if not entities and "#" not in text and not _DIGIT.search(text):
        return " ".join(words)
    frame: list[str] = []
    for word in words:
        masked = word == "#" or word in entities or _is_number(word)
        if not masked:
            frame.append(word)
        elif not frame or frame[-1] != "#":
            frame.append("#")
    return " ".join(frame)


@lru_cache(maxsize=256)
def _entities(context: str) -> frozenset[str]:
    return frozenset(_WORD.findall(context.lower())) - FUNCTION_WORDS


@lru_cache(maxsize=1 << 16)
def _is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None


class SkeletonCounts:
    """How many admitted rows stand on each skeleton."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self.counts: Counter[str] = Counter(counts or {})

    def add(self, frame: str) -> None:
        """Count one row."""
        self.counts[frame] += 1

    def rows(self, frame: str) -> int:
        """Rows on this skeleton so far."""
        return self.counts[frame]
