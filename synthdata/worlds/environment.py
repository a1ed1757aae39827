"""The seam between worlds and whoever plays, guards, records or replays them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from synthdata.records import canonical_json

# A transient failure may be gone on the next try; any other stays as long as nothing changes.
Failure = Literal["", "error", "transient"]


class WorldError(Exception):
    """A world that broke (a browser that died, a page that never came): the episode cannot go on, others can."""


@dataclass(frozen=True, slots=True, order=True)
class Action:
    """One call of a world's tool; `arguments` is a JSON object as canonical text, so that equal calls are equal."""

    name: str
    arguments: str = "{}"

    @classmethod
    def of(cls, name: str, /, **arguments: object) -> Action:
        """The action with these arguments."""
        return cls(name, canonical_json(arguments))

    @property
    def values(self) -> dict[str, Any]:
        """The arguments by name; empty where the text is no JSON object."""
        try:
            values = json.loads(self.arguments)
        except (ValueError, RecursionError):
            return {}
        return values if isinstance(values, dict) else {}

    def __str__(self) -> str:
        return f"{self.name}({self.arguments})"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the agent sees: a text and, in a world with a screen, a PNG of it."""

    text: str
    picture: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step brought. `failed` is empty where the world took the action; `over` where nothing more can be done."""

    seen: Seen
    failed: Failure = ""
    over: bool = False


class Environment(Protocol):
    """A world of tasks. The same seed is the same task, and the same actions bring the same answers.

    `spec` is what the world was made with: JSON values from which `worlds.make` makes it again. `rules` is the written
    policy that the agent is told, empty where there is none; `tools` are JSON schemas in OpenAI's form.
    """

    name: str

    @property
    def version(self) -> str:
        """The version of what makes the world: another one may make other tasks from the same seeds."""

    @property
    def spec(self) -> Mapping[str, object]:
        """What the world was made with."""

    @property
    def task_id(self) -> str:
        """Names the task: two tasks of one id are the same."""

    @property
    def kind(self) -> str:
        """Which kind of task it is."""

    @property
    def task(self) -> str:
        """The task in words."""

    @property
    def rules(self) -> str:
        """The written policy of the world."""

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """The tools that actions may name."""

    def reset(self, seed: int) -> Seen:
        """Begin the task of this seed; what is seen before the first action."""

    def observe(self) -> Seen:
        """A fresh look at the world; it changes nothing."""

    def actions(self) -> tuple[Action, ...]:
        """Sensible actions from here, sorted: what a player without words may choose from."""

    def step(self, action: Action) -> Answer:
        """Take the action. What the world cannot do is an answer that says so.

        Raises:
            WorldError: the world itself broke.
        """

    def score(self) -> float:
        """How much of the task is reached, in [0, 1]; 1 is the goal."""

    def plan(self) -> tuple[Action, ...] | None:
        """The shortest known way from here to the goal: empty where it is reached, None where there is none."""

    def restore(self, prefix: Sequence[Action]) -> Seen:
        """The state of the same task after these actions, as if only they had been taken; what is seen there."""

    def close(self) -> None:
        """Let go of processes and files."""
