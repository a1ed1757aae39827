"""The half of the settings that says where and how fast, and never changes a row."""

from __future__ import annotations

from pydantic import Field

from synthdata.settings.section import Section


class MemorySettings(Section):
    """How lessons are found for a query; changes no row."""

    pool: int = Field(default=100, ge=1)
    meaning_share: float = Field(default=0.5, ge=0.0, le=1.0)
    mmr_relevance: float = Field(default=0.7, ge=0.0, le=1.0)
    bm25_k1: float = 1.2
    bm25_b: float = 0.75
    query_words: int = Field(default=32, ge=1)


class AlarmSettings(Section):
    """When the trend of the raw view is an alarm (gate.md 5)."""

    healthy_rounds: int = Field(default=5, ge=3)
    allowance: float = 0.5
    threshold: float = 8.0
    cap: float = 1.5
    confidence: float = 0.999
    least_error: float = 0.005
    red_tiles: int = 2
    level_share: float = 0.5


class BudgetSettings(Section):
    """What language models may cost; 0 is no limit. `least_yield` is for `run --target`."""

    tokens_per_run: int = Field(default=0, ge=0)
    tokens_per_day: int = Field(default=0, ge=0)
    cost_per_run: float = Field(default=0.0, ge=0)
    cost_per_day: float = Field(default=0.0, ge=0)
    least_yield: float = Field(default=0.02, ge=0, le=1)


class WebhookSettings(Section):
    """Whom to tell of an alarm; nobody without a URL."""

    url: str = ""
    secret_env: str = "SYNTHDATA_WEBHOOK_SECRET"
    timeout_seconds: float = Field(default=5.0, gt=0)
    attempts: int = Field(default=3, ge=1)
    pause_seconds: float = Field(default=1.0, ge=0)


class SinkSettings(Section):
    """Where the numbers of each round go besides the corpus."""

    jsonl: str = ""
    mlflow_uri: str = ""
    mlflow_experiment: str = "synthdata"


class InspectSettings(Section):
    """How `inspect` looks at a file (docs/inspect.md)."""

    seed: int = 0
    semantic_rows: int = Field(default=5000, ge=1)
    subsamples: int = Field(default=200, ge=2)
    vendi_rows: int = Field(default=300, ge=2)
    head_rows: int = Field(default=200, ge=1)
    preamble_sample: int = Field(default=2000, ge=2)
    preamble_share: float = 0.5
    preamble_rows: int = Field(default=10, ge=2)
    preamble_words: int = 5
    near_bands: int = Field(default=20, ge=1)
    near_permutations: int = Field(default=120, ge=1)
    near_chars: int = Field(default=20_000, ge=1)
    term_share: float = 0.01
    some_repeats: float = 0.05
    many_repeats: float = 0.2


class RuntimeSettings(Section):
    """Where and how fast; never changes a row."""

    chunk_size: int = Field(default=100, ge=1)
    concurrency: int = Field(default=8, ge=1)
    threads: int = Field(default=2, ge=1)
    timeout_seconds: float = 120.0
    retries: int = 5
    requests_per_minute: float = 0.0
    endpoint: str = ""
    adapter: str = ""
    judge_endpoints: tuple[str, ...] = ()
    audit_endpoint: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    price_prompt_per_million: float = 0.0
    price_completion_per_million: float = 0.0
    max_row_bytes: int = 16_000_000
    cache_dir: str = ""
    memory: MemorySettings = MemorySettings()
    alarms: AlarmSettings = AlarmSettings()
    budget: BudgetSettings = BudgetSettings()
    webhook: WebhookSettings = WebhookSettings()
    sinks: SinkSettings = SinkSettings()

    inspect: InspectSettings = InspectSettings()
