"""What simple players score in the exam in choosing: a gain over nothing is no gain.

The base model by three rules, and two players without a model. PMI is domain conditional pointwise mutual information
(Holtzman et al. 2021, arXiv 2104.08315): what the prompt adds to a command's likelihood behind no prompt.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from synthdata.consolidation.choice_exam import ChoiceExam, Question
from synthdata.consolidation.choices import ChoiceModel, pack
from synthdata.consolidation.listwise import ChoiceRow

CHANCE, MEAN, SUM, PMI, VERBS = "chance", "base by mean", "base by sum", "base by PMI", "verbs of the moves learnt"
# What stands before a command where no prompt is: the sign after which every prompt asks for one.
_NO_PROMPT = ">"


def best_moves(questions: Sequence[Question], values: Iterable[Sequence[float]]) -> float:
    """Mean over games of the share of states whose highest value lies on a best move; of equal ones their mean counts.

    Args:
        questions: the exam's states.
        values: for each state one number a command, the higher the likelier.
    """
    shares = defaultdict(list)
    for question, own in zip(questions, values, strict=True):
        top = [i for i, value in enumerate(own) if value >= max(own) - 1e-9]
        shares[question.task].append(len(question.best.intersection(top)) / len(top))
    return float(np.mean([np.mean(one) for one in shares.values()]))


def base_scores(exam: ChoiceExam, model: ChoiceModel, advance: Callable[[int], None]) -> dict[str, float]:
    """Best moves of chance, and of the base model by mean nats a token, by their sum and by PMI."""
    import torch

    ways: dict[str, list[list[float]]] = {CHANCE: [], MEAN: [], SUM: [], PMI: []}
    for question, packed, states in zip(exam.questions, exam.packed, exam.states, strict=True):
        lengths = np.bincount([owner for owner in packed.owners if owner >= 0])
        with torch.inference_mode():
            nats = np.array(model.nats(packed, states).tolist())
            alone = pack(model.tokenizer, _NO_PROMPT, question.commands)
            nats_alone = np.array(model.nats(alone, model.states(alone)).tolist())
        ways[CHANCE].append([0.0] * len(nats))
        ways[MEAN].append((-nats).tolist())
        ways[SUM].append((-nats * lengths).tolist())
        ways[PMI].append(((nats_alone - nats) * lengths).tolist())
        advance(1)
    return {name: best_moves(exam.questions, values) for name, values in ways.items()}


def verb_score(questions: Sequence[Question], rows: Sequence[ChoiceRow]) -> float:
    """Best moves of a player that knows how often each verb was taken where it could be, and nothing else."""
    taken = Counter(_verb(row.commands[row.chosen]) for row in rows)
    offered = Counter(verb for row in rows for verb in {_verb(command) for command in row.commands})
    rate = {verb: (taken[verb] + 0.5) / (count + 1) for verb, count in offered.items()}
    unseen = 0.5 / (len(rows) + 1)
    return best_moves(questions, [[rate.get(_verb(command), unseen) for command in one.commands] for one in questions])


def _verb(command: str) -> str:
    return command.split(" ", 1)[0]
