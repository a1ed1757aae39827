"""A round over agent logs: which runs are new, what reflecting on them costs, and how their reviews reach the gate.

The same steps serve the flow (which spreads `reflect_on` over tasks) and `run --plain` (which calls it in line).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from synthdata.api import Corpus
from synthdata.corpus import CorpusStore
from synthdata.corpus.lock import WriterLock
from synthdata.errors import InputError
from synthdata.gate.anchor import Anchor, load_anchor
from synthdata.gate.epochs import current_anchor, epoch_events
from synthdata.gate.fill import TooFewLessonsError
from synthdata.labelling.opinions import label_reviews
from synthdata.protocols import UNSTEERED, Guidance, Progress, no_progress
from synthdata.records import Origin, QuarantinedRow, Reflection, Trajectory, content_hash
from synthdata.records.report import RoundReport
from synthdata.reflection import requests_for
from synthdata.rounds.budget import BudgetExceededError, BudgetLedger, held_back, hold_back
from synthdata.rounds.steering import SteeringResult, record, steer
from synthdata.rounds.steps import read_runs, render


@dataclass(frozen=True)
class RunSelection:
    """Which runs of the logs a round takes, and how they are vouched for.

    The first `limit` by id of those never reflected on; `again` takes known ones too, with the next unused sample
    indices. Runs whose every decision so far is an unusable answer are asked about once more by the next round, and
    with `retry_quarantined` again. `origin` and `licence` are what the operator says of the logs. The round ends at
    `max_admitted` admissions; candidates that were not reached by then stay undecided. Rounds of one `run` name
    share its budget.
    """

    origin: Origin = Origin.REAL
    licence: str = ""
    limit: int | None = None
    again: bool = False
    retry_quarantined: bool = False
    max_admitted: int | None = None
    run: str = ""


@dataclass(frozen=True)
class Work:
    """The runs of a round in their order, the rows that could not be read, and the first sample index to ask for.

    `steered` is what the monitor made of the choice of runs and of what is asked about each.
    """

    runs: tuple[Trajectory, ...]
    broken: tuple[QuarantinedRow, ...]
    sample_start: int
    steered: SteeringResult = field(default_factory=SteeringResult)

    @property
    def guidance(self) -> Mapping[str, Guidance]:
        """What steering asks of the reflection on each run, by its id."""
        return self.steered.guidance or UNSTEERED

    def chunks(self, size: int) -> list[tuple[Trajectory, ...]]:
        """The runs cut into units of work; a chunk never changes a decision."""
        return [self.runs[i : i + size] for i in range(0, len(self.runs), size)]


def round_lock(store: CorpusStore) -> WriterLock:
    """What a run holds from reading the logs to its commit, so that no two pay for the same reflections.

    The writer lock is held for the moments of writing alone, so that `retract` or `label` need not wait for a model.
    """
    return WriterLock(store.path, "round", "makes a round on it")


def find_work(corpus: Corpus, path: Path, choice: RunSelection) -> Work:
    """Read logs and choose the runs to reflect on; where a round waits for its judges, the runs of that round.

    Raises:
        InputError: nothing readable at the path.
    """
    runs, broken = read_runs(path, choice.origin, corpus.settings, choice.licence, corpus.store.pictures)
    unusable = _only_quarantined(corpus)
    # Once by the next round; whoever wants them asked yet again says so.
    once_more = unusable if choice.retry_quarantined else unusable - _asked_again(corpus)
    done = corpus.store.reflected_trajectory_ids() - once_more
    chosen = sorted((run for run in runs if choice.again or run.id not in done), key=lambda run: run.id)
    waiting = held_back(corpus.store)
    chosen = [run for run in chosen if run.id in waiting] or chosen
    if not any(run.agent_steps for run in runs):
        raise InputError(f"{path}: no run in it has a step of an agent, so there is nothing to reflect on")
    start = _next_sample(corpus) if choice.again else 0
    _measured(corpus)
    if choice.retry_quarantined:
        # Whoever asks for these wants them; only what is asked about them is steered.
        chosen = chosen[: choice.limit]
    limit, held = choice.limit, _held_for_first(corpus)
    if held and limit is not None:
        further = [run for run in chosen if run.id not in held][:limit]
        chosen, limit = [run for run in chosen if run.id in held] + further, None
    steered = steer(corpus.store, _anchor_of_last_round(corpus), corpus.settings, corpus.encode, chosen, limit, start)
    return Work(tuple(steered.first(chosen)[:limit]), tuple(broken), start, steered)


def remember(corpus: Corpus, work: Work) -> None:
    """Write the runs to the corpus' experience and what steers the round to its events, before anything is decided."""
    with corpus.store.writing():
        corpus.store.add_experience(work.runs)
        record(corpus.store, work.steered)


