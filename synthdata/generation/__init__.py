"""Language models behind the Generator protocol, and the response cache in front of them."""

from __future__ import annotations

from pathlib import Path

from synthdata.generation.cache import CachedGenerator, count_equal_samples, equal_samples_warning
from synthdata.protocols import Generator, Progress, unheard
from synthdata.settings import Settings

__all__ = ["CachedGenerator", "count_equal_samples", "equal_samples_warning", "make_generator"]


def make_generator(settings: Settings, cache_dir: Path | str, progress: Progress = unheard) -> CachedGenerator:
    """The generator that the settings name, behind the response cache; `progress` hears of every answered request.

    Raises:
        SettingsError: an endpoint is named without its URL.
    """
    return CachedGenerator(_inner(settings, progress), cache_dir, progress)


def _inner(settings: Settings, progress: Progress) -> Generator:
    match settings.recipe.generation.generator:
        case "embedded":
            from synthdata.generation.embedded import EmbeddedGenerator

            return EmbeddedGenerator(settings.runtime.threads, progress)
        case "scripted":
            from synthdata.generation.scripted import ScriptedGenerator

            return ScriptedGenerator(progress=progress)
        case "openai_http":
            from synthdata.generation.openai_http import OpenAIGenerator

            return OpenAIGenerator(settings.recipe.generation.model, settings.runtime, progress=progress)
