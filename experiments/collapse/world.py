"""What the arms of one seed share: texts, the first model, the views, the gate, the reference model's scores.

A model is anything that samples rows and scores rows; E1's is a trigram, E2's a transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from experiments.collapse.corpus import docstring_chunks, docstring_split
from experiments.collapse.ngram import Trigram
from experiments.collapse.views import Fourier, View
from synthdata.gate.anchor import Anchor, AnchorHeader
from synthdata.gate.calibrate import calibrate
from synthdata.gate.reference import Reference, ReferenceRow, clean
from synthdata.settings import AnchorSettings, GateSettings

# The experiment has a held-out set of its own, so that all anchor rows calibrate.
ANCHOR = AnchorSettings(heldout_share=0.0)


@dataclass(frozen=True)
class Row:
    """A text as the model's tokens and as words."""

    ids: NDArray[np.int64]
    text: str


class Model(Protocol):
    """One round's model."""

    def sample(self, n: int, temperature: float, seed: Sequence[int]) -> list[Row]:
        """About n rows; too short and unfinished ones are dropped."""
        ...

    def mean_log_likelihood(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Mean log-probability a token of each row, in nats."""
        ...

    def losses(self) -> dict[str, float]:
        """Held-out loss and its variants, in nats a token."""
        ...


class Shared:
    """Views and calibrations over a world's anchor; `other` are real rows in neither anchor nor held-out set."""

    def __init__(self, anchor: list[Row], heldout: list[Row], other: list[Row], first: Model, seed: int) -> None:
        self.seed = seed
        self.texts = [row.text for row in anchor]
        elsewhere = [row.text for row in other]
        self.words = View(elsewhere, self.texts, "words", seed)
        self.characters = View(elsewhere, self.texts, "characters", seed)
        held = [row.text for row in heldout]
        self.heldout = {"words": self.words.unit(held), "characters": self.characters.unit(held)}
        scores = first.mean_log_likelihood(other)
        # Two-sided: gibberish is unlikely, a loop is too likely (science: 1st and 99.5th percentile of real text).
        self.band = (float(np.quantile(scores, 0.01)), float(np.quantile(scores, 0.995)))
        self._gates: dict[str, tuple[Anchor, Reference]] = {}

    @cached_property
    def fourier(self) -> Fourier:
        """The map of the RBF ablation."""
        return Fourier(self.words.anchor, self.seed)

    def vectors(self, texts: Sequence[str], kernel: str) -> NDArray[np.float32]:
        """What the gate is given for these texts."""
        raw = self.words.raw(texts)
        return self.fourier(raw) if kernel == "rbf" else raw

    def gate(self, kernel: str) -> tuple[Anchor, Reference]:
        """Anchor and reference as `init` would make them, with the shipped settings."""
        if kernel not in self._gates:
            raw = self.fourier(self.words.anchor) if kernel == "rbf" else self.words.anchor
            rows = [ReferenceRow(text, "", str(i)) for i, text in enumerate(self.texts)]
            reference = clean(rows, raw, raw, ANCHOR, GateSettings())
            anchor = calibrate(reference, AnchorHeader(0, "one", kernel), ANCHOR)
            self._gates[kernel] = anchor, reference
        return self._gates[kernel]


class World(Protocol):
    """One seed of one experiment."""

    seed: int
    rounds: int
    budget: int
    samples: int
    pool: float
    anchor: list[Row]
    heldout: list[Row]
    fresh: list[Row]
    first: Model

    shared: Shared

    def row(self, ids: NDArray[np.int64]) -> Row:
        """A row from tokens."""
        ...

    def fit(self, rows: list[Row], previous: Model, round_: int) -> Model:
        """The next round's model."""
        ...


class TrigramModel:
    """E1's model over a fixed vocabulary."""

    least = 5

    def __init__(self, rows: Sequence[Row], vocabulary: list[str], heldout: list[Row]) -> None:
        self._words, self._heldout = vocabulary, heldout
        self._model = Trigram([row.ids for row in rows], len(vocabulary))

    def sample(self, n: int, temperature: float, seed: Sequence[int]) -> list[Row]:
        """As the protocol says."""
        drawn = self._model.sample(n, temperature, np.random.default_rng(list(seed)))
        return [Row(ids, " ".join(self._words[i] for i in ids)) for ids in drawn if len(ids) >= self.least]

    def mean_log_likelihood(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """As the protocol says."""
        return np.array([scores.mean() for scores in self._model.log_likelihoods([row.ids for row in rows])])

    def losses(self) -> dict[str, float]:
        """As the protocol says: `loss` alone."""
        return {"loss": -float(np.concatenate(self._model.log_likelihoods([r.ids for r in self._heldout])).mean())}


class DocstringWorld:
    """E1 of one seed: so many rows a round and as many raw samples to measure, so many rounds."""

    def __init__(self, seed: int, budget: int = 500, rounds: int = 10) -> None:
        self.seed, self.budget, self.samples, self.rounds, self.pool = seed, budget, budget, rounds, 3.0
        chunks = docstring_chunks()
        self.vocabulary = ["<begin>", "<end>", *sorted({word for chunk in chunks for word in chunk.split()})]
        number = {word: i for i, word in enumerate(self.vocabulary)}
        split = docstring_split(seed, anchor=budget, heldout=budget)

        def rows(texts: Sequence[str]) -> list[Row]:
            return [Row(np.array([number[word] for word in text.split()]), text) for text in texts]

        self.anchor, self.heldout = rows(split.anchor), rows(split.heldout)
        used = set(split.anchor) | set(split.heldout)
        self.fresh = rows([chunk for chunk in chunks if chunk not in used])
        self.first: Model = TrigramModel(self.anchor, self.vocabulary, self.heldout)
        self.shared = Shared(self.anchor, self.heldout, self.fresh[:: len(self.fresh) // 1500], self.first, seed)

    def row(self, ids: NDArray[np.int64]) -> Row:
        """As the protocol says."""
        return Row(ids, " ".join(self.vocabulary[i] for i in ids))

    def fit(self, rows: list[Row], previous: Model, round_: int) -> Model:
        """A trigram from scratch: it has no memory to start from."""
        return TrigramModel(rows, self.vocabulary, self.heldout)
