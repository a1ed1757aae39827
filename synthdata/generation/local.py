"""A model of transformers in this process, with or without a LoRA adapter: it generates, and scores given texts.

The packaged weights load from their GGUF file, dequantised. Every request draws from a generator of its own, seeded by
what is asked, so that an answer does not depend on the requests beside it but for rounding.
"""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthdata.errors import InputError
from synthdata.generation.weights import SHA256, locate
from synthdata.protocols import Answered, Request, Response, unkept
from synthdata.records import canonical_json, content_hash

EMBEDDED = "embedded"
# Rows that go through the network together where texts are sampled, and where continuations share a prompt.
_SAMPLED, _SCORED = 16, 8
ChatMessage = Mapping[str, Any]


@dataclass(frozen=True)
class Loaded:
    """A network of transformers with its tokenizer; `name` says which weights."""

    network: Any
    tokenizer: Any
    name: str


def load(base: str, adapter: Path | None = None, *, trainable: bool = False) -> Loaded:
    """The base model (`embedded`, or whatever transformers loads: a folder or a name), with a LoRA adapter on it.

    Raises:
        InputError: there is no such model, or the train extra is missing.
    """
    import torch

    try:
        import gguf  # noqa: F401 - transformers reads GGUF files with it
        import peft
        import transformers
    except ImportError as error:
        raise InputError(f"{error}: training needs the train extra: pip install 'synthdata-gate[train]'") from error
    log_settings: Any = transformers.utils.logging
    log_settings.set_verbosity_error()
    log_settings.disable_progress_bar()
    where: dict[str, Any] = {"pretrained_model_name_or_path": base, "local_files_only": True}
    name = base
    if base == EMBEDDED:
        path = locate()
        where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
        name = f"{path.stem}@{SHA256[:12]}"
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
        # The bar of dequantisation cannot be turned off.
        with redirect_stderr(io.StringIO()):
            network: Any = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise InputError(f"recipe.training.base = {base!r} is no model that transformers can load: {error}") from error
    _forget_quantisation(network)
    if adapter is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = peft.PeftModel.from_pretrained(network, str(adapter), is_trainable=trainable)
        name = f"{name}+{adapter.parent.name}"
    if torch.cuda.is_available():
        network = network.to("cuda")
    return Loaded(network, tokenizer, name)


