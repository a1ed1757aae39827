"""How a language model chooses among given commands: by mean nats a token, all commands behind one prompt in one pass.

The prompt and every command are packed into one row; a command's tokens see the prompt and themselves, never another
command, and stand at the prompt's next positions. The lower layers of a network can be run once a question and kept: an
adapter that lies on the upper layers alone never changes what comes out of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synthdata.errors import InputError
from synthdata.generation.local import Loaded


@dataclass(frozen=True)
class Packed:
    """A question in tokens: `ids`, their positions, and whose each is (-1: the prompt's, else the command's number).

    The first `line` tokens are the prompt's first line, which all prompts of a run share.
    """

    ids: tuple[int, ...]
    places: tuple[int, ...]
    owners: tuple[int, ...]
    line: int = 0

    def only(self, wanted: Sequence[int]) -> tuple[Packed, list[int]]:
        """The question with these commands alone, in their order, and where its tokens stood."""
        rank = {-1: -1, **{command: n for n, command in enumerate(wanted)}}
        kept = [i for i, owner in enumerate(self.owners) if owner in rank]
        kept.sort(key=lambda i: (rank[self.owners[i]], i))
        return Packed(
            tuple(self.ids[i] for i in kept),
            tuple(self.places[i] for i in kept),
            tuple(rank[self.owners[i]] for i in kept),
            self.line,
        ), kept


def pack(tokenizer: Any, prompt: str, commands: Sequence[str]) -> Packed:  # noqa: ANN401
    """Prompt and commands as one row; each command ends with its line end, which is part of what is scored."""
    ids = list(tokenizer(prompt, add_special_tokens=False)["input_ids"])
    places, owners = list(range(len(ids))), [-1] * len(ids)
    start = len(ids)
    for number, command in enumerate(commands):
        tokens = list(tokenizer(f" {command}\n", add_special_tokens=False)["input_ids"])
        ids += tokens
        places += range(start, start + len(tokens))
        owners += [number] * len(tokens)
    line = list(tokenizer(f"{prompt.partition(chr(10))[0]}\n", add_special_tokens=False)["input_ids"])
    # A line end may be one token with what follows, and one token at least must follow to score from.
    shared = len(line) if ids[: len(line)] == line and len(line) < start else 0
    return Packed(tuple(ids), tuple(places), tuple(owners), shared)


@dataclass(frozen=True)
class _Line:
    """A first line that went through some layers: its tokens, what came out, and the keys and values of each layer."""

    ids: tuple[int, ...]
    hidden: Any
    kept: Any


class ChoiceModel:
    """A network that scores commands. `frozen` lower layers are never trained, and their states can be kept.

    Raises:
        InputError: the network is not built of layers as Llama's are.
    """

    def __init__(self, loaded: Loaded, frozen: int) -> None:
        network = loaded.network
        self.network = network
        self.tokenizer = loaded.tokenizer
        base = network.get_base_model() if hasattr(network, "get_base_model") else network
        body: Any = getattr(base, "model", None)
        if not all(hasattr(body, name) for name in ("layers", "embed_tokens", "norm", "rotary_emb")):
            raise InputError(
                f"{loaded.name}: choices are scored in a network built as Llama is, with layers, norm and rotary_emb"
            )
        if not 0 <= frozen < len(body.layers):
            raise InputError(
                f"frozen_layers = {frozen}: {loaded.name} has {len(body.layers)} layers, and one at "
                "least must be trained"
            )
        self._body, self._head, self._frozen = body, base.lm_head, frozen
        # The line read last by the frozen layers, which never change, and by all layers.
        self._frozen_line: _Line | None = None
        self._line: _Line | None = None

    def states(self, packed: Packed) -> Any:  # noqa: ANN401 - a tensor (tokens, width)
        """What comes out of the frozen layers."""
        import torch

        with torch.inference_mode():
            layers = self._body.layers[: self._frozen]
            self._frozen_line = self._first_line(packed, layers, self._frozen_line)
            hidden = self._after_line(packed, layers, self._frozen_line)
        # A copy outside inference mode, so that it may enter a training step.
        return hidden[0].clone()

    def nats(self, packed: Packed, states: Any) -> Any:  # noqa: ANN401 - tensors
        """Mean nats a token of each command, (commands,), from the states of the frozen layers."""
        import torch

        if torch.is_grad_enabled():
            # What a pass with gradients is for changes the weights.
            self._line = None
        return self._read(packed, self._through(states[None], packed, self._body.layers[self._frozen :])[0])

    def next_tokens(self, packed: Packed, states: Any) -> Any:  # noqa: ANN401 - tensors
        """Log chances of every next token, (tokens - 1, vocabulary), of a text without commands, from those states."""
        import torch

        hidden = self._through(states[None], packed, self._body.layers[self._frozen :])[0]
        return torch.log_softmax(self._head(self._body.norm(hidden[:-1])).float(), -1)

    def scores(self, prompt: str, commands: Sequence[str]) -> list[float]:
        """Mean nats a token of each command: the less, the likelier.

        The first line, which a run's every prompt shares, goes through the network once as long as it stays the same.
        """
        import torch

        packed = pack(self.tokenizer, prompt, commands)
        with torch.inference_mode():
            self._line = self._first_line(packed, self._body.layers, self._line)
            hidden = self._after_line(packed, self._body.layers, self._line)
            return [float(value) for value in self._read(packed, hidden[0])]

    def _first_line(self, packed: Packed, layers: Any, last: _Line | None) -> _Line:  # noqa: ANN401 - layers
        """The first line after these layers: the one read last, where it is the same."""
        import torch
        from transformers import DynamicCache

        ids = packed.ids[: packed.line]
        if last is not None and last.ids == ids:
            return last
        kept = DynamicCache()
        # An empty line has no pass of its own.
        embedded = self._body.embed_tokens(torch.tensor([ids], dtype=torch.long))
        hidden = self._through(embedded, packed, layers, 0, kept) if ids else embedded
        return _Line(ids, hidden, kept)

    def _after_line(self, packed: Packed, layers: Any, line: _Line) -> Any:  # noqa: ANN401 - tensors
        """What comes out of the layers, (1, tokens, width), from what they made of the first line."""
        import torch

        rest = self._body.embed_tokens(torch.tensor([packed.ids[packed.line :]]))
        hidden = self._through(rest, packed, layers, packed.line, line.kept)
        line.kept.crop(packed.line - len(packed.ids))
        return torch.cat([line.hidden, hidden], 1)

    def _read(self, packed: Packed, hidden: Any) -> Any:  # noqa: ANN401 - tensors
        import torch

        owners = torch.tensor(packed.owners)
        targets = torch.nonzero(owners >= 0)[:, 0]
        last = int((owners < 0).sum()) - 1
        # The first token of a command follows the prompt, every other one its own last token.
        firsts = owners[targets] != owners[targets - 1]
        sources = torch.where(firsts, torch.tensor(last), targets - 1)
        # Sums over tokens want more digits than a half has.
        logits = self._head(self._body.norm(hidden[sources])).float()
        losses = torch.nn.functional.cross_entropy(logits, torch.tensor(packed.ids)[targets], reduction="none")
        count = int(owners.max()) + 1
        total = torch.zeros(count).index_add(0, owners[targets], losses)
        return total / torch.bincount(owners[targets], minlength=count)

    def _through(
        self,
        hidden: Any,  # noqa: ANN401 - tensors
        packed: Packed,
        layers: Any,  # noqa: ANN401
        known: int = 0,
        kept: Any = None,  # noqa: ANN401 - keys and values of the first `known` tokens, to which these are added
    ) -> Any:  # noqa: ANN401
        import torch

        stop = known + hidden.shape[1]
        places = torch.tensor([packed.places[known:stop]])
        turned = self._body.rotary_emb(hidden, position_ids=places)
        mask = _mask(packed)[:, :, known:stop, :stop].to(hidden.dtype)
        for layer in layers:
            hidden = layer(
                hidden, attention_mask=mask, position_embeddings=turned, position_ids=places, past_key_values=kept
            )
        return hidden


def _mask(packed: Packed) -> Any:  # noqa: ANN401 - a tensor (1, 1, tokens, tokens), nought where one sees the other
    import torch

    owners, order = torch.tensor(packed.owners), torch.arange(len(packed.owners))
    before = order[:, None] >= order[None, :]
    same = (owners[None, :] < 0) | (owners[:, None] == owners[None, :])
    return torch.where(before & same, 0.0, float("-inf"))[None, None]
