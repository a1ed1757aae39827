"""Sleeps of the small policy on sound and on poisoned moves, decided by the rule of practice: what is kept?

python -m experiments.loop.sleeps --graphs FOLDER --seeds 200-209 --out docs/loop/e4-sleeps.jsonl
python -m experiments.loop.sleeps report docs/loop/e4-sleeps.jsonl

Two nights a seed: the first plays untrained, the second plays with what the sound first night left. Each night sleeps
on each kind of release, beside the same parent and exam. Moves by rules alone also have a chain of their own, as a
corpus without replay has: there the second night's parent learnt from rules too. The policy has no old knowledge to
lose, and no game of the exam is played: best moves alone decide.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from experiments.loop.__main__ import CONFIRM, EXAM
from experiments.loop.arms import replayed, ruled, sample, through_gate
from experiments.loop.chains import EPISODES, Line
from experiments.loop.exam import Question, read_exam, sit, tasks_of
from experiments.loop.features import features
from experiments.loop.graph import GameGraph
from experiments.loop.logit import Logit, fit
from experiments.loop.runs import GameRun, Row, play
from synthdata.consolidation.keep_rule import FORGETTING, Paired, paired, spent
from synthdata.consolidation.practice_rule import BEST_MOVES, BEST_MOVES_BESIDE, decide_practice
from synthdata.play.games import draw, spec_for
from synthdata.settings import PracticeSettings, TrainingSettings

PRACTICE, TRAINING = PracticeSettings(), TrainingSettings()
NIGHTS = 2
# What a policy scores in each game of the exam.
Marks = Callable[[Logit], tuple[float, ...]]
Release = Callable[[Sequence[GameRun], int], list[Row]]


def sound(runs: Sequence[GameRun], seed: int) -> list[Row]:
    """Moves that replay calls good."""
    return replayed(runs, 0, seed)[0]


def unopposed(runs: Sequence[GameRun], seed: int) -> list[Row]:
    """No oracle: moves that no rule speaks against."""
    return ruled(runs, 0, seed)[0]


def collapsed(runs: Sequence[GameRun], seed: int) -> list[Row]:
    """The states of good moves, and of two answers one for each, which every state admits."""
    return [_instead(row, ("inventory", "look"), seed) for row in sound(runs, seed)]


def copied(runs: Sequence[GameRun], seed: int) -> list[Row]:
    """Two good moves, copied as often as there are good moves."""
    rows = sample(sound(runs, seed), 2, seed)
    count = len(sound(runs, seed))
    return [Row(row.state, row.command, f"{row.run}-copy-{n}", row.place, True) for n in range(count) for row in rows]


def shuffled(runs: Sequence[GameRun], seed: int) -> list[Row]:
    """The states of good moves, and for each a command drawn from those that it admits."""
    return [_instead(row, row.state.admissible, seed) for row in sound(runs, seed)]


def turned_round(runs: Sequence[GameRun], seed: int) -> list[Row]:
    """Every step label flipped: bad moves as good ones, as many as there are good moves."""
    bad = [row for run in runs for row in run.rows if not row.good]
    return sample(bad, len(sound(runs, seed)), seed)


RELEASES: dict[str, tuple[Release, str]] = {
    "sound, replay": (sound, "sound"),
    "sound, rules alone": (unopposed, "sound"),
    "collapsed to two answers": (collapsed, "poisoned"),
    "collapsed to two moves": (copied, "poisoned"),
    "shuffled": (shuffled, "poisoned"),
    "labels flipped": (turned_round, "poisoned"),
}


# By whose nights the next ones go on, and what sleeps beside them.
CHAINS: dict[str, Sequence[str]] = {"sound, replay": tuple(RELEASES), "sound, rules alone": ("sound, rules alone",)}


def sleeps_of(graphs: Sequence[GameGraph], exam: Sequence[Question], seed: int, chain: str) -> list[Line]:
    """All sleeps of a seed in a chain: a line each."""
    parent, runs, lines = Logit.untrained(), [], []
    tables = {question.state: features(question.state) for question in exam}

    def marks(policy: Logit) -> tuple[float, ...]:
        return sit(exam, lambda state: policy.over(tables[state])).first

    for night in range(1, NIGHTS + 1):
        for graph in graphs:
            runs += [play(graph, parent, f"{seed}-sleep-{night}-{episode}") for episode in range(EPISODES)]
        place = (seed, night, tasks_of(exam))
        slept = {name: _sleep(RELEASES[name][0](runs, seed), runs, parent, marks, place) for name in CHAINS[chain]}
        named = {"chain": chain, "seed": seed, "night": night}
        lines += [{"release": name} | named | line for name, (line, _) in slept.items()]
        line, learnt = slept[chain]
        parent = learnt if line["kept"] else parent
    return lines


def _sleep(
    rows: Sequence[Row], runs: Sequence[GameRun], parent: Logit, marks: Marks, place: tuple[int, int, Sequence[str]]
) -> tuple[Line, Logit]:
    """What the rule of practice makes of these rows beside a control, and the policy that learnt them."""
    seed, night, games = place
    admitted = through_gate(rows, seed)
    if len(admitted) < PRACTICE.batch_size:
        return {"rows": len(admitted), "kept": False, "grade": "nothing trained"}, parent
    drawn = sample([row for run in runs for row in run.rows], len(admitted), seed)
    learnt, control = (fit(one, [True] * len(one)) for one in (admitted, drawn))
    before, after, beside = map(marks, (parent, learnt, control))
    judged = spent(TRAINING, night)
    gain = paired(BEST_MOVES, games, before, after, judged, 1)
    measured = {
        BEST_MOVES: gain,
        BEST_MOVES_BESIDE: paired(BEST_MOVES_BESIDE, games, beside, after, judged, 1),
        FORGETTING: Paired(FORGETTING, len(games), 0, 0, 0, 0, 0, -1),
    }
    decision = decide_practice(measured, PRACTICE.harm_margin, TRAINING.forget_margin)
    line = {"rows": len(admitted), "kept": decision.kept, "grade": decision.grade}
    told = {"before": gain.before, "after": gain.after}
    for name, one in (("gain", gain), ("beside", measured[BEST_MOVES_BESIDE])):
        told |= {name: one.difference, f"{name}_low": one.low, f"{name}_high": one.high}
    return line | {name: round(value, 4) for name, value in told.items()}, learnt


def _instead(row: Row, commands: Sequence[str], seed: int) -> Row:
    command = commands[draw("instead", seed, row.run, row.state.task_id, row.place) % len(commands)]
    return Row(row.state, command, row.run, row.place, row.good)


def report(lines: Sequence[Line]) -> str:
    """A row a release and night: how many of its sleeps were kept, and what best moves came to."""
    rows = [
        "| release | chain | night | kept | rows | best moves before | after |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for chain, name, night in ((c, n, i) for c in CHAINS for n in CHAINS[c] for i in range(1, NIGHTS + 1)):
        here = [line for line in lines if (line["chain"], line["release"], line["night"]) == (chain, name, night)]
        if not here:
            continue
        marks = [_mean(here, "before"), _mean(here, "after")]
        kept = f"{sum(bool(line['kept']) for line in here)} of {len(here)}"
        rows.append(f"| {name} | {chain} | {night} | {kept} | {_mean(here, 'rows', 0)} | {' | '.join(marks)} |")
    return "\n".join(rows) + "\n"


def _mean(lines: Sequence[Line], field: str, digits: int = 3) -> str:
    values = [float(str(line[field])) for line in lines if field in line]
    return f"{np.mean(values):.{digits}f}" if values else ""


def main() -> None:
    """Run the seeds, or print the table of a file of lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", nargs="?", choices=["run", "report"], default="run")
    parser.add_argument("results", nargs="?", type=Path)
    parser.add_argument("--graphs", type=Path, default=Path("graphs"))
    parser.add_argument("--seeds", default="200-209")
    parser.add_argument("--chain", choices=list(CHAINS), help="this chain alone")
    parser.add_argument("--out", type=Path, default=Path("e4-sleeps.jsonl"))
    given = parser.parse_args()
    if given.verb == "run":
        first, _, last = given.seeds.partition("-")
        graphs = [GameGraph.load(spec_for(CONFIRM, i), given.graphs) for i in range(40)]
        exam = read_exam(EXAM)
        for seed, chain in product(range(int(first), int(last or first) + 1), [given.chain] if given.chain else CHAINS):
            with given.out.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(line) + "\n" for line in sleeps_of(graphs, exam, seed, chain)))
            for graph in graphs:
                graph.save()
    path = given.results or given.out
    sys.stdout.write(report([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]))


if __name__ == "__main__":
    main()
