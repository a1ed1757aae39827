"""Retraction: which rows a source, a task or a text names, and which releases held them.

What is named are candidates, and also runs and reference rows, which no event takes out of the tables: a retraction
says their keys too, and no later export draws them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.errors import InputError
from synthdata.gate.reference import load_reference
from synthdata.similarity.exact import normalise


@dataclass(frozen=True)
class Named:
    """What a retraction names: admitted candidates, runs, and rows of the current anchor's reference."""

    candidates: tuple[str, ...]
    runs: tuple[str, ...]
    reference: tuple[str, ...]

    @property
    def keys(self) -> frozenset[str]:
        """All keys that an export may hold."""
        return frozenset((*self.candidates, *self.runs, *self.reference))


@dataclass(frozen=True)
class Naming:
    """How rows are named; what several say must hold together. `ids` may be ids, their beginnings or external ids."""

    source: str = ""
    task: str = ""
    query: str = ""
    ids: tuple[str, ...] = ()


def retracted_keys(store: CorpusStore, as_of: int | None = None) -> frozenset[str]:
    """Runs and reference rows that earlier retractions named."""
    gone: set[str] = set()
    for payload in store.events("retract", as_of)["payload"]:
        said = json.loads(payload)
        gone |= {*said.get("runs", ()), *said.get("reference", ())}
    return frozenset(gone)


def named(store: CorpusStore, naming: Naming) -> Named:
    """The rows in the corpus that the naming means, less those retracted before.

    `query` is a text: every row whose content or context holds it, in any case and spacing.

    Raises:
        InputError: nothing was asked for, an id that names no row, or nothing that answers to it.
    """
    if not (naming.source or naming.task or naming.query or naming.ids):
        raise InputError("say what to retract: --source, --id, --task or --query")
    gone = retracted_keys(store)
    columns = ["id", "external_id", "source", "task_id", "trajectory_id"]
    texts = ["content", "context"] if naming.query else []
    admitted = store.admitted(columns=[*columns, *texts])
    runs = store.experience_table.read(["id", "source", "task_id"]).filter(~pl.col("id").is_in(sorted(gone)))
    reference = [row for row in load_reference(store.anchor_dir()).rows if row.id not in gone]
    known = Named(tuple(admitted["id"]), tuple(runs["id"]), tuple(row.id for row in reference))
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
        admitted = admitted.filter(
            pl.Series([wanted in normalise(a) or wanted in normalise(b) for a, b in admitted.select(texts).iter_rows()])
        )
        reference = [row for row in reference if wanted in normalise(row.content) or wanted in normalise(row.context)]
        # A text names rows, not whole runs: name those by source, task or id.
        runs = runs.clear()
    found = Named(tuple(admitted["id"]), tuple(runs["id"].sort()), tuple(row.id for row in reference))
    if ids is not None:
        found = Named(
            *(tuple(key for key in part if key in ids) for part in (found.candidates, found.runs, found.reference))
        )
    if not found.keys:
        raise InputError(f"{store.path}: no admitted row, run or reference row answers to that; nothing is retracted")
    return found


def _resolved(ids: Sequence[str], known: Named, external: dict[str, str]) -> frozenset[str]:
    chosen: set[str] = set()
    keys = known.keys
    for name in ids:
        if name in keys:
            chosen.add(name)
        elif name and name in external:
            chosen.add(external[name])
        else:
            found = [key for key in keys if name and key.startswith(name)]
            if len(found) != 1:
                raise InputError(
                    f"--id {name}: names {len(found)} rows; give the whole id, `status` and `explain` help"
                )
            chosen.add(found[0])
    return frozenset(chosen)
