"""Acting a recorded episode again: is the goal in reach after each step, by how many steps, and what if otherwise.

A run whose answers come out differently, because another version makes other tasks, gets no label. What the guard
refused never reached the world; where the recovery loop went back, replay goes back too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from synthdata.errors import InputError
from synthdata.play.games import draw
from synthdata.play.replay import Replays, StepReplay, replaying, spec_of
from synthdata.records import Step, Trajectory, canonical_json
from synthdata.reflection.reading import parse_call
from synthdata.worlds.environment import Action, Environment
from synthdata.worlds.make import make

# Continuations of a run may take twice its shortest plan, and at least so many steps more than it.
SPARE_STEPS = 4
# Of a call that fails for the moment, before it counts as failed.
TRIES = 5
# What stands in a text for the picture beside it.
_PICTURE = re.compile(r"\n?\[(?:image/png|picture )[^\]\n]*\]\Z")


@dataclass(frozen=True)
class WorldReplay:
    """A world that answers what would have happened; see `Replays`."""

    world: Environment

    @property
    def model(self) -> str:
        """World and version."""
        return f"{self.world.name}-{self.world.version}"

    def steps(self, run: Trajectory) -> dict[int, StepReplay]:
        """Every agent step but those that failed for the moment; empty where the world answers otherwise."""
        recorded = world_of(run)
        if recorded is None or recorded.get("version") != self.world.version:
            return {}
        by_step: dict[int, StepReplay] = {}
        before = self._begin(recorded)
        taken: list[Action] = []
        for step in run.agent_steps:
            action = _action(step)
            if action is None:
                return {}
            if step.idx in recorded["refused"]:
                by_step[step.idx] = StepReplay(before, before)
            else:
                answer = self.world.step(action)
                taken.append(action)
                if answer.seen.text != _PICTURE.sub("", step.observation):
                    return {}
                after = self._left()
                if answer.failed != "transient":
                    by_step[step.idx] = StepReplay(before, after)
                before = after
            kept = recorded["restored"].get(str(step.idx))
            if kept is not None:
                taken = taken[:kept]
                self.world.restore(taken)
                before = self._left()
        return by_step

    def is_better(self, run: Trajectory, focus: int, command: str) -> bool:
        """Whether the call, taken at the focus step, leads nearer to the goal than what was done there."""
        recorded, call = world_of(run), parse_call(command)
        own = next((step for step in run.agent_steps if step.idx == focus), None)
        taken = None if own is None else _action(own)
        if recorded is None or call is None or taken is None:
            return False
        self._begin(recorded)
        prefix = _carried_out(run, recorded, focus)
        other = self._after(prefix, Action.of(call[0], **call[1]))
        left = self._after(prefix, None if focus in recorded["refused"] else taken)
        return other is not None and (left is None or other < left)

    def promise(self, run: Trajectory, steps: int, rollouts: int, epsilon: float) -> float:
        """Share of `rollouts` continuations after the first `steps` agent steps that reach the goal, in [0, 1].

        A continuation follows the plan, but for a share `epsilon` of offered actions drawn at random.
        """
        recorded = world_of(run)
        if recorded is None:
            return 0.0
        cap = max(2 * (self._begin(recorded) or 0), SPARE_STEPS)
        after = run.agent_steps[steps - 1].idx + 1 if steps else 0
        prefix = _carried_out(run, recorded, after)
        won = 0
        for number in range(rollouts):
            self.world.restore(prefix)
            won += self._continued((run.id, steps, number), cap, epsilon)
        return won / rollouts

    def _continued(self, key: tuple[object, ...], cap: int, epsilon: float) -> bool:
        for move in range(cap):
            plan = self.world.plan()
            if not plan:
                break
            action, offered = plan[0], self.world.actions()
            if offered and draw("rollout", *key, move) < epsilon * 2**48:
                action = offered[draw("move", *key, move) % len(offered)]
            self.world.step(action)
        return self.world.score() == 1

    def _begin(self, recorded: dict[str, Any]) -> int | None:
        self.world.reset(recorded["seed"])
        return self._left()

    def _left(self) -> int | None:
        plan = self.world.plan()
        return None if plan is None else len(plan)

    def _after(self, prefix: Sequence[Action], action: Action | None) -> int | None:
        """What is left after the prefix and the action, which is taken again where it fails for the moment."""
        self.world.restore(prefix)
        for _ in range(TRIES if action is not None else 0):
            assert action is not None
            if self.world.step(action).failed != "transient":
                break
        return self._left()


def world_of(run: Trajectory) -> dict[str, Any] | None:
    """What the run says of its world, None where it was played in none."""
    try:
        world = json.loads(run.environment)["world"]
        known = isinstance(world["seed"], int) and isinstance(world["refused"], list)
        return world if known and isinstance(world["restored"], dict) else None
    except (ValueError, KeyError, TypeError):
        return None


def place_of(run: Trajectory) -> str:
    """What has to be made to replay the run: runs of one place share it. Empty where nothing can be."""
    game, world = spec_of(run), world_of(run)
    if world is not None:
        here = {key: value for key, value in world.items() if key not in ("seed", "refused", "restored")}
        return canonical_json({"world": here})
    return run.environment if game is not None else ""


@contextmanager
def replaying_runs(runs: Sequence[Trajectory]) -> Iterator[Replays]:
    """What replays these runs, which are of one place.

    Raises:
        InputError: an extra is missing, or the world is unknown.
    """
    world, game = world_of(runs[0]), spec_of(runs[0])
    if world is not None:
        with closing(make(world)) as made:
            yield WorldReplay(made)
    elif game is not None:
        with replaying(game) as replay:
            yield replay
    else:
        raise InputError("this run says of no game or world how it could be made again")


def _action(step: Step) -> Action | None:
    if len(step.tool_calls) != 1:
        return None
    call = step.tool_calls[0]
    return Action(call.name, call.arguments)


def _carried_out(run: Trajectory, recorded: dict[str, Any], before: int) -> list[Action]:
    """The actions that led to the state before this step, ways back taken."""
    taken: list[Action] = []
    for step in run.agent_steps:
        action = _action(step)
        if step.idx >= before or action is None:
            break
        if step.idx not in recorded["refused"]:
            taken.append(action)
        kept = recorded["restored"].get(str(step.idx))
        if kept is not None:
            del taken[kept:]
    return taken
