"""Broken stretches: how the tokens of a text follow each other, in its worst window and on the whole.

A mean over a text hides a stretch of token soup beside good prose, and how *likely* a stretch is confuses rare with
broken: names, code and other languages are unlikely too. So a small logistic regression learns, at calibration, what
tells windows of real contents from windows of soup that is made of their own pieces: whether words and neighbours are
known, how a new word is built (by its letter triples), what is glued to what. Two halves of the real contents judge
each other, and the threshold is conformal: a real text falls with the share that the recipe gives to this test.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.lexical import token_hash
from synthdata.text.grammar import FUNCTION_WORDS, LATIN_GRAMMAR
from synthdata.text.segments import fine_tokens

Floats = NDArray[np.float64]
Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]

WINDOW = 12
MOST_CHARS = 20_000
# Words of so high a rank are the grammar of a set of texts, whatever its language.
_COMMON = 100
_KINDS = 14
_CLASSES = 2 * _KINDS + 1
_PAIRED = _CLASSES + _CLASSES * _CLASSES
FEATURES = _PAIRED + 3
_LONGEST_WORD = 24
_SCRIPT_WORDS = 5
_SIGN_SHAPES = {
    **dict.fromkeys(".,!?:;", 5),
    **dict.fromkeys("'\"\u2018\u2019\u201c\u201d`", 6),
    **dict.fromkeys("()[]{}<>", 7),
}
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Known:
    """In how many texts each word and each pair of neighbours stands, in how many words each letter triple.

    Sorted hashes and their counts; `common_rows` texts make a word one of the grammar. `scripts` are those that several
    words are written in: of others nothing is known, and nothing is said.
    """

    words: Hashes
    word_rows: Ints
    pairs: Hashes
    pair_rows: Ints
    letters: Hashes
    letter_words: Ints
    scripts: Hashes
    common_rows: int
    odd_share: float

    @classmethod
    def of(cls, streams: Sequence[Tokens], odd_share: float) -> Known:
        """Count over texts; a new word is odd if more of its letter triples than `odd_share` stand in no known word."""
        words, word_rows = _count_rows([stream.words for stream in streams])
        pairs, pair_rows = _count_rows([stream.pairs for stream in streams])
        every = sorted({token for stream in streams for token in stream.lower if token[0].isalpha()})
        letters, letter_words = _count_rows([np.array(triples(token), dtype=np.uint64) for token in every])
        counted = Counter(script_hash(token[0]) for token in every)
        scripts = np.array(sorted(s for s, count in counted.items() if count >= _SCRIPT_WORDS), dtype=np.uint64)
        common = np.sort(word_rows)[-_COMMON:]
        return cls(
            words, word_rows, pairs, pair_rows, letters, letter_words, scripts, max(3, int(common[0])), odd_share
        )

    @cached_property
    def script_set(self) -> frozenset[int]:
        """The known scripts."""
        return frozenset(self.scripts.tolist())


@dataclass(frozen=True)
class Tokens:
    """A text's tokens: lower case, hashes, shapes, whether glued to the one before; hashes of pairs (n-1,)."""

    lower: list[str]
    words: Hashes
    pairs: Hashes
    shapes: Ints
    glued: Ints

    @classmethod
    def of(cls, text: str) -> Tokens | None:
        """The tokens of a text's first 20,000 characters, None where it has none."""
        matches = list(fine_tokens(text[:MOST_CHARS]))
        if not matches:
            return None
        ends = [-1, *(match.end() for match in matches)]
        glued = np.array([match.start() == end for match, end in zip(matches, ends, strict=False)], dtype=np.int64)
        return cls.of_strings([match[0] for match in matches], glued)

    @classmethod
    def of_strings(cls, tokens: Sequence[str], glued: Ints) -> Tokens:
        """These tokens in this order; `glued` (n,) says of each whether it is glued to the one before."""
        lower = [token.lower() for token in tokens]
        words = np.array([token_hash(token) for token in lower], dtype=np.uint64)
        shapes = np.array([_shape(token) for token in tokens], dtype=np.int64)
        return cls(lower, words, pair_hashes(words, glued), shapes, glued)


