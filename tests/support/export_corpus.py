"""A corpus of real text-game runs whose reviews carry labels of two kinds and counterfactuals that a replay verified.

The counterfactual of a wasted move is the next move of the run that lay on a shortest path: the game's own word.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from synthdata import Corpus, Settings
from synthdata.operations.reflect import Work, decide_reviews, remember
from synthdata.records import Counterfactual, LabelSource, Origin, Reflection, StepReview, Trajectory
from synthdata.reflection import restatements
from synthdata.sources import read_trajectories

SAMPLE = Path(__file__).parent.parent.parent / "data" / "sample" / "textworld.jsonl.gz"
RECIPE = {
    "encoder": {"backend": "hashing", "dim": 96},
    "floor": {"min_words": 4},
    "anchor": {"fill_trajectories": 20, "steps_per_trajectory": 4},
}


def game_runs(count: int) -> list[Trajectory]:
    """Runs of the sample, every second one a success."""
    runs = [run for run in read_trajectories(SAMPLE, origin=Origin.REAL) if isinstance(run, Trajectory)]
    won, lost = [run for run in runs if run.success], [run for run in runs if not run.success]
    return [*won[: count // 2], *lost[: count - count // 2]]


def reviews_of(run: Trajectory, settings: Settings, limit: int = 3) -> list[Reflection]:
    """Restatements of a run, each with the ground truth of its focus step as rule and replay would say it."""
    truth = {step.idx: step.optimal for step in run.agent_steps}
    better = [step for step in run.agent_steps if step.optimal]
    made = []
    for review in restatements(run, settings.recipe.floor)[::4][:limit]:
        focus = review.focus
        if focus is None or truth.get(focus) is None:
            continue
        verdict = "good" if truth[focus] else "bad"
        sources = (LabelSource("judge", verdict), LabelSource("replay", verdict))
        next_good = next((step.action for step in better if step.idx > focus), None)
        found = None
        if verdict == "bad" and next_good:
            found = Counterfactual(next_good, "", verified="replay")
        made.append(replace(review, steps=(StepReview(focus, verdict, 2 / 3, sources),), counterfactual=found))
    return made


def game_corpus(path: Path, count: int = 60, **export: object) -> Corpus:
    """One round over real runs."""
    settings = Settings.from_dict({"recipe": RECIPE | {"export": export}})
    corpus = Corpus.init(path, SAMPLE, settings=settings)
    runs = game_runs(count)
    remember(corpus, Work(tuple(runs), (), 0))
    reviews = [review for run in runs for review in reviews_of(run, settings)]
    decide_reviews(corpus, Work(tuple(runs), (), 0), reviews)
    return corpus
