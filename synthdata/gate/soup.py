"""Learning what a broken stretch looks like: soup made of the pieces of real texts, and a logistic regression.

Beside the reference's own windows it sees some ordinary lines of other kinds (ordinary.txt: prose, sums, code, tables,
six languages), so that text of another domain than the reference is not taken for soup.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.gibberish import (
    MOST_CHARS,
    WINDOW,
    Known,
    StretchModel,
    Tokens,
    features,
    raw_scores,
)
from synthdata.settings import AnchorSettings
from synthdata.similarity.threads import one_blas_thread
from synthdata.text.segments import fine_tokens

Floats = NDArray[np.float64]
_SIGNS = "!@#$%^&*()[]{}<>/\\|~`+=_-:;,.?'\""
_WINDOWS = 400
_KINDS = 4
# Windows of an ordinary line at most.
_OTHER = 2
# Rows in which a feature must occur to get a weight.
_LEAST_ROWS = 8


def learn(texts: Sequence[str], half: int, settings: AnchorSettings) -> StretchModel:
    """The model of one half of the real contents, at least two texts with a word or a sign.

    Its real windows are each judged without their own text, since a new text is not among the known ones either.
    """
    rng = random.Random(f"gibberish {settings.seed} {half}")
    streams = [stream for text in texts if (stream := Tokens.of(text)) is not None]
    known = Known.of(streams, settings.odd_word_share)
    each = max(1, _WINDOWS // len(streams))
    real = np.concatenate([_sampled(stream, known, 1, rng, each) for stream in streams])
    other = [_sampled(stream, known, 0, rng, _OTHER) for text in ordinary() if (stream := Tokens.of(text)) is not None]
    real = np.concatenate([real, *other])
    soups = [stream for text in soup(texts, rng, max(100, len(real) // 3)) if (stream := Tokens.of(text)) is not None]
    fake = np.concatenate([_sampled(stream, known, 0, rng, 3) for stream in soups])
    labels = np.concatenate([np.zeros(len(real)), np.ones(len(fake))])
    with one_blas_thread():
        weights = logistic_weights(np.concatenate([real, fake]), labels)
    own = np.array([raw_scores(stream, known, weights, own=1)[:2] for stream in streams])
    middle, high = np.percentile(own, [50, 90], axis=0)
    # Texts that are all alike have no spread of their own; this keeps the scale finite.
    high = np.maximum(high, middle + settings.soup_evidence / WINDOW)
    scale = np.array([middle[0], high[0], middle[1], high[1]])
    return StretchModel(known, weights, scale, settings.soup_evidence)


@cache
def ordinary() -> tuple[str, ...]:
    """Lines of many kinds that are no soup."""
    text = resources.files("synthdata.gate").joinpath("ordinary.txt").read_text(encoding="utf-8")
    return tuple(line.replace("\\n", "\n") for line in text.split("\n") if line.strip())


def soup(texts: Sequence[str], rng: random.Random, count: int) -> list[str]:
    """Texts that say nothing: words and pieces of words of all texts in any order, glued at random, and signs.

    In turn: whole words, glued pieces, pieces with signs, signs alone.
    """
    every = sorted({match[0] for text in texts for match in fine_tokens(text[:MOST_CHARS])})
    words = [token for token in every if token[0].isalpha()] or every
    return [_soup(words, rng, number % _KINDS) for number in range(count)]


def _soup(words: Sequence[str], rng: random.Random, kind: int) -> str:
    made = ""
    for _ in range(rng.randint(14, 40)):
        word = rng.choice(words)
        cut = rng.randint(1, len(word))
        piece = (word, rng.choice((word, word[:cut], word[cut:] or word, word.capitalize())))[kind > 0]
        if kind == 3:
            piece = "".join(rng.choices(_SIGNS, k=rng.randint(1, 4)))
        elif kind == 2 and rng.randrange(20) < 7:
            piece += "".join(rng.choices(_SIGNS, k=rng.randint(1, 3)))
        made += ("" if rng.randrange(10) < (4 if kind else 1) else " ") + piece
    return made.strip()


def _sampled(stream: Tokens, known: Known, own: int, rng: random.Random, limit: int) -> Floats:
    last = max(1, len(stream.words) - WINDOW + 1)
    return features(stream, known, own, sorted(rng.sample(range(last), min(limit, last))))


def logistic_weights(x: Floats, y: Floats, ridge: float = 1, steps: int = 6) -> Floats:
    """Weights (d,) of a logistic regression of y in {0, 1} on rows x (n, d), with an L2 penalty of `ridge`.

    Newton's method (Hastie, Tibshirani and Friedman 2009, section 4.4).
    """
    every = np.zeros(x.shape[1])
    # Most pairs of classes occur hardly anywhere; their weights stay 0 and need no place in the matrix.
    used = np.flatnonzero(np.count_nonzero(x, axis=0) >= _LEAST_ROWS)
    x = x[:, used]
    weights = np.zeros(len(used))
    for _ in range(steps):
        share = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (y - share) - ridge * weights
        curve = (x * (share * (1 - share))[:, None]).T @ x + ridge * np.eye(x.shape[1])
        weights = weights + np.linalg.solve(curve, slope)
    every[used] = weights
    return every
