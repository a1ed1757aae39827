"""A model plays text games: in the words in which it is trained, choosing the likeliest of the admissible commands."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthdata.consolidation.choices import ChoiceModel
from synthdata.consolidation.lora import recent
from synthdata.export.conversation import Message, conversation
from synthdata.generation.local import LocalModel
from synthdata.play.games import draw, make_game, open_game, spec_for
from synthdata.play.players import Player, View, choice_prompt
from synthdata.play.record import Run, play
from synthdata.records import Observation, Step, Trajectory


@dataclass(frozen=True)
class ChatPlayer:
    """Chooses the command that the model would most probably answer, its end mark included."""

    local: LocalModel
    max_tokens: int
    name: str = "chat-player"
    version: str = "1"

    @property
    def model(self) -> str:
        """The model's name, with its adapter."""
        return self.local.model

    def choose(self, view: View) -> str:
        """Of equals the first in alphabetical order."""
        messages = as_messages(view)
        longest = max(view.admissible, key=len)
        kept = recent(messages, [_answer(longest)], self.local.tokenizer, self.max_tokens) or messages[:1]
        replies = [self.local.reply(kept, _answer(command)) for command in view.admissible]
        scores = self.local.totals(replies[0][0], [text for _, text in replies])
        return min(zip(scores, view.admissible, strict=True), key=lambda scored: (scored[0][0], scored[1]))[1]


@dataclass(frozen=True)
class ChoicePlayer:
    """Draws a command by the model's own chances: softmax of minus the mean nats a token, as choices are trained.

    Every `episode` is another run of the same game; None always takes the likeliest command.
    """

    scorer: ChoiceModel
    model: str
    episode: int | None
    version: str = "1"

    @property
    def name(self) -> str:
        """Names the episode, since the record of a run must."""
        return "choice-player" if self.episode is None else f"choice-player-{self.episode}"

    def choose(self, view: View) -> str:
        """The same command for the same view and episode; of equals the first in alphabetical order."""
        prompt = choice_prompt(view.objective, view.transcript)
        nats = self.scorer.scores(prompt, view.admissible)
        if self.episode is None:
            return min(zip(nats, view.admissible, strict=True))[1]
        weights = [math.exp(min(nats) - value) for value in nats]
        left = draw("choice", self.episode, self.model, view.objective, len(view.transcript), prompt) / 2**48
        for command, weight in zip(view.admissible, weights, strict=True):
            left -= weight / sum(weights)
            if left < 0:
                return command
        return view.admissible[-1]


def as_messages(view: View) -> list[Message]:
    """What a player sees as an export would tell it."""
    (_, opening), *moves = view.transcript
    steps = [Step(0, "user", view.objective), Step(1, "system", observations=(Observation(opening),))]
    steps += [
        Step(i, "agent", command, observations=(Observation(text),)) for i, (command, text) in enumerate(moves, 2)
    ]
    return [message for _, message in conversation(Trajectory(view.objective, tuple(steps)))]


def play_games(
    player: ChatPlayer, games: int, seed: int, advance: Callable[[int], None]
) -> tuple[list[float], list[float]]:
    """Score as a share of the most there is, and share of moves on a shortest path, of each game of a series."""
    scores, optimal = [], []
    for document in play_series(player, games, seed, advance):
        outcome, moves = document["extra"], [step for step in document["steps"] if step["source"] == "agent"]
        scores.append(outcome["score"] / max(1, outcome["max_score"]))
        optimal.append(sum(step["extra"]["optimal"] for step in moves) / max(1, len(moves)))
    return scores, optimal


def play_series(player: Player, games: int, seed: int, advance: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    """The first games of a series, each played once without random moves, as ATIF documents."""
    for index in range(games):
        spec = spec_for(seed, index)
        with (
            tempfile.TemporaryDirectory(prefix="synthdata-game-") as folder,
            closing(open_game(make_game(spec, Path(folder)))) as env,
        ):
            document = play(env, spec, player, Run(epsilon=0.0, episode=0, seed=seed))
        advance(1)
        yield document


def _answer(command: str) -> Message:
    return {"role": "assistant", "content": command}
