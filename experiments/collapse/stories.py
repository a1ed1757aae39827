"""E2's world: windows of short stories in byte-pair tokens, and a transformer that goes on from its own weights.

Every arm starts at the same first model, takes the same number of steps over as many tokens and never goes back to the
first weights: an agent that sleeps on its own weights, and no arm gets real data back by starting afresh.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from experiments.collapse.corpus import story_split, words
from experiments.collapse.decoder import BEGIN, END, Decoder, sample, target_scores, train
from experiments.collapse.world import Model, Row, Shared
from synthdata.similarity.exact import exact_key

VOCABULARY = 2048
SHORTEST, SHORT, LONGEST = 16, 24, 44
LEAST_SAMPLED = 8
FIRST_STEPS, FIRST_RATE, STEPS, RATE = 700, 3e-3, 120, 1.5e-3
# The held-out temperature is looked for on this grid; 1 is the plain loss.
GRID = tuple(round(0.9 + 0.05 * i, 2) for i in range(15))
RARE_SHARE, COMMON_SHARE = 0.15, 0.30
_SENTENCE = re.compile(r"(?<=[.!?][\"'])\s+|(?<=[.!?])\s+")


def trained_tokens(texts: Sequence[str]) -> Tokenizer:
    """A byte-level BPE of the anchor's stories alone, so that no token is unknown and none knows the held-out ones."""
    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokens.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<begin>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokens.train_from_iterator(texts, trainer)
    return tokens


def windows(text: str, tokens: Tokenizer) -> list[NDArray[np.int64]]:
    """Whole sentences of 24 to 44 tokens, 16 where the next sentence would not fit; the rest of a story is dropped."""
    found: list[NDArray[np.int64]] = []
    held: list[int] = []
    for sentence in _SENTENCE.split(text):
        ids = tokens.encode(sentence).ids
        if len(held) + len(ids) > LONGEST:
            if len(held) >= SHORTEST:
                found.append(np.array(held))
            held = []
        if len(ids) <= LONGEST:
            held = held + ids
        if len(held) >= SHORT:
            found.append(np.array(held))
            held = []
    return found


class StoryModel:
    """A trained decoder with what it needs to speak in rows."""

    def __init__(self, decoder: Decoder, world: StoryWorld) -> None:
        self.decoder, self._world = decoder, world

    def sample(self, n: int, temperature: float, seed: Sequence[int]) -> list[Row]:
        """As the protocol says."""
        drawn = sample(self.decoder, n, temperature, seed)
        return [self._world.row(ids) for ids in drawn if len(ids) >= LEAST_SAMPLED]

    def mean_log_likelihood(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """As the protocol says."""
        return np.array([scores.mean() for scores in target_scores(self.decoder, [row.ids for row in rows], (1.0,))])

    def losses(self) -> dict[str, float]:
        """Plain and at the best held-out temperature; there also on the rarest and the commonest held-out tokens.

        `rare` leaves out the end of a text, which no anchor row counts.
        """
        heldout = [row.ids for row in self._world.heldout]
        scores = -np.hstack(target_scores(self.decoder, heldout, GRID))
        means = scores.mean(axis=1)
        best = scores[int(means.argmin())]
        counts = np.concatenate([np.append(self._world.counts[ids], -1) for ids in heldout])
        words_ = counts >= 0
        low, high = np.quantile(counts[words_], [RARE_SHARE, 1 - COMMON_SHARE])
        return {
            "loss": float(means[GRID.index(1.0)]),
            "loss_calibrated": float(means.min()),
            "loss_rare": float(best[words_ & (counts <= low)].mean()),
            "loss_common": float(best[words_ & (counts >= high)].mean()),
        }


class StoryWorld:
    """E2 of one seed. Real rows: `budget` in the store of the mixing rules, twice as many calibrate the gate."""

    def __init__(self, seed: int, budget: int = 1500, rounds: int = 5, steps: int = FIRST_STEPS) -> None:
        torch.set_num_threads(1)
        self.seed, self.budget, self.samples, self.rounds, self.pool = seed, budget, min(budget, 1000), rounds, 3.0
        split = story_split(seed)
        self._tokens = trained_tokens(split.anchor)
        real = self._rows(split.anchor, seed)
        self.anchor, self.fresh = real[: 2 * budget], real[2 * budget :]
        self.heldout = self._rows(split.heldout, seed)[: min(600, budget)]
        counts = Counter(np.concatenate([row.ids for row in self.anchor]).tolist())
        self.counts = np.array([counts[i] for i in range(VOCABULARY)])
        torch.manual_seed(seed)
        decoder = Decoder(VOCABULARY)
        train(decoder, [row.ids for row in self.anchor], steps, FIRST_RATE, [seed, 0, 2])
        self.first: Model = StoryModel(decoder, self)
        self.shared = Shared(self.anchor, self.heldout, self.fresh[:1500], self.first, seed)

    def _rows(self, texts: Sequence[str], seed: int) -> list[Row]:
        distinct: dict[str, Row] = {}
        for text in texts:
            for ids in windows(text, self._tokens):
                row = self.row(ids)
                distinct.setdefault(exact_key(row.text), row)
        rows = list(distinct.values())
        return [rows[i] for i in np.random.default_rng([seed, 2]).permutation(len(rows))]

    def row(self, ids: NDArray[np.int64]) -> Row:
        """As the protocol says; the text is what the views and the gate read: lower-case words and marks."""
        return Row(ids, " ".join(words(self._tokens.decode([int(i) for i in ids if i not in (BEGIN, END)]))))

    def fit(self, rows: list[Row], previous: Model, round_: int) -> Model:
        """The previous round's weights, trained on."""
        assert isinstance(previous, StoryModel)
        decoder = copy.deepcopy(previous.decoder)
        train(decoder, [row.ids for row in rows], STEPS, RATE, [self.seed, round_, 2])
        return StoryModel(decoder, self)
