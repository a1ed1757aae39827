"""A round over agent logs: which runs are new, what reflecting on them costs, and how their reviews reach the gate.

The same steps serve the flow (which spreads `reflect_on` over tasks) and `run --plain` (which calls it in line).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from synthdata.api import Corpus
from synthdata.errors import InputError
from synthdata.labels import label_reviews
from synthdata.pipeline import read_runs, render
from synthdata.protocols import Progress, unheard
from synthdata.records import Origin, QuarantinedRow, Reflection, Trajectory
from synthdata.reflection import requests_for
from synthdata.report import RoundReport


@dataclass(frozen=True)
class Choice:
    """Which runs of the logs a round takes, and how they are vouched for.

    The first `limit` by id of those never reflected on; `again` takes known ones too, with the next unused sample
    indices; `retry_quarantined` adds the runs whose every decision so far is an unusable answer. `origin` and `licence`
    are what the operator says of the logs.
    """

    origin: Origin = Origin.REAL
    licence: str = ""
    limit: int | None = None
    again: bool = False
    retry_quarantined: bool = False


@dataclass(frozen=True)
class Work:
    """The runs of a round in their order, the rows that could not be read, and the first sample index to ask for."""

    runs: tuple[Trajectory, ...]
    broken: tuple[QuarantinedRow, ...]
    sample_start: int

    def chunks(self, size: int) -> list[tuple[Trajectory, ...]]:
        """The runs cut into units of work; a chunk never changes a decision."""
        return [self.runs[i : i + size] for i in range(0, len(self.runs), size)]


def find_work(corpus: Corpus, path: Path, choice: Choice) -> Work:
    """Read logs and choose the runs to reflect on.

    Raises:
        InputError: nothing readable at the path.
    """
    runs, broken = read_runs(path, choice.origin, corpus.settings, choice.licence)
    done = corpus.store.reflected_trajectory_ids()
    if choice.retry_quarantined:
        done -= _only_quarantined(corpus)
    chosen = sorted((run for run in runs if choice.again or run.id not in done), key=lambda run: run.id)
    if not any(run.agent_steps for run in runs):
        raise InputError(f"{path}: no run in it has a step of an agent, so there is nothing to reflect on")
    return Work(tuple(chosen[: choice.limit]), tuple(broken), _next_sample(corpus) if choice.again else 0)


def remember(corpus: Corpus, work: Work) -> None:
    """Write the runs to the corpus' experience, before anything is decided about them."""
    with corpus.store.writing():
        corpus.store.add_experience(work.runs)


def count_requests(corpus: Corpus, work: Work) -> int:
    """How many answers the round asks for at first; a refused lesson is asked for again."""
    return len(requests_for(work.runs, corpus.settings.recipe, corpus.store.secret, work.sample_start))


def decide_reviews(
    corpus: Corpus,
    work: Work,
    reviews: Sequence[Reflection | QuarantinedRow],
    progress: Progress = unheard,
    embedding: Progress = unheard,
) -> RoundReport:
    """Put the reviews of a round through the gate and commit it; `progress` and `embedding` hear of each once."""
    runs = {run.id: run for run in work.runs}
    candidates, settled = render(label_reviews(reviews, runs, corpus.settings.recipe.labels), runs)
    progress(len(settled))
    embedding(len(settled))
    return corpus.admit(candidates, settled=settled, quarantined=work.broken, progress=progress, embedding=embedding)


def _only_quarantined(corpus: Corpus) -> set[str]:
    frame = corpus.store.decisions(["trajectory_id", "verdict"])
    bad = frame.group_by("trajectory_id").agg((pl.col("verdict") == "quarantine").all().alias("bad"))
    return set(bad.filter("bad")["trajectory_id"]) - {""}


def _next_sample(corpus: Corpus) -> int:
    """One over the highest sample index of any reflection so far."""
    rows = corpus.store.decisions(["sample_index", "trajectory_id"]).filter(pl.col("trajectory_id") != "")
    return max(rows["sample_index"].to_list(), default=-1) + 1
