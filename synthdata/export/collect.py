"""Everything that could be exported, one piece at a time: admitted rows, real runs, the reference's real texts.

A pass reads the tables in batches and keeps none of them, so an export of any size fits in memory; it is walked twice,
once to choose and once to write, and gives the same pieces both times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from pydantic import ValidationError

from synthdata.api import Corpus
from synthdata.corpus.releases import members, releases
from synthdata.export.kinds import Rows, RunLabels, candidate_rows, imitated_steps, plain_rows, run_rows
from synthdata.labelling import agreed_label
from synthdata.labelling.opinions import step_labels
from synthdata.operations.retract import retracted_keys
from synthdata.protocols import Vectors
from synthdata.records import Origin, Reflection, Trajectory, content_hash, from_json
from synthdata.reflection import render_context, rule_opinions

_ROWS, _RUNS = 1000, 2000
_LIGHT = ("id", "round", "row", "trajectory_id", "licence")
_HEAVY = (
    "id", "external_id", "origin", "trajectory_id", "task_id", "source", "licence", "generator", "prompt_sha256",
    "sample_index", "lineage_depth", "round", "position", "cell", "judged", "content", "context", "payload", "row",
    "content_vector",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One source of rows: `key` is its id, `real` whether it counts for the real share, `task` what it is split by.

    `told` are texts that stand in no run, `run` the run that its rows speak of. `views` holds, row by row of `sft` (or
    of `lesson`), the content and context to measure; `vector` is the stored content vector and `cell` its cell.
    """

    key: str
    real: bool
    task: str
    rows: Rows
    provenance: dict[str, Any]
    told: tuple[str, ...] = ()
    run: Trajectory | None = None
    views: tuple[tuple[str, str], ...] = ()
    vector: Vectors | None = None
    cell: int | None = None


@dataclass(frozen=True)
class ExportPool:
    """Which pieces there are, by id alone; `labels` holds what is known of the steps of every run that is spoken of."""

    corpus: Corpus
    admitted: pl.DataFrame
    runs: tuple[str, ...]
    reference: tuple[int, ...]
    aside: frozenset[str]
    labels: dict[str, RunLabels]
    as_of: int | None = None
    seed: int = 0
    stored: frozenset[str] = field(default_factory=frozenset)

    def __len__(self) -> int:
        return self.admitted.height + len(self.runs) + len(self.reference)

    def pieces(self) -> Iterator[Source]:
        """All pieces: admitted rows in order of admission, then real and labelled runs, then reference rows."""
        yield from self._candidates()
        for run in self.corpus.store.trajectories(self.runs) if self.runs else ():
            yield _run_piece(run, self.labels.get(run.id) or _by_rules(run), self.seed)
        reference = self.corpus.reference if self.reference else None
        for i in self.reference:
            assert reference is not None
            row = reference.rows[i]
            shown = {"id": row.id, "origin": str(Origin.REAL), "task_id": row.task_id, "source": row.source}
            yield Source(
                key=row.id,
                real=True,
                task=row.task_id or row.id,
                rows=plain_rows(row.context, row.content),
                provenance=shown | {"licence": ""},
                told=(row.context, row.content),
                views=((row.content, row.context),),
                vector=reference.content[i],
            )

    def _candidates(self) -> Iterator[Source]:
        store = self.corpus.store
        for number in self.admitted["round"].unique(maintain_order=True).to_list():
            rows = self.admitted.filter(pl.col("round") == number)["row"].sort().to_list()
            for start in range(0, len(rows), _ROWS):
                part = rows[start : start + _ROWS]
                where = (pl.col("round") == number) & pl.col("row").is_between(part[0], part[-1])
                frame = store.decisions(_HEAVY, where=where & pl.col("row").is_in(part))
                wanted = sorted(set(frame["trajectory_id"]) & self.stored)
                runs = {run.id: run for run in store.trajectories(wanted)} if wanted else {}
                vectors = store.vectors(frame, "content")
                for row, vector in zip(frame.iter_rows(named=True), vectors, strict=True):
                    yield _candidate_piece(row, vector, runs.get(row["trajectory_id"]), self.labels)


