"""What all sections of the settings share: strictness, and the ranges that numbers may have.

Every number is bounded on both sides, so that a typo is refused with the field's name and never seen as a traceback.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

MOST = 10**9
Count = Annotated[int, Field(ge=0, le=MOST)]
Size = Annotated[int, Field(ge=1, le=MOST)]
# Two rows are the fewest that can be compared.
Rows2 = Annotated[int, Field(ge=2, le=MOST)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
ShareUnderOne = Annotated[float, Field(ge=0, lt=1)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
Percentile = Annotated[float, Field(ge=0, le=100)]
# Over 1 no pair of texts reaches it, which turns a test off.
Cosine = Annotated[float, Field(gt=0, le=2)]
Amount = Annotated[float, Field(ge=0, le=MOST)]
Ratio = Annotated[float, Field(ge=1, le=MOST)]
Temperature = Annotated[float, Field(ge=0, le=5)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
PositiveSeconds = Annotated[float, Field(gt=0, le=86_400)]
Attempts = Annotated[int, Field(ge=1, le=100)]
Retries = Annotated[int, Field(ge=0, le=100)]
Parallel = Annotated[int, Field(ge=1, le=1024)]
Dimension = Annotated[int, Field(ge=1, le=65_536)]
# Words or characters of an n-gram.
Order = Annotated[int, Field(ge=1, le=100)]
# The counters of phrases saturate at 255.
Saturation = Annotated[int, Field(ge=1, le=255)]
Permutations = Annotated[int, Field(ge=1, le=4096)]
Rank = Annotated[int, Field(ge=1, le=4096)]
LearningRate = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """Common behaviour of all sections: frozen, and no unknown key passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Fields = TypeVar("Fields", bound=Section)


def in_order(section: Fields, *pairs: tuple[str, str]) -> Fields:
    """The section, if of each pair of its fields the first is not over the second.

    Raises:
        ValueError: names the pair and both values.
    """
    for low, high in pairs:
        if getattr(section, low) > getattr(section, high):
            raise ValueError(f"{low} ({getattr(section, low):g}) is over {high} ({getattr(section, high):g})")
    return section


def divides(section: Fields, parts: str, whole: str) -> Fields:
    """The section, if the field `parts` divides the field `whole`.

    Raises:
        ValueError: names both fields and values.
    """
    if getattr(section, whole) % getattr(section, parts):
        raise ValueError(f"{parts} ({getattr(section, parts)}) must divide {whole} ({getattr(section, whole)})")
    return section
