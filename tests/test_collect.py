"""Collecting runs into a file: an order is worked off whole, in the same bytes, however often it is interrupted."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.errors import InputError
from synthdata.play.collect import Order, collect_to, join_parts, part_path, write_part
from synthdata.play.players import Expert

REPOSITORY = Path(__file__).parent.parent
SMALL = Order(games=3, episodes=1, epsilons=(0.0, 0.5))


@given(st.integers(1, 500), st.integers(1, 60))
def test_chunks_hold_every_game_once(games, size):
    chunks = Order(games=games).chunks(size)
    assert [number for chunk in chunks for number in chunk] == list(range(games))
    assert all(len(chunk) <= size for chunk in chunks)


def test_without_random_moves_there_is_one_episode():
    runs = Order(episodes=3, epsilons=(0.0, 0.5)).runs()
    assert [(run.epsilon, run.episode) for run in runs] == [(0.0, 0), (0.5, 0), (0.5, 1), (0.5, 2)]


@pytest.mark.parametrize(
    "wrong", [{"games": 0}, {"episodes": 0}, {"epsilons": ()}, {"epsilons": (0.1, 1.5)}, {"epsilons": (float("nan"),)}]
)
def test_an_order_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError, match="must be"):
        Order(**wrong)


def test_interrupted_collection_goes_on_and_makes_the_same_bytes(tmp_path):
    whole, resumed = tmp_path / "whole" / "runs.jsonl.gz", tmp_path / "resumed" / "runs.jsonl.gz"
    report = collect_to(whole, SMALL, Expert(), chunk_size=3)
    first, *rest = SMALL.chunks(1)
    done = write_part(resumed, SMALL, Expert(), first)
    before = done.stat()
    assert not resumed.exists()
    parts = [write_part(resumed, SMALL, Expert(), chunk) for chunk in (first, *rest)]
    after = done.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns), "a finished part is played once"
    join_parts(parts, resumed)
    assert resumed.read_bytes() == whole.read_bytes()
    assert [path.name for path in resumed.parent.iterdir()] == ["runs.jsonl.gz"], "no part is left behind"
    documents = [json.loads(line) for line in gzip.decompress(whole.read_bytes()).splitlines()]
    assert (report.trajectories, report.games) == (len(documents), 3)
    assert report.successes == sum(document["extra"]["success"] for document in documents) >= 3
    assert report.optimal_steps <= report.steps == sum(document["extra"]["moves"] for document in documents)


def test_part_of_another_order_is_never_taken(tmp_path):
    out, chunk = tmp_path / "runs.jsonl", range(0, 1)
    others = [
        SMALL,
        Order(games=3, episodes=1, epsilons=(0.0, 0.4)),
        Order(games=3, episodes=1, epsilons=(0.0, 0.5), seed=1),
    ]
    assert len({part_path(out, order, Expert(), chunk) for order in others}) == 3


FLOW = """
import sys
from flows.server import prefect_api
from synthdata.play.players import LikelihoodPlayer

class ShortestFirst:
    def nll(self, prompt, continuations):
        return [float(len(text)) for text in continuations]

with prefect_api():
    from flows.collect import collect
    print(collect(sys.argv[1], games=3, episodes=1, epsilons=(0.0, 0.5), chunk_size=2))
    player = LikelihoodPlayer(ShortestFirst(), "shortest-first")
    print(collect(sys.argv[2], games=1, episodes=1, epsilons=(0.0,), player=player))
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.prefect
def test_flow_writes_what_the_plain_collection_writes_and_takes_any_player(tmp_path):
    expert, model, plain = (tmp_path / f"{name}.jsonl.gz" for name in ("expert", "model", "plain"))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SYNTHDATA_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", FLOW, str(expert), str(model)]
    child = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr[-2000:]
    collect_to(plain, SMALL, Expert())
    assert expert.read_bytes() == plain.read_bytes()
    (document,) = [json.loads(line) for line in gzip.decompress(model.read_bytes()).splitlines()]
    assert document["agent"]["model_name"] == "shortest-first" and document["extra"]["success"] is False
    moves = [step for step in document["steps"] if step["source"] == "agent"]
    assert all(step["message"] == min(step["extra"]["admissible"], key=lambda c: (len(c), c)) for step in moves)
