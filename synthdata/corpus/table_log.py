"""A Delta table as its log says, opened once in a process for as long as the log stays the same.

Opening costs what the log is long, and a round asks some hundred times: after a year of nights that is seconds. A new
commit is a new file of the log, and a changed entry has another time or size, so what is kept is never older.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

# Of each file of a log: name, inode, time of its last change in ns, size in bytes.
LogState = tuple[tuple[str, int, int, int], ...]
# The four tables of a few corpora; an entry holds the paths of the table's files.
_KEPT = 16


def log_state(table: Path) -> LogState:
    """What tells the logs of two moments apart.

    Raises:
        OSError: there is no log, or it cannot be read.
    """
    with os.scandir(table / "_delta_log") as entries:
        stats = [(entry.name, entry.stat()) for entry in entries]
    return tuple(sorted((name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in stats))


@lru_cache(maxsize=_KEPT)
def opened_at(table: Path, state: LogState) -> DeltaTable:
    """The table in that state of its log, for reading alone: a commit through it would change it for all.

    Raises:
        DeltaError, OSError, ValueError: the log is missing or cannot be read.
    """
    return DeltaTable(table)


@lru_cache(maxsize=_KEPT)
def files_at(table: Path, state: LogState) -> pl.DataFrame:
    """The table's files with their statistics, as the log has them.

    Raises:
        DeltaError, OSError, ValueError: the log is missing or cannot be read.
    """
    return pl.DataFrame(opened_at(table, state).get_add_actions(flatten=True))
