"""What is compared, as literals: how samples are chosen, which real rows the choice knows, and how a round ends.

`select` is `none`, `nearest` (largest cosine to a reference row), `dsir` or `gate`. `anchor` is `old` (outside under
the 1st percentile of cosines to centroids, no allowance for chance: the rule before), `conformal`, `living`, `pooled`.
With `stream` new real rows of all topics arrive each round, in training too.
`whole` is the product's own setting: a round takes all of its samples that pass, so that the order selects little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Arm:
    """One way to choose."""

    name: str
    select: Literal["none", "nearest", "dsir", "gate"] = "none"
    anchor: Literal["old", "conformal", "living", "pooled"] = "conformal"
    stream: bool = False
    whole: bool = False


_CHOICES: tuple[tuple[str, str, str], ...] = (
    ("none", "none", "conformal"),
    ("nearest", "nearest", "conformal"),
    ("dsir local", "dsir", "conformal"),
    ("gate before", "gate", "old"),
    ("gate conformal", "gate", "conformal"),
    ("gate pooled", "gate", "pooled"),
)
_STREAMED = (
    ("none", "none", "conformal"),
    ("gate before", "gate", "old"),
    ("gate conformal", "gate", "conformal"),
    ("gate living", "gate", "living"),
)
MAIN = (
    *(Arm(name, select, anchor) for name, select, anchor in _CHOICES),  # type: ignore[arg-type]
    *(Arm(f"{name}, stream", select, anchor, stream=True) for name, select, anchor in _STREAMED),  # type: ignore[arg-type]
)
WHOLE = (
    Arm("none, whole", whole=True),
    Arm("gate before, whole", "gate", "old", whole=True),
    Arm("gate conformal, whole", "gate", "conformal", whole=True),
    Arm("gate pooled, whole", "gate", "pooled", whole=True),
    Arm("none, stream, whole", stream=True, whole=True),
    Arm("gate before, stream, whole", "gate", "old", stream=True, whole=True),
    Arm("gate living, stream, whole", "gate", "living", stream=True, whole=True),
)
PARTS = {"main": MAIN, "whole": WHOLE}
