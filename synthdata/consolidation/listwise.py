"""Training on choices: cross entropy over the commands that could be given, not over the words of one of them.

It asks what the exam asks: is the best command the likeliest of those that are there (ListNet, Cao et al. 2007, with
one relevant item)? Rows labelled bad are spoken against by the log of one minus their chance (unlikelihood, Welleck et
al. 2020). The frozen layers run once a row; every further pass costs the upper layers alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from synthdata.consolidation.choices import ChoiceModel, pack
from synthdata.errors import InputError
from synthdata.generation.local import Loaded
from synthdata.records import content_hash
from synthdata.settings import PracticeSettings

# The mean loss over the rows of a step of this number, whose gradients it has added to the weights'.
Loss = Callable[[int], float]


@dataclass(frozen=True)
class ChoiceRow:
    """A decision: what is asked, the commands that could be given, the number of the one taken, whether it was good."""

    key: str
    task: str
    prompt: str
    commands: tuple[str, ...]
    chosen: int
    good: bool = True


def adapter_on_upper_layers(loaded: Loaded, settings: PracticeSettings) -> Any:  # noqa: ANN401 - peft's network
    """The network with an untrained adapter on the layers that are not frozen."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(settings.seed)
    layers = loaded.network.model.layers
    parts = {name.split(".")[-1] for name, part in layers[0].named_modules() if isinstance(part, torch.nn.Linear)}
    chosen = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=sorted(parts),
        layers_to_transform=list(range(settings.frozen_layers, len(layers))),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # peft asks transformers for a name that its next version drops.
        warnings.simplefilter("ignore")
        return get_peft_model(loaded.network, chosen)


def train_on_choices(
    model: ChoiceModel,
    rows: Sequence[ChoiceRow],
    settings: PracticeSettings,
    advance: Callable[[int], None],
    beside: Sequence[Loss] = (),
) -> tuple[float, ...]:
    """Train the adapter in place, a step for `batch_size` rows, each row as often as every other: `settings.steps`.

    Losses `beside` that of the choices are added to it. Returns the loss of each step. The same rows, settings and
    number of threads give the same weights.

    Raises:
        InputError: no row, or a row with fewer than two commands.
    """
    if not rows or any(len(row.commands) < 2 for row in rows):
        raise InputError(f"{len(rows)} decisions, and each must have two commands or more to choose among")
    losses = [choice_loss(model, rows, settings), *beside]
    return fit(model.network, losses, settings, settings.steps(len(rows)), advance)


def choice_loss(model: ChoiceModel, rows: Sequence[ChoiceRow], settings: PracticeSettings) -> Loss:
    """The loss of a step over its rows, all rows in turn; the frozen layers are run here, once a row."""
    import torch

    packs = [pack(model.tokenizer, row.prompt, row.commands) for row in rows]
    kept = [model.states(packed) for packed in packs]

    def loss_of(step: int) -> float:
        total = 0.0
        for place in drawn([row.key for row in rows], step, settings.batch_size, settings.seed):
            row = rows[place]
            wanted = _alternatives(row, step, settings)
            packed, where = packs[place].only(wanted)
            chances = torch.log_softmax(-model.nats(packed, kept[place][where]), 0)
            own = chances[wanted.index(row.chosen)]
            loss: Any = -own if row.good else -torch.log1p(-own.exp().clamp(max=1 - 1e-6))
            (loss / settings.batch_size).backward()
            total += float(loss.detach()) / settings.batch_size
        return total

    return loss_of


def fit(
    network: Any,  # noqa: ANN401 - peft's network
    losses: Sequence[Loss],
    settings: PracticeSettings,
    steps: int,
    advance: Callable[[int], None],
) -> tuple[float, ...]:
    """Train what is not frozen in place, by the sum of the losses; returns that of each step."""
    import torch

    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=0.0)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    network.train()
    totals = []
    for step in range(steps):
        totals.append(sum(loss_of(step) for loss_of in losses))
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        rate.step()
        optimizer.zero_grad()
        advance(1)
    network.eval()
    return tuple(totals)


def _rate(step: int, steps: int) -> float:
    warm = max(1, steps // 10)
    return min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / steps)))


def drawn(keys: Sequence[str], step: int, count: int, seed: int) -> list[int]:
    """The places of the `count` rows of a step: all rows in a new order by hash, over and over."""
    first = step * count
    places = []
    for place in range(first, first + count):
        epoch, at = divmod(place, len(keys))
        order = sorted(range(len(keys)), key=lambda i: content_hash(str(seed), str(epoch), keys[i]))
        places.append(order[at])
    return places


def _alternatives(row: ChoiceRow, step: int, settings: PracticeSettings) -> list[int]:
    """The command taken and `alternatives` others, drawn by hash, in the order of the list."""
    others = [i for i in range(len(row.commands)) if i != row.chosen]
    others.sort(key=lambda i: content_hash(str(settings.seed), str(step), row.key, row.commands[i]))
    return sorted([row.chosen, *others[: settings.alternatives]])