def collect(
    corpus: Corpus, *, as_of: int | None = None, licences: Sequence[str] = (), since_release: bool = False
) -> ExportPool:
    """What there is to export as of a round, of these licences (all where none is named).

    With `since_release` only admitted rows that no earlier release held; real rows are there in any case.
    """
    store, reference = corpus.store, corpus.reference
    admitted = store.admitted(as_of, _LIGHT)
    if licences:
        admitted = admitted.filter(pl.col("licence").is_in(licences))
    if since_release:
        held = frozenset[str]().union(*(keys for _, keys in members(releases(store))))
        admitted = admitted.filter(~pl.col("id").is_in(sorted(held)))
    gone = retracted_keys(store, as_of)
    experience = store.experience_table.read(["id", "origin", "licence", "seq"]).sort("seq")
    spoken = set(store.decisions(["trajectory_id"], as_of)["trajectory_id"])
    usable = experience.filter(pl.col("id").is_in(sorted(spoken - gone)))
    if licences:
        usable = usable.filter(pl.col("licence").is_in(licences))
    labels = _labels(corpus, usable["id"].to_list(), as_of)
    rows = () if licences else tuple(_usable_reference(corpus, gone))
    aside = {row.task_id or row.id for row, held in zip(reference.rows, reference.heldout, strict=True) if held}
    real = usable.filter((pl.col("origin") == str(Origin.REAL)) | pl.col("id").is_in(sorted(labels)))
    stored = frozenset(experience["id"].to_list()) - gone
    seed = corpus.settings.recipe.export.seed
    return ExportPool(corpus, admitted, tuple(real["id"]), rows, frozenset(aside), labels, as_of, seed, stored)


def _usable_reference(corpus: Corpus, gone: AbstractSet[str]) -> Iterator[int]:
    """Reference rows that say something: those of a two-view corpus of bare runs have contexts alone."""
    for i, row in enumerate(corpus.reference.rows):
        if row.content and row.id not in gone:
            yield i


def _labels(corpus: Corpus, runs: Sequence[str], as_of: int | None) -> dict[str, RunLabels]:
    found = {}
    for start in range(0, len(runs), _RUNS):
        for run, reviews in step_labels(corpus.store, as_of, runs[start : start + _RUNS]):
            found[run.id] = RunLabels.of(reviews, {item.idx: agreed_label(item) for item in reviews})
    return found


def _by_rules(run: Trajectory) -> RunLabels:
    """What is known of a run that nobody reviewed: the steps at which a rule finds fault are not imitated."""
    said = rule_opinions(run)
    return RunLabels(bad=frozenset(idx for idx, source in said.items() if source.verdict == "bad"))


def _candidate_piece(
    row: dict[str, Any], vector: Vectors, run: Trajectory | None, labels: dict[str, RunLabels]
) -> Source:
    review = _review(row["payload"]) if run is not None else None
    content, context = row["content"], row["context"]
    told: tuple[str, ...] = (content, context)
    if run is None or review is None:
        rows, task, views = plain_rows(context, content), row["task_id"] or row["id"], ((content, context),)
    else:
        rows = candidate_rows(context, content, review, run, labels.get(run.id, RunLabels()))
        task = run.task_id or run.task
        better = review.counterfactual
        told += (review.lesson.text, better.action if better is not None else "")
        views = ((content, context),)
    shown = {
        name: row[name] for name in _HEAVY if name not in ("content", "context", "payload", "row", "content_vector")
    }
    real = row["origin"] == str(Origin.REAL) and review is None
    return Source(row["id"], real, task, rows, shown, told, run, views, np.asarray(vector), row["cell"])


def _review(payload: str) -> Reflection | None:
    """The reflection of a payload; a candidate of a file may carry anything else."""
    try:
        return from_json(Reflection, payload)
    except ValidationError:
        return None


def _run_piece(run: Trajectory, labels: RunLabels, seed: int) -> Source:
    order = sorted(
        (step.idx for step in run.agent_steps),
        key=lambda idx: (labels.agreed.get(idx) != "good", content_hash(str(seed), run.id, str(idx))),
    )
    chosen = imitated_steps(run, labels, order) if run.origin is Origin.REAL else []
    shown = {"id": run.id, "origin": str(run.origin), "trajectory_id": run.id, "task_id": run.task_id}
    shown |= {"source": run.source, "licence": run.licence, "generator": run.agent_model}
    deeds = {step.idx: step.call_text or step.action or step.thought for step in run.agent_steps}
    return Source(
        key=run.id,
        real=run.origin is Origin.REAL and run.success is True,
        task=run.task_id or run.task,
        rows=run_rows(run, labels, chosen),
        provenance=shown,
        run=run,
        views=tuple((deeds[idx], render_context(run, idx)) for idx in chosen),
    )


def texts_of(piece: Source) -> Iterable[str]:
    """What must not overlap with the held-out list: the texts of the piece, and all of its run."""
    yield from (text for text in piece.told if text)
    if piece.run is not None:
        steps = ((s.action, s.thought, s.call_text, s.observation) for s in piece.run.steps)
        yield "\n".join([piece.run.task, *(text for step in steps for text in step if text)])
