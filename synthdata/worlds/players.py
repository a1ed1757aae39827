"""Who acts: an expert that follows the plan, a language model by likelihood, chance, and noise that spoils any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from synthdata.play.games import draw
from synthdata.protocols import Scorer
from synthdata.worlds.environment import Action

PROMPT_CHARS, SEEN_CHARS, LATEST = 3000, 500, 6


@dataclass(frozen=True, slots=True)
class View:
    """What a player may look at before an action.

    `transcript` holds what was done with what came back; of an action that was refused, the refusal. `offered` are
    sensible actions, without those in `avoid`, which the recovery loop holds for useless here. `plan` is the shortest
    known way, which only an expert reads. `picture` is a PNG of what was last seen, empty in a world without a screen.
    """

    task: str
    rules: str
    transcript: tuple[tuple[Action, str], ...]
    seen: str
    offered: tuple[Action, ...]
    avoid: frozenset[Action]
    plan: tuple[Action, ...]
    picture: bytes = b""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a player decided: an action, or None with a reason to give up; with what its model used."""

    action: Action | None
    reason: str = ""
    thought: str = ""
    tokens: int = 0
    spend: float = 0.0


class Player(Protocol):
    """Chooses actions; `name`, `model` and `version` enter the record."""

    @property
    def name(self) -> str:
        """Which player this is."""

    @property
    def model(self) -> str:
        """What decides: a language model's name or the policy's."""

    @property
    def version(self) -> str:
        """The version of what decides."""

    def choose(self, view: View) -> Choice:
        """The next action."""


@dataclass(frozen=True)
class Expert:
    """Takes the shortest known way; gives up where there is none, or where its next step is useless."""

    name: str = "world-expert"
    model: str = "shortest-plan"
    version: str = "1"

    def choose(self, view: View) -> Choice:
        """The next action of the plan."""
        if not view.plan:
            return Choice(None, "the goal cannot be reached any more")
        if view.plan[0] in view.avoid:
            return Choice(None, f"{view.plan[0].name} is needed and does not work")
        return Choice(view.plan[0])


@dataclass(frozen=True)
class RandomPlayer:
    """Takes any offered action: what a player without any sense reaches."""

    name: str = "random-player"
    model: str = "uniform"
    version: str = "1"

    def choose(self, view: View) -> Choice:
        """Drawn by the task, what was seen and the number of actions so far, so the same again for the same run."""
        if not view.offered:
            return Choice(None, "nothing is left to try")
        return Choice(view.offered[draw("wander", view.task, view.seen, len(view.transcript)) % len(view.offered)])


@dataclass(frozen=True)
class LikelihoodPlayer:
    """A language model as a player: the likeliest tool after the transcript, then the likeliest offered call of it."""

    scorer: Scorer
    model: str
    name: str = "likelihood-player"
    version: str = "1"

    def choose(self, view: View) -> Choice:
        """Of equals the first in alphabetical order."""
        if not view.offered:
            return Choice(None, "nothing is left to try")
        names = sorted({action.name for action in view.offered})
        tool = self._likeliest(prompt(view), names)
        calls = {str(action): action for action in view.offered if action.name == tool}
        return Choice(calls[self._likeliest(prompt(view), sorted(calls))])

    def _likeliest(self, asked: str, texts: Sequence[str]) -> str:
        if len(texts) == 1:
            return texts[0]
        scores = self.scorer.nll(asked, [f" {text}" for text in texts])
        return min(zip(scores, texts, strict=True))[1]


def prompt(view: View) -> str:
    """The task and the latest actions with what came back, ending in an open `>`; at most `PROMPT_CHARS` characters."""
    turns = [f"> {action}\n{text[:SEEN_CHARS]}\n" for action, text in view.transcript[-LATEST:]]
    head = f"Task: {view.task[: PROMPT_CHARS // 3]}\n"
    seen = f"{view.seen[:SEEN_CHARS]}\n" if not turns else ""
    return head + seen + "".join(turns)[-(PROMPT_CHARS * 2 // 3) :] + ">"


@dataclass(frozen=True)
class Noisy:
    """A player with a habit of errors: a share `epsilon` of its decisions is replaced, always the same one in a place.

    A place is what was last seen, what was meant and what is avoided, so a mistake is made again until something
    changes, as a model does that decodes greedily. Half of the mistakes are other sensible actions, half are slips: a
    wrong digit, a missing argument, a name that no tool has.
    """

    inner: Player
    epsilon: float
    key: tuple[object, ...]

    @property
    def name(self) -> str:
        """The inner player's."""
        return self.inner.name

    @property
    def model(self) -> str:
        """The inner player's."""
        return self.inner.model

    @property
    def version(self) -> str:
        """The inner player's."""
        return self.inner.version

    def choose(self, view: View) -> Choice:
        """The inner player's choice, or the mistake of this place."""
        meant = self.inner.choose(view)
        place = (*self.key, view.seen, str(meant.action), *map(str, sorted(view.avoid)))
        if meant.action is None or draw("err", *place) >= self.epsilon * 2**48:
            return meant
        if draw("slip", *place) % 2 and view.offered:
            return Choice(view.offered[draw("instead", *place) % len(view.offered)])
        slipped = slip(meant.action, draw("how", *place))
        return meant if slipped in view.avoid else Choice(slipped)


def slip(action: Action, how: int) -> Action:
    """The action as somebody inattentive would write it; `how` chooses among the ways."""
    values = action.values
    if not values or how % 4 == 0:
        return Action(action.name.replace("_", "") if "_" in action.name else action.name + "s", action.arguments)
    key = sorted(values)[how // 4 % len(values)]
    value = values[key]
    if how % 4 == 1:
        return Action.of(action.name, **{name: item for name, item in values.items() if name != key})
    if isinstance(value, str) and value and value[-1].isdigit():
        return Action.of(action.name, **{**values, key: value[:-1] + str((int(value[-1]) + 1 + how // 64 % 8) % 10)})
    if isinstance(value, str):
        return Action.of(action.name, **{**values, key: value[1:]})
    return Action.of(action.name, **{**values, key: str(value)})
