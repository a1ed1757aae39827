"""Every invariant that the tables alone can prove, checked from the rows themselves.

Damage that stops reading is raised; what can be read but contradicts itself is returned as findings. Repairs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from synthdata.corpus.beginning import ANCHORS, HELDOUT
from synthdata.corpus.pictures import picture_faults
from synthdata.corpus.rows import VECTOR_COLUMNS, to_candidate, vector_matrix
from synthdata.corpus.sealed_files import wrong_files
from synthdata.corpus.sealed_rows import changed_files, rows_happened, wrong_rows
from synthdata.corpus.seals import Seals
from synthdata.corpus.store import CorpusStore
from synthdata.protocols import Advance, no_advance
from synthdata.records import Chat, Reason, Verdict

_NORM_TOLERANCE = 1e-3
_ESCAPED_SURROGATE = re.compile(r"\\ud[89a-f][0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant: which `check`, `where` (table, round or id), and what is wrong."""

    check: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.check}, {self.where}: {self.detail}"


def verify(
    store: CorpusStore, rebuild: Callable[[], object] | None = None, advance: Advance = no_advance
) -> list[Violation]:
    """Check everything; `rebuild` makes the derived files again if nothing was found, older ones are then swept.

    Reads every row and vector, a round at a time; `advance` hears of files and seals as one step, then of each round.

    Raises:
        CorruptStoreError: a file of a table is missing or damaged; the message names it.
    """
    for table in store.tables():
        table.present_files()
    changed = list(_changed_files(store))
    # Rows that are not as they were written may hold anything: what they say is not looked at further.
    if any(violation.where.endswith(".parquet") for violation in changed):
        return changed
    seals = list(_seals(store))
    rounds = store.rounds()
    findings = [
        *changed,
        *_header(store, rounds),
        *seals,
        # A reference that is not as it was written may name any picture.
        *(() if seals else (Violation("picture", where, what) for where, what in picture_faults(store))),
        *_experience(store),
        *_round_numbers(rounds),
        *_history(store, rounds),
    ]
    findings += _identities(store)
    advance(1)
    dims: dict[int, set[int]] = {}
    for number in rounds["round"]:
        frame = store.decisions(where=pl.col("round") == number)
        findings += [*_rows(frame, number), *_contents(frame, number), *_vectors(frame, number, dims)]
        advance(1)
    findings += [*_dimensions(store, dims), *_events(store)]
    if rebuild is not None and not findings:
        rebuild()
        store.sweep_derived()
    return findings


def sealed_from(store: CorpusStore) -> str:
    """Since when what is written is sealed, as a sentence; of what is older only changes since then are found."""
    if not store.seals.there():
        return "not sealed yet: made before there were seals, its next write seals it as it is found"
    adopted = [seal for seal in store.seals.read().done if seal.found]
    if not adopted:
        return "sealed from its beginning"
    last = max((seal.high for seal in adopted if seal.table == "decisions"), default=0)
    return f"sealed from round {last + 1} on; what is older was sealed as it was found"


def sealed_rounds(store: CorpusStore) -> int:
    """How many rounds the seals know, from them alone: what is damaged is not read before it was checked."""
    if not store.seals.there():
        return 0
    return max((seal.high for seal in store.seals.read().done if seal.table == "decisions"), default=0)


def _changed_files(store: CorpusStore) -> Iterator[Violation]:
    if store.seals.there():
        for table in store.tables():
            for path in changed_files(store.path, table):
                yield Violation("seal", f"{table.name}/{path.name}", "is not as it was written")


def _seals(store: CorpusStore) -> Iterator[Violation]:
    if not store.seals.there():
        return
    seals = store.seals.read()
    for under in (ANCHORS, HELDOUT):
        for name, what in wrong_files(store.path, f"{under}/", seals):
            yield Violation("seal", name, what)
    for table in store.tables():
        pending = seals.pending
        ended = pending is not None and pending.table == table.name and rows_happened(table, pending)
        for where, what in wrong_rows(table, Seals((*seals.done, *([pending] if ended and pending else [])))):
            yield Violation("seal", f"{table.name}, {where}", what)


