"""How predictable real contents are to a word n-gram model of real contents.

Less predictable than they are is a text that is worded unlike them, which another subject or language is too; more
predictable one that only says again what the model has read. The model is interpolated by Witten and Bell's rule
(1991), its counts kept under 64-bit hashes in sorted arrays, so that it loads at once and scores many texts together.
It hardly sees real words in a wrong order: measured in docs/LOG.md; the language model of the fluency stage does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.lexical import token_hash
from synthdata.records import content_hash
from synthdata.settings import AnchorSettings
from synthdata.text.segments import tokenise

Floats = NDArray[np.float64]
Hashes = NDArray[np.uint64]
Counts = NDArray[np.int64]
_OLD_TOKEN = re.compile(r"\w+|[^\w\s]")
_BEGIN, _END = token_hash("\x02"), token_hash("\x03")
# An odd multiplier; overflow is the intended arithmetic modulo 2**64.
_MIX = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(29)


@dataclass(frozen=True)
class NgramModel:
    """Counts of word n-grams, one order a level, the lowest first.

    Sorted `grams` with their `counts`; sorted `histories` with the `totals` of the grams after them and how many
    `types` these are. Level 0 has the one empty history.
    """

    grams: tuple[Hashes, ...]
    counts: tuple[Counts, ...]
    histories: tuple[Hashes, ...]
    totals: tuple[Counts, ...]
    types: tuple[Counts, ...]

    @classmethod
    def fit(cls, texts: Sequence[str], order: int, tokens: int, segmented: bool = True) -> NgramModel:
        """The model of texts, each cut to its first `tokens` tokens; a token is a word or a sign.

        Not `segmented`, words are cut as older anchors cut them, which breaks scripts with marks or without spaces.
        """
        streams = _Streams.of(texts, order, tokens, segmented)
        levels = [_level(streams, k) for k in range(order)]
        grams, counts, histories, totals, types = zip(*levels, strict=True)
        return cls(grams, counts, histories, totals, types)

    def nll(self, texts: Sequence[str], tokens: int, segmented: bool = True) -> Floats:
        """Mean negative log-likelihood of each text's first `tokens` tokens and its end, in nats a token, over 0."""
        return self.nll_of(_Streams.of(texts, len(self.grams), tokens, segmented))

    def nll_of(self, streams: _Streams) -> Floats:
        """As `nll`, of texts that were cut for this order before."""
        vocabulary = len(self.grams[0]) + 1
        share: Floats = np.full(len(streams.scored), 1 / vocabulary)
        for k in range(len(self.grams)):
            history, gram = streams.hashes(k)
            total, types = _look_up(self.histories[k], (self.totals[k], self.types[k]), history)
            known = np.flatnonzero(total)
            # Where nothing followed the history, this gram did not either.
            (count,) = _look_up(self.grams[k], (self.counts[k],), gram[known])
            share[known] = (count + types[known] * share[known]) / (total + types)[known]
        return np.asarray(
            -np.add.reduceat(np.log(share), streams.starts) / streams.lengths if len(share) else np.empty(0)
        )


@dataclass(frozen=True)
class PerplexityRange:
    """A model of each half of the real contents, and between which `low` and `high` mean nats a token they lie.

    Real contents are scored by the half that does not hold them. So is a copy of one, if its highest score is what is
    held against `low`: copies are for the stages of similarity, and their neighbour should be named. Anchors of older
    versions are not `segmented`: their words were cut so that scripts with marks or without spaces broke.
    """

    halves: tuple[NgramModel, NgramModel]
    low: float
    high: float
    segmented: bool = False

    def scores(self, texts: Sequence[str], tokens: int) -> tuple[Floats, Floats]:
        """The lower and the higher of both models' mean nats a token, each (n,)."""
        streams = _Streams.of(texts, len(self.halves[0].grams), tokens, self.segmented)
        first, second = (model.nll_of(streams) for model in self.halves)
        return np.minimum(first, second), np.maximum(first, second)


