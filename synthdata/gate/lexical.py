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

from synthdata.text.grammar import FUNCTION_WORDS
from synthdata.text.segments import (
    LETTERS_PER_WORD,
    is_simple,
    is_unspaced,
    phrase_units,
    segments,
    simple_words_and_masks,
)

SLOTS_LOG2 = 24
_MOST = 255
_AT_ONCE = 1024
_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|`[^`\n]*`|(?<!\w)'[^'\n]+'(?!\w)")
_QUOTE = re.compile("[\"'“`]")
_DIGITS = re.compile(r"\d+")
_MASK = re.compile(r"#+")
# Neighbouring masks that are words of their own.
_MASKS = re.compile(r"(?<![^ ])#(?: #(?![^ ]))+")
# Fewer words than these left unmasked are no frame: sums, JSON, quotations and names stand on none.
_FRAME_WORDS = 5
# The capital stands first, since few places of a text have one; then what stands before it is looked at.
_NAME = re.compile(r"[A-Z](?<=[a-z,;:] [A-Z])\w+(?: [A-Z]\w+)*")


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
    """The n-gram slots and the frame of each content, read into words once for both.

    A frame is a skeleton with at least 5 words left, and half of all; sums, JSON, quotations and names stand on none,
    which is the empty text.
    """
    for start in range(0, len(contents), _AT_ONCE):
        part = contents[start : start + _AT_ONCE]
        words = [segments(content.lower()) for content in part]
        frames = [_frame(*item) for item in zip(part, contexts[start : start + _AT_ONCE], words, strict=True)]
        yield from zip(ngram_slots([phrase_units(units) for units in words], n), frames, strict=True)


def word_ngrams(text: str, n: int) -> list[str]:
    """The n-grams of a text's phrase units as lower-case strings, in order."""
    words = phrase_units(segments(text.lower()))
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

    def share(self, slots: NDArray[np.int64], rows: int | NDArray[np.int64]) -> float:
        """Share of the n-grams that at least `rows` rows, one number or one each, hold; 0 for a text without n-grams.

        No count reaches a number over 255.
        """
        held = self._rows[slots] >= rows
        return int(np.count_nonzero(held)) / len(slots) if len(slots) else 0


def skeleton(content: str, context: str) -> str:
    """The frame of a content: lower-cased words with numbers, quotes, names and the words of its own context masked.

    Runs of masks count as one. Of a word with digits only these are masked. Where a corpus has one view (`context`
    empty), names are runs of capitalised words inside a sentence.
    """
    return _masked(content, context, segments(content.lower()))[0]


def _frame(content: str, context: str, words: Sequence[str]) -> str:
    """The skeleton of a content whose `words` are known, empty where it has too few words of its own to be a frame."""
    frame, left, hidden = _masked(content, context, words)
    return frame if left >= max(_FRAME_WORDS, hidden) else ""


def _masked(content: str, context: str, words: Sequence[str]) -> tuple[str, float, float]:
    """The skeleton, how many words are left in it, and how many are masked."""
    text = _QUOTED.sub(" # ", content) if _QUOTE.search(content) else content
    text = _NAME.sub(" # ", text) if not text.islower() else text
    entities = _entities(context)
    lower = text.lower()
    simple = is_simple(lower)
    if text != content or "#" in text:
        words = simple_words_and_masks(lower) if simple else [word for part in _parts(lower) for word in part]
    if simple:
        return _simply_masked(words, entities)
    frame: list[str] = []
    left: float = 0
    hidden: float = 0
    for word in words:
        weight = 1 if word.isascii() or not is_unspaced(word) else 1 / LETTERS_PER_WORD
        masked = "#" if word in entities else word if word.isalpha() else _DIGITS.sub("#", word)
        if masked != "#":
            left += weight
            frame.append(masked)
        else:
            hidden += weight
            if not frame or frame[-1] != "#":
                frame.append("#")
    return " ".join(frame), left, hidden


def _simply_masked(words: Sequence[str], entities: frozenset[str]) -> tuple[str, float, float]:
    """As `_masked`, of words without a letter of a script without spaces, all at once."""
    shown = " ".join(["#" if word in entities else word for word in words] if entities else words)
    frame = _DIGITS.sub("#", shown)
    hidden = frame.split(" ").count("#") if "#" in frame else 0
    if "# #" in frame:
        frame = _MASKS.sub("#", frame)
    return frame, len(words) - hidden, hidden


def _parts(text: str) -> Iterator[list[str]]:
    """The segments between masks, and the masks."""
    place = 0
    for mask in _MASK.finditer(text):
        yield segments(text[place : mask.start()])
        yield ["#"]
        place = mask.end()
    yield segments(text[place:])


@lru_cache(maxsize=256)
def _entities(context: str) -> frozenset[str]:
    return frozenset(segments(context.lower())) - FUNCTION_WORDS


class SkeletonCounts:
    """How many admitted rows stand on each skeleton."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self.counts: Counter[str] = Counter(counts or {})

    def add(self, frame: str) -> None:
        """Count one row; a text without a frame counts on none."""
        if frame:
            self.counts[frame] += 1

    def rows(self, frame: str) -> int:
        """Rows on this skeleton so far."""
        return self.counts[frame]
