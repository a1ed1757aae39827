"""What the base model knows is held while it learns moves: its next-word distribution on texts of its own stays close.

The texts are drawn from the base model itself, each after a piece of its vocabulary (a word or a part of one), so that
no outside data is needed and all that it speaks of can come up (pseudorehearsal, Robins 1995; random first tokens: Liu
et al. 2023, arXiv 2305.17888). The penalty is the divergence of the trained distribution from the base's at each of
their tokens (learning without forgetting, Li and Hoiem 2016, arXiv 1606.09282).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from synthdata.consolidation.choices import ChoiceModel, Packed
from synthdata.consolidation.listwise import Loss, drawn
from synthdata.generation.local import Loaded, LocalModel
from synthdata.protocols import Message, Request
from synthdata.records import content_hash
from synthdata.settings import PracticeSettings

# Together some 4,000 tokens, which the embedded model writes in a minute.
TEXTS, TOKENS = 128, 32
# Texts an optimiser step: the head over the whole vocabulary costs more than all layers that are trained.
IN_STEP = 2
_SHORTEST, _AT_A_TIME = 4, 16


def own_texts(loaded: Loaded, settings: PracticeSettings, advance: Callable[[int], None]) -> list[str]:
    """Texts that the model writes after pieces of its vocabulary, at temperature 1: what it knows, unasked."""
    model = LocalModel(loaded)
    start = loaded.tokenizer.bos_token or loaded.tokenizer.eos_token or ""
    pieces = _first_pieces(loaded.tokenizer, settings.seed)
    texts: list[str] = []
    for at in range(0, len(pieces), _AT_A_TIME):
        begun = [start + piece for piece in pieces[at : at + _AT_A_TIME]]
        asked = [Request((Message("user", text),), max_tokens=TOKENS, temperature=1.0, raw=True) for text in begun]
        texts += [text + answer.text for text, answer in zip(begun, model.generate(asked), strict=True)]
        advance(len(begun))
    return texts


def _first_pieces(tokenizer: Any, seed: int) -> list[str]:  # noqa: ANN401 - a tokenizer of transformers
    """Pieces of the vocabulary that are letters alone, at least four; `TEXTS` of them or all, drawn by hash."""
    pieces = sorted({tokenizer.decode([number]) for number in range(len(tokenizer))})
    lettered = [piece for piece in pieces if piece.strip().isalpha() and len(piece.strip()) >= _SHORTEST]
    return sorted(lettered, key=lambda piece: content_hash("first word", str(seed), piece))[:TEXTS]


def retention_loss(model: ChoiceModel, texts: Sequence[str], settings: PracticeSettings) -> Loss:
    """`settings.retention` times the mean divergence, in nats a token, over a step's texts, all texts in turn."""
    import torch

    rows = [_as_text(model.tokenizer, text) for text in texts]
    rows = [row for row in rows if len(row.ids) > 1]
    kept = [model.states(row) for row in rows]

    def loss_of(step: int) -> float:
        total = 0.0
        for place in drawn([str(number) for number in range(len(rows))], step, IN_STEP, settings.seed):
            with torch.no_grad(), model.network.disable_adapter():
                known = model.next_tokens(rows[place], kept[place])
            now = model.next_tokens(rows[place], kept[place])
            divergence = (known.exp() * (known - now)).sum(-1).mean()
            loss: Any = settings.retention * divergence / IN_STEP
            loss.backward()
            total += float(loss.detach())
        return total

    return loss_of


def _as_text(tokenizer: Any, text: str) -> Packed:  # noqa: ANN401 - a tokenizer of transformers
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    return Packed(ids, tuple(range(len(ids))), (-1,) * len(ids))
