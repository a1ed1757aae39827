"""What is compared, as literals: an arm is a way of choosing samples, a way of mixing in real rows, and a pool.

Choosing is `none` (random), `dsir`, `judge` (best third by the reference model's score), `dedup` (the gate's likeness
stages alone), `gate` (random order), `gate+dsir`, and `gate+judge` and `gate+rare` (other orders inside the gate).
Mixing is `replace`, `real` (a fixed share of fresh real rows), `accumulate` (a draw from real rows and all samples so
far, at equal size), `all` (everything, unmatched) and `oracle` (real rows alone).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

OFF = 1e9


@dataclass(frozen=True)
class Arm:
    """`gate` overrides settings of recipe.gate; `delta` sets the collision budget relative to the reference."""

    name: str
    select: Literal["none", "dsir", "judge", "dedup", "gate", "gate+dsir", "gate+judge", "gate+rare"] = "none"
    mix: Literal["replace", "real", "accumulate", "all", "oracle"] = "real"
    real_share: float = 0.25
    kernel: Literal["cos2", "rbf"] = "cos2"
    pool: Literal["clean", "junk", "clones"] = "clean"
    delta: float | None = None
    gate: dict[str, float] = field(default_factory=dict)
    # E2's candidate for keeping rare tokens: real rows that hold rare types first. It did not pay (docs/collapse.md).
    rare_real: bool = False


NO_CELLS = {"quota_slack": OFF}
NO_COLLISION = {"collision_max": 1.0}

E1_MAIN = (
    Arm("oracle", mix="oracle"),
    Arm("replace", mix="replace"),
    Arm("replace dedup", "dedup", "replace"),
    Arm("replace judge", "judge", "replace"),
    Arm("replace gate", "gate", "replace"),
    Arm("accumulate all", mix="all"),
    Arm("accumulate", mix="accumulate"),
    Arm("accumulate dsir", "dsir", "accumulate"),
    Arm("accumulate gate", "gate", "accumulate"),
    Arm("accumulate gate+dsir", "gate+dsir", "accumulate"),
    Arm("floor"),
    Arm("floor dedup", "dedup"),
    Arm("floor judge", "judge"),
    Arm("floor dsir", "dsir"),
    Arm("floor gate", "gate"),
    Arm("floor gate+dsir", "gate+dsir"),
    Arm("floor gate+judge", "gate+judge"),
    Arm("floor gate, no cells", "gate", gate=NO_CELLS),
    Arm("floor gate, no collision", "gate", gate=NO_COLLISION),
    Arm("junk floor", pool="junk"),
    Arm("junk dsir", "dsir", pool="junk"),
    Arm("junk gate", "gate", pool="junk"),
    Arm("junk gate+dsir", "gate+dsir", pool="junk"),
    Arm("clones floor", pool="clones"),
    Arm("clones dsir", "dsir", pool="clones"),
    Arm("clones gate", "gate", pool="clones"),
    Arm("clones gate+dsir", "gate+dsir", pool="clones"),
)
# Those of the registered contrasts, which come first.
PRIMARY = (
    *("replace", "replace judge", "floor", "floor dsir", "floor gate", "floor gate+dsir", "accumulate"),
    *("accumulate gate+dsir", "junk dsir", "junk gate+dsir", "clones dsir", "clones gate+dsir"),
)
# The same five at other temperatures, and the sweeps around the gate's three dials.
FIVE = ("floor", "floor dsir", "floor gate", "floor gate+dsir", "accumulate")
E1_SWEEPS = (
    *(Arm(f"floor gate+dsir, quota_slack {x}", "gate+dsir", gate={"quota_slack": x}) for x in (1.1, 2.0)),
    *(Arm(f"floor gate+dsir, delta {x}", "gate+dsir", delta=x) for x in (0.0, 0.2)),
    *(Arm(f"real {x:.0%} gate+dsir", "gate+dsir", real_share=x) for x in (0.1, 0.5)),
    *(Arm(f"real {x:.0%}", real_share=x) for x in (0.1, 0.5)),
    Arm("floor gate+dsir, rbf", "gate+dsir", kernel="rbf"),
)
RULES = (("replace", "replace"), ("floor", "real"), ("accumulate", "accumulate"))
E2_CROSS = tuple(
    Arm(name if select == "none" else f"{name} {select}", select, mix)  # type: ignore[arg-type]
    for name, mix in RULES
    for select in ("none", "dsir", "gate+dsir", "gate")
)
E2_BESIDE = (Arm("oracle", mix="oracle"), Arm("replace judge", "judge", "replace"))
# Beside the two arms of the cross that they change.
E2_TAIL = (
    *(arm for arm in E2_CROSS if arm.name in ("accumulate", "accumulate gate+dsir")),
    Arm("accumulate gate+dsir, rare real", "gate+dsir", "accumulate", rare_real=True),
    Arm("accumulate, rare real", mix="accumulate", rare_real=True),
    Arm("accumulate gate+rare", "gate+rare", "accumulate"),
)
