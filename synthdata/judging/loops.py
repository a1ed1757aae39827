"""Loops: a text that says the same words over and over.

What stands in rows by its nature is none: noughts, marks, moves and answers of a letter or two come again and again
and still in an order of their own.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthdata.records import Reason, Reject
from synthdata.settings import FloorSettings
from synthdata.text.segments import is_simple, is_unspaced, segments

# A refrain, or an empty cell of a table, comes a few times in a row: eight is the most in 49,000 real texts of chats,
# code, tables and agents, but for one loop that a model had written.
MOST_ROUNDS, _LONGEST_PHRASE = 12, 8
# A phrase, and a word that is looked at alone, has so many letters.
_LEAST_LETTERS = 3
# Under these sizes a share says nothing.
_LEAST_GRAMS, _LEAST_BYTES = 8, 400
# Words that are looked at one by one, as single words repeat in every long text; characters of a mean word that may
# be a whole clause.
_SEEN, _LONG_WORD = 100, 8
# Of noughts and ones sixteen phrases of four can be made, of twelve some thousands.
_SIGNS_OF_PHRASE = 12


def find_loop(text: str, floor: FloorSettings) -> Reject | None:
    """What of a text's words, of its phrases or of a tail of it, or of its characters, is repeats."""
    words = _words(text)
    grams = list(zip(*(words[k:] for k in range(4)), strict=False))
    single, phrases = _share(words[:_SEEN]), _share(grams)
    if single > floor.loop_words and (single := _share(_spoken(words[:_SEEN]))) > floor.loop_words:
        return _loop(single, floor.loop_words, f"{single:.0%} of its words are repeats")
    if phrases > floor.loop_share and (phrases := _share(_telling(words, grams))) > floor.loop_share:
        return _loop(phrases, floor.loop_share, f"{phrases:.0%} of its phrases are repeats")
    rounds, phrase = longest_cycle(words) if may_go_round(words, grams) else (1, "")
    if rounds > MOST_ROUNDS:
        return _loop(rounds, MOST_ROUNDS, f"“{phrase}” {rounds} times in a row")
    data = text.encode("utf-8", "surrogatepass")
    ratio = len(data) / len(zlib.compress(data, 6)) if len(data) >= _LEAST_BYTES else 1.0
    if ratio > floor.loop_compression:
        return _loop(ratio, floor.loop_compression, f"compresses {ratio:.1f} times")
    return None


def may_go_round(words: Sequence[str], grams: Sequence[tuple[str, ...]]) -> bool:
    """Whether any phrase of one to eight words follows itself more than twelve times; `grams` are the words by fours.

    Thirteen rounds of p words are 13 p - 3 grams, of which p differ: where fewer are repeats no word is compared.
    """
    if len(grams) - len(set(grams)) < MOST_ROUNDS - 3:
        return False
    numbers = {word: i for i, word in enumerate(dict.fromkeys(words))}
    placed = np.fromiter(map(numbers.__getitem__, words), dtype=np.int64, count=len(words))
    return any(_longest_run(placed, period) >= MOST_ROUNDS * period for period in range(1, _LONGEST_PHRASE + 1))


def _longest_run(placed: NDArray[np.int64], period: int) -> int:
    """How many words in a row, at most, are those that stand so many places before them."""
    compared = len(placed) - period
    other = np.flatnonzero(placed[period:] != placed[:-period])
    return int(np.diff(other, prepend=-1, append=compared).max()) - 1 if compared > 0 else 0


def longest_cycle(words: Sequence[str]) -> tuple[int, str]:
    """How often, at most, a phrase of one to eight words follows itself without a break, and that phrase.

    Behind a long good beginning such a tail is too small a share of the text for shares and compression to see. A
    phrase counts from three letters on: rows of noughts in a matrix and rules of a table are no loop.
    """
    longest = (1, "")
    for period in range(1, _LONGEST_PHRASE + 1):
        length = 0
        for i in range(period, len(words)):
            length = length + 1 if words[i] == words[i - period] else 0
            rounds = length // period + 1
            if rounds > longest[0]:
                phrase = " ".join(words[i - period + 1 : i + 1])
                if _letters(phrase) >= _LEAST_LETTERS:
                    longest = rounds, phrase
    return longest


def _words(text: str) -> list[str]:
    """The words between blanks in lower case; where they are long and of scripts without spaces, the letters."""
    folded = text.casefold()
    words = folded.split()
    if len(folded) < _LONG_WORD * len(words) or is_simple(folded):
        return words
    letters = segments(folded)
    return letters if 2 * sum(map(is_unspaced, letters)) > len(letters) else words


def _share(parts: Sequence[object]) -> float:
    """The share of repeats; none where there are too few parts to say."""
    return 1.0 - len(set(parts)) / len(parts) if len(parts) >= _LEAST_GRAMS else 0.0


def _spoken(words: Sequence[str]) -> list[str]:
    return [word for word in words if _letters(word) >= _LEAST_LETTERS]


def _telling(words: Sequence[str], grams: Sequence[tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
    """The grams that hold more than noughts and marks, all where these are too few; of single signs longer ones."""
    if 2 * sum(word.isascii() and len(word) == 1 for word in words) > len(words):
        return list(zip(*(words[k:] for k in range(_SIGNS_OF_PHRASE)), strict=False))
    units = [gram for gram in grams if any(c.isalnum() and c != "0" for c in "".join(gram))]
    return units if len(units) >= _LEAST_GRAMS else grams


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _loop(score: float, limit: float, detail: str) -> Reject:
    return Reject(Reason.LOOP, score, limit, detail=detail)
