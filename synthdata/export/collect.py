"""Everything that could be exported, one piece at a time: admitted rows, real runs, the reference's real texts.

A pass reads the tables in batches and keeps none of them, so an export of any size fits in memory; it is walked twice,
once to choose and once to write, and gives the same pieces both times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from pydantic import ValidationError

from synthdata.api import Corpus
from synthdata.corpus.releases import members, releases
from synthdata.export.chats import chat_rows, chat_views, texts_in
from synthdata.export.choice import ExportLimits
from synthdata.export.kinds import KINDS, Kind, Rows, RunLabels, candidate_rows, imitated_steps, plain_rows, run_rows
from synthdata.export.pictures import naming, of_chat, of_run
from synthdata.labelling import agreed_label, learnable_steps, united
from synthdata.labelling.opinions import labelled, replayed_opinions, step_labels
from synthdata.operations.retract import retracted_keys
from synthdata.protocols import Redactor, Vectors
from synthdata.records import Chat, LabelSource, Origin, Reflection, StepReview, Trajectory, content_hash, from_json
from synthdata.reflection import render_context

_ROWS, _RUNS = 1000, 2000
# Opinions by run and step.
Replayed = Mapping[str, Mapping[int, LabelSource]]
_LIGHT = ("id", "round", "row", "trajectory_id", "licence")
_NOT_SHOWN = ("content", "context", "payload", "chat", "row", "content_vector")
_HEAVY = (
    "id", "external_id", "origin", "trajectory_id", "task_id", "source", "licence", "generator", "prompt_sha256",
    "sample_index", "lineage_depth", "round", "position", "cell", "judged", "content", "context", "payload", "chat",
    "row", "content_vector",
)  # fmt: skip


@dataclass(frozen=True)
class ExportRequest:
    """Which rows are asked for: as of a round, of these kinds and licences (all where none is named).

    With `since_release` only admitted rows that no earlier release held; real rows are there in any case, those of the
    reference unless `reference` is False. `redactors` find what else must not leave, besides the built-in recognisers.
    With `pictures` these leave as pictures, for models that see; else as words.
    """

    as_of: int | None = None
    since_release: bool = False
    kinds: tuple[Kind, ...] = KINDS
    licences: tuple[str, ...] = ()
    wishes: ExportLimits = field(default_factory=ExportLimits)
    reference: bool = True
    redactors: tuple[Redactor, ...] = ()
    pictures: bool = False


@dataclass(frozen=True)
class Source:
    """One source of rows: `key` is its id, `real` whether it counts for the real share, `task` what it is split by.

    `told` are texts that stand in no run, `run` the run that its rows speak of. `views` holds, row by row of `sft` (or
    of `lesson`), the content and context to measure; `vector` is the stored content vector of
    the last view and `cell` its cell. `obstacle` says why it has no row.
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
    obstacle: str = ""


@dataclass(frozen=True)
class ExportPool:
    """Which pieces there are, by id alone; `labels` holds what is known of the steps of every run that is spoken of.

    `replayed` holds what replay says of the steps of all runs, where the settings ask for it.
    """

    corpus: Corpus
    admitted: pl.DataFrame
    runs: tuple[str, ...]
    reference: tuple[int, ...]
    aside: frozenset[str]
    labels: dict[str, RunLabels]
    replayed: Replayed
    as_of: int | None = None
    seed: int = 0
    stored: frozenset[str] = field(default_factory=frozenset)

    def __len__(self) -> int:
        return self.admitted.height + len(self.runs) + len(self.reference)

    def pieces(self) -> Iterator[Source]:
        """All pieces: admitted rows in order of admission, then real and labelled runs, then reference rows."""
        yield from self._candidates()
        for run in self.corpus.store.trajectories(self.runs) if self.runs else ():
            yield _run_piece(run, self._labels(run), self.seed)
        reference = self.corpus.reference if self.reference else None
        for i in self.reference:
            assert reference is not None
            row = reference.rows[i]
            shown = {"id": row.id, "origin": str(Origin.REAL), "task_id": row.task_id, "source": row.source}
            made = _text_source(row.id, row.context, row.content, row.chat)
            yield replace(
                made,
                real=True,
                task=row.task_id or row.id,
                provenance=shown | {"licence": ""},
                vector=reference.content[i],
            )

    def _labels(self, run: Trajectory) -> RunLabels:
        # Of a run that nobody reviewed the rules and replay still speak.
        known = self.labels.get(run.id)
        return known or _run_labels(run, labelled(run), self.replayed.get(run.id, {}), self.corpus)

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


