"""Who plays: TextWorld's expert or a language model by likelihood, and the random moves that spoil either.

A player sees a `View` and names one admissible command. No game is opened and nothing is recorded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from synthdata.play.games import draw, textworld_version
from synthdata.protocols import Scorer

PROMPT_CHARS = 3000
# Characters of the last answer, and commands before it, that a decision is asked with.
CHOICE_SEEN, CHOICE_COMMANDS = 300, 8


@dataclass(frozen=True, slots=True)
class View:
    """What a player may look at before a move.

    `transcript` holds (command, what came back) pairs, the first with an empty command for the opening scene.
    `admissible` is sorted; `policy` is the environment's shortest known rest of the plan, which only an expert reads.
    """

    objective: str
    transcript: tuple[tuple[str, str], ...]
    admissible: tuple[str, ...]
    policy: tuple[str, ...]


@runtime_checkable
class Player(Protocol):
    """Chooses moves, the same ones for the same view; `name`, `model` and `version` enter the record."""

    @property
    def name(self) -> str:
        """Which player this is."""

    @property
    def model(self) -> str:
        """What decides: a language model's name or the policy's."""

    @property
    def version(self) -> str:
        """The version of what decides."""

    def choose(self, view: View) -> str:
        """One command of `view.admissible`."""


class Expert:
    """Follows the plan that TextWorld knows to lead to the goal."""

    name = "textworld-expert"
    model = "textworld-policy"

    @property
    def version(self) -> str:
        """TextWorld's."""
        return textworld_version()

    def choose(self, view: View) -> str:
        """The next command of the plan."""
        return view.policy[0]


@dataclass(frozen=True)
class LikelihoodPlayer:
    """A language model as a player: the admissible command of least mean NLL after the transcript so far."""

    scorer: Scorer
    model: str
    name: str = "likelihood-player"
    version: str = "1"

    def choose(self, view: View) -> str:
        """The likeliest command; of equals the first in alphabetical order."""
        scores = self.scorer.nll(prompt(view), [f" {command}" for command in view.admissible])
        return min(zip(scores, view.admissible, strict=True))[1]


def prompt(view: View, limit: int = PROMPT_CHARS) -> str:
    """The objective, then as many of the latest exchanges as fit into `limit` characters, ending in an open `>`.

    An objective or a last exchange that is too long by itself is cut to half the limit each: its start, and its end.
    """
    head = f"Task: {view.objective[: limit // 2]}\n"
    tail = "\n>"
    turns: list[str] = []
    room = limit - len(head) - len(tail)
    for turn in map(_turn, reversed(view.transcript)):
        if len(turn) > room:
            if not turns:
                turns.append(turn[-room:])
            break
        turns.append(turn)
        room -= len(turn)
    return head + "".join(reversed(turns)) + tail


def choice_prompt(objective: str, transcript: Sequence[tuple[str, str]]) -> str:
    """The short form in which decisions are asked and trained: task, last answer, last eight commands, an open `>`.

    The task stands first, so that a cached prefix serves a whole run.
    """
    done = [command for command, _ in transcript[1:]][-CHOICE_COMMANDS:]
    seen = " ".join(transcript[-1][1][:CHOICE_SEEN].split())
    return f"Task: {objective}\nSeen: {seen}\nDone: {', '.join(done) or 'nothing'}\n>"


def _turn(exchange: tuple[str, str]) -> str:
    command, answer = exchange
    return f"\n> {command}\n{answer}\n" if command else f"\n{answer}\n"


def explore(command: str, admissible: Sequence[str], epsilon: float, key: tuple[object, ...]) -> str:
    """With probability `epsilon` a uniformly drawn admissible command (which may be the same one), else `command`.

    The draw depends on `key` alone, so a run can be made again from any process.
    """
    if draw("explore", *key) >= epsilon * 2**48:
        return command
    return admissible[draw("instead", *key) % len(admissible)]
