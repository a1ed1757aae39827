"""The games that a model is examined on, by task id and by objective: no row that trains it may be of one of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from synthdata.errors import RefusedError
from synthdata.play.games import spec_for
from synthdata.settings import TrainingSettings
from synthdata.settings.shipped import shipped_folder

# Series and number of games of the held-out states in data/exam.
EXAMS = ((3_000_001, 60), (3_500_001, 20))
FILE, SECOND_FILE = "textworld.jsonl.gz", "textworld-second.jsonl.gz"


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


@cache
def exam_objectives() -> frozenset[str]:
    """What the games of both exam files ask for, in small letters and with single spaces."""
    lines = [
        line
        for file in (FILE, SECOND_FILE)
        for line in gzip.decompress((shipped_folder("exam") / file).read_bytes()).splitlines()
    ]
    return frozenset(_plain(json.loads(line)["objective"]) for line in lines)


def refuse_exam_objectives(texts: Iterable[str]) -> None:
    """See that no text says what a game of the exam asks for: logs of others name such a game by other ids.

    Raises:
        RefusedError: one does.
    """
    held = set()
    for text in texts:
        plain = _plain(text)
        held |= {objective for objective in exam_objectives() if objective in plain}
    if held:
        raise RefusedError(
            f"rows with the objectives of {len(held)} games of the exam ({sorted(held)[0][:80]}...); nothing is "
            "trained on them: retract the runs with these objectives and export again"
        )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
