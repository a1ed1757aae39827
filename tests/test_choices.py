"""Choosing among commands: packed scores are those of one at a time, and training on choices changes choices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_model import tiny_model

from synthdata.consolidation.choices import ChoiceModel, pack
from synthdata.consolidation.listwise import ChoiceRow, adapter_on_upper_layers, train_on_choices
from synthdata.consolidation.lora import save
from synthdata.errors import InputError
from synthdata.generation.local import Loaded, LocalModel, load
from synthdata.protocols import Message, Request, no_advance
from synthdata.settings import PracticeSettings

COMMANDS = ("take key", "go north", "open the old chest", "look")
PROMPT = "Task: take the key and open the chest.\nSeen: A key is here.\nDone: nothing\n>"
SETTINGS = PracticeSettings(
    rank=4, alpha=8, learning_rate=0.05, batch_size=4, max_steps=12, frozen_layers=1, alternatives=2
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"), [PROMPT, *COMMANDS] * 5)


def test_packed_scores_are_those_of_each_command_alone(base):
    loaded = load(str(base))
    one_by_one = LocalModel(loaded).nll(PROMPT, [f" {command}\n" for command in COMMANDS])
    for frozen in (0, 1):
        assert ChoiceModel(loaded, frozen).scores(PROMPT, COMMANDS) == pytest.approx(one_by_one, abs=1e-4)


def test_a_first_line_that_was_read_before_changes_no_score(base):
    loaded = load(str(base))
    later = PROMPT.replace("nothing", "take key").replace("A key is here.", "Taken.")
    other = PROMPT.replace("take the key and ", "")
    asked = [PROMPT, later, other, "look", later, PROMPT]
    # To the last bit: what was asked before must not decide a draw.
    fresh = [ChoiceModel(loaded, 1).scores(prompt, COMMANDS) for prompt in asked]
    model = ChoiceModel(loaded, 1)
    assert [model.scores(prompt, COMMANDS) for prompt in asked] == fresh
    packs = [pack(model.tokenizer, prompt, COMMANDS) for prompt in asked]
    for frozen in (0, 1):
        alone, again = [ChoiceModel(loaded, frozen).states(packed) for packed in packs], ChoiceModel(loaded, frozen)
        assert all(again.states(packed).equal(states) for packed, states in zip(packs, alone, strict=True))
        assert again.nats(packs[1], alone[1]).tolist() == pytest.approx(fresh[1], abs=1e-4)
    for prompt, scores in zip(asked, fresh, strict=True):
        alone = LocalModel(loaded).nll(prompt, [f" {command}\n" for command in COMMANDS])
        assert scores == pytest.approx(alone, abs=1e-4)


def test_training_forgets_what_was_read_before(base):
    loaded = load(str(base))
    model = ChoiceModel(Loaded(adapter_on_upper_layers(loaded, SETTINGS), loaded.tokenizer, "x"), 1)
    before = model.scores(PROMPT, COMMANDS)
    train_on_choices(model, [ChoiceRow("0", "t", PROMPT, COMMANDS, 2, True)], SETTINGS, no_advance)
    after = model.scores(PROMPT, COMMANDS)
    packed = pack(model.tokenizer, PROMPT, COMMANDS)
    assert after == pytest.approx(model.nats(packed, model.states(packed)).tolist(), abs=1e-4)
    assert after != pytest.approx(before, abs=1e-2)


def test_a_model_that_samples_takes_the_likeliest_of_given_answers_and_goes_on_with_free_ones(base):
    local, choices = LocalModel(load(str(base))), tuple(f" {command}" for command in COMMANDS)
    free = Request((Message("user", PROMPT),), raw=True, max_tokens=4)
    held, written = local.generate([replace(free, choices=choices), free])
    losses = local.nll(PROMPT, choices)
    assert held.text == choices[losses.index(min(losses))] and held.mean_nll == pytest.approx(min(losses))
    assert written.text == local.generate([free])[0].text


def test_steps_follow_the_rows_within_their_bounds():
    settings = PracticeSettings()
    # The first measured night: 85 moves, 30 steps of eight.
    assert [settings.steps(rows) for rows in (8, 85, 229, 370, 10_000)] == [30, 30, 81, 130, settings.max_steps]
    assert PracticeSettings(epochs=1, batch_size=4, min_steps=1).steps(9) == 3


def test_a_part_of_a_question_is_the_question_of_the_part(base):
    model = ChoiceModel(load(str(base)), 1)
    whole = pack(model.tokenizer, PROMPT, COMMANDS)
    part, where = whole.only([0, 2])
    assert part == pack(model.tokenizer, PROMPT, [COMMANDS[0], COMMANDS[2]])
    found = model.nats(part, model.states(whole)[where]).tolist()
    assert found == pytest.approx([model.scores(PROMPT, COMMANDS)[i] for i in (0, 2)], abs=1e-4)


def trained(base: Path, good: bool, seed: int = 0) -> tuple[float, list[float], tuple[float, ...]]:
    loaded, settings = load(str(base)), SETTINGS.model_copy(update={"seed": seed})
    before = ChoiceModel(loaded, 1).scores(PROMPT, COMMANDS)
    network = adapter_on_upper_layers(loaded, settings)
    model = ChoiceModel(Loaded(network, loaded.tokenizer, "x"), 1)
    rows = [ChoiceRow(str(i), "t", PROMPT, COMMANDS, 2, good) for i in range(4)]
    losses = train_on_choices(model, rows, settings, no_advance)
    return before[2], model.scores(PROMPT, COMMANDS), losses


def test_a_good_choice_becomes_the_likeliest_and_a_bad_one_less_likely(base):
    before, after, losses = trained(base, good=True)
    assert min(range(4), key=after.__getitem__) == 2 and after[2] < before and losses[-1] < losses[0]
    _, spoken_against, _ = trained(base, good=False)
    assert max(range(4), key=spoken_against.__getitem__) == 2


def test_the_same_rows_and_seed_give_the_same_weights_and_another_seed_others(base):
    assert trained(base, True)[1:] == trained(base, True)[1:] != trained(base, True, seed=1)[1:]


def test_an_adapter_that_is_loaded_again_scores_as_it_did(base, tmp_path):
    # So an exam that was sat after a night stands for the one before the next.
    loaded = load(str(base))
    network = adapter_on_upper_layers(loaded, SETTINGS)
    model = ChoiceModel(Loaded(network, loaded.tokenizer, "x"), 1)
    train_on_choices(model, [ChoiceRow("0", "t", PROMPT, COMMANDS, 2)], SETTINGS, no_advance)
    save(network, tmp_path / "weights")
    again = load(str(base), tmp_path / "weights")
    again.network.eval()
    assert ChoiceModel(again, 1).scores(PROMPT, COMMANDS) == model.scores(PROMPT, COMMANDS)


def test_only_layers_above_the_frozen_ones_are_trained(base):
    loaded = load(str(base))
    network = adapter_on_upper_layers(loaded, SETTINGS)
    names = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert names and all(".layers.1." in name for name in names)


@pytest.mark.parametrize("rows", [[], [ChoiceRow("a", "t", PROMPT, ("look",), 0)]])
def test_nothing_to_choose_among_is_refused(base, rows):
    loaded = load(str(base))
    with pytest.raises(InputError, match="two commands"):
        train_on_choices(ChoiceModel(loaded, 1), rows, SETTINGS, no_advance)


def test_freezing_every_layer_is_refused(base):
    with pytest.raises(InputError, match="frozen_layers = 2"):
        ChoiceModel(load(str(base)), 2)
