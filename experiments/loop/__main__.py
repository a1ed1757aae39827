"""Run what is missing of E4 with the small policy, one line a seed, arm and round; what came out is in docs/loop.md.

python -m experiments.loop --graphs FOLDER --seeds 0-2 --tune
python -m experiments.loop --graphs FOLDER --seeds 100-109 --out docs/loop/e4-small.jsonl
python -m experiments.loop report docs/loop/e4-small.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from experiments.loop.arms import ARMS
from experiments.loop.chains import World, run_seed
from experiments.loop.exam import read_exam, tasks_of
from experiments.loop.graph import GameGraph
from experiments.loop.report import told
from synthdata.play.games import spec_for

EXAM = Path("data/exam/textworld.jsonl.gz")
# Series of games: to tune on, and for the confirming seeds; the exam's own stand in data/README.md.
TUNE, CONFIRM, EXAM_SERIES = 777_001, 4_000_001, 3_000_001


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", nargs="?", choices=["run", "report"], default="run")
    parser.add_argument("results", nargs="?", type=Path)
    parser.add_argument("--graphs", type=Path, default=Path("graphs"))
    parser.add_argument("--seeds", default="0-2", help="a range such as 100-109, or one seed")
    parser.add_argument("--series", type=int, default=CONFIRM)
    parser.add_argument("--games", type=int, default=40)
    parser.add_argument("--exam", type=Path, default=EXAM)
    parser.add_argument("--play-exam", action="store_true", help="games won and Pass@8 too")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--out", type=Path, default=Path("e4.jsonl"))
    given = parser.parse_args()
    if given.verb == "report":
        lines = [json.loads(line) for line in given.results.read_text(encoding="utf-8").splitlines()]
        sys.stdout.write(told(lines))
        return
    first, _, last = given.seeds.partition("-")
    run_missing(given, range(int(first), int(last or first) + 1))


def run_missing(given: argparse.Namespace, seeds: range) -> None:
    """A seed whose lines are there is not run again; its lines are written together."""
    done = set()
    if given.out.is_file():
        done = {json.loads(line)["seed"] for line in given.out.read_text(encoding="utf-8").splitlines()}
    training = [GameGraph.load(spec_for(given.series, i), given.graphs) for i in range(given.games)]
    exam = read_exam(given.exam)
    overlap = {graph.spec.task_id for graph in training} & set(tasks_of(exam))
    if overlap:
        raise SystemExit(f"games of the exam among those that are played to learn from: {sorted(overlap)}")
    held_out = [GameGraph.load(spec_for(EXAM_SERIES, i), given.graphs) for i in range(60)] if given.play_exam else []
    for seed in seeds:
        if seed in done:
            continue
        lines = run_seed(World(training, held_out, exam), seed, given.arms.split(","))
        with given.out.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
        for graph in (*training, *held_out):
            graph.save()
        sys.stderr.write(f"seed {seed} done\n")


if __name__ == "__main__":
    main()
