"""E1's model: a word trigram with interpolated Witten-Bell smoothing, exact sampling at any temperature.

p(w|uv) = a(uv) ML(w|uv) + (1 - a(uv)) p(w|v) with a(h) = c(h) / (c(h) + types after h), the same for p(w|v), and the
unigram interpolated with the uniform over a fixed vocabulary (Witten and Bell 1991). Everything is sorted arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
BOS, EOS = 0, 1


@dataclass(frozen=True)
class _Order:
    """Continuations of one context length: sorted `keys` context * V + word, and the model's probability of each.

    `contexts` are sorted, `starts` cut `keys` in one segment a context, `back` is 1 - a(context).
    """

    keys: Ints
    probability: Floats
    contexts: Ints
    starts: Ints
    back: Floats

    def find(self, contexts: Ints) -> tuple[NDArray[np.bool_], Ints]:
        """Whether a context was seen, and its number."""
        at = np.minimum(np.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        return self.contexts[at] == contexts, at


def _order(contexts: Ints, followers: Ints, size: int, lower: Floats) -> _Order:
    """`lower` is the shorter model's probability of each distinct continuation, in the order of the sorted keys."""
    keys, counts = np.unique(contexts * size + followers, return_counts=True)
    heads, starts, types = np.unique(keys // size, return_index=True, return_counts=True)
    totals = np.add.reduceat(counts, starts)
    back = types / (totals + types)
    where = np.repeat(np.arange(len(heads)), types)
    probability = (1 - back[where]) * counts / totals[where] + back[where] * lower
    return _Order(keys, probability, heads, np.append(starts, len(keys)), back)


class Trigram:
    """A fitted model over token ids 0..size-1; 0 begins and 1 ends a text."""

    def __init__(self, texts: list[Ints], size: int) -> None:
        self.size = size
        padded = [np.concatenate([[BOS, BOS], ids, [EOS]]) for ids in texts]
        u = np.concatenate([ids[:-2] for ids in padded])
        v = np.concatenate([ids[1:-1] for ids in padded])
        w = np.concatenate([ids[2:] for ids in padded])
        counts = np.bincount(w, minlength=size)
        back = (counts > 0).sum() / (len(w) + (counts > 0).sum())
        self.unigram: Floats = (1 - back) * counts / len(w) + back / size
        seen = np.unique(v * size + w)
        self.two = _order(v, w, size, self.unigram[seen % size])
        seen = np.unique((u * size + v) * size + w)
        pairs = seen // size % size
        self.three = _order(u * size + v, w, size, self._bigram(pairs, seen % size))

    def _bigram(self, v: Ints, w: Ints) -> Floats:
        return self._look_up(self.two, v, w, self.unigram[w])

    def _look_up(self, order: _Order, contexts: Ints, w: Ints, lower: Floats) -> Floats:
        known, at = order.find(contexts)
        keys = contexts * self.size + w
        place = np.minimum(np.searchsorted(order.keys, keys), len(order.keys) - 1)
        backed = np.where(known, order.back[at], 1.0) * lower
        return np.where(order.keys[place] == keys, order.probability[place], backed)

    def log_likelihoods(self, texts: list[Ints]) -> list[Floats]:
        """Log-probability of each token of each text, its end included, in nats."""
        padded = [np.concatenate([[BOS, BOS], ids, [EOS]]) for ids in texts]
        u = np.concatenate([ids[:-2] for ids in padded])
        v = np.concatenate([ids[1:-1] for ids in padded])
        w = np.concatenate([ids[2:] for ids in padded])
        scores = np.log(self._look_up(self.three, u * self.size + v, w, self._bigram(v, w)))
        return np.split(scores, np.cumsum([len(ids) - 2 for ids in padded])[:-1])

    def sample(self, n: int, temperature: float, rng: np.random.Generator, most: int = 60) -> list[Ints]:
        """n texts drawn from p^(1/temperature), normalised; a text that reaches `most` tokens stops there."""
        draw = _Sampler(self, temperature, rng)
        history = np.full((n, most + 2), BOS, dtype=np.int64)
        alive = np.arange(n)
        lengths = np.full(n, most)
        for step in range(2, most + 2):
            words = draw(history[alive, step - 2], history[alive, step - 1])
            ended = words == EOS
            lengths[alive[ended]] = step - 2
            history[alive, step] = words
            alive = alive[~ended]
            if not len(alive):
                break
        return [history[i, 2 : 2 + lengths[i]] for i in range(n)]


class _Sampler:
    """Draws next words: first which order the word comes from, by its tempered mass, then the word within it.

    Words known to a longer context are excluded from a shorter one's draw by rejection, so the draw is exact.
    """

    def __init__(self, model: Trigram, temperature: float, rng: np.random.Generator) -> None:
        self.model, self.rng, self.power = model, rng, 1 / temperature
        self.sums = [
            np.concatenate([[0.0], np.cumsum(values**self.power)])
            for values in (model.unigram, model.two.probability, model.three.probability)
        ]
        two, three = model.two, model.three
        size = model.size
        # Tempered mass that words known to the longer context have in the shorter model.
        known = model.unigram[two.keys % size] ** self.power
        self.two_covers = np.add.reduceat(known, two.starts[:-1])
        pairs, w = three.keys // size % size, three.keys % size
        self.three_covers = np.add.reduceat(model._bigram(pairs, w) ** self.power, three.starts[:-1])

    def __call__(self, u: Ints, v: Ints) -> Ints:
        """The next word after each pair."""
        model, (sums1, sums2, sums3) = self.model, self.sums
        known3, at3 = model.three.find(u * model.size + v)
        known2, at2 = model.two.find(v)
        back2 = np.where(known2, model.two.back[at2], 1.0) ** self.power
        back3 = np.where(known3, model.three.back[at3], 1.0) ** self.power
        in2 = np.where(known2, self._mass(sums2, model.two, at2), 0.0)
        rest1 = np.clip(sums1[-1] - np.where(known2, self.two_covers[at2], 0.0), 0, None) * back2
        in3 = np.where(known3, self._mass(sums3, model.three, at3), 0.0)
        covered = np.where(known3, self.three_covers[at3], 0.0)
        mass2 = back3 * np.clip(in2 + rest1 - covered, 0, None)
        pick3 = self.rng.random(len(u)) * (in3 + mass2) < in3
        words = np.empty(len(u), dtype=np.int64)
        rows = np.flatnonzero(pick3)
        words[rows] = self._within(sums3, model.three, at3[rows])
        rows = np.flatnonzero(~pick3)
        words[rows] = self._shorter(u[rows], v[rows], at2[rows], in2[rows], sums1[-1] * back2[rows])
        return words

    def _shorter(self, u: Ints, v: Ints, at2: Ints, in2: Floats, in1: Floats) -> Ints:
        """Words from the bigram's two parts, order and word drawn again while a longer context knows the word."""
        model = self.model
        words = np.empty(len(u), dtype=np.int64)
        todo = np.arange(len(u))
        while len(todo):
            two = self.rng.random(len(todo)) * (in2[todo] + in1[todo]) < in2[todo]
            drawn = np.searchsorted(self.sums[0], self.rng.random(len(todo)) * self.sums[0][-1], side="right") - 1
            drawn[two] = self._within(self.sums[1], model.two, at2[todo[two]])
            again = ~two & self._holds(model.two, v[todo], drawn)
            again |= self._holds(model.three, u[todo] * model.size + v[todo], drawn)
            words[todo[~again]] = drawn[~again]
            todo = todo[again]
        return words

    def _holds(self, order: _Order, contexts: Ints, w: Ints) -> NDArray[np.bool_]:
        keys = contexts * self.model.size + w
        place = np.minimum(np.searchsorted(order.keys, keys), len(order.keys) - 1)
        return np.asarray(order.keys[place] == keys)

    def _mass(self, sums: Floats, order: _Order, at: Ints) -> Floats:
        return np.asarray(sums[order.starts[at + 1]] - sums[order.starts[at]])

    def _within(self, sums: Floats, order: _Order, at: Ints) -> Ints:
        low, high = sums[order.starts[at]], sums[order.starts[at + 1]]
        target = low + self.rng.random(len(at)) * (high - low)
        place = np.searchsorted(sums, target, side="right") - 1
        return np.asarray(order.keys[np.clip(place, order.starts[at], order.starts[at + 1] - 1)] % self.model.size)
