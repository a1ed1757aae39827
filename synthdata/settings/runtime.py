"""The half of the settings that says where and how fast, and never changes a row."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from synthdata.settings.section import (
    MOST,
    Amount,
    Attempts,
    Count,
    Dimension,
    OpenShare,
    Parallel,
    Permutations,
    PositiveSeconds,
    Ratio,
    Retries,
    Rows2,
    Seconds,
    Section,
    Seed,
    Share,
    Size,
    divides,
    in_order,
)


class MemorySettings(Section):
    """How lessons are found for a query; changes no row."""

    pool: Size = 100
    meaning_share: Share = 0.5
    mmr_relevance: Share = 0.7
    bm25_k1: Amount = 1.2
    bm25_b: Share = 0.75
    query_words: Size = 32


class AlarmSettings(Section):
    """When the trend of the raw view is an alarm (docs/design.md, section 5)."""

    healthy_rounds: int = Field(default=5, ge=3, le=MOST)
    allowance: Amount = 0.5
    threshold: Amount = 8.0
    cap: Ratio = 1.5
    confidence: OpenShare = 0.999
    least_error: Amount = 0.005
    red_tiles: Size = 2
    level_share: Share = 0.5


class BudgetSettings(Section):
    """What language models may cost; 0 is no limit. `least_yield` is for `run --target`."""

    tokens_per_run: Count = 0
    tokens_per_day: Count = 0
    cost_per_run: Amount = 0.0
    cost_per_day: Amount = 0.0
    least_yield: Share = 0.02


class WebhookSettings(Section):
    """Whom to tell of an alarm; nobody without a URL."""

    url: str = ""
    secret_env: str = "SYNTHDATA_WEBHOOK_SECRET"
    timeout_seconds: PositiveSeconds = 5.0
    attempts: Attempts = 3
    pause_seconds: Seconds = 1.0


class SinkSettings(Section):
    """Where the numbers of each round go besides the corpus."""

    jsonl: str = ""
    mlflow_uri: str = ""
    mlflow_experiment: str = "synthdata"


class ImageEncoderSettings(Section):
    """Who makes vectors of pictures for the view `screen`, which decides nothing; nobody by default."""

    form: Literal["none", "gradients", "messages", "input"] = "none"
    url: str = ""
    model: str = ""
    prompt: str = ""
    dim: Dimension = 1024


class InspectSettings(Section):
    """How `inspect` looks at a file (docs/inspect.md)."""

    seed: Seed = 0
    semantic_rows: Size = 5000
    subsamples: Rows2 = 200
    vendi_rows: Rows2 = 300
    head_rows: Size = 200
    preamble_sample: Rows2 = 2000
    preamble_share: Share = 0.5
    preamble_rows: Rows2 = 10
    preamble_words: Size = 5
    near_bands: Permutations = 20
    near_permutations: Permutations = 120
    near_chars: Size = 20_000
    term_share: Share = 0.01
    some_repeats: Share = 0.05
    many_repeats: Share = 0.2

    @model_validator(mode="after")
    def _banded(self) -> InspectSettings:
        return divides(in_order(self, ("some_repeats", "many_repeats")), "near_bands", "near_permutations")


class RuntimeSettings(Section):
    """Where and how fast; never changes a row."""

    chunk_size: Size = 100
    concurrency: Parallel = 8
    threads: Parallel = 2
    ray_address: str = ""
    ray_parts: Count = 0
    timeout_seconds: PositiveSeconds = 120.0
    retries: Retries = 5
    unusable_share: Share = 0.5
    requests_per_minute: Amount = 0.0
    endpoint: str = ""
    adapter: str = ""
    judge_endpoints: tuple[str, ...] = ()
    audit_endpoint: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    price_prompt_per_million: Amount = 0.0
    price_completion_per_million: Amount = 0.0
    max_row_bytes: Size = 16_000_000
    max_picture_bytes: Size = 8_000_000
    max_picture_pixels: Size = 20_000_000
    cache_dir: str = ""
    memory: MemorySettings = MemorySettings()
    alarms: AlarmSettings = AlarmSettings()
    budget: BudgetSettings = BudgetSettings()
    webhook: WebhookSettings = WebhookSettings()
    sinks: SinkSettings = SinkSettings()
    image_encoder: ImageEncoderSettings = ImageEncoderSettings()
    inspect: InspectSettings = InspectSettings()
