"""The short form of E4 with the small policy: a line of JSON a claim, under five minutes on two cores.

    python bench/loop.py --small --json

Fifteen games are built and played (no cached graph is needed), each arm learns from its own runs three times, and 60
held-out states of 20 games are asked; one seed, so intervals are over games alone. L7 needs the language model and L8
plays the exam's games: both stand in docs/loop.md and not here. A miss is printed as a miss; the exit code is 0.
Without --small it is the experiment itself: see `python -m experiments.loop --help`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

# This folder holds modules whose names hide the packages; the root of the checkout is what is meant.
ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)

from experiments.loop.arms import ARMS
from experiments.loop.chains import World, run_seed
from experiments.loop.claims import Claim, claims
from experiments.loop.exam import Question, read_exam, tasks_of
from experiments.loop.graph import GameGraph
from experiments.loop.report import told
from synthdata.play.games import spec_for

SERIES, GAMES, SEED = 777_001, 15, 0
EXAM_GAMES, EXAM_STATES = 20, 3


def small_exam() -> list[Question]:
    """Three states of each of the first twenty games of the exam."""
    every = read_exam(ROOT / "data" / "exam" / "textworld.jsonl.gz")
    chosen = tasks_of(every)[:EXAM_GAMES]
    return [q for task in chosen for q in [q for q in every if q.state.task_id == task][:EXAM_STATES]]


def main() -> None:
    """Play, learn, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the form for CI; the only one that this file runs")
    parser.add_argument("--json", action="store_true", help="a line of JSON a claim instead of tables")
    parser.add_argument("--graphs", type=Path, help="keep built games here for another time")
    given = parser.parse_args()
    if not given.small:
        parser.error("only --small runs here; the whole experiment is `python -m experiments.loop`")
    with tempfile.TemporaryDirectory(prefix="synthdata-loop-") as folder:
        where = given.graphs or Path(folder)
        graphs = [GameGraph.load(spec_for(SERIES, index), where) for index in range(GAMES)]
        lines = run_seed(World(graphs, (), small_exam()), SEED, list(ARMS))
        for graph in graphs:
            graph.close()
    sys.stdout.write("".join(map(as_line, claims(lines))) if given.json else told(lines))


def as_line(claim: Claim) -> str:
    """One claim as JSON."""
    return json.dumps({name: round(v, 4) if isinstance(v, float) else v for name, v in asdict(claim).items()}) + "\n"


if __name__ == "__main__":
    main()
