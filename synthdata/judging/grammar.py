"""Words in a row that no grammar holds together: soup of real words beside sound sentences.

In sentences of languages in Latin letters every second word or so belongs to the grammar, and runs of others are short.
Rules on letters and on known words do not see such a stretch: its words are words.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import islice

from synthdata.records import Reason, Reject
from synthdata.settings import FloorSettings
from synthdata.text.grammar import FUNCTION_WORDS, LATIN_GRAMMAR, WORLD_GRAMMAR

# Words with their apostrophes and hyphens, and what ends a run: the signs of sentences, lists, calls and code.
_PIECE = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|[.,;:!?()\[\]{}<>=|/\\\"`_\n\u201c\u201d]")
# The other words must show a grammar that is known here: enough of them, with this share of its words.
_LEAST_OTHERS, _LEAST_SHARE = 8, 0.2


def check_grammar(text: str, floor: FloorSettings) -> Reject | None:
    """Too many words in a row without one word of grammar, in a text that else has such words."""
    longest = held = words = stop = 0
    run: set[str] = set()
    for match in _PIECE.finditer(text):
        piece = match[0].lower()
        if not piece[0].isalnum():
            run.clear()
            continue
        if not piece.replace("'", "").replace("\u2019", "").replace("-", "").isalpha():
            # A number, a hash, a code: no word and no end of one.
            continue
        words += 1
        known = piece in FUNCTION_WORDS or piece in LATIN_GRAMMAR
        held += known
        # A word that comes again makes a run no longer: prose takes up its things, words at random do not.
        if known:
            run.clear()
        else:
            run.add(piece)
        if len(run) > longest:
            longest, stop = len(run), match.end()
    others = words - longest
    if longest < floor.ungrammatical_words or others < _LEAST_OTHERS or held < _LEAST_SHARE * others:
        return None
    shown = text[max(0, stop - 80) : stop]
    detail = f"{longest} words in a row without one of grammar: {shown!r}"
    return Reject(Reason.GIBBERISH, longest, floor.ungrammatical_words, detail=detail)


# A word of grammar, and one with the beginning of one that stood in the run before, speak against soup: what is about
# one thing says "computer" and "computing". Half a word for it: a capitalised one, as names of products, people and
# laws stand in rows, and one with accents, as no list has the grammar of all languages.
_GRAMMAR_WEIGHT, _NAME_WEIGHT, _STEM = 4.0, 0.5, 5
_WORD_OR_SIGN = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[^\w\s]|_|\n")
_MOST_CHARS = 20_000


def loose_words(text: str) -> tuple[float, int]:
    """The most words in a row, in Latin letters, that no grammar, sign or line end parts, and where that run ends.

    Words of grammar in some sixty languages are taken off it and need not end it. Sentences reach 5 to 8, in whatever
    language is known here; words at random nearly always 12.
    """
    text = text[:_MOST_CHARS]
    highest, last = _longest_loose(text)
    return highest, next(islice(_WORD_OR_SIGN.finditer(text), last, None)).end() if last >= 0 else 0


def most_loose_words(text: str) -> float:
    """The number of `loose_words` alone, at half the cost: most texts are not asked where that run ends."""
    return _longest_loose(text[:_MOST_CHARS])[0]


def _longest_loose(text: str) -> tuple[float, int]:
    """The longest run and the number of the word that it ends with, -1 for none."""
    highest = current = 0.0
    last = -1
    met: set[str] = set()
    other_script = False
    for place, (weight, stem) in enumerate(map(_weight, _WORD_OR_SIGN.findall(text))):
        if weight == _SIGN:
            current, other_script = 0.0, False
            met.clear()
            continue
        if weight == _OTHER_SCRIPT:
            # One word of another script among Latin ones ends nothing, two are a language of their own.
            current = 0.0 if other_script else current
            other_script = True
            continue
        other_script = False
        if weight < 0 or stem in met:
            current = max(0.0, current - _GRAMMAR_WEIGHT)
        else:
            met.add(stem)
            current += weight
            if current > highest:
                highest, last = current, place
    return highest, last


# In the place of a weight; real ones are none of these.
_SIGN, _OTHER_SCRIPT = 100.0, 101.0


@lru_cache(maxsize=1 << 16)
def _weight(word: str) -> tuple[float, str]:
    """What a word adds where it stands for the first time, and its beginning in lower case."""
    if not word[0].isalpha():
        return _SIGN, word
    if not _latin(word):
        return _OTHER_SCRIPT, word
    plain = word.lower()
    if plain in FUNCTION_WORDS or plain in WORLD_GRAMMAR:
        return -_GRAMMAR_WEIGHT, plain[:_STEM]
    return 1.0 if word.isascii() and not word[0].isupper() else _NAME_WEIGHT, plain[:_STEM]


def _latin(word: str) -> bool:
    return word.isascii() or any(unicodedata.name(letter, "").startswith("LATIN") for letter in word)
