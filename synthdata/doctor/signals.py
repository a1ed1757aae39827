"""Reviews on runs that they do not speak of, and a judge that passes everything, with each guard by itself."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from synthdata.api import Corpus
from synthdata.doctor.finding import ControlCheck
from synthdata.doctor.material import cheap, run_of
from synthdata.gate.reference import ReferenceRow
from synthdata.judging.credulous import CredulousJudge
from synthdata.monitor.status import alarms_of
from synthdata.operations.reflect import Work, decide_reviews, remember
from synthdata.records import Decision, Reflection, Trajectory
from synthdata.reflection import restatements
from synthdata.settings import Settings

RUNS = 60
# Judge settings under which a guard lets everything through; each guard is tried while the other two are off.
_GUARDS: dict[str, tuple[str, int | bool]] = {
    "canaries": ("canaries", 0), "twins": ("consistency", False), "the scan": ("scan_reflections", 0),
}  # fmt: skip


def moved_reviews(folder: Path, settings: Settings) -> list[ControlCheck]:
    """Reviews of another task's run, and of another trial of the same task: none may be grounded."""
    runs, trials = [run_of(i) for i in range(RUNS)], [run_of(i, 1) for i in range(RUNS)]
    floor = settings.recipe.floor
    # Of the failing step: the other one is the same in both trials, and a review of it is true of both.
    by_run = [[review for review in restatements(run, floor) if _of_first_step(review)][:2] for run in runs]
    own = [review for reviews in by_run for review in reviews[:1]]
    second = [(i, reviews[1]) for i, reviews in enumerate(by_run) if len(reviews) > 1]
    strangers = {runs[(i + 7) % RUNS].id: review for i, review in second[::2]}
    siblings = {trials[i].id: review for i, review in second[1::2]}
    moved = [replace(review, trajectory_id=run) for run, review in (strangers | siblings).items()]
    corpus = _corpus(folder / "moved", runs, settings)
    fallen = {
        d.candidate.trajectory_id
        for d in _decide(corpus, [*runs, *trials], [*own, *moved])
        if d.reason == "ungrounded" and d.candidate.payload
    }
    planted = (("another task's run", strangers), ("another run of the same task", siblings))
    return [
        ControlCheck(
            f"{len(outcome)} reviews put on {what}",
            "evidence",
            bool(outcome) and fallen >= outcome.keys(),
            f"{len(fallen & outcome.keys())} ungrounded",
        )
        for what, outcome in planted
    ]


def gamed_judges(folder: Path, settings: Settings) -> list[ControlCheck]:
    """A judge that passes everything must be found out by each guard alone."""
    runs = [run_of(i) for i in range(RUNS)]
    reviews = [review for run in runs for review in restatements(run, settings.recipe.floor)[:2]]
    empty = _corpus(folder / "judged", runs, settings)
    findings = []
    for number, guard in enumerate(_GUARDS):
        path = Path(shutil.copytree(empty.store.path, folder / f"judged-{number}"))
        own = empty.settings
        for other, (name, off) in _GUARDS.items():
            own = own if other == guard else own.with_value(f"recipe.judge.{name}", off)
        corpus = Corpus.open(path, settings=own, judge=CredulousJudge())
        decisions = _decide(corpus, runs, reviews)
        findings.append(_scan(corpus) if guard == "the scan" else _refusals(decisions, guard))
    return findings


def _refusals(decisions: Sequence[Decision], guard: str) -> ControlCheck:
    """Every candidate that reached the judge must be refused for want of a verdict, none admitted."""
    judged = [d for d in decisions if d.judged != "none"]
    refused = [d for d in judged if d.reason == "judge_abstained"]
    seen = f"{len(refused)} of {len(judged)} judged ones refused as judge_abstained"
    return ControlCheck("a judge that passes everything", guard, bool(judged) and len(refused) == len(judged), seen)


def _scan(corpus: Corpus) -> ControlCheck:
    rings = [a for a in alarms_of(corpus.store, corpus.store.snapshots(), corpus.anchor) if a["tile"] == "judge_scan"]
    seen = f"{rings[0]['level']} in round {rings[0]['round']}" if rings else "silent"
    return ControlCheck("a judge that passes everything", "the scan", bool(rings), seen)


def _of_first_step(review: Reflection) -> bool:
    return all(quote.step_idx == 0 for quote in review.evidence)


def _corpus(path: Path, runs: Sequence[Trajectory], settings: Settings) -> Corpus:
    bare = [
        ReferenceRow("", f"{run.task} {step.call_text} {step.observation}", run.task_id)
        for run in runs
        for step in run.steps
    ]
    own = cheap(settings).with_value("recipe.anchor.min_rows", 50).with_value("recipe.anchor.fill_trajectories", 5)
    return Corpus.init(path, bare, settings=own)


def _decide(corpus: Corpus, runs: Sequence[Trajectory], reviews: Sequence[Reflection]) -> Sequence[Decision]:
    work = Work(tuple(runs), (), 0)
    remember(corpus, work)
    return decide_reviews(corpus, work, reviews).decisions
