"""How a release is consolidated into a model, and by which rule the result is kept; sources in configs/default.toml."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from synthdata.settings.section import (
    MOST,
    Amount,
    Count,
    LearningRate,
    OpenShare,
    PositiveShare,
    Rank,
    Section,
    Seed,
    Share,
    ShareUnderOne,
    Size,
    Temperature,
)


class TrainingSettings(Section):
    """Low-rank adaptation of a base model on a release, and the comparison before and after (docs/consolidate.md)."""

    base: str = "embedded"
    method: Literal["sft", "kto"] = "sft"
    rank: Rank = 8
    alpha: Size = 16
    learning_rate: LearningRate = 2e-4
    batch_size: Size = 4
    max_steps: Size = 60
    truncation: PositiveShare = 1.0
    max_tokens: int = Field(default=512, ge=32, le=MOST)
    rows_per_lesson: Size = 10
    rehearsal: Amount = 2.0
    min_new: Size = 20
    seed: Seed = 0
    heldout_rows: int = Field(default=48, ge=20, le=MOST)
    games: Count = 10
    games_seed: Seed = 1_000_003
    sample_tokens: Size = 24
    sample_temperature: Temperature = 1.0
    confidence: OpenShare = 0.95
    min_tasks: int = Field(default=16, ge=2, le=MOST)
    forget_margin: Amount = 0.1
    red_tiles: Size = 2
    control: bool = True
    harm_margin: Amount = 0.02
    harm_share: ShareUnderOne = 0.05
    min_steps: Size = 10


class NightSettings(Section):
    """What a night collects before it reflects: games that an expert shows, and games that the model plays itself."""

    shown: Count = 12
    epsilons: tuple[Share, ...] = (0.0, 0.4)
    played: Count = 4
    seed: Seed = 2_000_003
    limit: Size | None = None
    trains_on: Literal["release", "own_moves"] = "release"


class PracticeSettings(Section):
    """How a model learns from moves of its own runs, and how that is examined (docs/consolidate.md)."""

    episodes: Size = 2
    task_slack: float = Field(default=2.0, ge=1, le=MOST)
    rank: Rank = 16
    alpha: Size = 32
    learning_rate: LearningRate = 1e-3
    batch_size: Size = 8
    epochs: Amount = 2.8
    min_steps: Size = 30
    max_steps: Size = 150
    frozen_layers: Count = 24
    alternatives: Size = 5
    retention: Amount = 4.0
    seed: Seed = 0
    exam_games: int = Field(default=60, ge=2, le=60)
    games: int = Field(default=20, ge=0, le=60)
    harm_margin: Share = 0.05

    def steps(self, rows: int) -> int:
        """Optimiser steps over so many rows: `epochs` times each, within `min_steps` and `max_steps`."""
        wanted = math.ceil(rows * self.epochs / self.batch_size)
        return min(self.max_steps, max(self.min_steps, wanted))
