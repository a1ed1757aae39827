"""One seed of the small policy: each arm plays, learns from all its own runs so far and sits the exam, three times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.loop.arms import ARMS, clone_pool, replayed, sample, through_gate
from experiments.loop.exam import Marks, Question, any_won, chance_marks, games_won, sit, verb_table
from experiments.loop.graph import GameGraph
from experiments.loop.logit import Logit, fit
from experiments.loop.runs import GameRun, Row, expert_run, play
from metrics import hill_number

ROUNDS, EPISODES = 3, 2
# Games of the exam on which Pass@8 is asked: eight runs a game are dear.
PASSED = 20
Line = dict[str, object]


@dataclass(frozen=True)
class World:
    """Training games, the exam's games (none where no game of it is played), and the exam's questions."""

    training: Sequence[GameGraph]
    held_out: Sequence[GameGraph]
    exam: Sequence[Question]


def run_seed(world: World, seed: int, arms: Sequence[str]) -> list[Line]:
    """All lines of a seed."""
    first = _play(world.training, Logit.untrained(), seed, "first", 0)
    lines = [_line("a", seed, 0, [], sit(world.exam, Logit.untrained())), _chance(world.exam, seed)]
    lines[0] |= _played(world, Logit.untrained(), "a", 0)
    counts: dict[tuple[str, int], int] = {}
    for name in arms:
        lines += _chain(world, seed, name, first, counts)
    if "d" in arms:
        lines += _once(world, seed, first, counts["d", ROUNDS])
    return lines


def _chain(
    world: World, seed: int, name: str, first: Sequence[GameRun], counts: dict[tuple[str, int], int]
) -> list[Line]:
    arm, by = ARMS[name]
    runs, policy, lines = list(first), Logit.untrained(), []
    for number in range(1, ROUNDS + 1):
        if number > 1:
            runs += _play(world.training, policy, seed, name, number)
        rows, labels = arm(runs, counts.get((by, number), 0), seed)
        counts[name, number] = len(rows)
        policy = fit(rows, labels)
        line = _line(name, seed, number, rows, sit(world.exam, policy))
        line["own_won"] = sum(run.won for run in runs[-len(first) :]) / len(first)
        line["right"] = _share([row.good == label for row, label in zip(rows, labels, strict=True)])
        if number == ROUNDS:
            line |= _played(world, policy, name, number)
            kept = [row for row, label in zip(rows, labels, strict=True) if label]
            line["verbs"] = [round(v, 4) for v in sit(world.exam, verb_table(kept)).first]
        lines.append(line)
    return lines


def _once(world: World, seed: int, first: Sequence[GameRun], count: int) -> list[Line]:
    """Arms that play nothing themselves: the ceiling h, and round 0's pool of clones with and without the gate."""
    shown = sample([row for graph in world.training for row in expert_run(graph, "expert").rows], count, seed)
    good = replayed(first, 0, seed)[0]
    pool = clone_pool(good, seed)
    kept = through_gate(pool, seed)
    arms = {"h": shown, "clones-f": kept, "clones-f2": sample(pool, len(kept), seed), "clones-all": pool}
    return [
        _line(name, seed, ROUNDS if name == "h" else 1, rows, sit(world.exam, fit(rows, [True] * len(rows))))
        for name, rows in arms.items()
    ]


def _play(graphs: Sequence[GameGraph], policy: Logit, seed: int, arm: str, number: int) -> list[GameRun]:
    return [play(graph, policy, f"{seed}-{arm}-{number}-{episode}") for graph in graphs for episode in range(EPISODES)]


def _played(world: World, policy: Logit, name: str, number: int) -> Line:
    if not world.held_out:
        return {}
    won = {"games_won": games_won(world.held_out, policy)} if number else {}
    return won | ({"pass8": any_won(world.held_out[:PASSED], policy)} if name in ("a", "c", "d") else {})


def _line(name: str, seed: int, number: int, rows: Sequence[Row], marks: Marks) -> Line:
    tasks: dict[str, int] = {}
    for row in rows:
        tasks[row.state.task_id] = tasks.get(row.state.task_id, 0) + 1
    return {
        "arm": name,
        "seed": seed,
        "round": number,
        "rows": len(rows),
        "tasks": len(tasks),
        "n2_tasks": round(hill_number(list(tasks.values()), 2), 3) if tasks else 0.0,
        "first": [round(value, 4) for value in marks.first],
        "chance": [round(value, 4) for value in marks.chance],
    }


def _chance(exam: Sequence[Question], seed: int) -> Line:
    return _line("chance", seed, 0, [], chance_marks(exam))


def _share(flags: Sequence[bool]) -> float:
    return round(sum(flags) / len(flags), 4) if flags else 0.0
