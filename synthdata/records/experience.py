"""What an agent lived through: one run, step by step, and the rows of a log that could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

from synthdata.records.identity import canonical_json, content_hash


class Origin(StrEnum):
    """Where a record comes from; only the operator can say `real` (docs/design.md, section 2)."""

    REAL = "real"
    ON_POLICY = "on_policy"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as logged. `arguments` is JSON text: verbatim where the log held text, canonical for an object."""

    name: str
    arguments: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What the environment answered; `call_id` names the tool call that it answers, where the log says so."""

    content: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a sound or a file that stood in a log: its type, its size in bytes, its sha256 in hex.

    `sha256` is of the bytes as they came, and the text holds a placeholder. Of a picture that the corpus keeps,
    `picture` is the name of its file (`records/picture.py`), with width and height in pixels; of all else nothing is.
    """

    media_type: str
    size: int
    sha256: str
    picture: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One turn; an agent's carries its thought, its action (message or command), its tool calls and what came back.

    `role` is who acted: `agent`, or `user` and `system`, whose message is the `action`. `optimal` is ground truth where
    the environment gives it (was the move on an optimal path), else None; it never enters a prompt or a rule.

    `weight` 0 means that the step stands in histories but is never imitated: a fixed greeting, an empty turn, a call
    that no tool could take. `notes` say why, and what a reader repaired. `media` are the images and files of the turn.
    `name` is who spoke among several of one role, where the log says it.
    """

    idx: int
    role: Literal["agent", "user", "system"]
    action: str = ""
    thought: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    observations: tuple[Observation, ...] = ()
    optimal: bool | None = None
    weight: Literal[0, 1] = 1
    notes: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()
    name: str = ""

    @property
    def observation(self) -> str:
        """All observations of the step joined by blank lines, the text that evidence offsets refer to."""
        return "\n\n".join(o.content for o in self.observations)

    @property
    def call_text(self) -> str:
        """The tool calls as `name(arguments)` lines, the text that evidence on field `tool_call` refers to."""
        return "\n".join(f"{c.name}({c.arguments})" for c in self.tool_calls)


@dataclass(frozen=True)
class Trajectory:
    """One run of an agent. `id` is a hash of what happened, not of where it was read or who vouches for it.

    `environment` is JSON text from which the run's environment can be made again, empty where the log does not say.
    `notes` say what a reader repaired or left out of the run as a whole.
    """

    task: str
    steps: tuple[Step, ...]
    task_id: str = ""
    success: bool | None = None
    reward: float | None = None
    source: str = ""
    format: str = ""
    licence: str = ""
    origin: Origin = Origin.SYNTHETIC
    lineage_depth: int = 0
    lineage: tuple[str, ...] = ()
    agent_model: str = ""
    tools: str = ""
    truncated: bool = False
    environment: str = ""
    notes: tuple[str, ...] = ()

    @cached_property
    def id(self) -> str:
        """24 hex characters over task, steps and outcome.

        Weights, notes, media and names are not part of it: they say how the log was read, not what happened.
        """
        steps = canonical_json([_what_happened(step) for step in self.steps])
        return content_hash(self.task_id, self.task, steps, repr(self.success), repr(self.reward))

    @property
    def agent_steps(self) -> tuple[Step, ...]:
        """The steps that the agent took: the ones a reflection may label."""
        return tuple(step for step in self.steps if step.role == "agent")


def _what_happened(step: Step) -> dict[str, object]:
    return {
        "idx": step.idx,
        "role": step.role,
        "action": step.action,
        "thought": step.thought,
        "tool_calls": [{"name": c.name, "arguments": c.arguments, "call_id": c.call_id} for c in step.tool_calls],
        "observations": [{"content": o.content, "call_id": o.call_id} for o in step.observations],
        "optimal": step.optimal,
    }


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that could not be used: where it stood, why, and how it began (at most 500 characters, made printable)."""

    file: str
    line: int
    reason: str
    head: str = ""
    stage: str = "read"
    trajectory_id: str = ""
