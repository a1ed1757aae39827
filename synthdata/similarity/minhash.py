"""Lexical near copies: MinHash signatures, 32 x 4 bands, true Jaccard of every hit. The only importer of datasketch.

datasketch makes the signatures (scheme named, so that no default can change under a stored one). The bands are kept
here and not in its MinHashLSH: that spends some 12 KB a row on Python sets, answers in set order and cannot be verified
against the shingles; two flat arrays need 512 bytes and answer in a fixed order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from synthdata.records import canonical_json, content_hash
from synthdata.settings import GateSettings
from synthdata.similarity.exact import normalise

Signatures = NDArray[np.uint32]
Shingles = NDArray[np.uint64]

_SEED = 1
_BASE = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_TAIL_ROWS = 1024
_TAIL_SHARE = 16


def shingles(text: str, size: int) -> Shingles:
    """The set of character `size`-grams of the normalised text as sorted distinct 64-bit hashes.

    A text shorter than `size` is one shingle; an empty one has none. With 64 bits two different shingles of a corpus of
    10^9 meet with probability 0.03, so Jaccard on hashes is Jaccard on shingles.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    return _shingles(normalise(text), size)


def _shingles(text: str, size: int) -> Shingles:
    if not text:
        return np.empty(0, dtype=np.uint64)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64) + np.uint64(1)
    width = min(size, len(codes))
    hashed = np.zeros(len(codes) - width + 1, dtype=np.uint64)
    for offset in range(width):
        weight = np.uint64(pow(_BASE, offset + 1, 1 << 64))
        hashed += codes[offset : offset + len(hashed)] * weight
    hashed = np.sort(_mix(hashed))
    first = np.ones(len(hashed), dtype=bool)
    first[1:] = hashed[1:] != hashed[:-1]
    return hashed[first]


