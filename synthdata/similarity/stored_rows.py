"""Rows of which most lie in a file: opened as they are, read where they are asked for, and added to in memory.

A million rows open without an object each. What is stored is an Arrow column of bytes, UTF-8 with halves of surrogate
pairs let through, or a memory map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

Signatures = NDArray[np.uint32]


def _column(values: list[bytes]) -> pl.Series:
    # Loaded where a column is made: a gate without a store needs no table library.
    import polars as pl

    return pl.Series(values=values, dtype=pl.Binary)


def _joined(stored: pl.Series | None, later: list[bytes]) -> pl.Series:
    import polars as pl

    return _column(later) if stored is None else pl.concat([stored, _column(later)])


class Texts:
    """Texts by row: first those of the stored column, then those that were added."""

    def __init__(self, stored: pl.Series | None = None) -> None:
        self._stored, self._first = stored, 0 if stored is None else len(stored)
        self._later: list[str] = []

    def __len__(self) -> int:
        return self._first + len(self._later)

    def __getitem__(self, row: int) -> str:
        if self._stored is None or row >= self._first:
            return self._later[row - self._first]
        return bytes(self._stored[row]).decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        if self._stored is not None:
            yield from (bytes(text).decode("utf-8", "surrogatepass") for text in self._stored)
        yield from self._later

    def extend(self, texts: Iterable[str]) -> None:
        """Add texts as the next rows."""
        self._later.extend(texts)

    def column(self) -> pl.Series:
        """All of them as one column of bytes."""
        return _joined(self._stored, [text.encode("utf-8", "surrogatepass") for text in self._later])


class ExactRows:
    """Which rows hold a normal form: of a stored column by a sorted array of hashes, of later rows by a dictionary."""

    def __init__(self, stored: pl.Series | None = None) -> None:
        self._stored = stored
        hashes = np.empty(0, dtype=np.uint64) if stored is None else stored.hash().to_numpy()
        # Stable, so that rows of one hash stand in their order.
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]
        self._later: dict[bytes, list[int]] = {}

    def add(self, key: bytes, row: int) -> None:
        """A new row, behind all that there are."""
        self._later.setdefault(key, []).append(row)

    def rows(self, keys: Sequence[bytes]) -> list[list[int]]:
        """The rows of each of these normal forms, in their order."""
        later = [self._later.get(key, []) for key in keys]
        if self._stored is None or not len(self._hashes) or not keys:
            return later
        wanted = _column(list(keys)).hash().to_numpy()
        lows = np.searchsorted(self._hashes, wanted)
        there = self._hashes[np.minimum(lows, len(self._hashes) - 1)] == wanted
        for i in np.flatnonzero(there).tolist():
            high = np.searchsorted(self._hashes, wanted[i], side="right")
            same = [row for row in self._order[lows[i] : high].tolist() if self._stored[row] == keys[i]]
            later[i] = same + later[i]
        return later


class SketchRows:
    """Normal form and signature by row: rows 0, 1, ... as they are stored, and rows of any number that were added."""

    def __init__(self, plain: pl.Series | None = None, signatures: Signatures | None = None) -> None:
        self._plain, self._first = plain, 0 if plain is None else len(plain)
        # A row of a plain view costs a tenth of a row of a memory map.
        self._signatures = np.empty((0, 0), dtype=np.uint32) if signatures is None else np.asarray(signatures)
        self._later: dict[int, tuple[bytes, Signatures]] = {}
        self._gone: set[int] = set()

    def __len__(self) -> int:
        return self._first - len(self._gone) + len(self._later)

    def __contains__(self, row: int) -> bool:
        return row in self._later or (0 <= row < self._first and row not in self._gone)

    def plain(self, row: int) -> bytes:
        """The normal form of a row."""
        if self._plain is None or row in self._later:
            return self._later[row][0]
        return bytes(self._plain[row])

    def signature(self, row: int) -> Signatures:
        """The signature of a row."""
        return self._later[row][1] if row in self._later else self._signatures[row]

    def add(self, row: int, plain: bytes, signature: Signatures) -> None:
        """A new row."""
        self._later[row] = plain, signature

    def remove(self, row: int) -> None:
        """Forget a row.

        Raises:
            KeyError: no such row.
        """
        if row not in self:
            raise KeyError(row)
        if self._later.pop(row, None) is None:
            self._gone.add(row)

    def ids(self) -> NDArray[np.int64]:
        """The numbers of all rows."""
        stored = np.setdiff1d(np.arange(self._first), np.fromiter(self._gone, dtype=np.int64))
        return np.concatenate([stored, np.fromiter(self._later, dtype=np.int64, count=len(self._later))])

    def columns(self, width: int) -> tuple[pl.Series, Signatures]:
        """Normal forms and signatures (n, width) of all rows, where none was removed."""
        plain = [plain for plain, _ in self._later.values()]
        later = np.array([signature for _, signature in self._later.values()], dtype=np.uint32).reshape(-1, width)
        return _joined(self._plain, plain), np.concatenate([self._signatures.reshape(-1, width), later])
