"""What the next round does about what the monitor saw: a stated policy, and which steps it has reflected on first.

Pure functions of counts, alarms and cells, so that a killed round which is run again is steered the same.

The policy: cells that hold under `under_share` of their real share are under-covered, and focuses go to them first. An
alarm on the trend of the last round counts the rows of the last rounds alone, since a large corpus hides what a
generator has ceased to bring; it also makes samples warmer, changes the angle, shows lessons that are known, opens the
dream lane and raises the real share of exports. All of it ends with the alarm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synthdata.records import OUTSIDE
from synthdata.settings import Recipe

Level = Literal["calm", "amber", "red"]


@dataclass(frozen=True)
class Coverage:
    """Rows of each cell (m,), of the whole corpus or of its last rounds, beside its real share (m,), adding up to 1."""

    rows: NDArray[np.int64]
    shares: NDArray[np.float64]

    def ratios(self, more: int = 0) -> NDArray[np.float64]:
        """Rows of each cell over the rows it should have once `more` are admitted; 1 is its real share."""
        total = int(self.rows.sum()) + more
        return self.rows / (self.shares * total) if total else np.ones(len(self.rows))

    def under(self, share: float) -> NDArray[np.int64]:
        """The cells with less than `share` of their real share, the emptiest first; none while nothing is admitted."""
        ratios = self.ratios()
        order = np.lexsort((np.arange(len(ratios)), ratios))
        return order[ratios[order] < share].astype(np.int64)


@dataclass(frozen=True)
class SteeringPlan:
    """What a round does differently, and why.

    `because` names the tiles that rang, `under` the under-covered cells, `focus_share` which share of the focuses goes
    to them at most: the rest still shows what the generator brings itself. One of them gets at most `cell_factor` times
    its real share: a round that is mostly of one cell would itself look like a collapse. `warmer` is added to
    temperatures, `angle` picks the question that is asked (0: as always), `known_lessons` how many known lessons a
    prompt shows, `dream_share` which share of focuses may lie outside all cells, `real_share` the least real share of
    an export.
    """

    level: Level
    because: tuple[str, ...]
    under: tuple[int, ...]
    focus_share: float
    cell_factor: float
    warmer: float
    angle: int
    known_lessons: int
    dream_share: float
    real_share: float


@dataclass(frozen=True, slots=True)
class Option:
    """A step that could be reflected on: its cell, and how near its context is to the cell's centroid (cosine)."""

    run: str
    step: int
    cell: int
    cosine: float


def rung_alarms(
    alarms: Sequence[Mapping[str, Any]], number: int, tiles: frozenset[str]
) -> tuple[Level, tuple[str, ...]]:
    """How loud round `number` rang on these tiles, and which of them."""
    now = [alarm for alarm in alarms if alarm["round"] == number and alarm["tile"] in tiles]
    levels = {alarm["level"] for alarm in now}
    level: Level = "red" if "red" in levels else "amber" if levels else "calm"
    return level, tuple(sorted({str(alarm["tile"]) for alarm in now}))


def decide_plan(
    level: Level, because: tuple[str, ...], coverage: Coverage, number: int, recipe: Recipe
) -> SteeringPlan:
    """The plan after round `number`, which rang like this, over cells of this coverage."""
    settings = recipe.steering
    rung = ("calm", "amber", "red").index(level)
    raised = (0.0, settings.amber_real_share, settings.red_real_share)[rung]
    return SteeringPlan(
        level=level,
        because=because,
        under=tuple(int(cell) for cell in coverage.under(settings.under_share)),
        focus_share=settings.focus_share,
        cell_factor=settings.cell_factor,
        warmer=rung * settings.temperature_step,
        angle=number if rung else 0,
        known_lessons=settings.known_lessons if rung else 0,
        dream_share=recipe.gate.out_of_distribution_share if rung else 0.0,
        # Nought is the operator's word that there is nothing real to mix in.
        real_share=max(recipe.export.real_share, raised) if recipe.export.real_share else 0.0,
    )


def calm_plan(recipe: Recipe) -> SteeringPlan:
    """The plan that changes nothing."""
    return SteeringPlan("calm", (), (), 0.0, 0.0, 0.0, 0, 0, 0.0, recipe.export.real_share)


def choose_focuses(
    options: Sequence[Option], coverage: Coverage, plan: SteeringPlan, runs: int, per_run: int
) -> dict[str, tuple[int, ...]]:
    """The steps to take first, by run, in the order of first picks; at most `runs` runs with `per_run` steps each.

    One by one the emptiest under-covered cell gets its nearest option, and a planned focus counts as a row, until each
    of these cells is at its real share, has had `cell_factor` times that share of the round (but at least one focus) or
    has no option left, or `focus_share` is used up. Then come options outside
    all cells, for at most `dream_share` of the round's focuses. Ties go to the lower cell, then to the smaller run id
    and step.
    """
    picked: dict[str, list[int]] = {}
    budget = runs * per_run
    queues: dict[int, list[Option]] = {cell: [] for cell in plan.under}
    for option in sorted(options, key=lambda o: (-o.cosine, o.run, o.step)):
        if option.cell in queues:
            queues[option.cell].append(option)
    target_rows = coverage.shares * (int(coverage.rows.sum()) + budget)
    rows = coverage.rows.astype(np.float64)
    max_rows = rows + np.maximum(1, np.floor(plan.cell_factor * coverage.shares * budget))
    room = int(plan.focus_share * budget)
    while live := [
        cell for cell in plan.under if room and queues[cell] and rows[cell] < min(target_rows[cell], max_rows[cell])
    ]:
        cell = min(live, key=lambda cell: (rows[cell] / target_rows[cell], cell))
        taken = _take(queues[cell].pop(0), picked, runs, per_run)
        rows[cell] += taken
        room -= taken
    left = int(plan.dream_share * budget)
    for option in sorted((o for o in options if o.cell == OUTSIDE), key=lambda o: (o.run, o.step)):
        if left > 0:
            left -= _take(option, picked, runs, per_run)
    return {run: tuple(steps) for run, steps in picked.items()}


def _take(option: Option, picked: dict[str, list[int]], runs: int, per_run: int) -> int:
    """Add the option where its run has room, and say how many focuses that were."""
    mine = picked.get(option.run)
    if mine is None:
        if len(picked) == runs:
            return 0
        mine = picked[option.run] = []
    if len(mine) == per_run or option.step in mine:
        return 0
    mine.append(option.step)
    return 1
