"""Measures of letters and signs that are high where they make no words; each a share in [0, 1] of readable text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np

from synthdata.judging.neighbours import SIGNS, nats_of_disorder
from synthdata.text.segments import has_long_word

_LATIN_WORD = re.compile(r"[a-z]{2,}")
# An acronym, a code such as HAT290, a Roman or hexadecimal number, a register and a variable are no words to be read.
_ROMAN = r"M{0,4}(?:CM|CD|D?C{0,4})(?:XC|XL|L?X{0,4})(?:IX|IV|V?I{0,4})"
_CODE = re.compile(rf"\b(?:[A-Z]{{2,6}}s?|[A-Z0-9]*\d[A-Z0-9]*|(?=[MDCLXVI]){_ROMAN}|0x[0-9a-f]+)\b|(?<!\w)[%$@]\w+")
_MARKS = re.compile("[\u0300-\u036f]")
# Letter pairs under two in a million inside words of English prose, less those at home in German, Dutch, the Nordic,
# Romance and Slavic languages. A random pair of letters is one of them with probability 0.24, a read one hardly ever.
_ODD = (
    "bf|bg|bh|bk|bn|bq|bx|cb|cf|cg|cj|cv|cw|cx|fc|fd|fh|fj|fk|fm|fp|fq|fv|fw|fx|fz|gj|gk|gq|gv|gx|gz|hf|hg|hh|hj|"
    "hk|hq|hx|hz|iw|jb|jc|jf|jg|jh|jj|jl|jp|jq|jr|jt|jv|jw|jx|jy|jz|kc|kg|kk|kq|kx|kz|lq|lx|lz|mh|mk|mq|mx|mz|oq|"
    "pj|pk|pv|px|pz|qa|qb|qc|qd|qe|qf|qg|qh|qi|qj|qk|qm|qn|qo|qp|qq|qt|qv|qw|qx|qy|qz|rq|rx|sx|tj|tq|tx|uq|uw|vb|"
    "vc|vd|vf|vg|vh|vj|vk|vm|vp|vq|vt|vv|vw|vx|vz|wc|wf|wg|wj|wm|wp|wq|wv|ww|wx|xb|xd|xg|xj|xk|xl|xn|xq|xr|xv|xw|"
    "xx|xz|yj|yk|yq|yv|yx|zf|zj|zp|zq|zr|zx"
)
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_RUNS = [row[i : i + 4] for line in _ROWS for row in (line, line[::-1]) for i in range(len(row) - 3)]
# Whether the pair of two ASCII characters is one of them.
_ODD_PAIR = np.zeros((128, 128), dtype=bool)
_ODD_PAIR[tuple(np.frombuffer(_ODD.replace("|", "").encode(), dtype=np.uint8).reshape(-1, 2).T)] = True
# "Liberty", "binary tree", "Wert" and "strewn" are read too.
_MASHED = [run for run in _RUNS if run not in ("erty", "ytre", "wert", "trew")]
_MASH = re.compile("|".join(_MASHED))
_CONSONANTS = re.compile("[bcdfghjklmnpqrstvwxz]{6,}")
_NO_VOWEL = str.maketrans("", "", "aeiouy")
_TAG = re.compile(r"</?\w[^<>]*>|\b(?:https?|ftp)://\S+")
# Letters, and characters of private use, which are of no script and stand beside letters in noise alone.
_WRITTEN = re.compile(r"(?:[^\W\d_]|[\ue000-\uf8ff\U000f0000-\U0010fffd]){2,}")
_BLOB_CHARS = 16
_BLOB = re.compile(rf"(?<!\S)[A-Za-z0-9+/=_-]{{{_BLOB_CHARS},}}(?!\S)")
_BLANKS = bytes(code for code in range(128) if chr(code).isspace())
_ALNUM = bytes(code for code in range(128) if chr(code).isalnum())

# Under so many of its characters symbols are not looked at more closely; so much disorder is none (neighbours.py).
_MANY_SYMBOLS, _ORDERLY = 0.5, 7.0
# Under these sizes a share says nothing, and one name such as jpg or pkg has two odd pairs.
_LEAST_ODD = 3
_LEAST_PAIRS, _LEAST_LETTERS, _LEAST_CHARS, _LEAST_FOREIGN = 12, 40, 40, 12


def symbols(text: str) -> float:
    """The share of symbols; none where they are in order as those of an expression or a terse program are."""
    visible, count = _visible(text)
    share = count / visible if visible >= _LEAST_CHARS else 0.0
    if share < _MANY_SYMBOLS or 2 * sum(map(text.count, SIGNS)) < count:
        return share
    return share if count == visible or nats_of_disorder(text) >= _ORDERLY else 0.0


def _visible(text: str) -> tuple[int, int]:
    """How many characters are no white space, and how many of these are neither letters, digits nor marks."""
    if text.isascii():
        seen = text.encode().translate(None, _BLANKS)
        return len(seen), len(seen.translate(None, _ALNUM))
    counts = Counter(text)
    symbols = (n for c, n in counts.items() if not (c.isspace() or c.isalnum()) and unicodedata.category(c)[0] != "M")
    return sum(n for c, n in counts.items() if not c.isspace()), sum(symbols)


def blobs(text: str) -> float:
    """Share of characters in long unbroken runs that mix digits with letters: base64, hex, keys."""
    if not has_long_word(text, _BLOB_CHARS):
        return 0.0
    visible, _ = _visible(text)
    runs = [b for b in _BLOB.findall(text) if re.search(r"\d", b) and re.search(r"[A-Za-z]", b) and not _readable(b)]
    return sum(map(len, runs)) / visible if visible else 0.0


def _readable(blob: str) -> bool:
    """A hyphenated or underscored name, whose parts are words and numbers."""
    parts = re.split(r"[-_/+=]", blob)
    return len(parts) > 1 and all(part.isalpha() or part.isdigit() or len(part) < 8 for part in parts)


def mix(text: str) -> float:
    """How often neighbouring letters of a word are of two scripts: hardly ever in writing, mostly in noise."""
    if text.isascii() or sum(c.isalpha() and not c.isascii() for c in text) < _LEAST_FOREIGN:
        return 0.0
    pairs = [(a, b) for word in _WRITTEN.findall(text) for a, b in pairwise(word)]
    changes = sum(_changes(_script(a), _script(b)) for a, b in pairs)
    return changes / len(pairs) if pairs else 0.0


def _changes(one: str, other: str) -> bool:
    """Chinese and Japanese set Latin letters into their lines without a space."""
    return one != other and {one, other} != {"CJK", "LATIN"}


@cache
def _script(letter: str) -> str:
    first = unicodedata.name(letter, "UNASSIGNED").split()[0].partition("-")[0]
    return "CJK" if first in {"HIRAGANA", "KATAKANA", "IDEOGRAPHIC"} else first


def latin(text: str) -> str:
    """The different Latin words of a text's prose, of two letters and more, in lower case and without marks.

    A word that a text repeats is a habit and counts once.
    """
    plain = _TAG.sub(" ", text) if "<" in text or "://" in text else text
    if has_long_word(plain, _BLOB_CHARS):
        plain = _BLOB.sub(" ", plain)
    plain = _CODE.sub(" ", plain)
    if not plain.isascii():
        plain = _MARKS.sub("", unicodedata.normalize("NFKD", plain))
    return " ".join(dict.fromkeys(_LATIN_WORD.findall(plain.casefold())))


def odd_pairs(latin: str) -> float:
    """The share of letter pairs that belong to no word, among those of `latin`; keyboard runs weigh three each."""
    words = latin.count(" ") + 1 if latin else 0
    # All but the last letter of a word begin a pair; one blank stands between two words.
    pairs = len(latin) - 2 * words + 1 if words else 0
    if pairs < _LEAST_PAIRS:
        return 0.0
    letters = np.frombuffer(latin.encode("ascii"), dtype=np.uint8)
    odd = int(np.count_nonzero(_ODD_PAIR[letters[:-1], letters[1:]]))
    if any(run in latin for run in _MASHED):
        odd += 3 * len(_MASH.findall(latin))
    odd += sum(len(run) - 5 for run in _CONSONANTS.findall(latin))
    return min(1.0, odd / pairs) if odd >= _LEAST_ODD else 0.0


def missing_vowels(latin: str) -> float:
    """The share of consonants among the letters of `latin`."""
    letters = len(latin) - latin.count(" ")
    if letters < _LEAST_LETTERS:
        return 0.0
    consonants = latin.translate(_NO_VOWEL)
    return 1.0 - (letters - (len(consonants) - consonants.count(" "))) / letters
