"""Tokens that hardly ever stand side by side: shuffled code and signs at random, whatever the reference holds.

`neighbours.txt` says of two kinds of tokens (the commonest words of programs and prose, any other word, a number, each
ASCII sign) how much less often one follows the other in written files than chance would have it; bench/neighbours.py
counts it. A scan adds that up and falls back to 0 where a text goes on as written ones do, so that a short stretch
shows beside any amount of good text. A pair that a text repeats is a habit and counts once. Notation that holds
together, whatever it is made of, is one token of no kind and says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import islice

# Beyond these many characters nothing is looked at.
MOST_CHARS = 20_000
STEP, LOWEST, HIGHEST = 0.25, -2.0, 3.0
SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# What a step costs: written text is a little odd everywhere.
_DRIFT = 0.2
# A bracket that closes what is not open.
_MISFIT = 2.0
# Notation that holds together by itself, whatever the table knows of its signs: formulas, the class and the head of a
# group in an expression, marks of languages that the table has not read, a word in quotes, an option or a name behind
# its sigil, a word in brackets such as a chord or a footnote, a path.
_HELD = (
    r"(?<![^\s(\[{])\$(?=[^$\n]{0,40}[A-Za-z\d])\S(?:[^$\n]{0,58}\S)?\$(?=[\s.,;:)\]-]|$)",
    r"\[(?=\^|[^\]\s]*(?:\\|\w-\w))(?:\\\S|[^\]\[\s\\]){1,80}\]", r"(?<=\()\?(?:[:=!>]|<[=!]|P?<\w+>)",
    r"\{-#?|#?-\}|:-|\?-|<-|->|=>|[({]\.\.[)}]|(?<!\w)_(?!\w)", r"\"[^\W\d_]+\"|'[^\W\d_]+'|`[^\W\d_]+`",
    r"(?<![^\s(\[{])(?:--?|[:@#%&])[^\W\d_][\w-]*", r"\[\w[\w/#+-]{0,9}\]",
    r"(?<![^\s(\[{\"'`])~?/\w[\w./-]*",
)  # fmt: skip
# Of those marks no two stand together.
_MARKS = frozenset("{- {-# -} #-} :- ?- <- -> => (..) {..}".split())
# Escapes of LaTeX, of strings and of expressions hold together in a text that has several: one may be a stray sign.
_ESCAPES, _SEVERAL = (r"\\<\^?\w+>", r"\\(?:[A-Za-z]+|[^\sA-Za-z])"), 3
# A name is one word, however many it is made of. Sums, dates and rows of numbers are as good as one number, whatever
# notation holds them together.
_NAME, _NUMBER = r"[^\W\d_]+(?:[-_/]+[^\W_]+)*", r"\d+(?:[-+*/=<>.,:%^$ ]{1,6}\d+)*"
_SINGLE = r"[^\w\s]|_|\n"
# Names and numbers come first, since most tokens are such: no notation begins with a letter or a digit.
_TOKEN = re.compile("|".join((_NAME, _NUMBER, *_HELD, _SINGLE)))
_ESCAPED_TOKEN = re.compile("|".join((_NAME, _NUMBER, *_ESCAPES, *_HELD, _SINGLE)))
_BRACKETS = frozenset("()[]{}")
_OPENED_BY = {")": "(", "]": "[", "}": "{"}
# Smileys, and what numbers the points of a list, "2) " or "b) ": they stand alone.
_ALONE = re.compile(r"(?<!\w)[:;]['-]?[()]|(?:(?<=\s)|^)\w{1,4}\)", re.MULTILINE)


@dataclass(frozen=True)
class Neighbours:
    """Kinds of tokens by number, 0 for any other word; `odds[a][b]` are nats for chance where b follows a."""

    kinds: dict[str, int]
    odds: list[list[float]]

    @classmethod
    def read(cls, text: str) -> Neighbours:
        """The table as `neighbours.txt` holds it: the words, then a line of letters for each kind."""
        words, *rows = text.rstrip("\n").split("\n")
        values = {chr(ord("a") + i): LOWEST + STEP * i for i in range(round((HIGHEST - LOWEST) / STEP) + 1)}
        return cls(numbered(words.split()), [[values[letter] for letter in row] for row in rows])

    def kind(self, token: str) -> int:
        """The number of a token's kind, -1 for a line's end and signs of other scripts."""
        if token[0].isalpha():
            return self.kinds.get(token.lower(), 0)
        return self.kinds["0"] if token[0].isdigit() else self.kinds.get(token, -1)


def numbered(words: list[str]) -> dict[str, int]:
    """The kinds: 0 is left for any other word, then these words, digits as "0", signs."""
    return {token: i for i, token in enumerate([*words, "0", *SIGNS], 1)}


def tokens_of(text: str) -> list[str]:
    """Names, numbers and sums, notation that holds together, single signs and ends of lines."""
    return _pattern(text).findall(text)


def _pattern(text: str) -> re.Pattern[str]:
    return _ESCAPED_TOKEN if text.count("\\") >= _SEVERAL else _TOKEN


@cache
def neighbours() -> Neighbours:
    """The table that is shipped."""
    return Neighbours.read(resources.files("synthdata.judging").joinpath("neighbours.txt").read_text(encoding="utf-8"))


def disorder(text: str) -> tuple[float, int]:
    """Nats of evidence that a stretch of a text was thrown together, and the character where the worst one ends.

    0 to 4 for nearly all that people write, programs too.
    """
    text = text[:MOST_CHARS]
    highest, last = _worst(text)
    return highest, next(islice(_pattern(text).finditer(text), last, None)).end() if last >= 0 else 0


def nats_of_disorder(text: str) -> float:
    """The nats of `disorder` alone, at half the cost: most texts are not asked where they are at their worst."""
    return _worst(text[:MOST_CHARS])[0]


def _worst(text: str) -> tuple[float, int]:
    """The highest sum and the number of the token that it ends with, -1 for none."""
    odds = neighbours().odds
    alone = _alone(text)
    met: set[tuple[int, int]] = set()
    opened: list[str] = []
    current = highest = 0.0
    last = before = -1
    mark = False
    for place, token in enumerate(tokens_of(text)):
        lone = place in alone
        kind = -1 if lone else _kind(token)
        change = -_DRIFT
        if before >= 0 and kind >= 0:
            pair = before, kind
            nats = odds[before][kind]
            change += min(nats, 0.0) if pair in met else nats
            met.add(pair)
        if token in _BRACKETS and not lone and not _closes(token, opened):
            change += _MISFIT
        if token in _MARKS:
            change += _MISFIT if mark else 0.0
            mark = True
        else:
            mark = False
        before = kind
        current += change
        if current > highest:
            highest, last = current, place
        elif current < 0.0:
            current = 0.0
    return highest, last


@lru_cache(maxsize=1 << 16)
def _kind(token: str) -> int:
    return neighbours().kind(token)


def _alone(text: str) -> frozenset[int]:
    """The numbers of the tokens that stand alone; each of them is at a bracket."""
    if "(" not in text and ")" not in text:
        return frozenset()
    places = {place for match in _ALONE.finditer(text) for place in range(*match.span())}
    tokens = enumerate(_pattern(text).finditer(text)) if places else ()
    return frozenset(i for i, match in tokens if match.start() in places)


def _closes(bracket: str, opened: list[str]) -> bool:
    """Whether a bracket fits what is open, which it changes."""
    opener = _OPENED_BY.get(bracket)
    if opener is None:
        opened.append(bracket)
        return True
    fits = bool(opened) and opened[-1] == opener
    if opener in opened:
        # What was opened in between stays open for good.
        while opened.pop() != opener:
            pass
    return fits
