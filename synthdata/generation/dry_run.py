"""What a round would cost, counted without asking anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthdata.generation.cache import CachedGenerator
from synthdata.protocols import Request
from synthdata.settings import Settings

# Tokenizers of current models make one token of about four characters of English.
CHARS_PER_TOKEN = 4
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calls to make, those already answered, prompt tokens (estimated), completion tokens and cost (at most)."""

    calls: int
    cached: int
    prompt_tokens: int
    completion_tokens_max: int
    cost_max: float


def estimate(requests: Sequence[Request], settings: Settings, cache: CachedGenerator) -> Estimate:
    """Count the requests that the cache does not hold; prices come from the runtime settings, per million tokens."""
    open_requests = [request for request in requests if cache.lookup(request) is None]
    characters = sum(len(m.content) for request in open_requests for m in request.messages)
    prompt = -(-characters // CHARS_PER_TOKEN)
    completion = sum(request.max_tokens for request in open_requests)
    runtime = settings.runtime
    cost = (prompt * runtime.price_prompt_per_million + completion * runtime.price_completion_per_million) / MILLION
    return Estimate(len(open_requests), len(requests) - len(open_requests), prompt, completion, cost)
