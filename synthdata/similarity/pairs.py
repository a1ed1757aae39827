"""All pairs of vectors within a cosine, exactly, without looking at most of them.

Two bounds, neither of which can miss a pair. Rows are grouped around centres: where two rows are within an angle of
each other, their angles to any centre differ by no more (the triangle inequality on the sphere), so a group meets only
rows about as far from its centre as its own. What is left is compared in tiles: the product of two rows is at most the
product of their leading coordinates plus the product of the lengths of what is left over (Cauchy and Schwarz); with the
left-over length as one more coordinate that bound is itself one matrix product, a sixth as dear as the full one at 384
dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from synthdata.protocols import Vectors
from synthdata.similarity.index import ROUNDING

Rows = NDArray[np.int64]
Cosines = NDArray[np.float64]
# Of pairs of rows by number, (m,) each, which may be copies for all that is not in their vectors: (m,) bool.
Alike = Callable[[Rows, Rows], NDArray[np.bool_]]

_HEAD = 63
_BLOCK = 8192
# Rows of a tile on either side.
_OWN, _OTHER = 512, 4096
# Of a tile in which more pairs than this may be near, the full product is cheaper than looking at each.
_DENSE = 1 / 64
# Steps of k-means, sampled rows a centre, centres whose cosines to all rows are held at a time.
_STEPS, _SAMPLED, _HELD = 4, 32, 32
# Rows that are compared with each other one by one, when each must wait for what became of the ones before.
_LEAF = 128


def pairs_within(vectors: Vectors, threshold: float) -> Iterator[tuple[Rows, Rows, Cosines]]:
    """Pairs (later, earlier, cosine) of unit rows (n, d) with a cosine of at least `threshold`, a tile at a time.

    `earlier` < `later`; every pair comes once, in no order that means anything. The bounds hold for any vectors, so
    that none is missed; how much they save depends on them. float32 products err by less than the slack that is added,
    and each cosine is one float64 sum. Time at worst O(n^2), memory O(n) and the pairs of a tile.
    """
    groups = Groups(vectors)
    for left, right, cosines in groups.pairs(threshold):
        first, second = groups.names[left], groups.names[right]
        yield np.maximum(first, second), np.minimum(first, second), cosines


def all_alike(one: Rows, other: Rows) -> NDArray[np.bool_]:
    """Nothing but their vectors tells rows apart."""
    return np.ones(len(one), dtype=bool)


def near_kept(vectors: Vectors, threshold: float, stays: NDArray[np.bool_], alike: Alike = all_alike) -> Iterator[bool]:
    """For each unit row (n, d) in turn, whether an earlier one that stays has a cosine of at least `threshold` to it.

    Only pairs that are `alike` count, which is asked of near ones alone.
    The caller writes `stays` (n,) as it goes, before it asks for the next. Halves are taken in turn: what stays of the
    first is held against the second at once, so that rows that are copies are never held against each other and a
    set of copies costs what its different rows cost. Decides as if every pair were looked at.
    """
    groups = Groups(vectors)
    near = np.zeros(len(stays), dtype=bool)

    def decide(start: int, stop: int) -> Iterator[bool]:
        if stop - start <= _LEAF:
            yield from groups.one_by_one(range(start, stop), threshold, near, stays, alike)
            return
        middle = (start + stop) // 2
        yield from decide(start, middle)
        kept = start + np.flatnonzero(stays[start:middle])
        asked = middle + np.flatnonzero(~near[middle:stop])
        near[asked] = groups.any_near(asked, kept, threshold, alike)
        yield from decide(middle, stop)

    yield from decide(0, len(stays))


class Groups:
    """Rows (n, d) in the order of their centre, nearest first; `names` are their numbers as they were given."""

    def __init__(self, vectors: Vectors) -> None:
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1)
        lengths[lengths == 0] = 1.0
        self._centres = _centres(rows, lengths)
        nearest, cosines = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            seen = rows[part] @ self._centres.T / lengths[part, None]
            nearest[part], cosines[part] = seen.argmax(axis=1), seen.max(axis=1)
        self.names: Rows = np.lexsort((-cosines, nearest))
        self._place = np.argsort(self.names)
        self._rows, self._lengths = rows[self.names], lengths[self.names]
        self._nearest, self._cosines = nearest[self.names], cosines[self.names].astype(np.float64)
        self._heads = _heads(self._rows)

    def pairs(self, threshold: float) -> Iterator[tuple[Rows, Rows, Cosines]]:
        """Pairs of places (left < right) in the order of this object, with their cosines; each pair once."""
        every = np.arange(len(self.names))
        for own, others in self._meetings(every, every, threshold):
            for left, right in self._candidates(own, others[others > own[0]], threshold):
                onward = left < right
                yield from self._within(left[onward], right[onward], threshold)

    def any_near(self, asked: Rows, kept: Rows, threshold: float, alike: Alike) -> NDArray[np.bool_]:
        """For each asked row, by number as given, whether a kept one that is alike is within the threshold."""
        place = self._place[asked]
        near = np.zeros(len(self.names), dtype=bool)
        for own, others in self._meetings(np.sort(self._place[kept]), np.sort(place), threshold):
            for left, right in self._candidates(own, others[~near[others]], threshold):
                for mine, neighbours, _ in self._within(left, right, threshold):
                    near[neighbours[alike(self.names[mine], self.names[neighbours])]] = True
        return near[place]

    def one_by_one(
        self, names: range, threshold: float, near: NDArray[np.bool_], stays: NDArray[np.bool_], alike: Alike
    ) -> Iterator[bool]:
        """For each row of a short range in turn, whether it is `near` or an earlier one of the range stays near it."""
        place = self._place[names.start : names.stop]
        rows = self._rows[place]
        close = rows @ rows.T >= np.float32(threshold - ROUNDING)
        for i, name in enumerate(names):
            if near[name]:
                yield True
                continue
            earlier = place[:i][close[i, :i] & stays[names.start : name]]
            own = np.full(len(earlier), place[i])
            yield any(
                alike(self.names[mine], self.names[others]).any()
                for mine, others, _ in self._within(own, earlier, threshold)
            )

    def _meetings(self, own: Rows, asked: Rows, threshold: float) -> Iterator[tuple[Rows, Rows]]:
        """Places of `own` that share a centre, with the places of `asked` that can be near them; both ascend."""
        centres = len(self._centres)
        if len(own) <= 2 * centres:
            # Measuring the way to each centre would cost more than it saves.
            yield from ((own[start : start + _OWN], asked) for start in range(0, len(own), _OWN))
            return
        angle = self._angle(threshold)
        bounds = np.searchsorted(self._nearest[own], np.arange(centres + 1))
        for first in range(0, centres, _HELD):
            seen = self._seen_from(asked, self._centres[first : first + _HELD])
            for i, column in enumerate(seen.T, first):
                for start in range(bounds[i], bounds[i + 1], _OWN):
                    part = own[start : min(start + _OWN, bounds[i + 1])]
                    low, high = _reach(self._cosines[part], angle)
                    yield part, asked[(column >= low) & (column <= high)]

    def _seen_from(self, asked: Rows, centres: Vectors) -> Vectors:
        seen = np.empty((len(asked), len(centres)), dtype=np.float32)
        for start in range(0, len(asked), _BLOCK):
            part = asked[start : start + _BLOCK]
            seen[start : start + _BLOCK] = self._rows[part] @ centres.T / self._lengths[part, None]
        return seen

    def _angle(self, threshold: float) -> float:
        """The widest angle, in radians, between two rows whose product reaches the threshold."""
        longest = max(1.0, float(self._lengths.max(initial=1.0)))
        return float(np.arccos(min(threshold / longest**2, 1.0))) if threshold > 0 else float(np.pi)

    def _candidates(self, own: Rows, others: Rows, threshold: float) -> Iterator[tuple[Rows, Rows]]:
        """Places (left of `own`, right of `others`) whose product may reach the threshold, a tile at a time."""
        least = np.float32(threshold - ROUNDING)
        for start in range(0, len(others), _OTHER):
            part = others[start : start + _OTHER]
            bound = self._heads[own] @ self._heads[part].T
            if bound.max() < least:
                continue
            near = bound >= least
            if self._heads is not self._rows and near.mean() > _DENSE:
                near = self._rows[own] @ self._rows[part].T >= least
            left, right = np.nonzero(near)
            yield own[left], part[right]

    def _within(self, left: Rows, right: Rows, threshold: float) -> Iterator[tuple[Rows, Rows, Cosines]]:
        """Of pairs of places the ones within the threshold, with their cosines; what decides."""
        for start in range(0, len(left), _BLOCK):
            one, two = left[start : start + _BLOCK], right[start : start + _BLOCK]
            cosines = (self._rows[one].astype(np.float64) * self._rows[two]).sum(axis=1)
            keep = cosines >= threshold
            if keep.any():
                yield one[keep], two[keep], cosines[keep]


def _reach(cosines: Cosines, angle: float) -> tuple[float, float]:
    """The least and the most cosine to their centre of rows within the angle of rows that have these cosines to it."""
    # Cosines are float32 sums: both ends, and what is compared with them, get the slack.
    far = np.arccos(np.clip(cosines.min() - ROUNDING, -1, 1)) + angle
    close = np.arccos(np.clip(cosines.max() + ROUNDING, -1, 1)) - angle
    return float(np.cos(min(far, np.pi))) - 2 * ROUNDING, float(np.cos(max(close, 0.0))) + 2 * ROUNDING


def _centres(rows: Vectors, lengths: Vectors) -> Vectors:
    """About sqrt(n) unit vectors (k, d) that rows lie around: a few steps of spherical k-means on a sample.

    Any vectors would do; good ones save time. A centre of nothing stays where it was.
    """
    count = max(1, isqrt(len(rows)))
    step = max(1, len(rows) // (_SAMPLED * count))
    sample: Vectors = rows[::step] / lengths[::step, None]
    centres = sample[:: max(1, len(sample) // count)][:count].copy()
    for _ in range(_STEPS if len(centres) > 1 else 0):
        nearest = (sample @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, sample)
        size = np.linalg.norm(sums, axis=1, keepdims=True)
        np.divide(sums, size, out=centres, where=size > ROUNDING)
    return centres


def _heads(rows: Vectors) -> Vectors:
    """The rows' leading coordinates and the length of the rest, (n, 64); the rows themselves where they are short."""
    if rows.shape[1] <= _HEAD + 1 or not len(rows):
        return rows
    sample = rows[:: max(1, len(rows) // _BLOCK)].astype(np.float64)
    basis = np.linalg.eigh(sample.T @ sample)[1][:, -_HEAD:]
    heads = np.empty((len(rows), _HEAD + 1), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK].astype(np.float64)
        head = part @ basis
        heads[start : start + _BLOCK, :_HEAD] = head
        rest = np.maximum(np.square(part).sum(axis=1) - np.square(head).sum(axis=1), 0.0)
        heads[start : start + _BLOCK, _HEAD] = np.sqrt(rest)
    return heads
