"""The adapter that was kept last, as the generator of the next round or as a player."""

from __future__ import annotations

from synthdata.api import Corpus
from synthdata.consolidation.registry import latest_weights
from synthdata.consolidation.sleep import known_adapters
from synthdata.settings import Settings


def with_adapter(corpus: Corpus, settings: Settings) -> Settings:
    """The settings with the last kept adapter filled in, named by number and hash, so that no cache mixes two of them.

    Raises:
        InputError: none was kept yet.
        CorruptStoreError: its files are not what was written.
    """
    adapter, weights = latest_weights(corpus.store.path, known_adapters(corpus), settings.recipe.training.base)
    name = f"adapter-{adapter.number}@{adapter.sha256[:12]}"
    named = settings.with_value("recipe.generation.generator", "adapter").with_value("recipe.generation.model", name)
    return named.with_value("runtime.adapter", str(weights))