def _mix(values: Shingles) -> Shingles:
    """The splitmix64 finaliser: a bijection that spreads the polynomial sums over all bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def jaccard(left: Shingles, right: Shingles) -> float:
    """Shared shingles over all shingles, in [0, 1]; 0 where either set is empty."""
    if not len(left) or not len(right):
        return 0.0
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)


class LexicalIndex:
    """Texts under integer ids, asked for those with a Jaccard of at least `near_jaccard`.

    With 32 bands of 4 a pair at Jaccard 0.8 is missed once in 20 million; what is returned was verified, so there is no
    false hit. Answers do not depend on the order of insertion. Kept a row: the normalised text, its signature and
    512 bytes of bands (some 4.5 KB for the at most 1/16 of rows that came last); shingles are made again where needed.
    """

    def __init__(self, settings: GateSettings) -> None:
        if settings.permutations % settings.bands:
            raise ValueError(f"permutations {settings.permutations} do not divide into {settings.bands} bands")
        self._settings = settings
        self._prototype = MinHash(num_perm=settings.permutations, seed=_SEED, scheme=settings.minhash_scheme)
        self._rows: dict[int, tuple[bytes, Signatures]] = {}
        near, perms = settings.near_jaccard, settings.permutations
        # Five standard deviations of the estimate below the line: what is skipped there is over it once in 3 million.
        self._worth_checking = near - 5.0 * math.sqrt(near * (1.0 - near) / perms)
        self._sorted_keys = np.empty(0, dtype=np.uint64)
        self._sorted_ids = np.empty(0, dtype=np.int64)
        self._tail: dict[int, list[int]] = {}
        self._tail_rows = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._rows

    def fingerprint(self) -> str:
        """Names everything a stored signature depends on; signatures of two fingerprints never mix."""
        s = self._settings
        return content_hash(
            canonical_json(
                {
                    "scheme": s.minhash_scheme,
                    "seed": _SEED,
                    "permutations": s.permutations,
                    "bands": s.bands,
                    "shingle_chars": s.shingle_chars,
                    "shingle_hash": "poly64-splitmix-low32",
                }
            ),
            length=16,
        )

    def signatures(self, texts: Sequence[str]) -> Signatures:
        """MinHash signatures, shape (n, permutations); a text without content has the all-ones row."""
        found = np.empty((len(texts), self._settings.permutations), dtype=np.uint32)
        for row, text in enumerate(texts):
            found[row] = self._sign(shingles(text, self._settings.shingle_chars))
        return found

    def add(self, ids: Sequence[int], texts: Sequence[str], signatures: Signatures | None = None) -> None:
        """Put texts under new ids; `signatures` saves making them again where the caller kept those of `signatures`.

        Raises:
            ValueError: lengths differ, an id is negative, or is already in use (nothing was added then).
        """
        if len(ids) != len(texts) or (signatures is not None and len(signatures) != len(ids)):
            raise ValueError(f"{len(ids)} ids for {len(texts)} texts: one id and one signature a text")
        taken = [i for i in ids if i in self._rows or i < 0]
        if taken or len(set(ids)) != len(ids):
            raise ValueError(
                f"ids must be new, distinct and not negative; refused: {taken[:5] or 'repeated in the call'}"
            )
        made = self.signatures(texts) if signatures is None else signatures
        bands = self._band_keys(made)
        for row, (row_id, text) in enumerate(zip(ids, texts, strict=True)):
            plain = normalise(text)
            self._rows[row_id] = (plain.encode("utf-8", "surrogatepass"), made[row].copy())
            if plain:
                for key in bands[row].tolist():
                    self._tail.setdefault(key, []).append(row_id)
                self._tail_rows += 1
        if self._tail_rows > max(_TAIL_ROWS, len(self._rows) // _TAIL_SHARE):
            self._merge_tail()

    def remove(self, row_id: int) -> None:
        """Forget a row; its bands are ignored from now on and go with a later merge. Its id may be given again.

        Raises:
            KeyError: no such row.
        """
        del self._rows[row_id]

    def query(self, text: str, signature: Signatures | None = None) -> list[tuple[int, float]]:
        """Ids and true Jaccard of all rows at or above `near_jaccard`, highest first, then by id; [] for no text."""
        own = shingles(text, self._settings.shingle_chars)
        if not len(own):
            return []
        made = self._sign(own) if signature is None else signature
        hits = [(row_id, self._jaccard_to(own, row_id)) for row_id in self._promising(made)]
        near = [hit for hit in hits if hit[1] >= self._settings.near_jaccard]
        return sorted(near, key=lambda hit: (-hit[1], hit[0]))

    def _sign(self, own: Shingles) -> Signatures:
        sketch = MinHash(
            seed=_SEED,
            scheme=self._settings.minhash_scheme,
            hashfunc=int,
            hashvalues=self._prototype.hashvalues,
            permutations=self._prototype.permutations,
        )
        if len(own):
            sketch.update_batch((own & np.uint64(0xFFFFFFFF)).tolist())
        return np.asarray(sketch.hashvalues, dtype=np.uint32)

    def _band_keys(self, made: Signatures) -> NDArray[np.uint64]:
        """One 64-bit key a band, the band's number folded in, so that all bands share one sorted array."""
        rows = self._settings.permutations // self._settings.bands
        parts = made.reshape(len(made), self._settings.bands, rows).astype(np.uint64)
        keys = np.broadcast_to(np.arange(1, self._settings.bands + 1, dtype=np.uint64), parts.shape[:2]).copy()
        for column in range(rows):
            keys = _mix(keys * np.uint64(_BASE) + parts[:, :, column])
        return keys

    def _lookup(self, signature: Signatures) -> list[int]:
        keys = self._band_keys(signature.reshape(1, -1))[0]
        found: set[int] = set()
        for key in keys.tolist():
            found.update(self._tail.get(key, ()))
        lows = np.searchsorted(self._sorted_keys, keys, side="left")
        highs = np.searchsorted(self._sorted_keys, keys, side="right")
        for low, high in zip(lows, highs, strict=True):
            if high > low:
                found.update(self._sorted_ids[low:high].tolist())
        return sorted(row_id for row_id in found if row_id in self._rows)

    def _promising(self, signature: Signatures) -> list[int]:
        """Bands let one in eight pairs at Jaccard 0.25 through; agreeing positions sort most of those out cheaply."""
        found = self._lookup(signature)
        if not found:
            return []
        agreement = (np.stack([self._rows[row_id][1] for row_id in found]) == signature).mean(axis=1)
        return [row_id for row_id, share in zip(found, agreement, strict=True) if share >= self._worth_checking]

    def _jaccard_to(self, own: Shingles, row_id: int) -> float:
        text = self._rows[row_id][0].decode("utf-8", "surrogatepass")
        return jaccard(own, _shingles(text, self._settings.shingle_chars))

    def _merge_tail(self) -> None:
        keys = [key for key, ids in self._tail.items() for _ in ids]
        ids = [row_id for ids in self._tail.values() for row_id in ids]
        all_keys = np.concatenate([self._sorted_keys, np.array(keys, dtype=np.uint64)])
        all_ids = np.concatenate([self._sorted_ids, np.array(ids, dtype=np.int64)])
        if len(self._rows) * self._settings.bands < len(all_ids):
            live = np.isin(all_ids, np.fromiter(self._rows, dtype=np.int64, count=len(self._rows)))
            all_keys, all_ids = all_keys[live], all_ids[live]
        order = np.argsort(all_keys, kind="stable")
        self._sorted_keys, self._sorted_ids = all_keys[order], all_ids[order]
        self._tail, self._tail_rows = {}, 0
