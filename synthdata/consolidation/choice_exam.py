"""The exam in choosing: on fixed held-out states of text games, is the likeliest command a best move?

The states lie in data/exam (its README says how they were made); every number is a mean a game, so that games are what
intervals are over. What the frozen layers make of a state is the same for every adapter above them and is kept.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthdata.consolidation.choices import ChoiceModel, Packed, pack
from synthdata.consolidation.exam_games import EXAMS
from synthdata.consolidation.games import ChoicePlayer, play_series
from synthdata.play.players import choice_prompt


@dataclass(frozen=True)
class Question:
    """A held-out state: the game, what is asked, the commands that could be given and the numbers of the best."""

    task: str
    prompt: str
    commands: tuple[str, ...]
    best: frozenset[int]


@dataclass(frozen=True)
class ChoiceScores:
    """One number a game: share of states whose first choice is a best move, and the chance that lies on best moves.

    `won` says of each game played to its end whether it was won within one and a half plans.
    """

    first: tuple[float, ...]
    chance: tuple[float, ...]
    won: tuple[float, ...]


@dataclass(frozen=True)
class ChoiceExam:
    """The questions, packed, with what the frozen layers make of each."""

    questions: tuple[Question, ...]
    packed: tuple[Packed, ...]
    states: tuple[Any, ...]

    @property
    def games(self) -> list[str]:
        """The games in the order of their first states."""
        return list(dict.fromkeys(question.task for question in self.questions))


def read_questions(path: Path, games: int) -> tuple[Question, ...]:
    """The states of the first `games` games of a file."""
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    asked = set(list(dict.fromkeys(row["task_id"] for row in rows))[:games])
    return tuple(_question(row) for row in rows if row["task_id"] in asked)


def prepare(model: ChoiceModel, questions: Sequence[Question], advance: Callable[[int], None]) -> ChoiceExam:
    """Run the frozen layers once over every question."""
    packed, states = [], []
    for question in questions:
        one = pack(model.tokenizer, question.prompt, question.commands)
        packed.append(one)
        states.append(model.states(one))
        advance(1)
    return ChoiceExam(tuple(questions), tuple(packed), tuple(states))


def sit(exam: ChoiceExam, model: ChoiceModel, games: int, advance: Callable[[int], None]) -> ChoiceScores:
    """The scores of a model whose frozen layers are those that the exam was prepared with."""
    import torch

    first, mass = defaultdict(list), defaultdict(list)
    for question, packed, states in zip(exam.questions, exam.packed, exam.states, strict=True):
        with torch.inference_mode():
            nats = model.nats(packed, states)
            chances = torch.softmax(-nats, 0).tolist()
        first[question.task].append(float(min(range(len(chances)), key=nats.tolist().__getitem__) in question.best))
        mass[question.task].append(sum(chances[i] for i in question.best))
        advance(1)
    means = [tuple(float(np.mean(by_game[task])) for task in exam.games) for by_game in (first, mass)]
    return ChoiceScores(means[0], means[1], games_won(ChoicePlayer(model, "exam", None), games, advance))


def games_won(player: ChoicePlayer, games: int, advance: Callable[[int], None]) -> tuple[float, ...]:
    """Of each of the exam's first games: 1 where the player wins it within one and a half plans, else 0."""
    return tuple(float(one["extra"]["success"]) for one in play_series(player, games, EXAMS[0][0], advance))


def _question(row: dict[str, Any]) -> Question:
    commands = tuple(row["admissible"])
    best = frozenset(i for i, command in enumerate(commands) if command in set(row["best"]))
    return Question(row["task_id"], choice_prompt(row["objective"], row["transcript"]), commands, best)