def identity(loaded: Loaded) -> str:
    """A hash of the network's weights: a folder can change under its name."""
    import hashlib

    state = loaded.network.state_dict()
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + state[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _forget_quantisation(network: Any) -> None:  # noqa: ANN401 - untyped network
    # The weights are plain floats by now; the mark would keep trainers from touching them.
    if getattr(network, "hf_quantizer", None) is not None:
        network.hf_quantizer = None
        network.is_quantized = False
        del network.config.quantization_config


class LocalModel:
    """Generator and Scorer on a loaded network. The keys and values of the last prompt are kept for the next one."""

    def __init__(self, loaded: Loaded) -> None:
        self.model = loaded.name
        self.answered: Answered = unkept
        self.tokenizer = loaded.tokenizer
        self._network = loaded.network.eval()
        self._device = next(loaded.network.parameters()).device
        self._ids: list[int] = []
        self._cache: Any = None

    def chat(self, messages: Sequence[ChatMessage]) -> str:
        """The messages as this model's template words them, up to where the assistant speaks."""
        return str(self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True))

    def reply(self, messages: Sequence[ChatMessage], answer: ChatMessage) -> tuple[str, str]:
        """The same prompt, and what the template writes for the answer, its end mark included."""
        prompt = self.chat(messages)
        whole = str(self.tokenizer.apply_chat_template([*messages, answer], tokenize=False))
        return prompt, whole[len(prompt) :] if whole.startswith(prompt) else str(answer["content"])

    def nll(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean nats a token of each continuation after the prompt."""
        return [total / max(1, count) for total, count in self.totals(prompt, continuations)]

    def totals(self, prompt: str, continuations: Sequence[str]) -> list[tuple[float, int]]:
        """Nats and tokens of each continuation after the prompt."""
        import torch

        rows = [self._encode(prompt + text) for text in continuations]
        start = len(self._encode(prompt))
        # A continuation may merge with the prompt's last token: scoring starts where all tokenisations agree.
        start = max(1, min([start, *(_common(rows[0], row) for row in rows[1:])])) if rows else start
        losses: list[tuple[float, int]] = []
        with torch.inference_mode():
            first = self._after(rows[0][:start]) if rows else None
            for at in range(0, len(rows), _SCORED):
                losses += self._continue(first, [row[start:] for row in rows[at : at + _SCORED]])
        return losses

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One response a request, in order; schemas are not enforced, of choices the likeliest by its mean is taken."""
        answers: list[Response] = []
        for start in range(0, len(requests), _SAMPLED):
            part = requests[start : start + _SAMPLED]
            for request, answer in zip(part, self._answers(part), strict=True):
                answers.append(answer)
                self.answered(request, answer)
        return answers

    def _answers(self, requests: Sequence[Request]) -> list[Response]:
        free = iter(self._sample([request for request in requests if not request.choices]))
        return [self._chosen(request) if request.choices else next(free) for request in requests]

    def _chosen(self, request: Request) -> Response:
        prompt = self._prompt(request)
        losses = self.nll(prompt, request.choices)
        best = min(range(len(losses)), key=losses.__getitem__)
        text = request.choices[best]
        return Response(
            text, self.model, "stop", len(self._encode(prompt)), len(self._encode(text)), mean_nll=losses[best]
        )

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _after(self, ids: list[int]) -> Any:  # noqa: ANN401 - tensors
        """Log probabilities (vocabulary,) of what follows the ids; only what the last prompt did not share is run."""
        import torch
        from transformers import DynamicCache

        shared = min(_common(self._ids, ids), len(ids) - 1)
        if self._cache is None or shared == 0:
            self._cache, shared = DynamicCache(), 0
        elif shared < len(self._ids):
            self._cache.crop(shared - len(self._ids))
        fresh = torch.tensor([ids[shared:]], device=self._device)
        out = self._network(input_ids=fresh, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        self._ids = list(ids)
        return torch.log_softmax(out.logits[0, -1].float(), -1)

    def _continue(self, first: Any, rows: list[list[int]]) -> list[tuple[float, int]]:  # noqa: ANN401 - tensors
        import torch

        width = max(map(len, rows))
        padded = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=self._device)
        logits = None
        if width > 1:
            cache = copy.deepcopy(self._cache)
            cache.batch_repeat_interleave(len(rows))
            out = self._network(input_ids=padded[:, :-1], past_key_values=cache, use_cache=True)
            logits = torch.log_softmax(out.logits.float(), -1)
        answers = []
        for i, row in enumerate(rows):
            losses = [-float(first[row[0]])] if row else []
            losses += [-float(logits[i, j - 1, row[j]]) for j in range(1, len(row))] if logits is not None else []
            answers.append((sum(losses), len(row)))
        return answers

    def _sample(self, requests: Sequence[Request]) -> list[Response]:
        import torch

        if not requests:
            return []
        prompts = [self._encode(self._prompt(request)) for request in requests]
        width = max(map(len, prompts))
        pad = self.tokenizer.pad_token_id or 0
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in prompts], device=self._device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=self._device)
        draws = [torch.Generator().manual_seed(_seed(request)) for request in requests]
        texts: list[list[int]] = [[] for _ in requests]
        done = [False] * len(requests)
        cache: Any = None
        with torch.inference_mode():
            for _ in range(max(request.max_tokens for request in requests)):
                places = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
                out = self._network(
                    input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True,
                    logits_to_keep=1,
                )  # fmt: skip
                cache = out.past_key_values
                drawn = []
                for i, request in enumerate(requests):
                    token = _draw(out.logits[i, -1].float().cpu(), request, draws[i])
                    drawn.append(token)
                    if not done[i] and token != self.tokenizer.eos_token_id:
                        texts[i].append(token)
                    done[i] |= token == self.tokenizer.eos_token_id or len(texts[i]) >= request.max_tokens
                if all(done):
                    break
                ids = torch.tensor(drawn, device=self._device)[:, None]
                mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        return [self._response(*row) for row in zip(requests, prompts, texts, strict=True)]

    def _prompt(self, request: Request) -> str:
        if request.raw:
            return "".join(message.content for message in request.messages)
        return self.chat([{"role": message.role, "content": message.content} for message in request.messages])

    def _response(self, request: Request, prompt: Sequence[int], tokens: Sequence[int]) -> Response:
        text = self.tokenizer.decode(tokens, skip_special_tokens=True)
        ends = [at for mark in request.stop if (at := text.find(mark)) >= 0]
        reason = "length" if len(tokens) >= request.max_tokens and not ends else "stop"
        return Response(text[: min(ends, default=len(text))], self.model, reason, len(prompt), len(tokens))


def _draw(logits: Any, request: Request, generator: Any) -> int:  # noqa: ANN401 - tensors
    import torch

    if request.temperature <= 0:
        return int(logits.argmax())
    chances = torch.softmax(logits / request.temperature, -1)
    chances[chances < request.min_p * chances.max()] = 0
    if request.top_p < 1:
        ordered, places = chances.sort(descending=True)
        chances[places[ordered.cumsum(-1) - ordered > request.top_p]] = 0
    return int(torch.multinomial(chances, 1, generator=generator))


def _seed(request: Request) -> int:
    request_key = [request.prompt_sha256, request.sample_index, request.temperature, request.max_tokens]
    return int(content_hash(canonical_json([str(part) for part in request_key]), length=12), 16)


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(left), len(right)))