def count_requests(corpus: Corpus, work: Work) -> int:
    """How many answers the round asks for at first; a refused lesson is asked for again."""
    recipe, secret = corpus.settings.recipe, corpus.store.secret
    return len(requests_for(work.runs, recipe, secret, work.sample_start, work.guidance))


def decide_reviews(
    corpus: Corpus,
    work: Work,
    reviews: Sequence[Reflection | QuarantinedRow],
    max_admitted: int | None = None,
    ledger: BudgetLedger | None = None,
    progress: Progress = no_progress,
) -> RoundReport:
    """Put the reviews of a round through the gate and commit it; `ledger` pays the judges.

    The round ends at `max_admitted` admissions.

    Raises:
        BudgetExceededError: the budget does not pay for the judges; the next round is about the same runs.
        TooFewLessonsError: too few for a first round; the next one takes these runs and further ones.
    """
    runs, before = {run.id: run for run in work.runs}, _only_quarantined(corpus)
    candidates, predecided = render(label_reviews(reviews, runs, corpus.settings.recipe.labels), runs)
    try:
        report = corpus.admit(
            candidates,
            predecided=predecided,
            quarantined=work.broken,
            max_admitted=max_admitted,
            ledger=ledger,
            progress=progress,
        )
    except BudgetExceededError:
        hold_back(corpus.store, list(runs))
        raise
    except TooFewLessonsError:
        _hold_for_first(corpus, sorted(runs))
        raise
    _note_asked_again(corpus, runs.keys() & before)
    return report


def _measured(corpus: Corpus) -> None:
    """Measure the last round where a kill kept that from happening: what steers must not depend on kills."""
    latest = corpus.store.latest_round()
    if latest and corpus.store.snapshots().filter(pl.col("round") == latest).is_empty():
        corpus.watch()


def _anchor_of_last_round(corpus: Corpus) -> Anchor:
    """The anchor in the epoch of the last round: one that a round began which did not end must not steer it anew."""
    store, latest = corpus.store, corpus.store.latest_round()
    if all(event["round"] < latest for event in epoch_events(store, store.anchor)):
        return corpus.anchor
    return current_anchor(store, as_of=latest - 1) if latest else load_anchor(store.anchor_dir())


def _only_quarantined(corpus: Corpus) -> set[str]:
    frame = corpus.store.decisions(["trajectory_id", "verdict"])
    bad = frame.group_by("trajectory_id").agg((pl.col("verdict") == "quarantine").all().alias("bad"))
    return set(bad.filter("bad")["trajectory_id"]) - {""}


def _hold_for_first(corpus: Corpus, runs: list[str]) -> None:
    with corpus.store.writing() as store:
        store.append_event("retry", f"first {content_hash(*runs)}", {"runs": [], "held": runs}, 0)


def _held_for_first(corpus: Corpus) -> set[str]:
    """Runs whose lessons were too few for a first round: with further ones they are enough some day."""
    if corpus.store.latest_round():
        return set()
    retries = [json.loads(payload) for payload in corpus.store.events("retry")["payload"]]
    return {run for item in retries for run in item.get("held", ())}


def _asked_again(corpus: Corpus) -> set[str]:
    """Runs of which every answer was unusable and which a later round has asked about once more."""
    return {run for payload in corpus.store.events("retry")["payload"] for run in json.loads(payload)["runs"]}


def _note_asked_again(corpus: Corpus, runs: Set[str]) -> None:
    names = sorted(runs - _asked_again(corpus))
    if names:
        with corpus.store.writing() as store:
            store.append_event("retry", content_hash(*names), {"runs": names}, store.latest_round())


def _next_sample(corpus: Corpus) -> int:
    """One over the highest sample index of any reflection so far."""
    rows = corpus.store.decisions(["sample_index", "trajectory_id"]).filter(pl.col("trajectory_id") != "")
    return max(rows["sample_index"].to_list(), default=-1) + 1
