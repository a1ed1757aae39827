"""Language models behind the Generator protocol, and the response cache in front of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from synthdata.errors import SettingsError
from synthdata.generation.cache import CachedGenerator, count_equal_samples, equal_samples_warning
from synthdata.protocols import Advance, no_advance
from synthdata.settings import Settings

if TYPE_CHECKING:
    from synthdata.generation.embedded import EmbeddedGenerator
    from synthdata.generation.local import LocalModel
    from synthdata.generation.openai_http import OpenAIGenerator
    from synthdata.generation.scripted import ScriptedGenerator

__all__ = ["CachedGenerator", "count_equal_samples", "equal_samples_warning", "make_generator"]


def make_generator(settings: Settings, cache_dir: Path | str, progress: Advance = no_advance) -> CachedGenerator:
    """The generator that the settings name, behind the response cache; `progress` hears of every answered request.

    Raises:
        SettingsError: an endpoint is named without its URL.
    """
    inner = _inner(settings)
    # They hand over each answer as it comes, so that a kill loses none and no slot waits for the end of a group.
    cached = CachedGenerator(inner, cache_dir, progress, group=sys.maxsize)
    inner.answered = cached.answered
    return cached


def _inner(settings: Settings) -> EmbeddedGenerator | LocalModel | ScriptedGenerator | OpenAIGenerator:
    match settings.recipe.generation.generator:
        case "embedded":
            from synthdata.generation.embedded import EmbeddedGenerator

            return EmbeddedGenerator(settings.runtime.threads)
        case "adapter":
            return _adapter(settings)
        case "scripted":
            from synthdata.generation.scripted import ScriptedGenerator

            return ScriptedGenerator()
        case "openai_http":
            from synthdata.generation.openai_http import OpenAIGenerator

            return OpenAIGenerator(settings.recipe.generation.model, settings.runtime)


def _adapter(settings: Settings) -> EmbeddedGenerator | LocalModel:
    """A trained adapter: over the embedded model in llama.cpp, over any other base in transformers."""
    base, folder = settings.recipe.training.base, Path(settings.runtime.adapter)
    if not settings.runtime.adapter:
        raise SettingsError('generator "adapter" needs runtime.adapter; `run --generator adapter` fills it in')
    from synthdata.generation.local import EMBEDDED, LocalModel, load

    if base == EMBEDDED:
        from synthdata.generation.embedded import EmbeddedGenerator

        return EmbeddedGenerator(settings.runtime.threads, folder / "adapter.gguf", settings.recipe.generation.model)
    local = LocalModel(load(base, folder))
    local.model = f"{base}+{settings.recipe.generation.model}"
    return local
