"""Old knowledge is held: the penalty is a divergence from the base, and training under it leaves other texts be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_model import tiny_model

from synthdata.consolidation.choices import ChoiceModel
from synthdata.consolidation.listwise import ChoiceRow, adapter_on_upper_layers, train_on_choices
from synthdata.consolidation.retention import IN_STEP, TEXTS, own_texts, retention_loss
from synthdata.generation.local import Loaded, load
from synthdata.protocols import no_advance
from synthdata.settings import PracticeSettings

COMMANDS = ("take key", "go north", "open the old chest", "look")
PROMPT = "Task: take the key and open the chest.\nSeen: A key is here.\nDone: nothing\n>"
SETTINGS = PracticeSettings(
    rank=4, alpha=8, learning_rate=0.01, batch_size=4, max_steps=30, frozen_layers=1, alternatives=2, retention=1.0
)
HEAVY = SETTINGS.model_copy(update={"retention": 20.0})
ROWS = [ChoiceRow(str(n), "t", PROMPT, COMMANDS, 2) for n in range(4)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"), [PROMPT, *COMMANDS, "kettle garden morning"] * 5)


@pytest.fixture(scope="module")
def texts(base: Path) -> list[str]:
    return own_texts(load(str(base)), SETTINGS, no_advance)


def learner(base: Path, settings: PracticeSettings = SETTINGS) -> ChoiceModel:
    loaded = load(str(base))
    return ChoiceModel(Loaded(adapter_on_upper_layers(loaded, settings), loaded.tokenizer, "x"), 1)


def test_texts_are_the_bases_own_each_after_a_word_of_its_vocabulary_and_the_same_again(base, texts):
    loaded = load(str(base))
    advanced: list[int] = []
    assert own_texts(loaded, SETTINGS, advanced.append) == texts
    assert 0 < len(texts) == len(set(texts)) == sum(advanced) <= TEXTS
    vocabulary = {loaded.tokenizer.decode([number]).strip() for number in range(len(loaded.tokenizer))}
    start = loaded.tokenizer.bos_token or loaded.tokenizer.eos_token or ""
    for text in texts:
        body = text.removeprefix(start)
        assert any(body.strip().startswith(word) for word in vocabulary if len(word) > 3)
    assert own_texts(loaded, SETTINGS.model_copy(update={"seed": 5}), no_advance) != texts


def test_the_penalty_is_nought_for_the_base_and_the_divergence_for_another(base, texts):
    model = learner(base)
    assert retention_loss(model, texts, SETTINGS)(0) == pytest.approx(0, abs=1e-6)
    train_on_choices(model, ROWS, SETTINGS, no_advance)
    # The same from two plain forward passes, for the texts of a step that holds all there are.
    few = texts[:IN_STEP]
    expected = []
    for text in few:
        ids = torch.tensor([model.tokenizer(text, add_special_tokens=False)["input_ids"]])
        with torch.no_grad():
            now = torch.log_softmax(model.network(input_ids=ids).logits[0, :-1], -1)
            with model.network.disable_adapter():
                known = torch.log_softmax(model.network(input_ids=ids).logits[0, :-1], -1)
        expected.append(float((known.exp() * (known - now)).sum(-1).mean()))
    assert min(expected) > 0
    assert retention_loss(model, few, SETTINGS)(0) == pytest.approx(sum(expected) / IN_STEP, rel=1e-3)
    assert retention_loss(model, few, HEAVY)(0) == pytest.approx(HEAVY.retention * sum(expected) / IN_STEP, rel=1e-3)


def test_moves_are_learnt_and_what_the_base_says_elsewhere_stays(base, texts):
    """On texts that were not held: every other one is left out of the training."""
    held, unseen = texts[::2], texts[1::2]

    def drift(model: ChoiceModel) -> float:
        return sum(retention_loss(model, unseen, SETTINGS)(step) for step in range(len(unseen) // IN_STEP))

    free, bound = learner(base), learner(base)
    train_on_choices(free, ROWS, SETTINGS, no_advance)
    train_on_choices(bound, ROWS, SETTINGS, no_advance, [retention_loss(bound, held, HEAVY)])
    for model in (free, bound):
        scores = model.scores(PROMPT, COMMANDS)
        assert min(scores) == scores[2]
    assert drift(bound) < 0.5 * drift(free)
