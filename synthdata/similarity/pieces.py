"""How a model's tokenizer cuts texts: which letters it cannot read, and the windows that a long text is read in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Letters of scripts. Those of formulas, which Unicode counts as signs, belong to none.
_LETTER = regex.compile(r"[\p{L}--\p{sc=Common}]", regex.VERSION1)
# Where one letter may well be a piece: Chinese signs are words, and a Latin word that falls to letters is a name.
_WHOLE = regex.compile(r"[\p{Latin}\p{Han}]")
_UNKNOWN = ("[UNK]", "<unk>", "<UNK>")
# What SentencePiece and byte-level tokenizers put before a word: no letter of the text.
_MARKS = ("\u2581", "\u0120")
_MOST_CHARS = 20_000
# Pieces that a window may begin later, so that it begins with a whole word.
_LATER = 16
_LANGUAGES = {
    "CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "DEVANAGARI": "Hindi",
    "CYRILLIC": "Cyrillic", "": "",
}  # fmt: skip

_Span = tuple[int, int]


class Pieces:
    """A tokenizer that neither cuts nor pads; a copy of the one given."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = type(tokenizer).from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        names = {*_UNKNOWN, getattr(self._tokenizer.model, "unk_token", None) or _UNKNOWN[0]}
        self._unknown = {number for name in names if (number := self._tokenizer.token_to_id(name)) is not None}

    @classmethod
    def of_folder(cls, folder: Path) -> Pieces | None:
        """The tokenizer among a model's files; None where it has no `tokenizer.json`."""
        # Loaded where a model is: an encoder of hashed words has none.
        from tokenizers import Tokenizer

        files = sorted(folder.rglob("tokenizer.json"))
        return cls(Tokenizer.from_file(str(files[0]))) if files else None

    def unread(self, text: str) -> tuple[float, str]:
        """The share of a text's letters that are not read, and the language of most of these by their script.

        Looks at the first 20,000 characters. A letter is not read where its piece is the unknown one, where it takes
        several pieces, or where its word falls into single letters: a model often knows the alphabet of a language of
        which it has seen no text, and sees but spelling there.
        """
        text = text[:_MOST_CHARS]
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        if text.isascii() and self._unknown.isdisjoint(encoded.ids):
            return 0, ""
        letters = [match.start() for match in _LETTER.finditer(text)]
        if not letters:
            return 0, ""
        words: dict[int | None, list[_Span]] = {}
        columns = (encoded.ids, encoded.tokens, encoded.offsets, encoded.word_ids)
        for number, token, span, word in zip(*columns, strict=True):
            if number not in self._unknown and token not in _MARKS:
                words.setdefault(word, []).append(span)
        read = {place for spans in words.values() for place in _read(text, spans)}
        lost = [text[place] for place in letters if place not in read]
        return len(lost) / len(letters), _language(lost)

    def windows(self, text: str, size: int, limit: int) -> list[str]:
        """The parts of a text that a model reads one by one, of `size` pieces with the special ones.

        The text itself where it fits, else at most `most` parts, evenly placed from its beginning to its end: they
        overlap where there are enough of them and leave gaps where not. Each begins with a whole word if one is near.
        """
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        n, size = len(encoded.ids), size - self._tokenizer.num_special_tokens_to_add(False)
        count = min(limit, ceil(n / size))
        if count < 2:
            return [text]
        words, spans = encoded.word_ids, encoded.offsets
        parts = []
        for start in (round(i * (n - size) / (count - 1)) for i in range(count)):
            last = start + size - 1
            whole = (k for k in range(start, min(start + _LATER, last)) if k == 0 or words[k] != words[k - 1])
            parts.append(text[spans[next(whole, start)][0] : spans[last][1]])
        return parts


def _read(text: str, spans: Sequence[_Span]) -> list[int]:
    """The places that the pieces of one word stand for."""
    counted = Counter(spans)
    single = {start for start, end in counted if end - start == 1 and _LETTER.match(text, start)}
    wide = sum(end - start for start, end in counted if end - start > 1)
    spelt = len(single) > max(1, wide)
    read: list[int] = []
    for (start, end), pieces in counted.items():
        if start not in single or (pieces == 1 and (not spelt or _WHOLE.match(text, start))):
            read += range(start, end)
    return read


def _language(letters: Sequence[str]) -> str:
    """The language of most of these letters in plain words, or their script where it has many; empty without any."""
    counted = Counter(unicodedata.name(letter, "UNNAMED").split()[0].partition("-")[0] for letter in letters)
    script = min(counted, key=lambda name: (-counted[name], name), default="")
    # Japanese is mostly written in Chinese signs, and alone has kana between them.
    script = "HIRAGANA" if script == "CJK" and counted["HIRAGANA"] + counted["KATAKANA"] else script
    return _LANGUAGES.get(script, script.title())
