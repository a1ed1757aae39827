"""How a release is consolidated into a model, and by which rule the result is kept; sources in configs/default.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthdata.settings.section import Section


class TrainingSettings(Section):
    """Low-rank adaptation of a base model on a release, and the comparison before and after (docs/consolidate.md)."""

    base: str = "embedded"
    method: Literal["sft", "kto"] = "sft"
    rank: int = Field(default=8, ge=1)
    alpha: int = Field(default=16, ge=1)
    learning_rate: float = 2e-4
    batch_size: int = Field(default=4, ge=1)
    max_steps: int = Field(default=60, ge=1)
    max_tokens: int = Field(default=512, ge=32)
    rows_per_lesson: int = Field(default=10, ge=1)
    rehearsal: float = Field(default=2.0, ge=0)
    min_new: int = Field(default=20, ge=1)
    seed: int = 0
    heldout_rows: int = Field(default=48, ge=20)
    games: int = Field(default=10, ge=0)
    games_seed: int = 1_000_003
    sample_tokens: int = Field(default=24, ge=1)
    sample_temperature: float = 1.0
    confidence: float = 0.95
    resamples: int = Field(default=2000, ge=100)
    forget_margin: float = 0.1
    red_tiles: int = Field(default=2, ge=1)
    control_share: float = Field(default=0.67, ge=0, lt=1)
    min_steps: int = Field(default=10, ge=1)


class NightSettings(Section):
    """What a night collects before it reflects: games that an expert shows, and games that the model plays itself."""

    shown: int = Field(default=12, ge=1)
    epsilons: tuple[float, ...] = (0.0, 0.4)
    played: int = Field(default=4, ge=0)
    seed: int = 2_000_003
    limit: int | None = Field(default=None, ge=1)
