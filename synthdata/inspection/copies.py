"""Rows that repeat an earlier row: exactly, or nearly by MinHash and true Jaccard, over all rows in bounded memory.

Signatures lie in a temporary file. Bands are sorted one after the other, and of the rows that share a band each is
compared with the first and with the one before it; what counts is the true Jaccard of the texts.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import numpy as np
from numpy.typing import NDArray

from synthdata.inspection.spool import Spool
from synthdata.protocols import Advance
from synthdata.settings import GateSettings, InspectSettings
from synthdata.similarity.exact import exact_key
from synthdata.similarity.minhash import LexicalIndex
from synthdata.similarity.shingles import jaccard, shingles

# For each row the earlier row that it repeats, -1 for none; a repeated row is always an earlier one.
Earlier = NDArray[np.int64]
Rows = NDArray[np.int64]

_MIX = np.uint64(0xBF58476D1CE4E5B9)
_PAIRS = 1 << 14


def exact_keys(texts: list[str]) -> NDArray[np.uint64]:
    """64 bits of the exact key of each text: two different texts among ten million meet with probability 3e-6."""
    return np.array([int(exact_key(text)[:16], 16) for text in texts], dtype=np.uint64)


def exact_copies(keys: NDArray[np.uint64]) -> Earlier:
    """For each row the first with the same key, -1 for that one itself."""
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    earlier = first[which].astype(np.int64)
    earlier[earlier == np.arange(len(keys))] = -1
    return earlier


def originals(earlier: Earlier) -> Rows:
    """For each row the one that it leads to in the end, row by row: itself if it repeats none."""
    root = np.where(earlier < 0, np.arange(len(earlier)), earlier)
    while not np.array_equal(root, root[root]):
        root = root[root]
    return root


class NearCopies:
    """Finds near copies among some rows of a spool. Close it when done."""

    def __init__(self, spool: Spool, rows: Rows, gate: GateSettings, settings: InspectSettings) -> None:
        bands = {"permutations": settings.near_permutations, "bands": settings.near_bands}
        self._index = LexicalIndex(gate.model_copy(update=bands))
        self._spool, self._rows, self._gate, self._settings = spool, rows, gate, settings
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the object
        # Five standard deviations of the estimate under the line: what agrees less is hardly ever over it.
        error = math.sqrt(gate.near_jaccard * (1 - gate.near_jaccard) / settings.near_permutations)
        self._worth = gate.near_jaccard - 5 * error

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()

    def sign(self, threads: int, progress: Advance) -> None:
        """Make the signatures of all rows; `progress` hears of rows done."""
        with ThreadPoolExecutor(threads) as pool:
            for numbers, texts in self._spool.batches(self._rows.tolist()):
                cut = [text[: self._settings.near_chars] for text in texts]
                size = -(-len(cut) // threads)
                parts = [cut[start : start + size] for start in range(0, len(cut), size)]
                for signatures in pool.map(self._index.signatures, parts):
                    self._file.write(signatures.tobytes())
                progress(len(numbers))
        self._file.flush()

    def find(self, progress: Advance) -> tuple[Earlier, dict[int, float]]:
        """For each row given, by its place among them, an earlier one with enough Jaccard, and that Jaccard.

        `progress` hears of bands done.
        """
        earlier: Earlier = np.full(len(self._rows), -1, dtype=np.int64)
        scores: dict[int, float] = {}
        if not len(self._rows):
            return earlier, scores
        shape = (len(self._rows), self._settings.near_permutations)
        signatures = np.memmap(self._file, dtype=np.uint32, mode="r", shape=shape)
        for band in range(self._settings.near_bands):
            for later, before in self._worth_a_look(signatures, band, earlier):
                if earlier[later] < 0:
                    score = jaccard(self._shingles(later), self._shingles(before))
                    if score >= self._gate.near_jaccard:
                        earlier[later], scores[later] = before, score
            progress(1)
        return earlier, scores

    def _worth_a_look(self, signatures: NDArray[np.uint32], band: int, earlier: Earlier) -> Iterator[tuple[int, int]]:
        """Pairs of a row that repeats nothing yet and an earlier one that share the band and agree in enough places."""
        keys = _band(signatures, band, self._settings.near_bands)
        order = np.argsort(keys, kind="stable")
        new = np.ones(len(order), dtype=bool)
        new[1:] = keys[order[1:]] != keys[order[:-1]]
        first = order[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))]
        later = order[1:][~new[1:]]
        before = np.concatenate([first[1:][~new[1:]], order[:-1][~new[1:]]])
        packed = np.tile(later, 2) * len(keys) + before
        packed = np.unique(packed[earlier[np.tile(later, 2)] < 0])
        for start in range(0, len(packed), _PAIRS):
            left, right = np.divmod(packed[start : start + _PAIRS], len(keys))
            agree = (signatures[left] == signatures[right]).mean(axis=1) >= self._worth
            yield from zip(left[agree].tolist(), right[agree].tolist(), strict=True)

    def _shingles(self, place: int) -> NDArray[np.uint64]:
        text = self._spool.text(int(self._rows[place]))[: self._settings.near_chars]
        return shingles(text, self._gate.shingle_chars)


def _band(signatures: NDArray[np.uint32], band: int, bands: int) -> NDArray[np.uint64]:
    width = signatures.shape[1] // bands
    key = np.zeros(len(signatures), dtype=np.uint64)
    for column in range(band * width, (band + 1) * width):
        key = (key ^ (key >> np.uint64(31))) * _MIX + signatures[:, column].astype(np.uint64)
    return key
