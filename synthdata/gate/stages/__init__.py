"""The stages in their order: one literal says it all. A test is `(item, state) -> Reject | None` and changes no state.

Validity stands before diversity: diversity alone admits junk, because noise is far from everything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from synthdata.gate.stages.collision import collision
from synthdata.gate.stages.contaminated import contaminated
from synthdata.gate.stages.duplicate_in_round import duplicate_in_round
from synthdata.gate.stages.floor import floor
from synthdata.gate.stages.fluency import fluency
from synthdata.gate.stages.history import exact, near, semantic
from synthdata.gate.stages.judge import judge
from synthdata.gate.stages.lexical import lexical
from synthdata.gate.stages.provenance import provenance
from synthdata.gate.stages.quota import quota
from synthdata.gate.state import GateState, Item
from synthdata.records import Reject


class Stage(NamedTuple):
    """A test and the name under which its refusals are stored with each decision; stored names never change."""

    name: str
    test: Callable[[Item, GateState], Reject | None]


FIRST = (
    Stage("provenance", provenance),
    Stage("floor", floor),
    Stage("contaminated", contaminated),
    Stage("exact", exact),
)
# Only what is left by then is searched for in the history.
SEARCHED = (Stage("near", near), Stage("semantic", semantic), Stage("fluency", fluency))
# Judges cost most, so they see only what is left here.
JUDGED = (Stage("judge", judge),)
LOOP = (
    Stage("duplicate_in_round", duplicate_in_round),
    Stage("lexical", lexical),
    Stage("quota", quota),
    Stage("collision", collision),
)
