"""The half of the settings that says where and how fast, and never changes a row."""

from __future__ import annotations

from pydantic import Field

from synthdata.settings.section import Section


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


class RuntimeSettings(Section):
    """Where and how fast; never changes a row."""

    chunk_size: int = Field(default=100, ge=1)
    concurrency: int = Field(default=8, ge=1)
    threads: int = Field(default=2, ge=1)
    timeout_seconds: float = 120.0
    retries: int = 5
    requests_per_minute: float = 0.0
    endpoint: str = ""
    judge_endpoints: tuple[str, ...] = ()
    audit_endpoint: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    price_prompt_per_million: float = 0.0
    price_completion_per_million: float = 0.0
    max_row_bytes: int = 16_000_000
    cache_dir: str = ""
    alarms: AlarmSettings = AlarmSettings()
