"""An encoder without a model: hashed words and character n-grams, for tests, load benchmarks and bare machines.

It sees spelling, not meaning: the gate's guarantees hold for it as for any encoder, but paraphrases are strangers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from synthdata.protocols import Vectors
from synthdata.similarity.exact import normalise

_GRAM = 4
_CHUNK_CHARS = 1 << 20
_CHUNK_CELLS = 1 << 22
_BASE = np.uint64(0x9E3779B97F4A7C15)
_WORD_WEIGHT, _PAIR_WEIGHT, _GRAM_WEIGHT = 2, 2, 1
_SPACE = np.uint64(32)

_Hashes = NDArray[np.uint64]
_Features = tuple[NDArray[np.int64], _Hashes, int]


class HashingEncoder:
    """Signed hashing of words, word pairs and character 4-grams of the normalised text, to unit length.

    Deterministic on every machine: sums are of small integers, so no order of addition shows. Some 20 microseconds a
    short text. The fingerprint names the scheme and the width.
    """

    def __init__(self, dim: int = 384) -> None:
        if dim < 1:
            raise ValueError(f"dim must be at least 1, got {dim}")
        self.dim = dim
        self.fingerprint = f"hashing:word12-char{_GRAM}:v1:{dim}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (n, dim); the zero vector for a text that normalises to nothing."""
        plain = [normalise(text) for text in texts]
        vectors = np.zeros((len(plain), self.dim), dtype=np.float32)
        for start, stop in self._chunks(plain):
            vectors[start:stop] = self._encode_chunk(plain[start:stop])
        return vectors

    def _chunks(self, plain: list[str]) -> Iterator[tuple[int, int]]:
        """Cut so that neither the characters nor the cells of one chunk outgrow a fixed amount of memory."""
        start = chars = 0
        rows = max(1, _CHUNK_CELLS // self.dim)
        for row, text in enumerate(plain):
            if row > start and (chars + len(text) > _CHUNK_CHARS or row - start >= rows):
                yield start, row
                start, chars = row, 0
            chars += len(text) + 2
        if start < len(plain):
            yield start, len(plain)

    def _encode_chunk(self, plain: list[str]) -> Vectors:
        total = np.zeros(len(plain) * self.dim, dtype=np.float64)
        for rows, hashes, weight in _features(plain):
            # The sign is the top bit, the bucket the remainder: independent for every width that is in use.
            signs = np.where(hashes >> np.uint64(63), weight, -weight)
            cells = rows * self.dim + (hashes % np.uint64(self.dim)).astype(np.int64)
            total += np.bincount(cells, weights=signs, minlength=len(total))
        sums = total.reshape(len(plain), self.dim)
        for row in np.flatnonzero(~sums.any(axis=1)):
            if plain[row]:
                # All features cancelled, which needs a text of a few characters: it still has content.
                sums[row, len(plain[row]) % self.dim] = 1.0
        lengths = np.sqrt(np.square(sums).sum(axis=1, keepdims=True))
        return np.asarray(sums / np.where(lengths == 0.0, 1.0, lengths), dtype=np.float32)


def _features(plain: list[str]) -> Iterator[_Features]:
    """Row number and hash of every feature of a chunk, by kind, with the weight of the kind."""
    joined = "".join(f" {text} " for text in plain)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    rows = np.repeat(np.arange(len(plain)), [len(text) + 2 for text in plain])
    inside = codes != _SPACE
    starts = np.flatnonzero(inside & ~np.append(False, inside[:-1]))
    if not len(starts):
        return
    words = _word_hashes(codes, inside, starts)
    yield rows[starts], _mix(words), _WORD_WEIGHT
    same = rows[starts[1:]] == rows[starts[:-1]]
    yield rows[starts[1:]][same], _mix(words[:-1] * _BASE + words[1:] + np.uint64(1))[same], _PAIR_WEIGHT
    count = len(codes) - _GRAM + 1
    if count > 0:
        grams = np.zeros(count, dtype=np.uint64)
        for offset in range(_GRAM):
            grams = grams * _BASE + codes[offset : offset + count]
        same = (rows[:count] == rows[_GRAM - 1 :]) & (inside[:count] | inside[1 : count + 1])
        yield rows[:count][same], _mix(grams + np.uint64(2))[same], _GRAM_WEIGHT


def _word_hashes(codes: _Hashes, inside: NDArray[np.bool_], starts: NDArray[np.intp]) -> _Hashes:
    """Polynomial hash of each word: codes times powers of the base by place in the word, summed from start to start."""
    word = np.searchsorted(starts, np.arange(len(codes)), side="right") - 1
    place = np.where(inside, np.arange(len(codes)) - starts[np.maximum(word, 0)], 0)
    powers = np.cumprod(np.full(int(place.max()) + 1, _BASE, dtype=np.uint64))
    return np.add.reduceat(np.where(inside, codes * powers[place], np.uint64(0)), starts)


def _mix(values: _Hashes) -> _Hashes:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