@dataclass(frozen=True)
class StretchModel:
    """What one half of the real contents knows, the weights learnt with it, and the scale of its own scores.

    `scale` is the median and the 90th percentile of the worst window, then of the mean, over the half's own texts,
    each judged without itself. Under `evidence`, log odds a token for soup, nothing is called broken.
    """

    known: Known
    weights: Floats
    scale: Floats
    evidence: float

    def scaled(self, worst: Floats, mean: Floats) -> Floats:
        """How broken texts are, in spreads above the median of real ones, (n,), from the sums that `raw_scores` gives.

        The higher of two: the worst window, and the text on the whole. 0 for a text that gives too little evidence: of
        a reference that is all alike every other text is far, and a word alone proves nothing.
        """
        middle, high, whole_middle, whole_high = self.scale
        stretch, whole = (worst - middle) / (high - middle), (mean - whole_middle) / (whole_high - whole_middle)
        scores: Floats = np.where(worst < self.evidence, np.minimum(0, stretch), np.maximum(stretch, whole))
        return scores


def raw_scores(tokens: Tokens, known: Known, weights: Floats, own: int = 0) -> tuple[float, float, int]:
    """The sum over the worst window, over all windows, both a token, and where the worst begins.

    A text shorter than a window proves as much less. `own` texts of the counts are the text itself.
    """
    classes, seen, met = describe_tokens(tokens, known, own)
    values = token_values(weights, classes, np.concatenate([[0], classes[:-1]]), seen, met)
    width = min(WINDOW, len(values))
    sums = np.cumsum(np.concatenate([[0], values]))
    windows = (sums[width:] - sums[:-width]) / WINDOW
    return float(windows.max()), float(sums[-1]) / max(WINDOW, len(values)), int(windows.argmax())


def token_values(
    weights: Floats, classes: Ints, before: Ints, seen: NDArray[np.bool_], met: NDArray[np.bool_]
) -> Floats:
    """What tokens (n,) of these classes, each after one of the class `before`, add to the sums of their windows."""
    values = weights[classes] + weights[_CLASSES + before * _CLASSES + classes]
    values = values + weights[_PAIRED] * seen + weights[_PAIRED + 1] * met + weights[_PAIRED + 2]
    return np.where(classes > 0, values, 0)


def features(tokens: Tokens, known: Known, own: int, starts: Sequence[int]) -> Floats:
    """What the weights apply to, as means over windows that begin at these tokens, (windows, features)."""
    classes, seen, met = describe_tokens(tokens, known, own)
    before = np.concatenate([[0], classes[:-1]])
    made = np.zeros((len(starts), FEATURES))
    for row, start in enumerate(starts):
        part = slice(start, start + WINDOW)
        pairs = _CLASSES + before[part] * _CLASSES + classes[part]
        made[row, :_PAIRED] = np.bincount(np.concatenate([classes[part], pairs]), minlength=_PAIRED) / WINDOW
        made[row, _PAIRED:] = seen[part].sum() / WINDOW, met[part].sum() / WINDOW, len(classes[part]) / WINDOW
    return made


def describe_tokens(tokens: Tokens, known: Known, own: int) -> tuple[Ints, NDArray[np.bool_], NDArray[np.bool_]]:
    """The class of each token, whether it is known, and whether it is known to follow the one before, (n,) each.

    Class 0 is of words in a script of which nothing is known, and of signs that are neither ASCII nor known.
    """
    kinds, seen = describe(tokens, known, own)
    met = np.concatenate([[False], look_up(known.pairs, known.pair_rows, tokens.pairs) - own > 0])
    return placed_classes(kinds, tokens.glued), seen, met


