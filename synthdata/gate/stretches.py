"""Broken stretches of many texts at once: the score of gibberish.py without a loop over texts or tokens.

What is asked of a token alone is asked once for each distinct one of the texts; windows are laid out as rows of texts
of about one length. The sums are those of one text by itself, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.gibberish import (
    MOST_CHARS,
    WINDOW,
    Floats,
    Hashes,
    Ints,
    Known,
    StretchModel,
    Tokens,
    describe,
    look_up,
    pair_hashes,
    placed_classes,
    token_values,
)
from synthdata.text.segments import fine_tokens, is_simple, simple_fine_tokens

# Values of windows that are laid out at a time: 4 MB.
_LAID_OUT = 1 << 19
# White space, as `re` sees it: a table of what stands below 256, and the others.
_BLANKS = np.array([code for code in range(0x10000) if chr(code).isspace()], dtype=np.uint32)
_BLANK, _FAR_BLANKS = np.isin(np.arange(256, dtype=np.uint32), _BLANKS), _BLANKS[_BLANKS >= 256]


@dataclass(frozen=True)
class TokenRuns:
    """The tokens of texts one after the other: text i has those from `bounds[i]` to `bounds[i + 1]`.

    `distinct` are the tokens that occur, each once, `place` (n,) which of them stands where, `pairs` (n,) the hash of
    each with the one before; `first` (n,) marks tokens that begin a text, whose pair means nothing.
    """

    bounds: Ints
    distinct: Tokens
    place: Ints
    glued: Ints
    pairs: Hashes
    first: NDArray[np.bool_]

    @classmethod
    def of(cls, texts: Sequence[str]) -> TokenRuns:
        """The tokens of the first 20,000 characters of each text."""
        texts = [text[:MOST_CHARS] for text in texts]
        plain = [i for i, text in enumerate(texts) if is_simple(text)]
        rest = sorted(set(range(len(texts))) - set(plain))
        cut = [_simply_cut([texts[i] for i in plain]), *(_cut(texts[i]) for i in rest)]
        tokens = [token for part, _, _ in cut for token in part]
        numbers = dict(zip(dict.fromkeys(tokens), count(), strict=False))
        place = np.fromiter(map(numbers.__getitem__, tokens), dtype=np.int64, count=len(tokens))
        glued = np.concatenate([part for _, part, _ in cut])
        own = np.concatenate([counts for _, _, counts in cut])
        # Back from the order in which they were cut to that of the texts.
        order = np.argsort(np.repeat(np.array([*plain, *rest], dtype=np.int64), own), kind="stable")
        lengths = np.zeros(len(texts), dtype=np.int64)
        lengths[[*plain, *rest]] = own
        return cls._of_places(list(numbers), place[order], glued[order], [0, *np.cumsum(lengths).tolist()])

    @classmethod
    def _of_places(cls, distinct: list[str], place: Ints, glued: Ints, bounds: list[int]) -> TokenRuns:
        described = Tokens.of_strings(distinct, np.zeros(len(distinct), dtype=np.int64))
        words = described.words[place]
        pairs = np.zeros(len(place), dtype=np.uint64)
        pairs[1:] = pair_hashes(words, glued)
        edges = np.array(bounds, dtype=np.int64)
        first = np.zeros(len(place), dtype=bool)
        first[edges[:-1][edges[:-1] < edges[1:]]] = True
        return cls(edges, described, place, glued, pairs, first)

    def lengths(self) -> Ints:
        """Tokens of each text."""
        return np.diff(self.bounds)


def _cut(text: str) -> tuple[list[str], Ints, Ints]:
    """The tokens of a text, which of them are glued to the one before, and how many there are, (1,)."""
    matches = list(fine_tokens(text))
    ends = [-1, *(match.end() for match in matches)]
    glued = np.array([match.start() == end for match, end in zip(matches, ends, strict=False)], dtype=np.int64)
    return [match[0] for match in matches], glued, np.array([len(matches)])


def _simply_cut(texts: Sequence[str]) -> tuple[list[str], Ints, Ints]:
    """The tokens of simple texts, which of them are glued, and how many each text has.

    A token is glued where no white space stands before it, since all other characters are in tokens.
    """
    # No token reaches over the line feed between two texts.
    whole = "\n".join(texts)
    tokens = simple_fine_tokens(whole)
    letters = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    blank = np.zeros(len(letters), dtype=bool)
    few = letters < len(_BLANK)
    blank[few] = _BLANK[letters[few]]
    blank[~few] = np.isin(letters[~few], _FAR_BLANKS)
    sizes = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
    starts = np.flatnonzero(~blank)[np.cumsum(sizes) - sizes]
    glued = (starts > 0) & ~blank[starts - 1] if len(starts) else np.zeros(0, dtype=bool)
    edges = np.cumsum([len(text) + 1 for text in texts])
    return tokens, glued.astype(np.int64), np.diff(np.searchsorted(starts, edges), prepend=0)


def stretch_scores(model: StretchModel, runs: TokenRuns) -> tuple[Floats, Ints]:
    """The score of each text and the token where its worst window begins; 0 and 0 for a text without tokens."""
    values = _values(model.known, model.weights, runs)
    lengths = runs.lengths()
    worst, total, start = np.zeros(len(lengths)), np.zeros(len(lengths)), np.zeros(len(lengths), dtype=np.int64)
    for rows, laid in _laid_out(values, runs.bounds, lengths):
        sums = np.cumsum(laid, axis=1)
        width = min(WINDOW, laid.shape[1] - 1)
        windows = (sums[:, width:] - sums[:, :-width]) / WINDOW
        windows[np.arange(windows.shape[1]) > np.maximum(lengths[rows] - WINDOW, 0)[:, None]] = -np.inf
        worst[rows], start[rows] = windows.max(axis=1), windows.argmax(axis=1)
        total[rows] = sums[np.arange(len(rows)), lengths[rows]]
    scores = model.scaled(worst, total / np.maximum(WINDOW, lengths))
    return np.where(lengths > 0, scores, 0), start


def least_broken(models: Sequence[StretchModel], texts: Sequence[str]) -> tuple[Floats, Ints]:
    """As `stretch_scores`, by the model that finds a text least broken, of equal ones the first."""
    runs = TokenRuns.of(texts)
    by_model = [stretch_scores(model, runs) for model in models]
    scores, starts = (np.stack(columns) for columns in zip(*by_model, strict=True))
    best = scores.argmin(axis=0)
    every = np.arange(len(texts))
    return scores[best, every], starts[best, every]


def stretch_at(text: str, start: int) -> str:
    """The window of a text that begins at this token; nothing where there is none."""
    tokens = list(fine_tokens(text[:MOST_CHARS]))[start : start + WINDOW]
    return text[tokens[0].start() : tokens[-1].end()] if tokens else ""


def _values(known: Known, weights: Floats, runs: TokenRuns) -> Floats:
    """What each token adds to the sums of its windows, (n,)."""
    kinds, seen = describe(runs.distinct, known, 0)
    met = (look_up(known.pairs, known.pair_rows, runs.pairs) > 0) & ~runs.first
    classes = placed_classes(kinds[runs.place], runs.glued)
    before = np.concatenate([[0], classes[:-1]])[: len(classes)]
    before[runs.first] = 0
    return token_values(weights, classes, before, seen[runs.place], met)


def _laid_out(values: Floats, bounds: Ints, lengths: Ints) -> Iterator[tuple[Ints, Floats]]:
    """Texts by number and their values as rows, a zero before and zeros after; those of about one length together."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        stop = start + 1
        # The longest stands last and gives the width of all.
        while stop < len(order) and (stop - start) * int(lengths[order[stop]]) < _LAID_OUT:
            stop += 1
        rows = order[start:stop]
        columns = np.arange(int(lengths[rows[-1]]))
        laid = np.zeros((len(rows), len(columns) + 1))
        there = columns < lengths[rows, None]
        laid[:, 1:][there] = values[(bounds[rows, None] + columns)[there]]
        yield rows, laid
        start = stop