def _header(store: CorpusStore, rounds: pl.DataFrame) -> Iterator[Violation]:
    for number in sorted({store.anchor, *rounds["anchor"]}):
        if not (store.path / ANCHORS / str(number)).is_dir():
            yield Violation("anchor", f"anchors/{number}", "is named by corpus.json or by a round, but is not there")


def _experience(store: CorpusStore) -> Iterator[Violation]:
    index = store.experience_table.read(["id", "seq"]).sort("seq")
    if index["seq"].to_list() != list(range(index.height)):
        yield Violation("experience order", "experience", "sequence numbers are not 0, 1, 2, ...")
    if index["id"].n_unique() != index.height:
        yield Violation("experience unique", "experience", f"{index.height - index['id'].n_unique()} doubled ids")
        return
    for name, item in zip(index["id"], store.trajectories(), strict=True):
        if item.id != name:
            yield Violation("experience hash", f"experience {name}", f"the record's content hashes to {item.id}")


def _round_numbers(rounds: pl.DataFrame) -> Iterator[Violation]:
    numbers = rounds["round"].to_list()
    if numbers != list(range(1, len(numbers) + 1)):
        yield Violation("round numbers", "decisions", f"rounds are {numbers}, not 1 to {len(numbers)} without a gap")
    for column in ("round_key", "version"):
        if rounds[column].n_unique() != rounds.height:
            yield Violation("one commit a round", "decisions", f"two rounds share one {column}")


def _history(store: CorpusStore, rounds: pl.DataFrame) -> Iterator[Violation]:
    # Delta's history may have been shortened, so only what it still says is compared.
    hashes: dict[int, dict[str, str]] = {}
    for commit in store.decisions_table.history():
        if "round_key" in commit:
            number = int(commit["round"])
            if number in hashes:
                yield Violation("one commit a round", f"round {number}", "was committed twice")
            hashes[number] = commit
    numbers = {row["round"]: row for row in rounds.iter_rows(named=True)}
    for number, commit in hashes.items():
        row = numbers.get(number)
        for name in ("round_key", "candidates", *map(str, Verdict)):
            if row is None or str(row[name]) != commit[name]:
                detail = f"{name} is {row and row[name]}, its commit said {commit[name]}"
                yield Violation("counts", f"round {number}", detail)


def _identities(store: CorpusStore) -> Iterator[Violation]:
    frame = store.decisions(["id", "recipe", "anchor", "kind", "trajectory_id"])
    once = frame.filter(pl.col("kind") != "reconsider")
    doubled = once.group_by("id", "recipe", "anchor").len().filter(pl.col("len") > 1).sort("id")
    for name, _, anchor, count in doubled.iter_rows():
        yield Violation("decided once", f"candidate {name}", f"{count} decisions under one recipe and anchor {anchor}")
    known = {"", *store.experience_table.read(["id"])["id"]}
    for name, trajectory in frame.select("id", "trajectory_id").iter_rows():
        if trajectory not in known:
            yield Violation("lineage", f"candidate {name}", f"its trajectory {trajectory} is not in experience")


def _rows(frame: pl.DataFrame, number: int) -> Iterator[Violation]:
    where = f"round {number}"
    for column in ("round_key", "kind", "recipe", "anchor", "parent_version"):
        if frame[column].n_unique() != 1:
            yield Violation("one commit a round", where, f"rows disagree on {column}")
    if frame["row"].to_list() != list(range(frame.height)):
        yield Violation("row numbers", where, "rows are not numbered 0, 1, 2, ...: some are doubled or lost")
    if frame["id"].n_unique() != frame.height:
        yield Violation("decided once", where, "a candidate is decided twice in it")
    admitted = frame["verdict"] == str(Verdict.ADMIT)
    positions = frame.filter(admitted)["position"].to_list()
    if positions != list(range(len(positions))) or frame.filter(~admitted)["position"].drop_nulls().len():
        yield Violation("positions", where, "positions of the admitted are not 0, 1, 2, ... or others have one")


