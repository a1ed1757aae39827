"""What two texts of nearly the same vector or letters may still mean differently: numbers, negation, who does what.

Encoders see little of it: "two tablets" and "eight tablets" are as near as paraphrases are. Texts are compared by rules
on words, in English where words of a language are needed, and by digits and order in every script.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from synthdata.similarity.exact import normalise
from synthdata.text.grammar import FUNCTION_WORDS
from synthdata.text.segments import segments

_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
# `one` is a pronoun more often than a number, and so is its Chinese sign.
_SMALL = "zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_LARGE = "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion half"
_NUMBER_WORDS = frozenset(f"{_SMALL} {_LARGE} twice thrice double triple".split())
_NUMERALS = re.compile(
    "[\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u767e\u5343\u4e07\u842c\u4ebf\u5104\u4e24\u5169]"
)
_NEGATIONS = frozenset(
    "not no never none nobody nothing nowhere neither nor cannot without n't kein keine keinen nicht nie ne pas jamais "
    "sin nunca jamás non não \u4e0d \u6ca1 \u6c92 \u65e0 \u7121 \u975e \u672a".split()
)
_CLAUSE = re.compile(
    r"[.,;:!?()\u3001\u3002\uff0c\uff1b]+|\b(?:because|since|so that|when|while|if|but|instead of|in place of|and)\b"
)


def same_meaning(one: str, other: str) -> bool:
    """Whether nothing speaks against two texts meaning the same: equal numbers, equal negation, the same roles.

    Encoders see words: texts without any, of signs or emoji, mean the same where they are equal.
    """
    plain, other_plain = normalise(one), normalise(other)
    left, right = _traits(plain), _traits(other_plain)
    if not left[4] and not right[4]:
        return plain == other_plain
    if left[0] != right[0] or left[1] != right[1]:
        return False
    # The same words in other clauses: who does what to whom has changed. Whole clauses may change places.
    return left[3] != right[3] or left[2] == right[2]


def numbers_and_negations(text: str) -> tuple[frozenset[tuple[str, int]], int]:
    """Which numbers a text holds, how often each, and how many negations: texts that differ in it never mean the same.

    Texts without any word hold the text itself instead.
    """
    plain = normalise(text)
    numbers, negations, _, _, words = _traits(plain)
    return (frozenset(numbers.items()), negations) if words else (frozenset({(plain, 1)}), -1)


def differ_in_numbers_alone(one: str, other: str) -> bool:
    """Whether two texts are the same but for their numbers."""
    left, right = normalise(one), normalise(other)
    return left != right and _masked(left) == _masked(right)


@lru_cache(maxsize=4096)
def _traits(plain: str) -> tuple[Counter[str], int, Counter[tuple[str, ...]], Counter[str], bool]:
    """Numbers, how many negations, content words by clause in order, content words, and whether there is a word."""
    words = segments(plain.replace("n't", " n't ").replace("n\u2019t", " n't "))
    numbers = Counter(_DIGITS.findall(plain))
    numbers.update(word for word in words if word in _NUMBER_WORDS)
    numbers.update(_NUMERALS.findall(plain))
    negations = sum(word in _NEGATIONS for word in words) + plain.count("n't") + plain.count("n\u2019t")
    clauses = [tuple(w for w in segments(part) if w not in FUNCTION_WORDS) for part in _CLAUSE.split(plain)]
    content = Counter(word for clause in clauses for word in clause)
    return numbers, negations, Counter(clause for clause in clauses if clause), content, bool(words)


@lru_cache(maxsize=4096)
def _masked(plain: str) -> str:
    text = _NUMERALS.sub("#", _DIGITS.sub("#", plain))
    return re.sub("#+", "#", re.sub(r"[a-z]+", lambda word: "#" if word[0] in _NUMBER_WORDS else word[0], text))
