"""One seed of E3: the topics that the reference sees, its rows, the other silo's, held-out rows, a stream, a model.

The generator is a word trigram a topic, so that the topic of each sample is known; topics are drawn by their shares in
what the model was trained on. A silo's rows are of the seen topics, so every arm loses some of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from experiments.collapse.ngram import Trigram
from experiments.collapse.views import View
from experiments.narrow.topics import topics

Floats = NDArray[np.float64]
SEEN, PER_TOPIC, HELD_OUT, ELSEWHERE = 4, 100, 60, 120
STREAM = 80
ROUNDS, BUDGET, POOL = 6, 800, 3
TEMPERATURE = 0.9
LEAST_WORDS = 5


@dataclass(frozen=True)
class Row:
    """A text as token ids and words, with its topic's number and, for real rows, its document."""

    ids: NDArray[np.int64]
    text: str
    topic: int
    document: str = ""


class Mixture:
    """A trigram a topic, and the shares of topics among the rows that it was fitted on."""

    def __init__(self, rows: Sequence[Row], vocabulary: Sequence[str], count: int) -> None:
        self._words, self._size = vocabulary, len(vocabulary)
        by_topic: list[list[Row]] = [[row for row in rows if row.topic == topic] for topic in range(count)]
        self.shares: Floats = np.array([len(part) for part in by_topic]) / len(rows)
        self._models = [Trigram([row.ids for row in part], self._size) if part else None for part in by_topic]

    def sample(self, n: int, seed: Sequence[int]) -> list[Row]:
        """About n rows; too short ones are dropped."""
        rng = np.random.default_rng(list(seed))
        counts = rng.multinomial(n, self.shares)
        made: list[Row] = []
        for topic, (model, count) in enumerate(zip(self._models, counts.tolist(), strict=True)):
            if model is not None and count:
                drawn = model.sample(count, TEMPERATURE, rng)
                kept = [ids for ids in drawn if len(ids) >= LEAST_WORDS]
                made += [Row(ids, " ".join(self._words[i] for i in ids), topic) for ids in kept]
        return [made[i] for i in rng.permutation(len(made))]

    def loss(self, rows: Sequence[Row]) -> float:
        """Held-out loss of the mixture in nats a token: the topic of a text is not told."""
        texts = [row.ids for row in rows]
        whole = np.full(len(rows), -np.inf)
        for share, model in zip(self.shares, self._models, strict=True):
            if model is not None:
                scores = np.array([score.sum() for score in model.log_likelihoods(texts)])
                whole = np.logaddexp(whole, np.log(share) + scores)
        return float(-whole.sum() / sum(len(ids) + 1 for ids in texts))


class NarrowWorld:
    """All that the arms of one seed share."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = np.random.default_rng([seed, 1])
        chunks = topics()
        self.count = len(chunks)
        self.seen = frozenset(rng.permutation(self.count)[:SEEN].tolist())
        needed = 2 * PER_TOPIC + HELD_OUT + ELSEWHERE + ROUNDS * STREAM // self.count
        drawn = [[part[i] for i in rng.permutation(len(part))[:needed]] for part in chunks.values()]
        self.vocabulary = ["<begin>", "<end>", *sorted({w for part in drawn for c in part for w in c.text.split()})]
        number = {word: i for i, word in enumerate(self.vocabulary)}
        rows = [
            [
                Row(np.array([number[w] for w in chunk.text.split()]), chunk.text, topic, f"{topic} {chunk.document}")
                for chunk in part
            ]
            for topic, part in enumerate(drawn)
        ]
        cuts = np.cumsum([PER_TOPIC, PER_TOPIC, HELD_OUT, ELSEWHERE])
        parts = [np.split(np.arange(len(part)), cuts) for part in rows]

        def of(place: int, chosen: frozenset[int]) -> list[Row]:
            return [rows[topic][i] for topic in sorted(chosen) for i in parts[topic][place]]

        every, others = frozenset(range(self.count)), frozenset(range(self.count)) - self.seen
        self.reference, self.other_silo = of(0, self.seen), of(0, others)
        self.first_rows, self.elsewhere = of(1, every), of(3, every)
        self.heldout = {"seen": of(2, self.seen), "unseen": of(2, others)}
        stream = of(4, every)
        self.stream = [stream[i] for i in rng.permutation(len(stream))]
        self.first = self.fit(self.first_rows)

    def fit(self, rows: Sequence[Row]) -> Mixture:
        """A model from scratch."""
        return Mixture(rows, self.vocabulary, self.count)

    def stream_of(self, round_: int) -> list[Row]:
        """The real rows of all topics that arrive in a round, 1 the first."""
        size = len(self.stream) // ROUNDS
        return self.stream[(round_ - 1) * size : round_ * size]

    @cached_property
    def words(self) -> View:
        """The gate's view, fitted on real rows that nothing else uses."""
        return self._view("words")

    @cached_property
    def characters(self) -> View:
        """A view that the gate never sees."""
        return self._view("characters")

    def _view(self, kind: str) -> View:
        return View([row.text for row in self.elsewhere], [row.text for row in self.first_rows], kind, self.seed)
