"""Frames over all rounds that grow by one round at a time, so that looking at a corpus does not read all its rows.

Derived files: what cannot be read, or is of another history than the table's, is made again from the table.
"""

from __future__ import annotations

import io
import logging
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.corpus.derived import publish, sweep
from synthdata.corpus.tables import both
from synthdata.records import content_hash

# What a frame becomes by rows of later rounds; the first frame has no row.
Step = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
_FRAME, _SUM = "frame.parquet", "sum"
_LOG = logging.getLogger(__name__)


def carried(
    store: CorpusStore, name: str, first: pl.DataFrame, columns: Sequence[str], where: pl.Expr | None, step: Step
) -> pl.DataFrame:
    """The frame of that name after the last round.

    `step` gets the frame so far and the `columns` of rows of decisions that `where` lets through, all of later rounds.
    What it returns must not depend on how many rounds come at once.

    Raises:
        CorruptStoreError: the table of decisions cannot be read.
    """
    folder = store.derived_dir / name
    done, keys, known = _start(store, folder, first)
    latest = max(keys, default=0)
    if done < latest:
        fresh = store.decisions(columns, where=both(pl.col("round") > done, where))
        known = step(known, fresh)
        _keep(folder, latest, content_hash(keys[latest]), known)
    return known


def _start(store: CorpusStore, folder: Path, first: pl.DataFrame) -> tuple[int, dict[int, str], pl.DataFrame]:
    """The last round of a kept frame, the keys of this round and the later ones, and the frame; round 0 is `first`."""
    for done, key, frame in _kept(folder):
        keys = _keys(store, done)
        if done in keys and content_hash(keys[done]) == key:
            return done, keys, frame
    return 0, _keys(store, 0), first


def _keys(store: CorpusStore, since: int) -> dict[int, str]:
    rounds = store.decisions_table.read(["round", "round_key"], pl.col("round") >= since)
    return dict(rounds.unique().iter_rows())


def _kept(folder: Path) -> Iterator[tuple[int, str, pl.DataFrame]]:
    """Round, hash of the round's key and frame of each file that is whole, the newest first."""
    for path in sorted(folder.glob("*/*"), reverse=True):
        if path.name.startswith("."):
            continue
        try:
            data = (path / _FRAME).read_bytes()
            if int((path / _SUM).read_text(encoding="utf-8")) != zlib.crc32(data):
                raise ValueError("it is not as it was written")
            yield int(path.parent.name), path.name, pl.read_parquet(io.BytesIO(data))
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            _LOG.warning("%s: cannot be read, so that it is made again: %s", path, error)
            shutil.rmtree(path, ignore_errors=True)


def _keep(folder: Path, latest: int, key: str, frame: pl.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)

    def write(part: Path) -> None:
        (part / _FRAME).write_bytes(buffer.getvalue())
        (part / _SUM).write_text(str(zlib.crc32(buffer.getvalue())), encoding="utf-8")

    try:
        publish(folder, latest, key, write)
        sweep(folder, latest)
    except OSError as error:
        # A corpus on a disk that can only be read: whoever looks reads all rows.
        _LOG.info("%s: cannot be kept: %s", folder, error)