def _contents(frame: pl.DataFrame, number: int) -> Iterator[Violation]:
    reasons = {str(reason) for reason in Reason}
    verdicts = {str(verdict) for verdict in Verdict}
    for row in frame.drop(VECTOR_COLUMNS.values()).iter_rows(named=True):
        where = f"round {number}, candidate {row['id']}"
        if row["verdict"] not in verdicts:
            yield Violation("verdict", where, f"unknown verdict {row['verdict']!r}")
        admitted = row["verdict"] == Verdict.ADMIT
        missing = row["reason"] is None and row["verdict"] == Verdict.REJECT
        if missing or (row["reason"] is not None and (admitted or row["reason"] not in reasons)):
            yield Violation("reason", where, f"verdict {row['verdict']} with reason {row['reason']!r}")
        if admitted and row["payload"] and not _is_json(row["payload"]):
            yield Violation("payload", where, "the payload is not JSON")
        if row["chat"] and not _is_chat(row["chat"]):
            yield Violation("chat", where, "the conversation cannot be read")
        texts = row["content"] + row["context"] + row["external_id"] + (row["chat"] or "")
        if not _ESCAPED_SURROGATE.search(texts) and to_candidate(row).id != row["id"]:
            yield Violation("candidate hash", where, "the row's content does not hash to its id")


def _vectors(frame: pl.DataFrame, number: int, dims: dict[int, set[int]]) -> Iterator[Violation]:
    for view, column in VECTOR_COLUMNS.items():
        present = frame.filter(pl.col(column).is_not_null())
        widths = set(present[column].list.len())
        if not widths:
            continue
        dims.setdefault(int(frame["anchor"][0]), set()).update(widths)
        if len(widths) > 1:
            continue
        norms = np.linalg.norm(vector_matrix(present, view), axis=1)
        # The zero vector says that the encoder found nothing in the text; such a row can only have been refused.
        empty = (norms == 0) & (present["verdict"] != str(Verdict.ADMIT)).to_numpy()
        wrong = ~(np.abs(norms - 1) <= _NORM_TOLERANCE) & ~empty
        for name in present["id"].to_numpy()[wrong]:
            yield Violation("unit vectors", f"round {number}, candidate {name}", f"its {view} vector has not length 1")


def _dimensions(store: CorpusStore, dims: dict[int, set[int]]) -> Iterator[Violation]:
    for anchor, sizes in sorted(dims.items()):
        expected = store.settings["recipe"].get("encoder", {}).get("dim") if anchor == store.anchor else None
        if len(sizes) > 1 or (expected is not None and sizes != {expected}):
            detail = f"vectors have dimensions {sorted(sizes)}, the encoder's is {expected or 'one number'}"
            yield Violation("dimension", f"anchor {anchor}", detail)


def _events(store: CorpusStore) -> Iterator[Violation]:
    events = store.events()
    if events["seq"].to_list() != list(range(events.height)):
        yield Violation("event order", "events", "sequence numbers are not 0, 1, 2, ...")
    if events.select("kind", "key").is_duplicated().any():
        yield Violation("event unique", "events", "two events share kind and key")
    for kind, key, payload in events.select("kind", "key", "payload").iter_rows():
        if not _is_json(payload):
            yield Violation("payload", f"event {kind} {key}", "the payload is not JSON")
    snapshots = store.snapshots()
    if snapshots.select("round", "view", "metric").is_duplicated().any():
        yield Violation("snapshot unique", "snapshots", "two values for one round, view and metric")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_chat(text: str) -> bool:
    try:
        Chat.from_json(text)
    except ValueError:
        return False
    return True
