"""Rules about a text alone that need no model: length, loops, gibberish, talk to a judge, secrets.

Each is cheap and says what it saw. They stop what is not worth a judge's time and what would talk to the judge;
whether a text is true, useful or well-formed English is not asked here, so terse, foreign, tabular and code-bearing
texts pass. Random but real words pass as well: those are for a language model. Evidence checks live in reflection.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from synthdata.judging.encoded import revealed
from synthdata.judging.grammar import check_grammar
from synthdata.judging.neighbours import SIGNS, nats_of_disorder
from synthdata.judging.phrases import find_judge_talk, latin_letters, without_openers
from synthdata.records import Reason, Reject
from synthdata.settings import FloorSettings
from synthdata.text.secrets import find_secret
from synthdata.text.segments import count_words, has_long_word
from synthdata.text.unicode import fold_compatible

Rules = tuple[Callable[[str, FloorSettings], Reject | None], ...]

# Only a closed override is turned: an open one, put before a reply in a log, would turn what the log truly says.
_OVERRIDDEN = re.compile("\u202e([^\u202c\u202e\n]*)\u202c")
_LATIN_WORD = re.compile(r"[a-z]{2,}")
# An acronym or a code such as HAT290 is no word to be read aloud.
_CODE = re.compile(r"\b(?:[A-Z]{2,6}s?|[A-Z0-9]*\d[A-Z0-9]*)\b")
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
_MASHED = [run for run in _RUNS if run != "erty"]
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

# Under these sizes a share says nothing.
# Under so many of its characters symbols are not looked at more closely; so much disorder is none (neighbours.py).
_MANY_SYMBOLS, _ORDERLY = 0.5, 7.0
# A refrain, or an empty cell of a table, comes a few times in a row: eight is the most in 49,000 real texts of chats,
# code, tables and agents, but for one loop that a model had written.
_MOST_ROUNDS, _LONGEST_PHRASE = 12, 8
_LEAST_GRAMS, _LEAST_BYTES, _LEAST_PAIRS, _LEAST_LETTERS, _LEAST_CHARS, _LEAST_FOREIGN = 8, 400, 12, 40, 40, 12


def canonical(text: str) -> str:
    """The text as a judge should see it: NFKC, without control, zero-width, bidi and other invisible characters.

    What stands backwards under a right-to-left override, up to the mark that ends it, is turned round, as a reader sees
    it.
    """
    turned = _OVERRIDDEN.sub(lambda span: span[1][::-1], text) if "\u202e" in text else text
    return fold_compatible(turned)


def readable(text: str) -> str:
    """The canonical text with lookalike letters turned into Latin ones: what the rules on words look at."""
    return latin_letters(canonical(text))


def check_text(content: str, floor: FloorSettings, rules: Rules | None = None) -> Reject | None:
    """The first of the rules (by default those on a review) that the text breaks, or None.

    Length in words comes first (two characters of an unspaced script count as one word), so a text that is far too long
    costs nothing more. Encoded text counts as what it says. About a millisecond for a page.
    """
    if len(content) > floor.max_chars:
        return Reject(Reason.TOO_LONG, len(content), floor.max_chars, detail=f"{len(content)} characters")
    text = readable(content)
    plain_text = revealed(text)
    text = text if plain_text == text else readable(plain_text)
    for rule in REVIEW_RULES if rules is None else rules:
        failure = rule(text, floor)
        if failure is not None:
            return failure
    return None


def _length(text: str, floor: FloorSettings) -> Reject | None:
    words = count_words(text)
    if words > floor.max_words:
        return Reject(Reason.TOO_LONG, words, floor.max_words, detail=f"{words:g} words (recipe.floor.max_words)")
    if floor.min_words is not None and words < floor.min_words:
        return Reject(Reason.TOO_SHORT, words, floor.min_words, detail=f"{words:g} words (recipe.floor.min_words)")
    return None


def _review_length(text: str, floor: FloorSettings) -> Reject | None:
    word_count = count_words(without_openers(text))
    least = max(floor.review_min_words, floor.min_words or 0)
    if word_count < least:
        detail = f"{word_count:g} words besides openers (recipe.floor.review_min_words)"
        return Reject(Reason.TOO_SHORT, word_count, least, detail=detail)
    return _length(text, floor)


def _judge_talk(text: str, floor: FloorSettings) -> Reject | None:
    span = find_judge_talk(text)
    return None if span is None else Reject(Reason.ADDRESSES_JUDGE, 1.0, 0.0, detail=span)


def _secret(text: str, floor: FloorSettings) -> Reject | None:
    kind = find_secret(text)
    return None if kind is None else Reject(Reason.SECRET, 1.0, 0.0, detail=kind)


def _loop(text: str, floor: FloorSettings) -> Reject | None:
    words = text.casefold().split()
    # Single words repeat in every long text, so they are looked at in the first hundred.
    for n, limit, seen in ((1, floor.loop_words, words[:100]), (4, floor.loop_share, words)):
        count = len(seen) - n + 1
        if count >= _LEAST_GRAMS:
            distinct = set(seen) if n == 1 else set(zip(*(seen[k:] for k in range(n)), strict=False))
            share = 1.0 - len(distinct) / count
            if share > limit:
                return Reject(Reason.LOOP, share, limit, detail=f"{share:.0%} of its {n}-grams are repeats")
    rounds, phrase = longest_cycle(words)
    if rounds > _MOST_ROUNDS:
        return Reject(Reason.LOOP, rounds, _MOST_ROUNDS, detail=f"“{phrase}” {rounds} times in a row")
    data = text.encode("utf-8", "surrogatepass")
    if len(data) >= _LEAST_BYTES:
        ratio = len(data) / len(zlib.compress(data, 6))
        if ratio > floor.loop_compression:
            return Reject(Reason.LOOP, ratio, floor.loop_compression, detail=f"compresses {ratio:.1f} times")
    return None


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
                if sum(map(str.isalpha, phrase)) >= 3:
                    longest = rounds, phrase
    return longest


def letter_measures(content: str) -> tuple[float, ...]:
    """Shares in [0, 1] that are high where letters make no words, in the order of their thresholds in the recipe.

    Symbols, encoded strings, changes of script, letter pairs of no word, consonants.
    """
    text = readable(content)
    plain_text = revealed(text)
    text = text if plain_text == text else readable(plain_text)
    latin = _latin(text)
    return _symbols(text), _blobs(text), _mix(text), _odd_pairs(latin), _missing_vowels(latin)


def check_letters(measures: Sequence[float], floor: FloorSettings, real: Sequence[float] = ()) -> Reject | None:
    """The first letter measure over its threshold; over what `real` contents reach too, where that is known."""
    thresholds = (
        (floor.symbol_share, "of its characters are symbols"),
        (floor.encoded_share, "of its characters are in encoded strings"),
        (floor.script_mix, "of its letters change script or block"),
        (floor.rare_bigram_share, "of its letter pairs belong to no word"),
        (1.0 - floor.min_vowels, "of its letters are consonants"),
    )
    known = real or (0.0,) * len(thresholds)
    for measure, (limit, what), reached in zip(measures, thresholds, known, strict=True):
        threshold = max(limit, reached)
        if measure > threshold:
            return Reject(Reason.GIBBERISH, measure, threshold, detail=f"{measure:.0%} {what}")
    return None


def _symbols(text: str) -> float:
    """The share of symbols; none where they are in order as those of an expression or a terse program are."""
    visible, symbols = _visible(text)
    share = symbols / visible if visible >= _LEAST_CHARS else 0.0
    if share < _MANY_SYMBOLS or 2 * sum(map(text.count, SIGNS)) < symbols:
        return share
    return share if symbols == visible or nats_of_disorder(text) >= _ORDERLY else 0.0


def _visible(text: str) -> tuple[int, int]:
    """How many characters are no white space, and how many of these are neither letters, digits nor marks."""
    if text.isascii():
        seen = text.encode().translate(None, _BLANKS)
        return len(seen), len(seen.translate(None, _ALNUM))
    counts = Counter(text)
    symbols = (n for c, n in counts.items() if not (c.isspace() or c.isalnum()) and unicodedata.category(c)[0] != "M")
    return sum(n for c, n in counts.items() if not c.isspace()), sum(symbols)


def _blobs(text: str) -> float:
    """Share of characters in long unbroken runs that mix digits with letters: base64, hex, keys."""
    if not has_long_word(text, _BLOB_CHARS):
        return 0.0
    visible, _ = _visible(text)
    blobs = [b for b in _BLOB.findall(text) if re.search(r"\d", b) and re.search(r"[A-Za-z]", b) and not _readable(b)]
    return sum(map(len, blobs)) / visible if visible else 0.0


def _readable(blob: str) -> bool:
    """A hyphenated or underscored name, whose parts are words and numbers."""
    parts = re.split(r"[-_/+=]", blob)
    return len(parts) > 1 and all(part.isalpha() or part.isdigit() or len(part) < 8 for part in parts)


def _mix(text: str) -> float:
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


def _latin(text: str) -> str:
    """The Latin words of two letters and more in a text's prose, in lower case and without marks."""
    if "<" in text or "://" in text:
        text = _TAG.sub(" ", text)
    if has_long_word(text, _BLOB_CHARS):
        text = _BLOB.sub(" ", text)
    plain = _CODE.sub(" ", text)
    if not plain.isascii():
        plain = _MARKS.sub("", unicodedata.normalize("NFKD", plain))
    return " ".join(_LATIN_WORD.findall(plain.casefold()))


def _odd_pairs(latin: str) -> float:
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
    return min(1.0, odd / pairs)


def _missing_vowels(latin: str) -> float:
    letters = len(latin) - latin.count(" ")
    if letters < _LEAST_LETTERS:
        return 0.0
    consonants = latin.translate(_NO_VOWEL)
    return 1.0 - (letters - (len(consonants) - consonants.count(" "))) / letters


def _letters(text: str, floor: FloorSettings) -> Reject | None:
    return check_letters(letter_measures(text), floor)


# What is asked of any text; its letters are looked at where real texts have been (gate/wording.py). Loops come before
# the patterns, some of which take their time over endless repetition.
TEXT_RULES: Rules = (_length, _loop, _secret)
# The same where somebody judges it.
JUDGED_TEXT_RULES: Rules = (_length, _loop, _judge_talk, _secret)
# What is asked of a review of a run.
REVIEW_RULES: Rules = (_review_length, _loop, _judge_talk, _secret, _letters, check_grammar)
