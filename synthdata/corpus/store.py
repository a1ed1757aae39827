"""The corpus on disk: four append-only Delta tables, a header, and folders that can be made again.

Truth is `decisions` (verdict admit) less what `events` took away. Write order is experience, decisions, snapshots; only
the one `decisions` commit makes a round exist, so a killed round leaves either all of it or nothing. Everything that
must last is a column: nothing here relies on Delta's history, which compaction and log retention may shorten.
No decision is made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthdata.corpus import derived
from synthdata.corpus.events import EVENT_KINDS, event_frame, without_removed
from synthdata.corpus.header import NAME, Header, Views, read_header, write_header
from synthdata.corpus.lock import WriterLock
from synthdata.corpus.rows import (
    DECISIONS,
    EVENTS,
    EXPERIENCE,
    SNAPSHOTS,
    ViewVectors,
    decision_frame,
    experience_frame,
    vector_matrix,
)
from synthdata.corpus.tables import Table
from synthdata.errors import CorruptStoreError, InputError
from synthdata.records import Decision, Trajectory, Verdict, from_json

# `inherit` enters rows that were trained on before; `reconsider` may decide the same candidates once more.
ROUND_KINDS = ("round", "inherit", "reconsider")

_READ_BATCH = 256


class CorpusStore:
    """One corpus folder. Reading needs nothing; every write needs `with store.writing():`.

    Reads take `as_of`, a round number: the corpus as it stood after that round, events counted from the round that
    they name. None is now.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._header = header
        self._lock = WriterLock(path)
        self.experience_table = Table(path / "experience", EXPERIENCE, "seq")
        self.decisions_table = Table(path / "decisions", DECISIONS, "round")
        self.events_table = Table(path / "events", EVENTS, "round")
        self.snapshots_table = Table(path / "snapshots", SNAPSHOTS, "round")

    @classmethod
    def create(
        cls, path: Path | str, *, views: Views, recipe: dict[str, Any], runtime: dict[str, Any] | None = None
    ) -> CorpusStore:
        """Make an empty corpus, or go on with one whose `init` was cut off before its anchor was written.

        Raises:
            InputError: the folder holds something else, or a finished corpus.
        """
        path = Path(path)
        _refuse_occupied(path)
        path.mkdir(parents=True, exist_ok=True)
        header = Header(views=views, recipe=recipe, runtime=runtime or {})
        if (path / NAME).exists():
            header = replace(header, secret=read_header(path).secret)
        write_header(path, header)
        store = cls(path, header)
        for folder in ("anchors", "heldout", "cache", "derived"):
            (path / folder).mkdir(exist_ok=True)
        for table in store.tables():
            table.create()
        return store

    @classmethod
    def open(cls, path: Path | str) -> CorpusStore:
        """Open an existing corpus; its tables are read when they are asked for.

        Raises:
            InputError: not a corpus, or one of another format version.
            CorruptStoreError: corpus.json cannot be read.
        """
        return cls(Path(path), read_header(Path(path)))

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
    def derived_dir(self) -> Path:
        """What `verify --rebuild` can make again."""
        return self.path / "derived"

    @property
    def heldout_dir(self) -> Path:
        """Texts and hashes that must never be admitted."""
        return self.path / "heldout"

    def anchor_dir(self, number: int | None = None) -> Path:
        """The folder of an anchor, by default of the current one; it need not exist yet."""
        return self.path / "anchors" / str(self.anchor if number is None else number)

    def set_anchor(self, number: int) -> None:
        """Make an anchor that is already written the current one.

        Raises:
            InputError: its folder is not there.
        """
        self._lock.require()
        if not self.anchor_dir(number).is_dir():
            raise InputError(f"{self.anchor_dir(number)}: no such anchor; write it before making it current")
        self._replace_header(anchor=number)

    def update_settings(self, *, recipe: dict[str, Any] | None = None, runtime: dict[str, Any] | None = None) -> None:
        """Replace the recorded recipe, the recorded runtime, or both."""
        self._lock.require()
        self._replace_header(
            recipe=self._header.recipe if recipe is None else recipe,
            runtime=self._header.runtime if runtime is None else runtime,
        )

    @contextmanager
    def writing(self) -> Iterator[CorpusStore]:
        """Be the one writer; freed on exit and by any death of the process.

        Raises:
            LockedError: another process is writing; the message names it.
        """
        with self._lock.held():
            # What this object knows may be older than what the last writer left.
            self._header = read_header(self.path)
            yield self

    def add_experience(self, trajectories: Sequence[Trajectory]) -> int:
        """Append the trajectories that are not there yet, one commit; how many that were."""
        self._lock.require()
        known = set(self.experience_table.read(["id"])["id"])
        new = {item.id: item for item in trajectories if item.id not in known}
        if new:
            frame = experience_frame(list(new.values()), first_seq=len(known))
            self.experience_table.append(frame, {"trajectories": str(len(new))})
        return len(new)

    def trajectories(self, ids: Sequence[str] | None = None) -> Iterator[Trajectory]:
        """Trajectories in the order of `ids`, or all in the order in which they were added.

        Raises:
            InputError: an id that is not in the corpus.
            CorruptStoreError: a stored record cannot be read.
        """
        index = self.experience_table.read(["id", "seq"]).sort("seq")
        known = dict(index.iter_rows())
        missing = [item for item in ids or () if item not in known]
        if missing:
            raise InputError(f"{self.path}: no trajectory {missing[0]} ({len(missing)} of {len(ids or ())} unknown)")
        wanted = list(known) if ids is None else list(ids)
        for start in range(0, len(wanted), _READ_BATCH):
            batch = wanted[start : start + _READ_BATCH]
            where = pl.col("seq").is_in([known[item] for item in batch])
            records = dict(self.experience_table.read(["id", "record"], where).iter_rows())
            for item in batch:
                yield _trajectory(item, records[item])

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
        _refuse_doubles(decisions, kind)
        found = self.find_round(round_key)
        if found is not None:
            return found
        known = set() if kind == "reconsider" else self.decided_ids(recipe, anchor)
        fresh = [item for item in decisions if item.candidate.id not in known]
        current = self.latest_round()
        if not fresh:
            return current
        table = self.decisions_table.open()
        number = current + 1
        if (table.transaction_version("round") or 0) >= number:
            raise CorruptStoreError(f"{self.decisions_table.folder}: round {number} was committed but has no rows")
        columns = {"round": number, "round_key": round_key, "kind": kind, "recipe": recipe, "anchor": anchor}
        columns["parent_version"] = int(table.version())
        frame = decision_frame(fresh, vectors).with_columns(
            pl.lit(value, dtype=DECISIONS[name]).alias(name) for name, value in columns.items()
        )
        counts = {str(v): str(sum(d.verdict is v for d in fresh)) for v in Verdict}
        metadata = {"round": str(number), "round_key": round_key, "candidates": str(len(fresh)), **counts}
        self.decisions_table.append(frame, metadata, ("round", number))
        return number

    def decisions(
        self, columns: Sequence[str] | None = None, as_of: int | None = None, where: pl.Expr | None = None
    ) -> pl.DataFrame:
        """All decisions by round and row; name the columns, or text and vectors of every row are loaded."""
        names = list(columns or DECISIONS)
        extra = [name for name in ("round", "row") if name not in names]
        conditions = [c for c in (where, self._until(as_of)) if c is not None]
        frame = self.decisions_table.read([*names, *extra], pl.all_horizontal(conditions) if conditions else None)
        return frame.sort("round", "row").select(names)

    def admitted(self, as_of: int | None = None, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The corpus: admitted rows that no event removed, one a candidate, in order of round and position."""
        names = list(columns or DECISIONS)
        extra = [name for name in ("id", "round") if name not in names]
        frame = self.decisions([*names, *extra], as_of, pl.col("verdict") == str(Verdict.ADMIT))
        kept = without_removed(frame, self.events(as_of=as_of))
        return kept.unique("id", keep="first", maintain_order=True).select(names)

    def admitted_ids(self, as_of: int | None = None) -> set[str]:
        """Candidate ids of `admitted`."""
        return set(self.admitted(as_of, ["id"])["id"])

    def decided_ids(self, recipe: str, anchor: int) -> set[str]:
        """Candidate ids that have a verdict under this recipe fingerprint and anchor number."""
        where = (pl.col("recipe") == recipe) & (pl.col("anchor") == anchor)
        return set(self.decisions_table.read(["id"], where)["id"])

    def decision(self, name: str, as_of: int | None = None) -> dict[str, Any] | None:
        """The latest decision on a candidate named by id, external id or the beginning of its id, as a row; else None.

        Raises:
            InputError: several candidates have that name.
        """
        index = self.decisions(["id", "external_id", "round"], as_of)
        matches = (pl.col("id") == name, pl.col("external_id") == name, pl.col("id").str.starts_with(name))
        for match in matches if name else ():
            found = index.filter(match)
            ids = found["id"].unique(maintain_order=True).to_list()
            if len(ids) > 1:
                shown = ", ".join(ids[:10])
                raise InputError(f"{name!r} names {len(ids)} candidates: {shown}; give more characters of the id")
            if ids:
                where = (pl.col("id") == ids[0]) & (pl.col("round") == found["round"].max())
                return self.decisions(where=where).row(0, named=True)
        return None

    def vectors(self, frame: pl.DataFrame, view: str) -> NDArray[np.float32]:
        """Vectors of rows of `decisions` or `admitted`, shape (rows, d), float32; a one-view corpus has only content.

        Raises:
            InputError: a row without a vector, or no such view.
        """
        return vector_matrix(frame, view)

    def rounds(self, as_of: int | None = None) -> pl.DataFrame:
        """One row a round: its number, key, kind, recipe, anchor and version, and `candidates` and verdicts as counts."""
        same = ("round_key", "kind", "recipe", "anchor", "parent_version")
        frame = self.decisions_table.read(["round", "verdict", *same], self._until(as_of))
        counts = [(pl.col("verdict") == str(v)).sum().cast(pl.Int64).alias(str(v)) for v in Verdict]
        grouped = frame.group_by("round").agg(
            *(pl.col(name).first() for name in same), pl.len().cast(pl.Int64).alias("candidates"), *counts
        )
        version = (pl.col("parent_version") + 1).alias("version")
        return grouped.sort("round").with_columns(version).drop("parent_version")

    def latest_round(self) -> int:
        """The number of the last round, 0 before the first."""
        rounds = self.decisions_table.read(["round"])["round"]
        return 0 if rounds.is_empty() else int(rounds.max())  # type: ignore[arg-type]

    def find_round(self, round_key: str) -> int | None:
        """The round that was committed under this key."""
        rounds = self.decisions_table.read(["round"], pl.col("round_key") == round_key)["round"]
        return None if rounds.is_empty() else int(rounds.item(0))

    def append_event(self, kind: str, key: str, payload: dict[str, object], round: int) -> bool:
        """Append an event unless one of this kind and key is there; whether it was new.

        `round` is the last round at which the event took effect. `retract` and `evict` need `ids` in the payload.

        Raises:
            InputError: an unknown kind, or a removal that does not say what it removes.
        """
        self._lock.require()
        if kind not in EVENT_KINDS:
            raise InputError(f"unknown event {kind!r}; there are {', '.join(EVENT_KINDS)}")
        if kind in ("retract", "evict") and not isinstance(payload.get("ids"), list):
            raise InputError(f"event {kind} {key!r}: the payload needs `ids`, a list of candidate ids")
        events = self.events_table.read(["kind", "key"])
        if events.filter((pl.col("kind") == kind) & (pl.col("key") == key)).height:
            return False
        self.events_table.append(event_frame(kind, key, payload, round, events.height), {"kind": kind, "key": key})
        return True

    def events(self, kind: str | None = None, as_of: int | None = None) -> pl.DataFrame:
        """Events in the order in which they were appended; `payload` is JSON text."""
        conditions = [
            c for c in (self._until(as_of), None if kind is None else pl.col("kind") == kind) if c is not None
        ]
        frame = self.events_table.read(None, pl.all_horizontal(conditions) if conditions else None)
        return frame.sort("seq")

    def write_snapshot(self, round: int, rows: Sequence[Mapping[str, Any]]) -> int:
        """Append a round's metrics (`view, metric, value, low, high`) that are not there yet; how many that were."""
        self._lock.require()
        known = self.snapshots_table.read(["view", "metric"], pl.col("round") == round)
        seen = set(known.iter_rows())
        new = {(row["view"], row["metric"]): {"round": round, **row} for row in rows}
        fresh = [row for key, row in new.items() if key not in seen]
        if fresh:
            self.snapshots_table.append(pl.DataFrame(fresh, schema=SNAPSHOTS), {"round": str(round)})
        return len(fresh)

    def snapshots(self, as_of: int | None = None) -> pl.DataFrame:
        """Metrics by round, view and metric, with the bounds of their interval."""
        return self.snapshots_table.read(None, self._until(as_of)).sort("round", "view", "metric")

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
        write_header(self.path, self._header)


def _refuse_occupied(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; name a folder")
    if (path / NAME).exists():
        if any((path / "anchors").glob("*")):
            raise InputError(f"{path}: is already a corpus; use it, or name another folder")
        return
    if path.is_dir() and any(item.name != f".{NAME}.part" for item in path.iterdir()):
        raise InputError(f"{path}: is not empty and not a corpus; name another folder")


def _refuse_doubles(decisions: Sequence[Decision], kind: str) -> None:
    if kind not in ROUND_KINDS:
        raise InputError(f"unknown kind of round {kind!r}; there are {', '.join(ROUND_KINDS)}")
    seen: set[str] = set()
    for item in decisions:
        if item.candidate.id in seen:
            raise InputError(f"candidate {item.candidate.id} is decided twice in one round; number its occurrences")
        seen.add(item.candidate.id)


def _trajectory(name: str, record: str) -> Trajectory:
    try:
        return from_json(Trajectory, record)
    except ValueError as error:
        raise CorruptStoreError(f"experience: the record of trajectory {name} cannot be read: {error}") from error
