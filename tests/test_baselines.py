"""Baselines of the exam in choosing: known answers, and the base model's rules beside a plain forward pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_model import tiny_model

from synthdata.consolidation.baselines import CHANCE, MEAN, PMI, SUM, base_scores, best_moves, verb_score
from synthdata.consolidation.choice_exam import Question, prepare, read_questions
from synthdata.consolidation.choices import ChoiceModel
from synthdata.consolidation.exam_games import FILE
from synthdata.consolidation.listwise import ChoiceRow
from synthdata.generation.local import load
from synthdata.settings.shipped import shipped_folder

COMMANDS = ("go east", "go west", "take lamp", "look")


def question(task: str, *best: int) -> Question:
    return Question(task, "Task: none\n>", COMMANDS, frozenset(best))


def row(command: str) -> ChoiceRow:
    return ChoiceRow(command, "t", "p", COMMANDS, COMMANDS.index(command))


def test_equal_commands_share_the_first_choice_and_games_count_alike() -> None:
    questions = [question("a", 0), question("a", 0, 1), question("b", 3)]
    assert best_moves(questions, [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 2]]) == pytest.approx(((0.5 + 0.5) / 2 + 1) / 2)


def test_the_verb_table_knows_how_often_a_verb_was_taken_where_it_could_be() -> None:
    # "take" was taken twice in three, "go" once: the table says "take lamp" everywhere.
    rows = [row("take lamp"), row("take lamp"), row("go east")]
    assert verb_score([question("a", 2), question("b", 0)], rows) == 0.5
    # Nothing learnt is chance.
    assert verb_score([question("a", 2), question("b", 0, 1)], []) == pytest.approx((0.25 + 0.5) / 2)


@pytest.mark.filterwarnings("ignore")
def test_the_rules_of_the_base_model_are_those_of_a_plain_pass(tmp_path: Path) -> None:
    import torch

    questions = read_questions(shipped_folder("exam") / FILE, 2)[:8]
    base = tiny_model(tmp_path, [f"{one.prompt} {' '.join(one.commands)}" for one in questions])
    loaded = load(str(base), None)
    model = ChoiceModel(loaded, 1)
    scores = base_scores(prepare(model, questions, lambda _: None), model, lambda _: None)

    def losses(prompt: str, command: str) -> list[float]:
        before, after = (loaded.tokenizer(t, add_special_tokens=False)["input_ids"] for t in (prompt, f" {command}\n"))
        with torch.inference_mode():
            logits = loaded.network(torch.tensor([before + after])).logits[0].float().log_softmax(-1)
        return [-float(logits[len(before) + i - 1, token]) for i, token in enumerate(after)]

    rules = {
        MEAN: lambda own, alone: -sum(own) / len(own),
        SUM: lambda own, alone: -sum(own),
        PMI: lambda own, alone: sum(alone) - sum(own),
        CHANCE: lambda own, alone: 0.0,
    }
    told = [[(losses(one.prompt, command), losses(">", command)) for command in one.commands] for one in questions]
    for name, rule in rules.items():
        assert scores[name] == pytest.approx(best_moves(questions, [[rule(*pair) for pair in one] for one in told]))
    # The rules disagree somewhere, or this test could not tell one from another.
    assert len({round(scores[name], 6) for name in rules}) > 1
