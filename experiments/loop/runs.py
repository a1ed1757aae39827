"""A run of a game as this experiment keeps it: what a player saw, what it chose among, and which moves were best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.loop.graph import GameGraph
from synthdata.play.games import draw
from synthdata.play.record import allowed_moves, cap_moves
from synthdata.records import Observation, Origin, Step, Trajectory


@dataclass(frozen=True)
class State:
    """A decision: the task, (command, answer) pairs so far with the opening first, and the commands to choose from."""

    task_id: str
    objective: str
    transcript: tuple[tuple[str, str], ...]
    admissible: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A move of a run: the state, the command taken, the run that it stands in and its place there.

    `good` is replay's label: the plan became shorter.
    """

    state: State
    command: str
    run: str
    place: int
    good: bool


@dataclass(frozen=True)
class GameRun:
    """A whole run with its moves; `success` is a win within one and a half plans."""

    name: str
    rows: tuple[Row, ...]
    answers: tuple[str, ...]
    won: bool
    success: bool

    def trajectory(self) -> Trajectory:
        """The run as the product reads it: no ground truth but the outcome."""
        first = self.rows[0].state
        steps = [
            Step(0, "user", first.objective),
            Step(1, "system", observations=(Observation(first.transcript[0][1]),)),
        ]
        told = enumerate(zip(self.rows, self.answers, strict=True), 2)
        steps += [Step(i, "agent", row.command, observations=(Observation(text),)) for i, (row, text) in told]
        return Trajectory(
            first.objective, tuple(steps), first.task_id, self.success, origin=Origin.ON_POLICY, source="textworld"
        )


# Chances of each admissible command of a state.
Chances = Callable[[State], Sequence[float]]


def play(graph: GameGraph, chances: Chances, name: str, *, greedy: bool = False) -> GameRun:
    """One run, drawn from the chances by a hash of `name` and the place, or the likeliest command each time."""
    key, transcript = graph.start, (("", graph.opening),)
    plan = graph.nodes[key].left or 0
    rows, answers = [], []
    while graph.nodes[key].left and len(rows) < cap_moves(plan):
        here = graph.nodes[key]
        state = State(graph.spec.task_id, graph.objective, transcript, here.admissible)
        command = _drawn(state, chances(state), name, greedy)
        key, answer = graph.move(key, command)
        left = graph.nodes[key].left
        rows.append(Row(state, command, name, len(rows), left is not None and left < (here.left or 0)))
        answers.append(answer)
        transcript = (*transcript, (command, answer))
    won = graph.nodes[key].left == 0
    return GameRun(name, tuple(rows), tuple(answers), won, won and len(rows) <= allowed_moves(plan))


def _drawn(state: State, chances: Sequence[float], name: str, greedy: bool) -> str:
    if greedy:
        return min(zip([-p for p in chances], state.admissible, strict=True))[1]
    left = draw("e4", name, state.task_id, len(state.transcript)) / 2**48
    for command, chance in zip(state.admissible, chances, strict=True):
        left -= chance
        if left < 0:
            return command
    return state.admissible[-1]


def expert_run(graph: GameGraph, name: str) -> GameRun:
    """The planner's own run."""
    keys = {}

    def planned(state: State) -> list[float]:
        key = graph.start
        for command, _ in state.transcript[1:]:
            key = graph.move(key, command)[0]
        keys[len(state.transcript)] = key
        return [float(command == graph.nodes[key].plan[0]) for command in state.admissible]

    return play(graph, planned, name, greedy=True)
