"""The stages in their order: one literal says it all. A stage is `(item, state) -> Reject | None`; none changes state.

Validity stands before diversity: diversity alone admits junk, because noise is far from everything.
"""

from __future__ import annotations

from collections.abc import Callable

from synthdata.gate.stages.collision import collision
from synthdata.gate.stages.contaminated import contaminated
from synthdata.gate.stages.floor import floor
from synthdata.gate.stages.fluency import fluency
from synthdata.gate.stages.history import exact, near, semantic
from synthdata.gate.stages.judge import judge
from synthdata.gate.stages.lexical import lexical
from synthdata.gate.stages.provenance import provenance
from synthdata.gate.stages.quota import quota
from synthdata.gate.stages.twin import twin
from synthdata.gate.state import GateState, Item, Reject

Stage = Callable[[Item, GateState], Reject | None]

# Judges cost most, so they see only what is left here.
JUDGED: tuple[Stage, ...] = (judge,)
FIRST: tuple[Stage, ...] = (provenance, floor, contaminated, exact)
# Only what is left by then is searched for in the history.
SEARCHED: tuple[Stage, ...] = (near, semantic, fluency)
LOOP: tuple[Stage, ...] = (twin, lexical, quota, collision)
