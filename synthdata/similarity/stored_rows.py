"""Rows of which most lie in a file: opened as they are, read where they are asked for, and added to in memory.

A million rows open without an object each. What is stored is an Arrow column of bytes, UTF-8 with halves of surrogate
pairs let through, or a memory map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

Signatures = NDArray[np.uint32]
_NOTHING = pl.Series(values=[], dtype=pl.Binary)


class Texts:
    """Texts by row: first those of the stored column, then those that were added."""

    def __init__(self, stored: pl.Series = _NOTHING) -> None:
        self._stored, self._first = stored, len(stored)
        self._later: list[str] = []

    def __len__(self) -> int:
        return self._first + len(self._later)

    def __getitem__(self, row: int) -> str:
        if row >= self._first:
            return self._later[row - self._first]
        return bytes(self._stored[row]).decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        yield from (bytes(text).decode("utf-8", "surrogatepass") for text in self._stored)
        yield from self._later

    def extend(self, texts: Iterable[str]) -> None:
        """Add texts as the next rows."""
        self._later.extend(texts)

    def column(self) -> pl.Series:
        """All of them as one column of bytes."""
        later = [text.encode("utf-8", "surrogatepass") for text in self._later]
        return pl.concat([self._stored, pl.Series(values=later, dtype=pl.Binary)])


class ExactRows:
    """Which rows hold a normal form: of a stored column by a sorted array of hashes, of later rows by a dictionary."""

    def __init__(self, stored: pl.Series = _NOTHING) -> None:
        self._stored = stored
        hashes = stored.hash().to_numpy()
        # Stable, so that rows of one hash stand in their order.
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]
        self._later: dict[bytes, list[int]] = {}

    def add(self, key: bytes, row: int) -> None:
        """A new row, behind all that there are."""
        self._later.setdefault(key, []).append(row)

    def rows(self, key: bytes) -> list[int]:
        """The rows of this normal form, in their order."""
        later = self._later.get(key, [])
        if not len(self._hashes):
            return later
        wanted = pl.Series(values=[key], dtype=pl.Binary).hash().to_numpy()[0]
        low, high = np.searchsorted(self._hashes, wanted), np.searchsorted(self._hashes, wanted, side="right")
        return [row for row in self._order[low:high].tolist() if self._stored[row] == key] + later


class SketchRows:
    """Normal form and signature by row: rows 0, 1, ... as they are stored, and rows of any number that were added."""

    def __init__(self, plain: pl.Series = _NOTHING, signatures: Signatures | None = None) -> None:
        self._plain = plain
        # A row of a plain view costs a tenth of a row of a memory map.
        self._signatures = np.empty((0, 0), dtype=np.uint32) if signatures is None else np.asarray(signatures)
        self._later: dict[int, tuple[bytes, Signatures]] = {}
        self._gone: set[int] = set()

    def __len__(self) -> int:
        return len(self._plain) - len(self._gone) + len(self._later)

    def __contains__(self, row: int) -> bool:
        return row in self._later or (0 <= row < len(self._plain) and row not in self._gone)

    def plain(self, row: int) -> bytes:
        """The normal form of a row."""
        return self._later[row][0] if row in self._later else bytes(self._plain[row])

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
        stored = np.setdiff1d(np.arange(len(self._plain)), np.fromiter(self._gone, dtype=np.int64))
        return np.concatenate([stored, np.fromiter(self._later, dtype=np.int64, count=len(self._later))])

    def columns(self, width: int) -> tuple[pl.Series, Signatures]:
        """Normal forms and signatures (n, width) of all rows, where none was removed."""
        plain = pl.Series(values=[plain for plain, _ in self._later.values()], dtype=pl.Binary)
        later = np.array([signature for _, signature in self._later.values()], dtype=np.uint32).reshape(-1, width)
        return pl.concat([self._plain, plain]), np.concatenate([self._signatures.reshape(-1, width), later])
