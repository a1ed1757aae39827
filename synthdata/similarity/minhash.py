"""Lexical near copies: MinHash signatures, 32 x 4 bands, true Jaccard of every hit. The only importer of datasketch.

The signatures are datasketch's (scheme named, so that no default can change under a stored one); those of the default
scheme are made here, many at once, and a test holds both together. The bands are kept here and not in its MinHashLSH:
that spends some 12 KB a row on Python sets, answers in set order and cannot be verified against the shingles; two flat
arrays need 512 bytes and answer in a fixed order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from synthdata.records import canonical_json, content_hash
from synthdata.settings import GateSettings
from synthdata.similarity.exact import normalise
from synthdata.similarity.shingles import Shingles, all_shingles, band_keys, chunks, jaccard, shingles_of_plain
from synthdata.similarity.stored_rows import Signatures, SketchRows

if TYPE_CHECKING:
    import polars as pl

_SEED = 1
_TAIL_ROWS = 1024
_TAIL_SHARE = 16
# Shingles permuted in one go: with 128 permutations 2 MB, which a cache holds.
_SIGNED_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A text made ready: its normal form as UTF-8, its signature (permutations,) and one key a band (bands,)."""

    plain: bytes
    signature: Signatures
    bands: NDArray[np.uint64]


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
        # datasketch's for this scheme and seed, as `_init_permutations` draws them: odd factors, any offsets.
        drawn = np.random.RandomState(_SEED)
        self._factors = drawn.randint(0, 1 << 31, settings.permutations, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
        self._offsets = drawn.randint(0, 1 << 32, settings.permutations, dtype=np.uint32)
        self._rows = SketchRows()
        near, perms = settings.near_jaccard, settings.permutations
        # Five standard deviations of the estimate below the line: what is skipped there is over it once in 3 million.
        self._worth_checking = near - 5.0 * math.sqrt(near * (1.0 - near) / perms)
        self._sorted_keys = np.empty(0, dtype=np.uint64)
        self._sorted_ids = np.empty(0, dtype=np.int64)
        self._tail: dict[int, list[int]] = {}
        self._tail_rows = 0

    def parts(self) -> tuple[pl.Series, Signatures, NDArray[np.uint64], NDArray[np.int64]]:
        """What `of_parts` needs, where no row was removed: normal forms, signatures, all bands in order, their rows."""
        self._merge_tail()
        plain, signatures = self._rows.columns(self._settings.permutations)
        return plain, signatures, self._sorted_keys, self._sorted_ids

    @classmethod
    def of_parts(
        cls,
        settings: GateSettings,
        plain: pl.Series,
        signatures: Signatures,
        keys: NDArray[np.uint64],
        rows: NDArray[np.int64],
    ) -> LexicalIndex:
        """An index of the rows 0, 1, ...; arrays may be memory-mapped, and later rows come on top."""
        index = cls(settings)
        index._rows = SketchRows(plain, signatures)
        index._sorted_keys, index._sorted_ids = np.asarray(keys), np.asarray(rows)
        return index

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
        return self._sign_all([normalise(text) for text in texts])

    def sketches(self, texts: Sequence[str]) -> list[Sketch]:
        """All that `enter` and `find` need of texts, made in bulk."""
        return list(map(Sketch, *self.sketched(texts)))

    def sketched(self, texts: Sequence[str]) -> tuple[list[bytes], Signatures, NDArray[np.uint64]]:
        """The parts of `sketches` as columns: normal forms, signatures (n, permutations), keys (n, bands)."""
        plain = [normalise(text) for text in texts]
        made = self._sign_all(plain)
        return [text.encode("utf-8", "surrogatepass") for text in plain], made, band_keys(made, self._settings.bands)

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
        plain = [normalise(text) for text in texts]
        made = self._sign_all(plain) if signatures is None else signatures
        for row_id, text, signature, keys in zip(ids, plain, made, band_keys(made, self._settings.bands), strict=True):
            self._enter(row_id, Sketch(text.encode("utf-8", "surrogatepass"), signature.copy(), keys))
        self._merge_long_tail()

    def enter(self, ids: Sequence[int], sketches: Sequence[Sketch]) -> None:
        """As `add`, of sketches; the ids must be new, which is not looked at."""
        if len(sketches) <= _TAIL_ROWS:
            for row_id, sketch in zip(ids, sketches, strict=True):
                self._enter(row_id, sketch)
            self._merge_long_tail()
            return
        # So many at once go straight to the sorted arrays, past the dictionary, which takes nine times their memory.
        for row_id, sketch in zip(ids, sketches, strict=True):
            self._rows.add(row_id, sketch.plain, sketch.signature)
        full = [(row_id, sketch.bands) for row_id, sketch in zip(ids, sketches, strict=True) if sketch.plain]
        keys = np.concatenate([bands for _, bands in full]) if full else np.empty(0, dtype=np.uint64)
        self._merge(keys, np.repeat(np.array([i for i, _ in full], dtype=np.int64), self._settings.bands))

    def _enter(self, row_id: int, sketch: Sketch) -> None:
        self._rows.add(row_id, sketch.plain, sketch.signature)
        if sketch.plain:
            tail = self._tail
            for key in sketch.bands.tolist():
                held = tail.get(key)
                if held is None:
                    tail[key] = [row_id]
                else:
                    held.append(row_id)
            self._tail_rows += 1

    def _merge_long_tail(self) -> None:
        if self._tail_rows > max(_TAIL_ROWS, len(self._rows) // _TAIL_SHARE):
            self._merge_tail()

    def remove(self, row_id: int) -> None:
        """Forget a row; its bands are ignored from now on and go with a later merge. Its id may be given again.

        Raises:
            KeyError: no such row.
        """
        self._rows.remove(row_id)

    def query(self, text: str, signature: Signatures | None = None) -> list[tuple[int, float]]:
        """Ids and true Jaccard of all rows at or above `near_jaccard`, highest first, then by id; [] for no text."""
        plain = normalise(text)
        made = self._sign_all([plain]) if signature is None else signature.reshape(1, -1)
        return self.find(
            Sketch(plain.encode("utf-8", "surrogatepass"), made[0], band_keys(made, self._settings.bands)[0])
        )

    def find(self, sketch: Sketch) -> list[tuple[int, float]]:
        """As `query`, of a sketch."""
        promising = self._promising(sketch) if sketch.plain else []
        if not promising:
            return []
        own = shingles_of_plain(sketch.plain.decode("utf-8", "surrogatepass"), self._settings.shingle_chars)
        hits = [(row_id, self._jaccard_to(own, row_id)) for row_id in promising]
        near = [hit for hit in hits if hit[1] >= self._settings.near_jaccard]
        return sorted(near, key=lambda hit: (-hit[1], hit[0]))

    def find_many(self, sketches: Sequence[Sketch]) -> list[list[tuple[int, float]]]:
        """`find` of each sketch; those of which no row has a band are told apart all at once."""
        self._merge_tail()
        full = [i for i, sketch in enumerate(sketches) if sketch.plain]
        matches: list[list[tuple[int, float]]] = [[] for _ in sketches]
        if not full or not len(self._sorted_keys):
            return matches
        keys = np.concatenate([sketches[i].bands for i in full])
        order = np.argsort(keys)
        # In order of their keys the questions walk through the array once, which a cache can follow.
        places = np.searchsorted(self._sorted_keys, keys[order])
        there = self._sorted_keys[np.minimum(places, len(self._sorted_keys) - 1)] == keys[order]
        for k in np.unique(order[there] // self._settings.bands).tolist():
            matches[full[k]] = self.find(sketches[full[k]])
        return matches

    def _sign_all(self, plain: Sequence[str]) -> Signatures:
        """Signatures of normalised texts: shingles of many are hashed at once and permuted in blocks that fit a cache.

        A shingle that occurs twice changes no minimum, so nothing is sorted out here.
        """
        made = np.full((len(plain), self._settings.permutations), np.iinfo(np.uint32).max, dtype=np.uint32)
        for first, last in chunks(plain):
            hashed, starts, rows = all_shingles(plain[first:last], self._settings.shingle_chars)
            low = (hashed & np.uint64(0xFFFFFFFF)).astype(np.uint32)
            begin = 0
            while begin < len(rows):
                end = int(np.searchsorted(starts, starts[begin] + _SIGNED_AT_ONCE, side="right")) - 1
                end = min(max(end, begin + 1), len(rows))
                part = self._permuted(low[starts[begin] : starts[end]])
                made[first + rows[begin:end]] = np.minimum.reduceat(part, starts[begin:end] - starts[begin], axis=1).T
                begin = end
        return made

    def _permuted(self, values: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """All permutations of 32-bit values, (permutations, n): datasketch's, as its `update_batch` applies them."""
        if self._settings.minhash_scheme == "affine32":
            mixed = values ^ (values >> np.uint32(16))
            mixed = mixed * np.uint32(0x85EBCA6B)
            mixed = mixed ^ (mixed >> np.uint32(13))
            mixed = mixed * np.uint32(0xC2B2AE35)
            mixed = mixed ^ (mixed >> np.uint32(16))
            permuted: Signatures = np.multiply(mixed, self._factors[:, None], dtype=np.uint32)
            permuted += self._offsets[:, None]
            return permuted
        return self._one_by_one(values)

    def _one_by_one(self, values: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Other schemes than the default, through datasketch itself, whose import takes half a second."""
        from datasketch import MinHash

        columns = []
        for value in values.tolist():
            sketch = MinHash(
                seed=_SEED, scheme=self._settings.minhash_scheme, hashfunc=int, num_perm=self._settings.permutations
            )
            sketch.update(value)
            columns.append(np.asarray(sketch.hashvalues, dtype=np.uint32))
        return np.array(columns, dtype=np.uint32).T

    def _lookup(self, keys: NDArray[np.uint64]) -> list[int]:
        if not len(keys):
            return []
        matches: set[int] = set()
        if self._tail:
            get = self._tail.get
            for key in keys.tolist():
                held = get(key)
                if held is not None:
                    matches.update(held)
        if len(self._sorted_keys):
            lows = np.searchsorted(self._sorted_keys, keys, side="left")
            # A key that is absent, as nearly all are, has no second search.
            there = np.flatnonzero(self._sorted_keys[np.minimum(lows, len(self._sorted_keys) - 1)] == keys)
            for place in there.tolist():
                low = int(lows[place])
                high = int(np.searchsorted(self._sorted_keys, keys[place], side="right"))
                matches.update(self._sorted_ids[low:high].tolist())
        return sorted(row_id for row_id in matches if row_id in self._rows)

    def _promising(self, sketch: Sketch) -> list[int]:
        """Bands let one in eight pairs at Jaccard 0.25 through; agreeing positions sort most of those out cheaply."""
        keys = self._lookup(sketch.bands)
        if not keys:
            return []
        agreement = (np.stack([self._rows.signature(row_id) for row_id in keys]) == sketch.signature).mean(axis=1)
        return [row_id for row_id, share in zip(keys, agreement, strict=True) if share >= self._worth_checking]

    def _jaccard_to(self, own: Shingles, row_id: int) -> float:
        text = self._rows.plain(row_id).decode("utf-8", "surrogatepass")
        return jaccard(own, shingles_of_plain(text, self._settings.shingle_chars))

    def _merge_tail(self) -> None:
        if not self._tail:
            return
        keys = [key for key, ids in self._tail.items() for _ in ids]
        ids = [row_id for ids in self._tail.values() for row_id in ids]
        self._tail, self._tail_rows = {}, 0
        self._merge(np.array(keys, dtype=np.uint64), np.array(ids, dtype=np.int64))

    def _merge(self, keys: NDArray[np.uint64], ids: NDArray[np.int64]) -> None:
        all_keys, all_ids = np.concatenate([self._sorted_keys, keys]), np.concatenate([self._sorted_ids, ids])
        if len(self._rows) * self._settings.bands < len(all_ids):
            live = np.isin(all_ids, self._rows.ids())
            all_keys, all_ids = all_keys[live], all_ids[live]
        order = np.argsort(all_keys, kind="stable")
        self._sorted_keys, self._sorted_ids = all_keys[order], all_ids[order]
