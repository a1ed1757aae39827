"""E2's language model: a small pre-norm decoder with tied embeddings, its training on rows and its sampling.

Sizes are those of a model that learns short stories in a minute of one core: width 128, two layers, four heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

BEGIN, END = 0, 1
WIDTH, LAYERS, HEADS, CONTEXT = 128, 2, 4, 64
BATCH_TOKENS = 950
SAMPLE_BATCH = 512
Cache = list[tuple[Tensor, Tensor]]


class Block(nn.Module):
    """Attention and a two-layer perceptron, each behind a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_a, self.norm_b = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One pass over (rows, positions, width); `past` holds keys and values of earlier positions."""
        rows, length, _ = x.shape
        heads = self.qkv(self.norm_a(x)).view(rows, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        q, k, v = heads[0], heads[1], heads[2]
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=past is None)
        x = x + self.drop(self.out(seen.transpose(1, 2).reshape(rows, length, WIDTH)))
        return x + self.drop(self.mlp(self.norm_b(x))), (k, v)


class Decoder(nn.Module):
    """Token numbers (rows, positions) to logits (rows, positions, vocabulary)."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        for table in (self.tokens, self.places):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, ids: Tensor, past: Cache | None = None) -> tuple[Tensor, Cache]:
        """Logits and the cache that the next position needs."""
        start = past[0][0].shape[2] if past else 0
        x = self.tokens(ids) + self.places(torch.arange(start, start + ids.shape[1]))
        cache: Cache = []
        for number, block in enumerate(self.blocks):
            x, kept = block(x, past[number] if past else None)
            cache.append(kept)
        return functional.linear(self.norm(x), self.tokens.weight), cache


def batches(rows: Sequence[NDArray[np.int64]], rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets of about `BATCH_TOKENS` real tokens, rows of like length together; -100 is no target.

    One pass over all rows a time, in another order each, without end: steps are counted by the caller, so that arms
    whose rows are longer or shorter train on as many tokens.
    """
    while True:
        order = sorted(rng.permutation(len(rows)).tolist(), key=lambda i: len(rows[i]))
        groups: list[list[int]] = [[]]
        held = 0
        for i in order:
            if held + len(rows[i]) + 1 > BATCH_TOKENS:
                groups.append([])
                held = 0
            groups[-1].append(i)
            held += len(rows[i]) + 1
        for number in rng.permutation(len(groups)).tolist():
            if groups[number]:
                yield padded([rows[i] for i in groups[number]])


def padded(rows: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    """Right-padded inputs that begin with BEGIN, and targets that close with END."""
    longest = max(len(ids) for ids in rows) + 1
    inputs = np.full((len(rows), longest), END)
    targets = np.full((len(rows), longest), -100)
    for i, ids in enumerate(rows):
        inputs[i, : len(ids) + 1] = [BEGIN, *ids]
        targets[i, : len(ids) + 1] = [*ids, END]
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def train(model: Decoder, rows: Sequence[NDArray[np.int64]], steps: int, rate: float, seed: Sequence[int]) -> None:
    """AdamW with a tenth of warm-up and a cosine to nothing."""
    rng = np.random.default_rng(list(seed))
    torch.manual_seed(int(rng.integers(2**31)))
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    model.train()
    source = batches(rows, rng)
    for _ in range(steps):
        inputs, targets = next(source)
        logits, _ = model(inputs)
        loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    model.eval()


@torch.no_grad()
def sample(model: Decoder, n: int, temperature: float, seed: Sequence[int]) -> list[NDArray[np.int64]]:
    """Finished rows of at most CONTEXT - 8 tokens; those that did not end by themselves are dropped."""
    generator = torch.Generator().manual_seed(int(np.random.default_rng(list(seed)).integers(2**31)))
    done: list[NDArray[np.int64]] = []
    for start in range(0, n, SAMPLE_BATCH):
        done += _sample_batch(model, min(SAMPLE_BATCH, n - start), temperature, generator)
    return done


def _sample_batch(model: Decoder, n: int, temperature: float, generator: torch.Generator) -> list[NDArray[np.int64]]:
    written = torch.full((n, 1), BEGIN)
    past: Cache | None = None
    done: list[NDArray[np.int64]] = []
    for _ in range(CONTEXT - 7):
        logits, past = model(written[:, -1:], past)
        logits[:, :, BEGIN] = -torch.inf
        # By the inverse of the cumulated probabilities: ten times as fast here as torch.multinomial.
        heights = torch.softmax(logits[:, -1] / temperature, -1).cumsum(-1)
        level = torch.rand(len(heights), 1, generator=generator) * heights[:, -1:]
        drawn = torch.searchsorted(heights, level, right=True).clamp(max=heights.shape[1] - 1)
        ended = drawn[:, 0] == END
        done += [ids.numpy() for ids in written[ended, 1:]]
        written = torch.cat([written, drawn], 1)[~ended]
        past = [(k[~ended], v[~ended]) for k, v in past]
        if not len(written):
            break
    return done


@torch.no_grad()
def target_scores(
    model: Decoder, rows: Sequence[NDArray[np.int64]], temperatures: Sequence[float]
) -> list[NDArray[np.float64]]:
    """Log-probability of each token of each row and of its end, one (temperatures, tokens) array a row, in nats."""
    scores: list[NDArray[np.float64]] = []
    for start in range(0, len(rows), 64):
        inputs, targets = padded(rows[start : start + 64])
        logits, _ = model(inputs)
        places = targets.clamp(min=0)[..., None]
        each = torch.stack([torch.log_softmax(logits / t, -1).gather(-1, places)[..., 0] for t in temperatures], 1)
        for row, table in zip(rows[start : start + 64], each, strict=True):
            scores.append(table[:, : len(row) + 1].double().numpy())
    return scores
