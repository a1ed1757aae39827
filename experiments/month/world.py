"""A made-up world of topics and words: contexts that an agent meets, and what a generator writes about them.

A text is a bag of words of a topic and of common words; its vector is the mean of its words' vectors, so that vectors
and tokens come from one source. Collapse of depth s, 0 in health: the agent meets common topics more often (weights to
the power 1 + s), the generator forgets its context with probability 1 - exp(-s) and writes of a favourite topic instead
(weights to the power 1 + 4s), and takes common words more often (to the power (1 + s) T0 / T at temperature T).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
TOPICS, OWN, COMMON, DIM = 40, 40, 150, 48
OWN_SHARE, COMMON_WEIGHT, CENTRE = 0.6, 0.3, 0.4
CONTENT_WORDS, CONTEXT_WORDS = 24, 16
TEMPERATURE = 0.7
SIZE = TOPICS * OWN + COMMON
# Letters alone: what holds a digit is masked in a skeleton.
WORDS = np.array(["".join(p) for p in product("bdfgklmnprstvz", "aeiou", "bdfgklmnprstvz", "aeiou")])[:SIZE]


@dataclass(frozen=True)
class Texts:
    """Topics (n,) and words (n, length) of texts."""

    topics: Ints
    words: Ints

    def spoken(self) -> list[str]:
        """The texts as strings."""
        return [" ".join(WORDS[row]) for row in self.words]


class World:
    """One world by its seed: real topic weights, words of each topic, a vector for each word."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 1])
        weights = rng.permutation(1 / (np.arange(TOPICS) + 3) ** 0.7)
        self.weights: Floats = weights / weights.sum()
        self.own = _zipf(OWN)
        self.common = _zipf(COMMON)
        own = rng.normal(size=(TOPICS, OWN, DIM)) + CENTRE * rng.normal(size=(TOPICS, 1, DIM))
        self.vectors: Floats = np.concatenate([own.reshape(-1, DIM), COMMON_WEIGHT * rng.normal(size=(COMMON, DIM))])

    def topics(self, n: int, depth: float, rng: np.random.Generator) -> Ints:
        """Topics that the agent meets."""
        return _draw(_power(self.weights, 1 + depth), n, rng)

    def contexts(self, topics: Ints, rng: np.random.Generator) -> Texts:
        """What the agent's steps look like, by topic."""
        return self._texts(topics, CONTEXT_WORDS, 1.0, rng)

    def contents(self, topics: Ints, depth: float, temperature: float, rng: np.random.Generator) -> Texts:
        """What the generator writes when it is asked about these topics."""
        forgets = rng.random(len(topics)) < 1 - np.exp(-depth)
        favourites = _draw(_power(self.weights, 1 + 4 * depth), len(topics), rng)
        power = (1 + depth) * TEMPERATURE / temperature
        return self._texts(np.where(forgets, favourites, topics), CONTENT_WORDS, power, rng)

    def embed(self, texts: Texts) -> NDArray[np.float32]:
        """Unit vectors (n, DIM)."""
        x = self.vectors[texts.words].mean(axis=1)
        return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)

    def _texts(self, topics: Ints, length: int, power: float, rng: np.random.Generator) -> Texts:
        shape = (len(topics), length)
        own = _draw(_power(self.own, power), shape, rng) + OWN * topics[:, None]
        common = _draw(_power(self.common, power), shape, rng) + TOPICS * OWN
        return Texts(topics, np.where(rng.random(shape) < OWN_SHARE, own, common))


def _zipf(n: int) -> Floats:
    weights = 1 / (np.arange(n) + 2.0)
    return weights / weights.sum()


def _power(weights: Floats, power: float) -> Floats:
    raised = weights**power
    return np.asarray(raised / raised.sum())


def _draw(weights: Floats, shape: int | tuple[int, int], rng: np.random.Generator) -> Ints:
    return np.searchsorted(np.cumsum(weights)[:-1], rng.random(shape), side="right").astype(np.int64)
