"""The games that a model is examined on, by task id: no release that trains it may hold one of them."""

from __future__ import annotations

from pathlib import Path

from synthdata.errors import RefusedError
from synthdata.play.games import spec_for
from synthdata.settings import TrainingSettings

# Series and number of games of the held-out states in data/exam.
EXAMS = ((3_000_001, 60), (3_500_001, 20))


def exam_tasks(settings: TrainingSettings) -> frozenset[str]:
    """Ids of the games that the exam plays, and of those whose states lie in data/exam."""
    series = ((settings.games_seed, settings.games), *EXAMS)
    return frozenset(spec_for(seed, index).task_id for seed, games in series for index in range(games))


def refuse_exam_games(release: Path, settings: TrainingSettings) -> None:
    """See that no row of a release comes from a game of an exam.

    Raises:
        RefusedError: one does; a model that is trained on what it is asked only shows that it can remember.
    """
    import polars as pl

    held = set(pl.read_parquet(release / "provenance.parquet", columns=["task_id"])["task_id"]) & exam_tasks(settings)
    if held:
        names = ", ".join(sorted(held)[:3])
        raise RefusedError(
            f"{release}: holds rows of {len(held)} games of the exam ({names}); nothing is trained on them: retract "
            "the runs of these tasks and export again, or examine with another recipe.training.games_seed"
        )
