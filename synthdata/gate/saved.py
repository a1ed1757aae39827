"""The gate's memory of admitted rows on disk: what restoring would make again of texts and vectors, opened at once.

A cache. It is bound to anchor and settings by its name, to the admitted rows by their ids, and to itself by checksums;
who opens it compares the ids with the table's and rebuilds where anything differs.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics.spectrum import SecondMoment
from synthdata.errors import CorruptStoreError
from synthdata.gate.anchor import Anchor
from synthdata.gate.collision import CollisionBudget
from synthdata.gate.duplicates import DuplicateIndex
from synthdata.gate.lexical import PhraseCounters, SkeletonCounts
from synthdata.gate.state import Memory
from synthdata.io.files import parsed_json
from synthdata.records import canonical_json, content_hash
from synthdata.settings import GateSettings
from synthdata.similarity.index import VectorIndex
from synthdata.similarity.minhash import LexicalIndex
from synthdata.similarity.parts import PartedIndex
from synthdata.similarity.stored_rows import ExactRows, Texts

_FORMAT = "5"
_ROWS, _FRAMES, _VECTORS, _META = "rows.arrow", "frames.arrow", "vectors.npy", "meta.json"
_LEXICAL = ("signatures", "band_keys", "band_rows")
_STATE = ("upper", "moment", "counts", "real_counts", "totals", "slots", "slot_rows")
_SUMMED_AT_ONCE = 4096


def state_name(anchor: Anchor, settings: GateSettings) -> str:
    """The folder's name: everything but the rows that a saved state depends on."""
    return "gate-" + content_hash(
        _FORMAT, anchor.fingerprint, canonical_json(settings.model_dump(mode="json")), length=16
    )


def save_memory(memory: Memory, folder: Path) -> None:
    """Write a memory; the folder is there and empty."""
    index = memory.history
    plain, signatures, keys, owners = index.lexical.parts()
    rows = {
        "id": index.ids.column(),
        "content": index.contents.column(),
        "context": index.contexts.column(),
        "plain": plain,
        "cell": index.cells,
    }
    _write_frame(rows, folder / _ROWS)
    frames = memory.skeletons.counts
    kept = [frame.encode("utf-8", "surrogatepass") for frame in frames]
    _write_frame({"frame": kept, "rows": list(frames.values())}, folder / _FRAMES)
    index.vectors.save(folder / _VECTORS)
    totals = np.array([memory.rows, memory.real_rows, memory.admitted])
    upper, moment = memory.corpus.moment.sums()
    slots, slot_rows = memory.phrases.filled()
    values = (upper, moment, memory.counts, memory.real_counts, totals, slots, slot_rows)
    arrays: list[NDArray[np.generic]] = [signatures, keys, owners, *values]
    for name, array in zip((*_LEXICAL, *_STATE), arrays, strict=True):
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    sums = {path.name: _checksum(path) for path in sorted(folder.iterdir())}
    (folder / _META).write_text(canonical_json(sums), encoding="utf-8")


def open_memory(folder: Path, settings: GateSettings) -> Memory:
    """A memory as it was saved, its vectors and signatures memory-mapped.

    Raises:
        CorruptStoreError: a file is missing, cut or changed; the memory can be restored from the table.
    """
    import polars as pl

    try:
        sums = parsed_json((folder / _META).read_text(encoding="utf-8"))
        for name, expected in sums.items():
            if _checksum(folder / name) != expected:
                raise CorruptStoreError(f"{folder / name}: is not what was written")
        return _read(folder, settings)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        raise CorruptStoreError(f"{folder}: cannot be read: {error}") from error


def _read(folder: Path, settings: GateSettings) -> Memory:
    import polars as pl

    rows, frames = pl.read_ipc(folder / _ROWS), pl.read_ipc(folder / _FRAMES)
    signatures, keys, owners = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _LEXICAL)
    upper, moment, counts, real_counts, totals, slots, slot_rows = (np.load(folder / f"{name}.npy") for name in _STATE)
    lexical = LexicalIndex.of_parts(settings, rows["plain"], signatures, keys, owners)
    ids, contents, contexts = (Texts(rows[name]) for name in ("id", "content", "context"))
    # The file stays mapped as it is; rows that come later are kept beside it.
    vectors = PartedIndex.over(VectorIndex.load(folder / _VECTORS))
    names = [frame.decode("utf-8", "surrogatepass") for frame in frames["frame"].to_list()]
    total, real, admitted = totals.tolist()
    return Memory(
        DuplicateIndex.of_parts(
            ids, contents, contexts, rows["cell"].to_list(), ExactRows(rows["plain"]), lexical, vectors, settings
        ),
        CollisionBudget.of_moment(SecondMoment.of_sums(upper, moment)),
        PhraseCounters.of_slots(slots, slot_rows),
        SkeletonCounts(dict(zip(names, frames["rows"].to_list(), strict=True))),
        counts,
        real_counts,
        total,
        real,
        admitted,
    )


def _write_frame(columns: Mapping[str, Any], path: Path) -> None:
    import polars as pl

    kinds = {"cell": pl.Int64, "rows": pl.Int64}
    frame = pl.DataFrame(columns, schema={name: kinds.get(name, pl.Binary) for name in columns})
    frame.write_ipc(path, compression="uncompressed", record_batch_size=frame.height or 1)


def _checksum(path: Path) -> int:
    """CRC of the sums of blocks: memory is read once at its own speed, and no block can change place unseen."""
    data = np.fromfile(path, dtype=np.uint8) if path.stat().st_size < _SUMMED_AT_ONCE else np.memmap(path, mode="r")
    whole = len(data) // _SUMMED_AT_ONCE * _SUMMED_AT_ONCE
    sums = data[:whole].view(np.uint64).reshape(-1, _SUMMED_AT_ONCE // 8).sum(axis=1, dtype=np.uint64)
    return zlib.crc32(data[whole:].tobytes(), zlib.crc32(sums.tobytes(), len(data)))
