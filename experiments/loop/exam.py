"""Scores on fixed held-out states, by game: is the first choice a best move, and how much chance lies on best moves."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.loop.graph import GameGraph
from experiments.loop.runs import Chances, Row, State, play
from synthdata.reflection.reading import words

EPISODES = 8


@dataclass(frozen=True)
class Question:
    """A held-out state and its best commands."""

    state: State
    best: frozenset[str]


@dataclass(frozen=True)
class Marks:
    """One number a game, in the order of the games: share of best first choices, and chance on best moves."""

    first: tuple[float, ...]
    chance: tuple[float, ...]


def read_exam(path: Path) -> list[Question]:
    """The questions of a file that `build_exam` wrote."""
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    return [
        Question(
            State(
                row["task_id"],
                row["objective"],
                tuple((command, answer) for command, answer in row["transcript"]),
                tuple(row["admissible"]),
            ),
            frozenset(row["best"]),
        )
        for row in rows
    ]


def tasks_of(exam: Sequence[Question]) -> list[str]:
    """The games of the exam in their order."""
    return list(dict.fromkeys(question.state.task_id for question in exam))


def sit(exam: Sequence[Question], chances: Chances) -> Marks:
    """What a policy scores; of equally likely commands one is drawn, so their mean counts."""
    first, mass = defaultdict(list), defaultdict(list)
    for question in exam:
        told = chances(question.state)
        top = [c for p, c in zip(told, question.state.admissible, strict=True) if p >= max(told) - 1e-12]
        first[question.state.task_id].append(len(question.best.intersection(top)) / len(top))
        on_best = sum(p for p, c in zip(told, question.state.admissible, strict=True) if c in question.best)
        mass[question.state.task_id].append(float(on_best))
    order = tasks_of(exam)
    return Marks(*(tuple(float(np.mean(found[task])) for task in order) for found in (first, mass)))


def chance_marks(exam: Sequence[Question]) -> Marks:
    """A player that draws uniformly: its expected share of best moves."""
    shares = defaultdict(list)
    for question in exam:
        shares[question.state.task_id].append(len(question.best) / len(question.state.admissible))
    told = tuple(float(np.mean(shares[task])) for task in tasks_of(exam))
    return Marks(told, told)


def verb_table(rows: Sequence[Row]) -> Chances:
    """A policy that knows nothing but how often each verb was taken where it could be: a baseline without context."""
    taken = Counter(_verb(row.command) for row in rows)
    open_to = Counter(verb for row in rows for verb in {_verb(command) for command in row.state.admissible})
    rate = {verb: (taken[verb] + 0.5) / (count + 1) for verb, count in open_to.items()}

    def chances(state: State) -> list[float]:
        found = [rate.get(_verb(command), 0.5 / (len(rows) + 1)) for command in state.admissible]
        total = sum(found)
        return [value / total for value in found]

    return chances


def games_won(graphs: Sequence[GameGraph], chances: Chances) -> list[int]:
    """Which games the greedy policy wins within one and a half plans."""
    return [int(play(graph, chances, "exam", greedy=True).success) for graph in graphs]


def any_won(graphs: Sequence[GameGraph], chances: Chances) -> list[int]:
    """Pass@8 by game: is one of eight sampled runs won?"""
    return [int(any(play(graph, chances, f"pass-{n}").won for n in range(EPISODES))) for graph in graphs]


def _verb(command: str) -> str:
    return next(iter(words(command)), "")
