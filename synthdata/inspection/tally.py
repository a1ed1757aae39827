"""How often each of very many numbers came, exactly and in bounded memory."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

_HELD = 1 << 21
_PARTS = 64
_SHIFT = np.uint64(58)


class Tally:
    """Counts 64-bit numbers. Beyond two million they go to 64 temporary files by their top bits, each counted alone.

    Memory: 16 MB, and the largest of the files while `spread` runs. Close it when done.
    """

    def __init__(self) -> None:
        self.total = 0
        self._held: list[Numbers] = []
        self._waiting = 0
        self._parts: list[IO[bytes]] = []

    def add(self, numbers: Numbers) -> None:
        """Count some more."""
        self._held.append(numbers)
        self._waiting += len(numbers)
        self.total += len(numbers)
        if self._waiting > _HELD:
            self._spill()

    def spread(self) -> dict[int, int]:
        """How many numbers came so and so often: once, twice and so on."""
        counts: Counter[int] = Counter()
        for part in self._all():
            times, numbers = np.unique(np.unique(part, return_counts=True)[1], return_counts=True)
            counts.update(dict(zip(times.tolist(), numbers.tolist(), strict=True)))
        return dict(sorted(counts.items()))

    def close(self) -> None:
        """Remove the temporary files."""
        for part in self._parts:
            part.close()

    def _spill(self) -> None:
        if not self._parts:
            self._parts = [tempfile.TemporaryFile() for _ in range(_PARTS)]  # noqa: SIM115 - closed by `close`
        numbers = np.sort(np.concatenate(self._held))
        cuts = np.searchsorted(numbers >> _SHIFT, np.arange(1, _PARTS, dtype=np.uint64))
        for file, part in zip(self._parts, np.split(numbers, cuts), strict=True):
            file.write(part.tobytes())
        self._held, self._waiting = [], 0

    def _all(self) -> Iterator[Numbers]:
        if not self._parts:
            yield np.concatenate(self._held) if self._held else np.empty(0, dtype=np.uint64)
            return
        self._spill()
        for file in self._parts:
            file.seek(0)
            yield np.frombuffer(file.read(), dtype=np.uint64)


def distinct_share(spread: dict[int, int], total: int) -> float:
    """Different ones over all, as `metrics.distinct_n`; 0 where there are none."""
    return sum(spread.values()) / total if total else 0.0


def entropy(spread: dict[int, int], total: int) -> float:
    """Shannon entropy in nats of the counts that `spread` tells of, as `metrics.shannon_entropy`; 0 for none."""
    if not total:
        return 0.0
    return max(0.0, math.log(total) - math.fsum(n * c * math.log(c) for c, n in spread.items()) / total)
