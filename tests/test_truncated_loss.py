"""Truncated cross entropy: equal to the plain one at 1, no gradient from tokens that are certain, and it trains."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_consolidate import row
from tiny_model import tiny_model

from synthdata.consolidation.lora import adapt
from synthdata.consolidation.truncated import truncated_cross_entropy
from synthdata.settings import TrainingSettings

torch = pytest.importorskip("torch")


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 9))
def test_without_truncation_it_is_the_plain_loss(seed, positions, words):
    made = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, positions, words, generator=made)
    labels = torch.randint(0, words, (2, positions), generator=made)
    labels[0, 1] = -100
    plain = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, words), labels[:, 1:].reshape(-1))
    if (labels[:, 1:] != -100).any():
        assert float(truncated_cross_entropy(logits, labels, 1.0)) == pytest.approx(float(plain), rel=1e-5)


def test_sure_tokens_have_no_loss_and_no_gradient_and_still_count():
    # Probabilities of the right token: 0.9 and 0.25; then one without a label.
    logits = torch.log(torch.tensor([[[0.9, 0.1], [0.75, 0.25], [0.5, 0.5], [0.5, 0.5]]])).requires_grad_()
    labels = torch.tensor([[0, 0, 1, -100]])
    loss = truncated_cross_entropy(logits, labels, 0.8)
    assert loss.detach().item() == pytest.approx(-math.log(0.25) / 2)
    loss.backward()
    assert logits.grad[0, 0].tolist() == [0, 0] and logits.grad[0, 1].abs().min() > 0.1
    # Over an optimiser step of several batches the whole step's tokens divide.
    assert truncated_cross_entropy(logits, labels, 0.8, 8).detach().item() == pytest.approx(-math.log(0.25) / 8)
    assert float(truncated_cross_entropy(logits.detach(), torch.full((1, 4), -100), 0.8)) == 0


def test_an_adapter_learns_only_from_tokens_under_the_bound(tmp_path: Path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    rows = [row(f"q{n}", f"take the lamp {n % 3}") for n in range(12)]
    folder = tiny_model(tmp_path, ["take the lamp and go west"] * 9)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def trained(truncation: float):
        settings = TrainingSettings(truncation=truncation, max_steps=3, learning_rate=0.05)
        network, curve = adapt(AutoModelForCausalLM.from_pretrained(folder), tokenizer, rows, settings, lambda _: None)
        weights = [value for name, value in network.named_parameters() if "lora_B" in name]
        return curve.losses, sum(value.detach().abs().sum().item() for value in weights)

    plain, moved = trained(1.0)
    nearly, also_moved = trained(0.999999)
    assert nearly == pytest.approx(plain, rel=1e-3) and moved == pytest.approx(also_moved, rel=1e-2) and moved > 0
    # An untrained model of 400 tokens gives every token about 1/400: nothing is under the bound, so nothing is learnt.
    assert trained(1e-6) == ((0.0, 0.0, 0.0), 0.0)
