"""Playing a recorded text game again: was a step on a shortest path, would another have been, what follows from here.

The one kind of label source that needs no opinion. It holds for games that `collect` made; a run whose replies come out
differently, because another version makes other games, gets no label.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Protocol

from synthdata.play.games import Game, GameSpec, GameState, draw, make_game, open_game, textworld_version
from synthdata.play.record import cap_moves, clean
from synthdata.records import Label, LabelSource, Reflection, Trajectory


@dataclass(frozen=True, slots=True)
class StepReplay:
    """A step as replayed: moves to the goal before and after it, None where there is no way any more."""

    before: int | None
    after: int | None

    @property
    def label(self) -> Label:
        """Good on a shortest path, bad off it; unknown where the goal was out of reach already."""
        if self.before is None:
            return "unknown"
        return "good" if self.after is not None and self.after < self.before else "bad"


class Replays(Protocol):
    """What can play a recorded run again, whatever world it is of. `model` names it in labels."""

    @property
    def model(self) -> str:
        """World and version."""

    def steps(self, run: Trajectory) -> dict[int, StepReplay]:
        """Every agent step of the run; empty where the world does not answer as the run recorded."""

    def is_better(self, run: Trajectory, focus: int, command: str) -> bool:
        """Whether the command at the focus step leads nearer to the goal than the step that was taken there."""

    def promise(self, run: Trajectory, steps: int, rollouts: int, epsilon: float) -> float:
        """Share of continuations after the first `steps` agent steps that reach the goal, in [0, 1]."""


@dataclass
class Replay:
    """A game that answers what would have happened; `left` is kept for each sequence of commands that was asked."""

    game: Game
    version: str
    _left: dict[tuple[str, ...], int | None] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """TextWorld and its version."""
        return f"textworld-{self.version}"

    def steps(self, run: Trajectory) -> dict[int, StepReplay]:
        """Every agent step of the run; empty where the game does not answer as the run recorded."""
        state = self.game.reset()
        by_step: dict[int, StepReplay] = {}
        before = moves_left(state)
        for step in run.agent_steps:
            if step.action not in state.admissible_commands:
                return {}
            state, _, _ = self.game.step(step.action)
            if clean(state.feedback) != step.observation:
                return {}
            after = moves_left(state)
            by_step[step.idx] = StepReplay(before, after)
            before = after
        return by_step

    def left(self, commands: Sequence[str]) -> int | None:
        """Moves to the goal after these commands, 0 where it is won, None where no way is left or one is no move."""
        key = tuple(commands)
        if key not in self._left:
            state = self._after(key)
            self._left[key] = None if state is None else moves_left(state)
        return self._left[key]

    def is_better(self, run: Trajectory, focus: int, command: str) -> bool:
        """Whether the command at the focus step leads nearer to the goal than the step that was taken there."""
        before = [step.action for step in run.agent_steps if step.idx < focus]
        taken = next((step.action for step in run.agent_steps if step.idx == focus), None)
        if taken is None:
            return False
        other, own = self.left([*before, command.strip()]), self.left([*before, taken])
        return other is not None and (own is None or other < own)

    def promise(self, run: Trajectory, steps: int, rollouts: int, epsilon: float) -> float:
        """Share of `rollouts` continuations after the first `steps` agent steps that still win, in [0, 1].

        A continuation follows the plan, but for a share `epsilon` of random moves, up to as many moves as a recorded
        run may take in all. The draws depend on the run and the place alone.
        """
        commands = tuple(step.action for step in run.agent_steps[:steps])
        return sum(self._continued(commands, run.id, n, epsilon) for n in range(rollouts)) / rollouts

    def _continued(self, commands: tuple[str, ...], run_id: str, number: int, epsilon: float) -> bool:
        cap = cap_moves(self.left(()) or 0)
        state = self._after(commands)
        moves = len(commands)
        while state is not None and not state.won and state.policy_commands and moves < cap:
            admissible = state.admissible_commands
            command = state.policy_commands[0]
            if draw("rollout", run_id, number, moves) < epsilon * 2**48:
                command = admissible[draw("move", run_id, number, moves) % len(admissible)]
            state, _, _ = self.game.step(command)
            moves += 1
        return state is not None and bool(state.won)

    def _after(self, commands: tuple[str, ...]) -> GameState | None:
        state = self.game.reset()
        for command in commands:
            if state.won or command not in state.admissible_commands:
                return None
            state, _, _ = self.game.step(command)
        return state


def moves_left(state: GameState) -> int | None:
    """The length of the shortest way to the goal: that is what TextWorld's plan is, as a search confirms."""
    if state.won:
        return 0
    return len(state.policy_commands) or None


def spec_of(run: Trajectory) -> GameSpec | None:
    """The game that a run was played on, None where the run does not say."""
    try:
        game = json.loads(run.environment)["textworld"]
        return GameSpec(**{item.name: game[item.name] for item in fields(GameSpec)})
    except (ValueError, KeyError, TypeError):
        return None


@contextmanager
def replaying(spec: GameSpec) -> Iterator[Replay]:
    """The game of a spec, made (about a second) and open.

    Raises:
        InputError: textworld is not installed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="synthdata-game-") as folder,
        closing(open_game(make_game(spec, Path(folder)))) as game,
    ):
        yield Replay(game, textworld_version())


def opinions(replay: Replays, run: Trajectory) -> dict[int, LabelSource]:
    """The replay's label of each step that it has one for."""
    labels = {idx: step.label for idx, step in replay.steps(run).items()}
    return {
        idx: LabelSource("replay", label, model=replay.model) for idx, label in labels.items() if label != "unknown"
    }


def verified(replay: Replays, run: Trajectory, review: Reflection) -> bool:
    """Whether the review's counterfactual does better than what was done, when played from that very state."""
    better = review.counterfactual
    return better is not None and review.focus is not None and replay.is_better(run, review.focus, better.action)
