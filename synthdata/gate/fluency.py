"""The fluency band: between which mean losses of a language model real contents lie.

Words in a wrong order are as frequent as in the right one, so the n-gram band hardly sees them; a model of language
does (docs/benchmarks.md). The model is not part of the gate: it comes as a function from texts to losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthdata.errors import AnchorError
from synthdata.protocols import Advance, no_advance
from synthdata.records import content_hash
from synthdata.settings import AnchorSettings

# A model may take a second a text, and who waits for a hundred wants to see them pass.
_HEARD_TOGETHER = 8


class Likelihood(Protocol):
    """A language model's loss of texts; `name` says which model looks at how much of a text."""

    name: str

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Nats a token (n,), of each text by itself, the same whatever else is asked."""


@dataclass(frozen=True)
class LMPerplexityRange:
    """Real contents lie between `low` and `high` nats a token by the model `name`, as `rows` of them say."""

    name: str
    low: float
    high: float
    rows: int


def calibrate_fluency(
    contents: Sequence[str], likelihood: Likelihood, settings: AnchorSettings, scoring: Advance = no_advance
) -> LMPerplexityRange:
    """The band of a seeded sample of real contents, widened by `fluency_slack` nats on each side.

    The model has not learnt from them, so that no half must be kept back as for the n-gram band. `scoring` hears of
    each content.
    """
    chosen = sorted(set(contents), key=lambda text: content_hash(str(settings.seed), "fluency", text))
    chosen = chosen[: settings.fluency_rows]
    wanted = [settings.fluency_low_percentile, settings.fluency_high_percentile]
    losses: list[float] = []
    for start in range(0, len(chosen), _HEARD_TOGETHER):
        part = chosen[start : start + _HEARD_TOGETHER]
        losses += likelihood(part).tolist()
        scoring(len(part))
    low, high = np.percentile(losses, wanted)
    slack = settings.fluency_slack
    return LMPerplexityRange(likelihood.name, float(low) - slack, float(high) + slack, len(chosen))


def check_fluency(band: LMPerplexityRange | None, likelihood: Likelihood | None, anchor: int) -> None:
    """Refuse an anchor whose losses are not those of the model that is asked, if one is.

    Raises:
        AnchorError: there is no band, or one of another model; says what to do.
    """
    if likelihood is not None and (band is None or band.name != likelihood.name):
        known = "has no fluency band" if band is None else f"has the fluency band of {band.name}"
        raise AnchorError(
            f"anchor {anchor} {known}, recipe.floor.fluency_model asks for that of {likelihood.name}; `reanchor` "
            'makes an anchor that has it, and fluency_model = "none" does without'
        )
