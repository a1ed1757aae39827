"""What a column holds, by its name and its first values: prose, or one of the many things that are never a text.

Used where no usual name says which column is the answer; it never looks at more than the head of a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median
from typing import Literal

Kind = Literal["prose", "words", "number", "date", "id", "name", "other", "empty"]

# Column names whose values describe a row and are not its text, by any word of the name.
_ABOUT = frozenset(
    "id ids uid uuid guid hash sha md5 sha1 sha256 url uri link href path file filename date time timestamp"
    " datetime created updated modified name names author username title model models lang language license licence"
    " split category type label labels tag tags score scores rating rank index idx fingerprint email version subset"
    " domain dataset source sources generator tokens count length num seed temperature status difficulty level topic"
    .split()
)  # fmt: skip
_NUMBER = re.compile(r"[-+]?(?:\d[\d,. ]*|\.\d+)(?:[eE][-+]?\d+)?\s*%?")
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(?:[T ,].*)?|\d{1,2}:\d{2}(?::\d{2})?.*"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d{4}.*"
    r"|(?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? (?:\d{1,2},? )?\d{4}.*"
)
_ID = re.compile(r"[0-9a-fA-F-]{8,}|[a-z]+://\S+|[\w.+-]+@[\w.-]+|(?:[\w.-]*/)+[\w.-]+|(?=\S*[\d_:#-])[\w:.#-]+")
# Han, kana, Hangul and the scripts of South East Asia write no spaces between words.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_MOST = 0.9
# As many words in the median make a text of what is named as a label or a source.
_LONG = 12


def words_of_name(name: str) -> list[str]:
    """`inputText`, `Input Text` and `input_text` as the words `input`, `text`."""
    return [word for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()) if word]


def plain_name(name: str) -> str:
    """A column's name in lower case with single underscores."""
    return "_".join(words_of_name(name))


def kind_of(name: str, values: Sequence[object]) -> Kind:
    """What the column holds. `values` are those of the head that are not null; `words` are short labels."""
    if not values:
        return "empty"
    texts = [value.strip() for value in values if isinstance(value, str)]
    if len(texts) < len(values):
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        return "number" if numbers else "other"
    texts = [text for text in texts if text]
    if not texts:
        return "empty"
    for kind, pattern in (("number", _NUMBER), ("date", _DATE), ("id", _ID)):
        if sum(pattern.fullmatch(text[:200]) is not None for text in texts) >= _MOST * len(texts):
            return kind  # type: ignore[return-value]
    if set(words_of_name(name)) & _ABOUT and length(texts) < _LONG:
        return "name"
    return "prose" if length(texts) >= 2 else "words"


def length(values: Sequence[object]) -> float:
    """The median number of words of the texts among the values; an unspaced script counts two characters a word."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    return median(len(text.split()) + len(_UNSPACED.findall(text)) / 2 for text in texts) if texts else 0.0