def calibrate_band(contents: Sequence[str], settings: AnchorSettings) -> PerplexityRange:
    """The band of real contents, at least two distinct ones, from the scores that each half has from the other.

    The band reaches from a low to a high percentile, and on each side `band_slack` nats further: a text of another
    domain is less predictable than the reference and still language.
    """
    order, tokens = settings.band_order, settings.band_tokens
    numbers = split_in_halves(contents, settings.seed)
    halves = [[text for text, half in zip(contents, numbers, strict=True) if half == wanted] for wanted in (0, 1)]
    models = NgramModel.fit(halves[0], order, tokens), NgramModel.fit(halves[1], order, tokens)
    crossed = np.concatenate([models[1].nll(halves[0], tokens), models[0].nll(halves[1], tokens)])
    low, high = np.percentile(crossed, [settings.band_low_percentile, settings.band_high_percentile])
    slack = settings.band_slack
    return PerplexityRange(models, float(low) - slack, float(high) + slack, segmented=True)


def split_in_halves(texts: Sequence[str], seed: int) -> list[int]:
    """0 or 1 for each text, by a seeded hash so that equal texts stay together; by place where one were empty."""
    halves = [int(content_hash(str(seed), "band", text, length=1), 16) % 2 for text in texts]
    return halves if len(set(halves)) == 2 else [i % 2 for i in range(len(texts))]


@dataclass(frozen=True)
class _Streams:
    """The tokens of texts as hashes one after the other, each text behind `order - 1` marks of a beginning.

    `scored` are the places of what is predicted, the tokens and a mark of the end; a text has `lengths` of them, from
    `starts` on.
    """

    every: Hashes
    scored: Counts
    starts: Counts
    lengths: Counts

    @classmethod
    def of(cls, texts: Sequence[str], order: int, tokens: int, segmented: bool) -> _Streams:
        begin = [_BEGIN] * (order - 1)
        every, lengths = list[int](), list[int]()
        for text in texts:
            pieces = tokenise(text.lower()) if segmented else _OLD_TOKEN.findall(text.lower())
            every += begin
            every += map(token_hash, pieces[:tokens])
            every.append(_END)
            lengths.append(min(len(pieces), tokens) + 1)
        counts = np.array(lengths, dtype=np.int64)
        starts = np.cumsum(counts) - counts
        marks = (order - 1) * np.arange(1, len(texts) + 1)
        scored = np.arange(int(counts.sum())) + np.repeat(marks, counts)
        return cls(np.array(every, dtype=np.uint64), scored, starts, counts)

    def hashes(self, k: int) -> tuple[Hashes, Hashes]:
        """Hash of the k tokens before each scored one, and of these with it, over all texts in a row."""
        mixed = np.zeros(len(self.scored), dtype=np.uint64)
        for back in range(k, 0, -1):
            mixed = _mix(mixed, self.every[self.scored - back])
        return mixed, _mix(mixed, self.every[self.scored])


def _mix(mixed: Hashes, tokens: Hashes) -> Hashes:
    product = (mixed ^ tokens) * _MIX
    return product ^ (product >> _FOLD)


def _level(streams: _Streams, k: int) -> tuple[Hashes, Counts, Hashes, Counts, Counts]:
    history, gram = streams.hashes(k)
    grams, first, counts = np.unique(gram, return_index=True, return_counts=True)
    histories, place = np.unique(history[first], return_inverse=True)
    totals = np.bincount(place, weights=counts, minlength=len(histories)).astype(np.int64)
    types = np.bincount(place, minlength=len(histories)).astype(np.int64)
    return grams, counts.astype(np.int64), histories, totals, types


def _look_up(keys: Hashes, values: tuple[Counts, ...], wanted: Hashes) -> list[Counts]:
    """The values of the wanted keys, 0 where a key is not there."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    present = keys[place] == wanted
    return [np.where(present, value[place], 0) for value in values]
