"""Retraction: which rows a source, a task or a text names, what taking them out does, and which releases held them.

Index and state follow the tables, so they are without the rows from the next decision on. What is named are candidates,
and also runs and reference rows, which no event takes out of the tables: a retraction says their keys too, and no later
export draws them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from synthdata.api import Corpus
from synthdata.corpus import CorpusStore
from synthdata.corpus.events import event_payload
from synthdata.corpus.releases import Release, holding, releases
from synthdata.errors import InputError
from synthdata.gate.cells import centre
from synthdata.gate.collision import CollisionBudget
from synthdata.gate.reference import load_reference
from synthdata.monitor.snapshot import admitted_metrics
from synthdata.records import canonical_json, content_hash
from synthdata.similarity.exact import normalise

_LEAST_PREFIX = 8


@dataclass(frozen=True)
class Selection:
    """What a retraction names: admitted candidates, runs, and rows of the current anchor's reference."""

    candidates: tuple[str, ...]
    runs: tuple[str, ...]
    reference: tuple[str, ...]

    @property
    def keys(self) -> frozenset[str]:
        """All keys that an export may hold."""
        return frozenset((*self.candidates, *self.runs, *self.reference))


@dataclass(frozen=True)
class Selector:
    """How rows are named; what several say must hold together. `ids` may be ids, their beginnings or external ids."""

    source: str = ""
    task: str = ""
    query: str = ""
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retraction:
    """What was taken out, what is left, and every release that held some of it with how many it held.

    `collision` is that of the window and the corpus before and after, `limit` what the floor allows; where after is
    over the limit, `frozen` says so, and the corpus is frozen. `repeated` says that the same request was carried out
    earlier, and nothing was done now.
    """

    named: Selection
    left: int
    before: float
    after: float
    limit: float
    releases: tuple[tuple[Release, int], ...]
    frozen: str = ""
    repeated: bool = False


def retract(corpus: Corpus, naming: Selector, because: str, *, dry_run: bool = False, request: str = "") -> Retraction:
    """Take rows out of the corpus and of all later exports; with `dry_run` only say what that would do.

    The same call again, before another round and under the same `request` name, says what was done and does nothing.

    Nothing can be chosen here, so a removal may lose the floor that holds for admissions (docs/design.md, section 5):
    then the corpus
    is frozen, and nothing leaves it before somebody has looked.

    Raises:
        InputError: nothing is named or answers to it, or no reason was given.
        LockedError: another process is writing.
    """
    if not (naming.source or naming.task or naming.query or naming.ids):
        raise InputError("say what to retract: --source, --id, --task or --query")
    if not because.strip():
        raise InputError("say why the rows are retracted, with --reason; the reason stays with the event")
    if dry_run:
        return _foreseen(corpus, named(corpus.store, naming))
    with corpus.store.writing():
        at = corpus.store.latest_round()
        key = content_hash("retract", canonical_json(asdict(naming)), because, request, str(at))
        earlier = event_payload(corpus.store.events_table, "retract", key)
        if earlier is not None:
            done = _repeated(corpus, earlier)
            _freeze(corpus, done, key, at)
            return done
        selection = named(corpus.store, naming)
        seen = _foreseen(corpus, selection)
        payload: dict[str, object] = {"ids": list(selection.candidates), "runs": list(selection.runs)}
        payload |= {"reference": list(selection.reference), "because": because, "named": asdict(naming)}
        payload |= {"collision_before": seen.before, "collision_after": seen.after}
        payload |= {"limit": seen.limit, "frozen": seen.frozen, "metrics": _left_metrics(corpus, selection)}
        corpus.store.append_event("retract", key, payload, at)
        _freeze(corpus, seen, key, at)
    return seen


def _freeze(corpus: Corpus, seen: Retraction, key: str, at: int) -> None:
    """Freeze where the floor was lost; a kill may have kept that from following the retraction."""
    if seen.frozen:
        corpus.store.append_event("freeze", key, {"reason": seen.frozen, "retraction": key}, at)


def _repeated(corpus: Corpus, payload: dict[str, Any]) -> Retraction:
    selection = Selection(tuple(payload["ids"]), tuple(payload["runs"]), tuple(payload["reference"]))
    held = tuple(holding(releases(corpus.store), selection.keys))
    sums = payload["collision_before"], payload["collision_after"], payload["limit"]
    return Retraction(selection, len(corpus.store.admitted_ids()), *sums, held, payload["frozen"], repeated=True)


def _left_metrics(corpus: Corpus, selection: Selection) -> dict[str, float | None]:
    columns = ["id", "content", "context", "origin", "lineage_depth"]
    rows = corpus.store.admitted(columns=columns).filter(~pl.col("id").is_in(list(selection.candidates)))
    return admitted_metrics(rows, corpus.anchor, corpus.reference, corpus.encoder, corpus.settings)


