"""All settings, typed and frozen. `recipe` changes rows and is hashed; `runtime` never does.

configs/default.toml shows every field with its source.
"""

from __future__ import annotations

from synthdata.settings.reading import Settings
from synthdata.settings.recipe import (
    AnchorSettings,
    EncoderSettings,
    ExportSettings,
    FloorSettings,
    GateSettings,
    GenerationSettings,
    JudgeSettings,
    LabelSettings,
    PictureSettings,
    Recipe,
    ReflectionSettings,
    SteeringSettings,
)
from synthdata.settings.runtime import (
    AlarmSettings,
    BudgetSettings,
    ImageEncoderSettings,
    InspectSettings,
    MemorySettings,
    RuntimeSettings,
    SinkSettings,
    WebhookSettings,
)
from synthdata.settings.section import Section
from synthdata.settings.training import NightSettings, PracticeSettings, TrainingSettings

__all__ = [
    "AlarmSettings",
    "AnchorSettings",
    "BudgetSettings",
    "EncoderSettings",
    "ExportSettings",
    "FloorSettings",
    "GateSettings",
    "GenerationSettings",
    "ImageEncoderSettings",
    "InspectSettings",
    "JudgeSettings",
    "LabelSettings",
    "MemorySettings",
    "NightSettings",
    "PictureSettings",
    "PracticeSettings",
    "Recipe",
    "ReflectionSettings",
    "RuntimeSettings",
    "Section",
    "Settings",
    "SinkSettings",
    "SteeringSettings",
    "TrainingSettings",
    "WebhookSettings",
]
