"""Words in every script: what length, phrases, frames, bands and the held-out list count.

A word is a run of word characters with their marks, so that a vowel sign of Hindi, Bengali or Tamil stays with its
letter. Scripts that write no spaces are cut by the letter and its marks; two letters then count as a word, and phrases
are made of overlapping pairs. The properties come from the `regex` package, which carries the Unicode tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import regex

# Chinese, Japanese and the scripts of South-East Asia. Korean and Tibetan do part their words or syllables.
_UNSPACED = (
    r"[[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Javanese}"
    r"\p{Balinese}\p{Tai_Tham}\p{New_Tai_Lue}\p{Tai_Le}\p{Tai_Viet}]&&\p{L}]"
)
# An apostrophe, or one of the two joiners that Persian and Indic scripts write, stands inside a word.
_JOINING = "['\u2019\u200c\u200d]"
_INSIDE = rf"[[\w]--{_UNSPACED}]"
_SEGMENT = regex.compile(rf"{_UNSPACED}\p{{M}}*|{_INSIDE}+(?:{_JOINING}{_INSIDE}+)*", regex.VERSION1)
_ALONE = regex.compile(_UNSPACED, regex.VERSION1)
# Where `re` finds the same words, eight times as fast: Latin, Greek, Cyrillic, Armenian letters and most signs.
_SIMPLE = re.compile(
    "[\x00-\xb1\xb4-\xb8\xba\xbb\xbf-\u02ff\u0370-\u0482\u048a-\u0557\u1e00-\u200b\u200e-\u203e\u2041-\u2053"
    "\u2055-\u206f\u2090-\u209c\u20a0-\u20cf\u2100-\u214f\u2190-\u245f\u2500-\u2775\u2794-\u2bff"
    "\U0001f000-\U0001f0ff\U0001f190-\U0001faff]*"
)
_WORD = re.compile(rf"\w+(?:{_JOINING}\w+)*")
_FINE = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_FINE_SEGMENT = regex.compile(
    rf"{_UNSPACED}\p{{M}}*|[[\p{{L}}\p{{M}}]--{_UNSPACED}]+|\d+|[^\w\s]|[[\w]--[\p{{L}}\p{{M}}]]", regex.VERSION1
)
_SIGN = re.compile(r"[^\w\s]")
_WORD_OR_SIGN = re.compile(rf"\w+(?:{_JOINING}\w+)*|[^\w\s]")
_WORD_OR_MASK = re.compile(rf"\w+(?:{_JOINING}\w+)*|#+")
LETTERS_PER_WORD = 2


def segments(text: str) -> list[str]:
    """The words of a text in order, letters of scripts without spaces one by one; signs between words are left out."""
    return (_WORD if is_simple(text) else _SEGMENT).findall(text)


def tokenise(text: str) -> list[str]:
    """The segments of a text and the signs between them, in order; white space and lone marks are left out."""
    if is_simple(text):
        return _WORD_OR_SIGN.findall(text)
    tokens: list[str] = []
    place = 0
    for segment in segments(text):
        start = text.index(segment, place)
        tokens += _SIGN.findall(text, place, start)
        tokens.append(segment)
        place = start + len(segment)
    return tokens + _SIGN.findall(text, place)


def fine_tokens(text: str) -> Iterator[re.Match[str]]:
    """Matches of runs of letters with their marks, runs of digits and single signs; unspaced letters one by one."""
    return _FINE.finditer(text) if is_simple(text) else _FINE_SEGMENT.finditer(text)


def is_simple(text: str) -> bool:
    """Whether no letter of a text belongs to a script that needs the Unicode tables of `regex`."""
    return text.isascii() or _SIMPLE.fullmatch(text) is not None


def simple_fine_tokens(text: str) -> list[str]:
    """What `fine_tokens` finds in a simple text, as strings: every character that is no white space is in one."""
    return _FINE.findall(text)


def simple_words_and_masks(text: str) -> list[str]:
    """The segments of a simple text and its runs of `#`, each of these as one, in order."""
    return ["#" if token[0] == "#" else token for token in _WORD_OR_MASK.findall(text)]


def is_unspaced(segment: str) -> bool:
    """Whether a segment is a letter of a script without spaces."""
    return _SIMPLE.fullmatch(segment[:1]) is None and _ALONE.match(segment) is not None


def phrase_units(words: list[str]) -> list[str]:
    """What phrases are made of: the segments, where neighbouring letters of an unspaced script become pairs.

    One letter there says no more than a syllable. A letter without such a neighbour stays.
    """
    if all(map(str.isascii, words)):
        return words
    alone = [is_unspaced(segment) for segment in words]
    units: list[str] = []
    for i, segment in enumerate(words):
        after = i + 1 < len(words) and alone[i + 1]
        before = i > 0 and alone[i - 1]
        if alone[i] and after:
            units.append(segment + words[i + 1])
        elif not (alone[i] and before):
            units.append(segment)
    return units


def has_long_word(text: str, letters: int) -> bool:
    """Whether a run of characters that are no white space is at least so long: what keys and encoded text need."""
    return max(map(len, text.split()), default=0) >= letters


def count_words(text: str) -> float:
    """Words of a text, where two letters of a script without spaces make one."""
    words = segments(text)
    unspaced = 0 if text.isascii() else sum(map(is_unspaced, words))
    return len(words) - unspaced + unspaced / LETTERS_PER_WORD
