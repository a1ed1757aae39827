"""The experience table: trajectories as read, once each, in the order in which they came.

Knows nothing of what was made from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from synthdata.corpus.rows import experience_frame
from synthdata.corpus.tables import Table
from synthdata.errors import CorruptStoreError, InputError
from synthdata.records import Trajectory, from_json

_READ_BATCH = 256


def add_trajectories(table: Table, trajectories: Sequence[Trajectory]) -> int:
    """Append those whose id is not there yet, in one commit; how many that were."""
    known = set(table.read(["id"])["id"])
    new = {item.id: item for item in trajectories if item.id not in known}
    if new:
        frame = experience_frame(list(new.values()), first_seq=len(known))
        table.append(frame, {"trajectories": str(len(new))})
    return len(new)


def read_trajectories(table: Table, ids: Sequence[str] | None) -> Iterator[Trajectory]:
    """Trajectories in the order of `ids`, or all in the order in which they were added; a bounded batch at a time.

    Raises:
        InputError: an id that is not there.
        CorruptStoreError: a stored record cannot be read.
    """
    known = dict(table.read(["id", "seq"]).sort("seq").iter_rows())
    wanted = list(known) if ids is None else list(ids)
    missing = [item for item in wanted if item not in known]
    if missing:
        raise InputError(f"{table.folder}: no trajectory {missing[0]} ({len(missing)} of {len(wanted)} unknown)")
    for start in range(0, len(wanted), _READ_BATCH):
        batch = wanted[start : start + _READ_BATCH]
        where = pl.col("seq").is_in([known[item] for item in batch])
        records = dict(table.read(["id", "record"], where).iter_rows())
        for item in batch:
            yield _parse(item, records[item])


def _parse(name: str, record: str) -> Trajectory:
    try:
        return from_json(Trajectory, record)
    except ValueError as error:
        raise CorruptStoreError(f"experience: the record of trajectory {name} cannot be read: {error}") from error
