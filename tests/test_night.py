"""A night as a flow on a real Prefect server: killed in its middle, run again, and then told once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import synthdata
from export_corpus import game_corpus
from tiny_model import tiny_model

from synthdata import Corpus
from synthdata.consolidation.night import RELEASE, begin, decision_of, nights, sleep, write_report
from synthdata.consolidation.sleep import no_bar
from synthdata.corpus import CorpusStore
from synthdata.export.build import export
from synthdata.records import Origin

SMALL = {
    "recipe.generation.generator": "scripted",
    "recipe.night.shown": 1,
    "recipe.night.played": 1,
    "recipe.night.epsilons": [0.4],
    "recipe.training.max_tokens": 512,
    "recipe.training.max_steps": 4,
    "recipe.training.min_new": 1,
    "recipe.training.heldout_rows": 20,
    "recipe.training.min_tasks": 2,
    "recipe.training.games": 1,
    "recipe.training.sample_tokens": 2,
}


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.prefect
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_a_killed_night_goes_on_and_a_finished_one_is_not_done_again(tmp_path: Path) -> None:
    corpus = game_corpus(tmp_path / "c", 60)
    texts = [f"{run.task} {' '.join(step.action for step in run.steps)}" for run in corpus.store.trajectories()][:20]
    base = tiny_model(tmp_path / "base", texts)
    given = [f"--set={name}={json.dumps(value)}" for name, value in SMALL.items()] + [
        f"--set=recipe.training.base={base}"
    ]
    command = [sys.executable, "-c", "from synthdata.cli import main; main()", "night", str(tmp_path / "c"), *given]
    folder = tmp_path / "c" / "nights" / "1"
    with (tmp_path / "log").open("w") as log:
        killed = subprocess.Popen(command, stdout=log, stderr=log)
    while not (folder / "release").exists() and killed.poll() is None:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (folder / "release").exists(), (tmp_path / "log").read_text()[-3000:]
    assert not (folder / "night.json").exists()
    rounds, played = CorpusStore.open(tmp_path / "c").latest_round(), (folder / "played.jsonl.gz").read_bytes()

    done = synthdata("night", tmp_path / "c", *given, "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    (told,) = json.loads(done.stdout)
    store = CorpusStore.open(tmp_path / "c")
    assert (told["night"], store.latest_round(), store.events("release").height) == (1, rounds, 1)
    assert (folder / "played.jsonl.gz").read_bytes() == played
    assert told["sleep"]["number"] == 1 and store.events("adapter").height == 1
    # What the model played itself is never real.
    own = [run for run in store.trajectories() if run.agent_model.endswith("base")]
    assert own and {run.origin for run in own} == {Origin.ON_POLICY}
    # The night is over: the next one begins, and the report tells of this one.
    opened = Corpus.open(tmp_path / "c")
    assert begin(opened).number == 2
    assert nights(opened)[0]["sleep"]["reasons"] == told["sleep"]["reasons"]
    report = write_report(opened).read_text(encoding="utf-8")
    assert decision_of(told["sleep"]) in report and "heldout_loss" in report

    plain = synthdata("night", tmp_path / "c", *given, "--plain", "--json")
    assert plain.returncode == 0, plain.stderr[-2000:]
    (second,) = json.loads(plain.stdout)
    # The same stages: games played, rounds made of both logs, a release written, an adapter judged.
    assert (second["night"], second["round"]) == (2, rounds + 2) and second["own_games"]["games"] == 1
    assert store.events("release").height == 2 and second["sleep"]["number"] == 2
    assert "| 2 |" in (tmp_path / "c" / "nights" / "report.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_night_with_too_few_held_out_tasks_trains_nothing_and_says_what_would_help(tmp_path: Path) -> None:
    corpus = game_corpus(tmp_path / "c", 24)
    base = tiny_model(tmp_path / "base", [run.task for run in corpus.store.trajectories()][:20])
    settings = corpus.settings
    for name, value in SMALL.items():
        settings = settings.with_value(name, value)
    # Of 24 games a twentieth is held out, whichever these are.
    settings = settings.with_value("recipe.training.min_tasks", 16)
    small = Corpus.open(tmp_path / "c", settings=settings.with_value("recipe.training.base", str(base)))
    tonight = begin(small)
    export(small, tonight.folder / RELEASE)
    slept = sleep(small, tonight, no_bar)
    assert (slept.number, slept.kept) == (None, False)
    assert "recipe.export.test_share" in slept.reasons[0]
    assert small.store.events("adapter").height == 0
