"""The corpus on disk: four append-only Delta tables, a header, and folders that can be made again.

Truth is `decisions` (verdict admit) less what `events` took away. Write order is experience, decisions, snapshots; only
the one `decisions` commit makes a round exist, so a killed round leaves either all of it or nothing. Everything that
must last is a column: nothing here relies on Delta's history, which compaction and log retention may shorten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthdata.corpus import derived, rounds
from synthdata.corpus.beginning import ANCHORS, HELDOUT, PICTURES, begin, open_header, refuse_occupied, sweep_unfinished
from synthdata.corpus.events import append_event, chosen_events, without_removed
from synthdata.corpus.experience import add_trajectories, read_trajectories
from synthdata.corpus.header import UNSEALED, Header, Views
from synthdata.corpus.lock import WriterLock
from synthdata.corpus.rounds import Stamp
from synthdata.corpus.rows import DECISIONS, EVENTS, EXPERIENCE, SNAPSHOTS, ViewVectors, vector_matrix
from synthdata.corpus.sealed_files import (
    check_files,
    discard_folder,
    end_files,
    sealed_addition,
    sealed_folder,
)
from synthdata.corpus.sealed_rows import check_tables, check_version, rows_happened
from synthdata.corpus.sealing import adopt, begin_seals, check_header, replace_header
from synthdata.corpus.seals import Seal, SealBook
from synthdata.corpus.snapshots import write_snapshot
from synthdata.corpus.tables import KeptRows, Table, both
from synthdata.errors import CorruptStoreError, InputError
from synthdata.pictures.encode import PictureBounds
from synthdata.pictures.store import PictureStore
from synthdata.records import Decision, Trajectory, Verdict
from synthdata.settings import RuntimeSettings


def picture_store_of(corpus: Path | str, runtime: RuntimeSettings) -> PictureStore:
    """The pictures of a corpus, be it made already or not."""
    bounds = PictureBounds(runtime.max_picture_bytes, runtime.max_picture_pixels)
    return PictureStore(Path(corpus) / PICTURES, Path(corpus) / "cache" / "pictures", bounds)


class CorpusStore:
    """One corpus folder. Reading needs nothing; every write needs `with store.writing():`.

    Reads take `as_of`, a round number: the corpus as it stood after that round, events counted from the round that
    they name. None is now.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._header = header
        self._lock = WriterLock(path)
        self.seals = SealBook(path, self._ended)
        self.experience_table = Table(path / "experience", EXPERIENCE, "seq", self.seals)
        self.decisions_table = Table(path / "decisions", DECISIONS, "round", self.seals)
        self.events_table = Table(path / "events", EVENTS, "round", self.seals)
        self.snapshots_table = Table(path / "snapshots", SNAPSHOTS, "round", self.seals)
        self._event_rows, self._snapshot_rows = KeptRows(self.events_table), KeptRows(self.snapshots_table)

    @classmethod
    @contextmanager
    def making(
        cls, path: Path | str, *, views: Views, recipe: dict[str, Any], runtime: dict[str, Any] | None = None
    ) -> Iterator[CorpusStore]:
        """Make an empty corpus, or begin a cut-off `init` anew, and be its writer while the block adds the anchor.

        Raises:
            InputError: the folder holds something else, or a finished corpus.
            LockedError: another process is making it.
        """
        path = Path(path)
        refuse_occupied(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            # Its tables hold logs as they were read, secrets and all, whatever the umask.
            path.chmod(0o700)
        except OSError as error:
            raise InputError(f"{path}: the folder cannot be made: {error.strerror or error}") from error
        store = cls(path, Header(views=views, recipe=recipe, runtime=runtime or {}))
        with store._lock.held():
            # Whoever held the lock a moment ago may have finished it.
            refuse_occupied(path)
            store._header = begin(path, store._header)
            begin_seals(path, store._header)
            for table in store.tables():
                table.create()
            yield store

    @classmethod
    def open(cls, path: Path | str) -> CorpusStore:
        """Open an existing corpus; its tables are read when they are asked for.

        Raises:
            InputError: not a corpus, one of another format version, one whose `init` was cut off, or a misread path.
            CorruptStoreError: corpus.json was changed or cannot be read, or the end of a table is missing.
        """
        store = cls(Path(path), open_header(Path(path)))
        store._check()
        return store

    def tables(self) -> tuple[Table, ...]:
        """The four tables in write order."""
        return (self.experience_table, self.decisions_table, self.events_table, self.snapshots_table)

    @property
    def views(self) -> Views:
        """`one` (plain texts) or `two` (context and content); fixed when the corpus was made."""
        return self._header.views

    @property
    def secret(self) -> bytes:
        """32 random bytes of this corpus, the key of delimiter nonces; never logged or exported."""
        return bytes.fromhex(self._header.secret)

    @property
    def anchor(self) -> int:
        """The number of the current anchor."""
        return self._header.anchor

    @property
    def settings(self) -> dict[str, Any]:
        """`{"recipe": ..., "runtime": ...}` as plain dicts, what the corpus was made with or updated to."""
        return {"recipe": self._header.recipe, "runtime": self._header.runtime}

    @property
    def cache_dir(self) -> Path:
        """LLM responses and vectors by content hash."""
        return self.path / "cache"

    @property
    def pictures(self) -> PictureStore:
        """The pictures that rows name, by their content; putting one needs no lock (docs/design.md, section 6)."""
        bounds = {name: value for name, value in self._header.runtime.items() if name.startswith("max_picture_")}
        return picture_store_of(self.path, RuntimeSettings(**bounds))

    @property
    def derived_dir(self) -> Path:
        """What `verify --rebuild` can make again."""
        return self.path / "derived"

    @property
    def heldout_dir(self) -> Path:
        """Texts and hashes that must never be admitted.

        Raises:
            CorruptStoreError: a file in it is not as it was written.
        """
        check_files(self.path, f"{HELDOUT}/", self.seals)
        return self.path / HELDOUT

    def anchor_dir(self, number: int | None = None) -> Path:
        """The folder of an anchor, by default of the current one, for reading.

        Raises:
            CorruptStoreError: a file in it is not as it was written.
        """
        folder = self._anchor_path(self.anchor if number is None else number)
        check_files(self.path, f"{folder.relative_to(self.path)}/", self.seals)
        return folder

    def _anchor_path(self, number: int) -> Path:
        return self.path / ANCHORS / str(number)

    def new_anchor(self, number: int) -> AbstractContextManager[Path]:
        """A folder to write an anchor into, which takes its place as a whole when the block ends, or not at all.

        One of a higher number than the current anchor's was left by a killed writer and is replaced.

        Raises:
            InputError: there is an anchor of that number.
        """
        self._lock.require()
        folder = self._anchor_path(number)
        return self.new_folder(folder) if number > self.anchor else sealed_folder(self.path, folder, self.seals)

    @contextmanager
    def new_folder(self, folder: Path) -> Iterator[Path]:
        """A folder in the corpus to write into, which takes its place, whole and sealed, when the block ends.

        Nothing may rest on one that is there: a killed writer left it, and it is replaced.
        """
        self._lock.require()
        folder.parent.mkdir(exist_ok=True)
        if folder.is_dir():
            discard_folder(self.path, folder, self.seals)
        with sealed_folder(self.path, folder, self.seals) as part:
            yield part

    @contextmanager
    def adding(self, folder: Path) -> Iterator[Path]:
        """A place to write files that are then added, sealed, to a folder of the corpus; a JSON file comes last."""
        self._lock.require()
        with sealed_addition(self.path, folder, self.seals) as part:
            yield part

    def set_anchor(self, number: int) -> None:
        """Make an anchor that is already written the current one.

        Raises:
            InputError: its folder is not there.
        """
        self._lock.require()
        if not self._anchor_path(number).is_dir():
            raise InputError(f"{self._anchor_path(number)}: no such anchor; write it before making it current")
        self._replace_header(anchor=number)

    def update_settings(self, *, recipe: dict[str, Any] | None = None, runtime: dict[str, Any] | None = None) -> None:
        """Replace the recorded recipe, the recorded runtime, or both."""
        self._lock.require()
        given = {"recipe": recipe, "runtime": runtime}
        self._replace_header(**{name: value for name, value in given.items() if value is not None})

    @contextmanager
    def writing(self) -> Iterator[CorpusStore]:
        """Be the one writer; freed on exit and by any death of the process.

        What a killed writer left half-done is ended or cleared away, and everything in the tables is held against its
        seals before anything is built on it.

        Raises:
            LockedError: another process is writing; the message names it.
            CorruptStoreError: something is not as it was written.
            InputError: the corpus was moved or removed meanwhile.
        """
        with self._lock.held(), self._still_there():
            # What this object knows may be older than what the last writer left.
            self._header = open_header(self.path)
            self._check()
            sweep_unfinished(self.path)
            for table in self.tables():
                table.sweep_parts()
            if self._header.format == UNSEALED:
                self._header = adopt(self.path, self._header, self.tables())
            self.seals.settle()
            check_tables(self.path, self.tables(), self.seals.read())
            yield self

    @contextmanager
    def _still_there(self) -> Iterator[None]:
        try:
            yield
        except CorruptStoreError as error:
            if self.path.is_dir():
                raise
            text = "is not there any more: it was moved or removed meanwhile; run the same command with its new place"
            raise InputError(f"{self.path}: {text}") from error

    def add_experience(self, trajectories: Sequence[Trajectory]) -> int:
        """Append the trajectories that are not there yet, one commit; how many that were."""
        self._lock.require()
        return add_trajectories(self.experience_table, trajectories)

    def trajectories(self, ids: Sequence[str] | None = None) -> Iterator[Trajectory]:
        """Trajectories in the order of `ids`, or all in the order in which they were added.

        Raises:
            InputError: an id that is not in the corpus.
            CorruptStoreError: a stored record cannot be read.
        """
        return read_trajectories(self.experience_table, ids)

    def experience_count(self) -> int:
        """How many trajectories were read, ever."""
        return self.experience_table.read(["seq"]).height

    def reflected_trajectory_ids(self) -> set[str]:
        """Trajectories that some decision speaks of, abstentions and quarantined rows included."""
        return set(self.decisions_table.read(["trajectory_id"])["trajectory_id"].unique()) - {""}

    def commit_round(
        self,
        decisions: Sequence[Decision],
        vectors: Mapping[str, ViewVectors],
        *,
        round_key: str,
        recipe: str,
        anchor: int,
        kind: str = "round",
    ) -> int:
        """Append all decisions of a round in one commit; its number.

        `vectors` maps candidate ids to (context, content) vectors, None for a view without one. The admitted keep the
        order in which they stand here as their `position`. A round key that is already there, or no candidate that is
        not decided yet under this recipe and anchor, commits nothing and returns the round that holds them.

        Raises:
            InputError: two decisions on one candidate, or an unknown kind.
            CorruptStoreError: the next round number is already taken.
        """
        self._lock.require()
        return rounds.commit(self.decisions_table, decisions, vectors, Stamp(round_key, recipe, anchor, kind))

    def decisions(
        self, columns: Sequence[str] | None = None, as_of: int | None = None, where: pl.Expr | None = None
    ) -> pl.DataFrame:
        """All decisions by round and row; name the columns, or text and vectors of every row are loaded."""
        return rounds.read(self.decisions_table, columns or list(DECISIONS), both(where, self._until(as_of)))

    def admitted(
        self, as_of: int | None = None, columns: Sequence[str] | None = None, where: pl.Expr | None = None
    ) -> pl.DataFrame:
        """The corpus: admitted rows that no event removed, one a candidate, in order of round and position.

        `where` chooses among all admitted rows, before text and vectors are loaded.
        """
        names = list(columns or DECISIONS)
        asked = list(dict.fromkeys((*names, "id", "round")))
        frame = self.decisions(asked, as_of, both(pl.col("verdict") == str(Verdict.ADMIT), where))
        return without_removed(frame, self.events(as_of=as_of)).select(names)

    def admitted_ids(self, as_of: int | None = None) -> set[str]:
        """Candidate ids of `admitted`."""
        return set(self.admitted(as_of, ["id"])["id"])

    def known_ids(self, ids: Sequence[str], recipe: str, anchor: int) -> set[str]:
        """Of these candidate ids those that are admitted, or have a verdict under this recipe and anchor number."""
        admitted = self.admitted(columns=["id"], where=pl.col("id").is_in(ids))
        return rounds.decided(self.decisions_table, ids, recipe, anchor) | set(admitted["id"])

    def decision(self, name: str, as_of: int | None = None) -> dict[str, Any] | None:
        """The latest decision on a candidate named by id, external id or the beginning of its id, as a row; else None.

        Raises:
            InputError: several candidates have that name.
        """
        return rounds.named(self.decisions_table, name, self._until(as_of))

    def vectors(self, frame: pl.DataFrame, view: str) -> NDArray[np.float32]:
        """Vectors of rows of `decisions` or `admitted`, shape (rows, d), float32; a one-view corpus has only content.

        Raises:
            InputError: a row without a vector, or no such view.
        """
        return vector_matrix(frame, view)

    def context_vectors(self, frame: pl.DataFrame) -> NDArray[np.float32]:
        """The vectors (rows, d) by which rows lie in cells: of the contexts, in a one-view corpus of the contents."""
        return vector_matrix(frame, "context" if self.views == "two" else "content")

    def rounds(self, as_of: int | None = None) -> pl.DataFrame:
        """One row a round: number, key, kind, recipe, anchor, version, and counts: `candidates` and each verdict."""
        return rounds.summary(self.decisions_table, self._until(as_of))

    def latest_round(self) -> int:
        """The number of the last round, 0 before the first."""
        return rounds.latest(self.decisions_table)

    def find_round(self, round_key: str) -> int | None:
        """The round that was committed under this key."""
        return rounds.find(self.decisions_table, round_key)

    def append_event(self, kind: str, key: str, payload: dict[str, object], round: int) -> bool:
        """Append an event unless one of this kind and key is there; whether it was new.

        `round` is the last round at which the event took effect. `retract` and `evict` need `ids` in the payload.

        Raises:
            InputError: an unknown kind, or a removal that does not say what it removes.
        """
        self._lock.require()
        return append_event(self.events_table, kind, key, payload, round)

    def events(self, kind: str | None = None, as_of: int | None = None) -> pl.DataFrame:
        """Events in the order in which they were appended; `payload` is JSON text."""
        return chosen_events(self._event_rows(), kind, self._until(as_of))

    def write_snapshot(self, round: int, rows: Sequence[Mapping[str, Any]]) -> int:
        """Append metrics of a round (`view, metric, value, low, high, note`) that are new; how many that were."""
        self._lock.require()
        return write_snapshot(self.snapshots_table, round, rows)

    def snapshots(self, as_of: int | None = None) -> pl.DataFrame:
        """Metrics by round, view and metric, with the bounds of their interval."""
        rows, until = self._snapshot_rows(), self._until(as_of)
        return (rows if until is None else rows.filter(until)).sort("round", "view", "metric")

    def derived_path(self, name: str) -> Path:
        """Where the derived file of that name for the current table version belongs; its folder exists."""
        return derived.derived_path(self.derived_dir, self.decisions_table.version(), name)

    def sweep_derived(self) -> list[Path]:
        """Remove derived files of older table versions once the current one has its own; what was removed."""
        return derived.sweep(self.derived_dir, self.decisions_table.version())

    def _until(self, as_of: int | None) -> pl.Expr | None:
        if as_of is None:
            return None
        latest = self.latest_round()
        if not 0 <= as_of <= latest:
            raise InputError(f"{self.path}: no round {as_of}; the last one is {latest}")
        return pl.col("round") <= as_of

    def _replace_header(self, **changes: Any) -> None:  # noqa: ANN401 - fields of Header, checked by it
        self._header = replace(self._header, **changes)
        replace_header(self.path, self._header, self.seals)

    def _check(self) -> None:
        check_header(self.path, self._header, self.seals)
        if self.seals.there():
            seals = self.seals.read()
            for table in self.tables():
                check_version(table, seals)

    def _ended(self, seal: Seal) -> bool:
        table = next((table for table in self.tables() if table.name == seal.table), None)
        return end_files(self.path, seal, self.seals.read()) if table is None else rows_happened(table, seal)
