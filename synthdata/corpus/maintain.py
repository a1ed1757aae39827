"""Compaction and vacuum of tables and pictures: fewer files, and none removed that a release or a late reader needs.

Nothing that the corpus says changes: rows stay, `--as-of` reads the round column and not Delta's versions. Yet every
version of a table since the oldest release, and since the oldest round of the window, stays readable, so that an export
can be traced to the very files that it was made from. A kill anywhere leaves a table as before or as after.
"""

from __future__ import annotations

from dataclasses import dataclass

from synthdata.corpus.pictures import named_pictures
from synthdata.corpus.store import CorpusStore
from synthdata.corpus.tables import Table
from synthdata.io.files import sweep_temporaries


@dataclass(frozen=True, slots=True)
class TableReport:
    """What was done to a table, or to the pictures: files that it has before and after, and files removed."""

    table: str
    files_before: int
    files_after: int
    removed: int
    kept_from_version: int


def maintain(store: CorpusStore, keep_rounds: int, keep_hours: int) -> list[TableReport]:
    """Compact each table and remove files that no kept version names and that were dropped over `keep_hours` ago.

    Hours protect readers that opened a table a moment ago.

    Raises:
        CorruptStoreError: a table cannot be read.
        LockedError: another process is writing.
    """
    with store.writing():
        since = _kept_since(store, keep_rounds)
        sweep_temporaries(store.cache_dir)
        return [*(_one(table, since, keep_hours) for table in store.tables()), _pictures(store, keep_hours)]


def _pictures(store: CorpusStore, keep_hours: int) -> TableReport:
    """Remove pictures that no row names, as a round that was killed before its commit leaves them."""
    picture_store = store.pictures
    before = sum(1 for _ in picture_store.names())
    gone = picture_store.sweep(named_pictures(store), keep_hours)
    return TableReport(picture_store.folder.name, before, before - len(gone), len(gone), 0)


def _one(table: Table, since: int, keep_hours: int) -> TableReport:
    before = len(table.files())
    table.compact()
    versions = _versions_since(table, since)
    removed = table.vacuum(versions, keep_hours)
    return TableReport(table.folder.name, before, len(table.files()), len(removed), min(versions))


def _kept_since(store: CorpusStore, keep_rounds: int) -> int:
    """The commit time, in milliseconds, of the oldest release or of the first round of the window: the earlier one."""
    releases = [c["timestamp"] for c in store.events_table.history() if c.get("kind") == "release"]
    oldest = max(1, store.latest_round() - keep_rounds + 1)
    rounds = [c["timestamp"] for c in store.decisions_table.history() if int(c.get("round") or 0) >= oldest]
    return min([*releases, *rounds], default=2**62)


def _versions_since(table: Table, since: int) -> list[int]:
    """The version that was current at a time, and all later ones."""
    history = {int(commit["version"]): int(commit["timestamp"]) for commit in table.history()}
    latest = max(history)
    current = max((version for version, at in history.items() if at <= since), default=min(history))
    return list(range(current, latest + 1))
