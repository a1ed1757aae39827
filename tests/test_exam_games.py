"""No model is trained on the games that it is asked."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from synthdata.consolidation.exam_games import exam_objectives, exam_tasks, refuse_exam_games, refuse_exam_objectives
from synthdata.errors import RefusedError
from synthdata.play.games import spec_for
from synthdata.settings import TrainingSettings

ROOT = Path(__file__).parent.parent
PLAIN = TrainingSettings()


def release(folder: Path, *tasks: str) -> Path:
    pl.DataFrame({"id": [str(i) for i in range(len(tasks))], "task_id": list(tasks)}).write_parquet(
        folder / "provenance.parquet"
    )
    return folder


@pytest.mark.parametrize("name", ["textworld", "textworld-second"])
def test_the_games_of_the_exam_files_are_known(name):
    lines = gzip.decompress((ROOT / "data" / "exam" / f"{name}.jsonl.gz").read_bytes()).splitlines()
    assert {json.loads(line)["task_id"] for line in lines} <= exam_tasks(PLAIN)


@pytest.mark.parametrize("seed", [PLAIN.games_seed, 3_000_001, 3_500_001])
def test_a_release_that_holds_a_game_of_an_exam_is_refused(tmp_path, seed):
    with pytest.raises(RefusedError, match="1 games of the exam"):
        refuse_exam_games(release(tmp_path, "textworld-000000000000", "", spec_for(seed, 3).task_id), PLAIN)


def test_games_of_other_series_and_games_that_are_not_asked_pass(tmp_path):
    others = [spec_for(seed, 0).task_id for seed in (0, 2_000_004, 4_000_001)]
    refuse_exam_games(release(tmp_path, *others, spec_for(PLAIN.games_seed, PLAIN.games).task_id), PLAIN)


def test_nothing_of_the_sample_is_in_an_exam():
    lines = gzip.decompress((ROOT / "data" / "sample" / "textworld.jsonl.gz").read_bytes()).splitlines()
    assert not {json.loads(line)["extra"]["task_id"] for line in lines} & exam_tasks(PLAIN)


def test_the_objective_gives_an_exam_game_away_under_another_id(tmp_path):
    lines = gzip.decompress((ROOT / "data" / "exam" / "textworld.jsonl.gz").read_bytes()).splitlines()
    objective = json.loads(lines[0])["objective"]
    for text in (objective, f"You are an agent.\n\nTask:  {objective.upper()}\nGo.", objective.replace(" ", "\n")):
        with pytest.raises(RefusedError, match="objectives of 1 games"):
            refuse_exam_objectives(["Take the lamp.", text])


def test_objectives_of_other_games_pass():
    lines = gzip.decompress((ROOT / "data" / "sample" / "textworld.jsonl.gz").read_bytes()).splitlines()
    refuse_exam_objectives(json.loads(line)["steps"][0]["message"] for line in lines)
    # A beginning that all games share is no objective.
    assert len(exam_objectives()) == 80 and min(map(len, exam_objectives())) > 150