def collect(corpus: Corpus, wanted: ExportRequest | None = None) -> ExportPool:
    """What there is to export: all where no request is given."""
    wanted = wanted or ExportRequest()
    store, reference, as_of, licences = corpus.store, corpus.reference, wanted.as_of, wanted.licences
    admitted = store.admitted(as_of, _LIGHT)
    if licences:
        admitted = admitted.filter(pl.col("licence").is_in(licences))
    if wanted.since_release:
        held = frozenset[str]().union(*(keys for _, keys in members(releases(store))))
        admitted = admitted.filter(~pl.col("id").is_in(sorted(held)))
    gone = retracted_keys(store, as_of)
    experience = store.experience_table.read(["id", "origin", "licence", "seq"]).sort("seq")
    spoken = set(store.decisions(["trajectory_id"], as_of)["trajectory_id"])
    usable = experience.filter(pl.col("id").is_in(sorted(spoken - gone)))
    if licences:
        usable = usable.filter(pl.col("licence").is_in(licences))
    named = usable["id"].to_list()
    replayed = replayed_opinions(store.trajectories(named)) if named and corpus.settings.recipe.labels.replay else {}
    labels = _labels(corpus, named, replayed, as_of)
    rows = () if licences or not wanted.reference else tuple(_usable_reference(corpus, gone))
    aside = {row.task_id or row.id for row, held in zip(reference.rows, reference.heldout, strict=True) if held}
    real = usable.filter((pl.col("origin") == str(Origin.REAL)) | pl.col("id").is_in(sorted(labels)))
    stored = frozenset(experience["id"].to_list()) - gone
    seed = corpus.settings.recipe.export.seed
    return ExportPool(
        corpus, admitted, tuple(real["id"]), rows, frozenset(aside), labels, replayed, as_of, seed, stored
    )


def _usable_reference(corpus: Corpus, gone: AbstractSet[str]) -> Iterator[int]:
    """Reference rows that say something: those of a two-view corpus of bare runs have contexts alone."""
    for i, row in enumerate(corpus.reference.rows):
        if row.content and row.id not in gone:
            yield i


def _labels(corpus: Corpus, runs: Sequence[str], replayed: Replayed, as_of: int | None) -> dict[str, RunLabels]:
    labels = {}
    for start in range(0, len(runs), _RUNS):
        for run, reviews in step_labels(corpus.store, as_of, runs[start : start + _RUNS]):
            labels[run.id] = _run_labels(run, reviews, replayed.get(run.id, {}), corpus)
    return labels


def _run_labels(
    run: Trajectory, reviews: Sequence[StepReview], replayed: Mapping[int, LabelSource], corpus: Corpus
) -> RunLabels:
    """What is known of a run's steps from its labels, with the replay's where there are any."""
    every = [
        replace(united(item.idx, (*item.sources, replayed[item.idx])), promise=item.promise, progress=item.progress)
        if item.idx in replayed
        else item
        for item in reviews
    ]
    # Of a run that succeeded, every step without a fault may be imitated anyway.
    known = run.success is True
    learnable = frozenset[int]() if known else learnable_steps(run, every, corpus.settings.recipe.labels)
    return RunLabels.of(every, {item.idx: agreed_label(item) for item in every}, learnable)


def _candidate_piece(
    row: dict[str, Any], vector: Vectors, run: Trajectory | None, labels: dict[str, RunLabels]
) -> Source:
    review = _review(row["payload"]) if run is not None else None
    content, context = row["content"], row["context"]
    shown = {name: row[name] for name in _HEAVY if name not in _NOT_SHOWN}
    if run is None or review is None:
        made = replace(
            _text_source(row["id"], context, content, row["chat"] or ""),
            real=row["origin"] == str(Origin.REAL),
            task=row["task_id"] or row["id"],
            provenance=shown,
            run=run,
        )
        return replace(made, vector=np.asarray(vector), cell=row["cell"])
    better = review.counterfactual
    return Source(
        key=row["id"],
        real=False,
        task=run.task_id or run.task,
        rows=naming(candidate_rows(context, content, review, run, labels.get(run.id, RunLabels())), of_run(run)),
        provenance=shown,
        told=(content, context, review.lesson.text, better.action if better is not None else ""),
        run=run,
        views=((content, context),),
        vector=np.asarray(vector),
        cell=row["cell"],
    )


def _text_source(key: str, context: str, content: str, chat: str) -> Source:
    """The rows of a text that speaks of no run: of the conversation that it came as, else of context and content."""
    if not chat:
        rows, views = plain_rows(context, content), ((content, context),)
        return Source(key, False, key, rows, {}, told=(content, context), views=views)
    came = Chat.from_json(chat)
    rows = naming(chat_rows(came), of_chat(came))
    texts = (content, context, "\n".join(texts_in(came)))
    obstacle = "" if rows else "a turn holds a sound, a file or a picture that the corpus does not keep"
    return Source(key, False, key, rows, {}, told=texts, views=chat_views(came), obstacle=obstacle)


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
        real=run.origin is Origin.REAL and (run.success is True or bool(chosen)),
        task=run.task_id or run.task,
        rows=naming(run_rows(run, labels, chosen), of_run(run)),
        provenance=shown,
        run=run,
        views=tuple((deeds[idx], render_context(run, idx)) for idx in chosen),
    )


def whole_text(run: Trajectory) -> str:
    """All that was said and done in a run: what must not overlap with the held-out list beside a piece's own texts."""
    steps = ((s.action, s.thought, s.call_text, s.observation) for s in run.steps)
    return "\n".join([run.task, *(text for step in steps for text in step if text)])