def describe(tokens: Tokens, known: Known, own: int) -> tuple[Ints, NDArray[np.bool_]]:
    """The kind of each token whatever stands around it, -1 for one of which nothing is known, and whether it is known.

    Known is what more than the `own` texts hold.
    """
    rows = look_up(known.words, known.word_rows, tokens.words)
    seen = rows - own > 0
    shapes = tokens.shapes
    word = shapes <= 3
    # Signs and digits keep their shape, a sign of no common kind also whether it is known.
    kinds = np.where(word, 0, shapes + 3 + (~seen & (shapes >= 7)))
    kinds = np.where(word & seen, np.choose(np.minimum(shapes, 3), [1, 2, 2, 13]), kinds)
    kinds = np.where(word & (rows - own >= known.common_rows), 0, kinds)
    unread: list[int] = []
    for i in np.flatnonzero(~seen & (word | (shapes >= 8))).tolist():
        token = tokens.lower[i]
        if not token.isascii() and (shapes[i] >= 8 or script_hash(token[0]) not in known.script_set):
            kinds[i] = -1
        elif token in LATIN_GRAMMAR or token in FUNCTION_WORDS:
            kinds[i], seen[i] = 0, True
        elif word[i]:
            unread.append(i)
    odd = _odd_words([tokens.lower[i] for i in unread], known, rows[unread] > 0)
    kinds[unread] = np.where(odd, 6, np.array([3, 4, 5, 5])[shapes[unread]])
    return kinds, seen


def _odd_words(words: Sequence[str], known: Known, held: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of which words more letter triples than `odd_share` stand in no known word, (n,).

    Of a word that is `held` its own triples count once.
    """
    hashes = list(map(triples, words))
    counts = np.array([len(one) for one in hashes], dtype=np.int64)
    every = np.fromiter(chain.from_iterable(hashes), dtype=np.uint64, count=int(counts.sum()))
    owners = np.repeat(np.arange(len(words)), counts)
    missing = look_up(known.letters, known.letter_words, every) <= held[owners]
    return np.asarray(np.bincount(owners[missing], minlength=len(words)) > known.odd_share * counts)


def placed_classes(kinds: Ints, glued: Ints) -> Ints:
    """The classes of tokens of these kinds, by whether each is glued to the one before; 0 for the kind -1."""
    return np.where(kinds < 0, 0, 1 + kinds + _KINDS * glued)


def pair_hashes(words: Hashes, glued: Ints) -> Hashes:
    """The hash of each neighbouring pair of tokens (n,), by whether it is glued, (n - 1,)."""
    # Overflow is the intended arithmetic modulo 2**64.
    return ((words[:-1] * _MIX) ^ words[1:]) * _MIX + glued[1:].astype(np.uint64)


@lru_cache(maxsize=1 << 12)
def script_hash(letter: str) -> int:
    """A letter's script, by the first word of its name, as a hash; Han and kana are one."""
    first = unicodedata.name(letter, "UNNAMED").split()[0].partition("-")[0]
    return token_hash("CJK" if first in {"HIRAGANA", "KATAKANA", "IDEOGRAPHIC"} else first)


@lru_cache(maxsize=1 << 16)
def triples(word: str) -> tuple[int, ...]:
    """Hashes of a word's letter triples, its edges marked."""
    edged = f"^{word[:_LONGEST_WORD]}$"
    return tuple(token_hash(edged[k : k + 3]) for k in range(len(edged) - 2))


def _shape(token: str) -> int:
    """0 to 3: a word in lower case or without case, capitalised, in capitals, of mixed case; then digits and signs."""
    if token[0].isalpha():
        return 0 if token == token.lower() else 1 if token.istitle() else 2 if token.isupper() else 3
    return 4 if token[0].isdigit() else _SIGN_SHAPES.get(token, 8)


def _count_rows(streams: Sequence[Hashes]) -> tuple[Hashes, Ints]:
    distinct = [np.unique(part) for part in streams]
    hashes, counts = np.unique(np.concatenate([np.empty(0, np.uint64), *distinct]), return_counts=True)
    return hashes, counts.astype(np.int64)


def look_up(keys: Hashes, counts: Ints, wanted: Hashes) -> Ints:
    """The counts of the wanted hashes, 0 where one is not there."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, counts[place], 0)
