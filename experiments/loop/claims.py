"""The registered claims of E4 (docs/loop.md) as functions of the lines that the runs wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.loop.statistics import Difference, holm, paired, sign_test

Line = Mapping[str, object]
MARGIN = 0.02
# (claim, arm, round, against, its round); the last round of each, clones after one. `best`: the best of the baselines.
CONTRASTS = (
    ("L1", "d", 3, "best", 0),
    ("L2", "d", 3, "c", 3),
    ("L3", "d", 3, "e", 3),
    ("L4", "d2", 3, "c", 3),
    ("L5", "f", 3, "f2", 3),
    ("L6", "clones-f", 1, "clones-f2", 1),
    ("L9", "d4-flipped", 3, "d-flipped", 3),
)
# What is printed and not promised.
BESIDE = (
    ("d minus its verb table", "d", 3, "verbs", 3),
    ("d2 minus best baseline", "d2", 3, "best", 0),
    ("d minus d2", "d", 3, "d2", 3),
    ("d minus b", "d", 3, "b", 3),
    ("c minus best baseline", "c", 3, "best", 0),
    ("d4 minus d", "d4", 3, "d", 3),
    ("f minus d", "f", 3, "d", 3),
    ("h minus d", "h", 3, "d", 3),
    ("clones-f minus clones-all", "clones-f", 1, "clones-all", 1),
)


@dataclass(frozen=True)
class Claim:
    """A claim with its interval; `met` by its own criterion, and where it is a superiority, after Holm's correction."""

    claim: str
    mean: float
    low: float
    high: float
    met: bool
    note: str = ""


def table(lines: Sequence[Line], arm: str, number: int, field: str = "first") -> np.ndarray:
    """(seeds, games) of an arm and round, seeds in ascending order."""
    found = sorted(
        (line for line in lines if line["arm"] == arm and line["round"] == number), key=lambda x: str(x["seed"])
    )
    return np.array([line[field] for line in found], dtype=float)


def baseline(lines: Sequence[Line]) -> tuple[str, np.ndarray]:
    """The best of chance and the untrained policy by each rule that scores it, on the mean over games."""
    names = sorted({str(line["arm"]) for line in lines if line["round"] == 0})
    tables = {name: table(lines, name, 0) for name in names}
    best = max(names, key=lambda name: (tables[name].mean(), name))
    return best, tables[best]


def contrast(lines: Sequence[Line], arm: str, number: int, against: str, other: int) -> Difference | None:
    """The paired difference, None where an arm was not run."""
    mine = table(lines, arm, number)
    if against == "best":
        theirs = baseline(lines)[1]
    elif against == "verbs":
        theirs = table(lines, arm, number, "verbs")
    else:
        theirs = table(lines, against, other)
    if not len(mine) or not len(theirs):
        return None
    return paired(mine, theirs[: len(mine)] if len(theirs) >= len(mine) else np.repeat(theirs[:1], len(mine), axis=0))


def claims(lines: Sequence[Line]) -> list[Claim]:
    """L1 to L9 as far as their arms were run."""
    found = {}
    for name, *contrasted in CONTRASTS:
        difference = contrast(lines, *contrasted)
        if difference is not None:
            found[name] = difference
    superior = [name for name in found if name != "L5"]
    adjusted = dict(zip(superior, holm([found[name].p for name in superior]), strict=True))
    made = [
        Claim(name, d.mean, d.low, d.high, d.low > 0 and adjusted[name] < 0.05, f"Holm p = {adjusted[name]:.2g}")
        for name, d in found.items()
        if name != "L5"
    ]
    if "L5" in found:
        made.append(_non_inferior(lines, found["L5"]))
    made += _passes(lines)
    return sorted(made, key=lambda claim: claim.claim)


def _non_inferior(lines: Sequence[Line], difference: Difference) -> Claim:
    gated = [line for line in lines if line["arm"] == "f"]
    held = all(float(str(line["n2_tasks"])) >= int(str(line["tasks"])) / 2 for line in gated)
    met = difference.low > -MARGIN and held
    return Claim("L5", difference.mean, difference.low, difference.high, met, f"margin {MARGIN}; floor held: {held}")


def _passes(lines: Sequence[Line]) -> list[Claim]:
    base, own, outcome = (
        (table(lines, arm, n, "pass8") for arm, n in (("a", 0), ("d", 3), ("c", 3))) if _asked(lines) else ((), (), ())
    )
    if not len(base):
        return []
    mine, theirs = paired(own, base), paired(outcome, base)
    met = mine.low > -MARGIN and theirs.high < 0
    note = f"c minus base {theirs.mean:+.3f} [{theirs.low:+.3f}, {theirs.high:+.3f}]"
    return [Claim("L8", mine.mean, mine.low, mine.high, met, note)]


def _asked(lines: Sequence[Line]) -> bool:
    return all(any(line["arm"] == arm and "pass8" in line for line in lines) for arm in ("a", "c", "d"))


def games_won(lines: Sequence[Line], arm: str, against: str) -> tuple[int, int, float]:
    """Games won in more seeds by the arm than by the other one, in fewer, and the exact p over games."""
    one, other = (table(lines, name, 3, "games_won").mean(axis=0) for name in (arm, against))
    return sign_test(one.tolist(), other.tolist())