def _foreseen(corpus: Corpus, selection: Selection) -> Retraction:
    """What taking these rows out does to the floor. Rows of the anchor's window stay in it: an anchor is immutable."""
    store, half = corpus.store, corpus.anchor.content
    rows = store.admitted(columns=["id", "content_vector"])
    keeps = ~pl.col("id").is_in(list(selection.candidates))
    held = tuple(holding(releases(store), selection.keys))
    if half is None:
        return Retraction(selection, rows.filter(keeps).height, 0.0, 0.0, 0.0, held)
    alone = CollisionBudget(half).collision()
    outside = rows.filter(~pl.col("id").is_in(list(half.window_ids)))
    sums = []
    for part in (outside, outside.filter(keeps)):
        scope = CollisionBudget(half)
        if part.height:
            scope.add(centre(store.vectors(part, "content"), half.mean)[0])
        sums.append(scope.collision())
    wanted = corpus.settings.recipe.gate.collision_max
    limit = max(half.collision_max if wanted is None else wanted, alone, sums[0])
    frozen = ""
    if sums[1] > limit:
        frozen = (
            f"a retraction of {len(selection.candidates)} rows lost the diversity floor: collision of the window and "
            f"the corpus went from {sums[0]:.6f} to {sums[1]:.6f}, over {limit:.6f}"
        )
    return Retraction(selection, rows.filter(keeps).height, sums[0], sums[1], limit, held, frozen)


def retracted_keys(store: CorpusStore, as_of: int | None = None) -> frozenset[str]:
    """Runs and reference rows that earlier retractions named."""
    gone: set[str] = set()
    for payload in store.events("retract", as_of)["payload"]:
        values = json.loads(payload)
        gone |= {*values.get("runs", ()), *values.get("reference", ())}
    return frozenset(gone)


def named(store: CorpusStore, naming: Selector) -> Selection:
    """The rows in the corpus that the naming means, less those retracted before.

    `query` is a text: every row whose content or context holds it, in any case and spacing.

    Raises:
        InputError: an id that names no row, or nothing that answers to the naming.
    """
    gone = retracted_keys(store)
    columns = ["id", "external_id", "source", "task_id", "trajectory_id"]
    texts = ["content", "context"] if naming.query else []
    admitted = store.admitted(columns=[*columns, *texts])
    runs = store.experience_table.read(["id", "source", "task_id"]).filter(~pl.col("id").is_in(sorted(gone)))
    reference = [row for row in load_reference(store.anchor_dir()).rows if row.id not in gone]
    known = Selection(tuple(admitted["id"]), tuple(runs["id"]), tuple(row.id for row in reference))
    ids = _resolved(naming.ids, known, dict(admitted.select("external_id", "id").iter_rows())) if naming.ids else None
    if naming.source:
        admitted = admitted.filter(pl.col("source") == naming.source)
        runs = runs.filter(pl.col("source") == naming.source)
        reference = [row for row in reference if row.source == naming.source]
    if naming.task:
        runs = runs.filter(pl.col("task_id") == naming.task)
        admitted = admitted.filter(
            (pl.col("task_id") == naming.task) | pl.col("trajectory_id").is_in(runs["id"].to_list())
        )
        reference = [row for row in reference if row.task_id == naming.task]
    if naming.query:
        wanted = normalise(naming.query)
        hits = [wanted in normalise(a) or wanted in normalise(b) for a, b in admitted.select(texts).iter_rows()]
        admitted = admitted.filter(pl.Series(hits, dtype=pl.Boolean))
        reference = [row for row in reference if wanted in normalise(row.content) or wanted in normalise(row.context)]
        # A text names rows, not whole runs: name those by source, task or id.
        runs = runs.clear()
    selection = Selection(tuple(admitted["id"]), tuple(runs["id"].sort()), tuple(row.id for row in reference))
    selection = selection if ids is None else _only(selection, ids)
    if not selection.keys:
        raise InputError(f"{store.path}: no admitted row, run or reference row answers to that; nothing is retracted")
    return selection


def _only(selection: Selection, ids: frozenset[str]) -> Selection:
    parts = (selection.candidates, selection.runs, selection.reference)
    return Selection(*(tuple(key for key in part if key in ids) for part in parts))


def _resolved(ids: Sequence[str], known: Selection, external: dict[str, str]) -> frozenset[str]:
    chosen: set[str] = set()
    keys = known.keys
    for name in ids:
        if name in keys:
            chosen.add(name)
        elif name and name in external:
            chosen.add(external[name])
        else:
            # A short name, such as the external id of a row that is gone, must not hit another row by chance.
            matches = [key for key in keys if len(name) >= _LEAST_PREFIX and key.startswith(name)]
            if len(matches) != 1:
                raise InputError(
                    f"--id {name}: names {len(matches)} rows; give the whole id, `status` and `explain` help"
                )
            chosen.add(matches[0])
    return frozenset(chosen)
