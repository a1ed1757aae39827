"""Reviews of failed games, every fourth run's with a claim that its log does not hold, and a round that judges them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from synthdata import Corpus, Settings
from synthdata.operations.reflect import Work, decide_reviews, remember
from synthdata.records import Lesson, Origin, Reflection, Trajectory
from synthdata.reflection import restatements
from synthdata.sources import read_trajectories

SAMPLE = Path(__file__).parent.parent.parent / "data" / "sample" / "textworld.jsonl.gz"
BASE = {
    "encoder": {"backend": "hashing", "dim": 96},
    "floor": {"min_words": 4},
    "anchor": {"fill_trajectories": 20, "steps_per_trajectory": 4},
}


def settings(**judge):
    return Settings.from_dict({"recipe": BASE | {"judge": judge}})


@pytest.fixture(scope="module")
def runs() -> list[Trajectory]:
    return [run for run in read_trajectories(SAMPLE, origin=Origin.REAL) if run.success is False][:50]


@pytest.fixture(scope="module")
def reviews(runs: list[Trajectory]) -> list[Reflection]:
    """Three reviews of each run that say what its log says; every fourth run's also say something that it does not."""
    made = []
    for number, run in enumerate(runs):
        own = restatements(run, settings().recipe.floor)[::4][:3]
        if number % 4 == 0:
            own = [
                replace(r, lesson=Lesson(f"{r.lesson.text[:-1]}, so the moon is made of “green cheese”.")) for r in own
            ]
        made += own
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty corpus; tests take copies."""
    path = tmp_path_factory.mktemp("judged") / "c"
    Corpus.init(path, SAMPLE, settings=settings())
    return path


def decided(tmp_path, made, runs, reviews, judge=None, **options):
    shutil.copytree(made, tmp_path / "c")
    corpus = Corpus.open(tmp_path / "c", settings=settings(**options), judge=judge)
    work = Work(tuple(runs), (), 0)
    remember(corpus, work)
    return corpus, decide_reviews(corpus, work, reviews)
