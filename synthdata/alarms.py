"""Collapse alarms: the trend of what the generator brings, against its own first healthy rounds (gate.md 5).

A one-sided CUSUM a tile, in the tile's bad direction, on the raw view; two red tiles that cross make red, one alone or
a lexical tile makes amber. A level far under the reference is amber at once. A constant distance from real text says
that this is a language model, not that it collapses, so it raises nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.settings import AlarmSettings

# The bad direction of each tile: what falls in a collapse, and what rises.
RED_TILES = {"n2": -1, "cell_hill_1": -1, "coverage": -1, "mmd2": 1}
AMBER_TILES = {
    "distinct_3": -1,
    "tail_coverage": -1,
    "skeleton_hill_1": -1,
    "compression_ratio": 1,
    "self_repetition": 1,
}
Alarm = dict[str, Any]


def trend_alarms(snapshots: pl.DataFrame, n2_reference: float, settings: AlarmSettings) -> list[Alarm]:
    """Alarms by round over all rounds, as `{"tile", "level", "round"}`; `collapse` is the red one over several tiles.

    Rounds in which a tile could not be measured are left out of its sums. `n2_reference` is N2 of the reference, NaN
    where the content half is open.
    """
    raw = snapshots.filter(pl.col("view") == "raw").sort("round")
    numbers = [int(number) for number in raw["round"].unique(maintain_order=True)]
    crossed: dict[str, int] = {}
    for tile, sign in (RED_TILES | AMBER_TILES).items():
        rows = raw.filter((pl.col("metric") == tile) & pl.col("value").is_not_null())
        at = cusum([sign * value for value in rows["value"]], settings)
        if at is not None:
            crossed[tile] = int(rows["round"][at])
    alarms = [
        {"tile": tile, "level": "amber", "round": number}
        for tile, start in crossed.items()
        for number in numbers
        if number >= start
    ]
    red = sorted(start for tile, start in crossed.items() if tile in RED_TILES)
    if len(red) >= settings.red_tiles:
        first = red[settings.red_tiles - 1]
        alarms += [{"tile": "collapse", "level": "red", "round": number} for number in numbers if number >= first]
    levels = raw.filter((pl.col("metric") == "n2") & (pl.col("value") < settings.level_share * n2_reference))
    alarms += [{"tile": "n2_level", "level": "amber", "round": int(number)} for number in levels["round"]]
    return sorted(alarms, key=lambda alarm: (alarm["round"], alarm["level"] != "red", alarm["tile"]))


def cusum(values: Sequence[float], settings: AlarmSettings) -> int | None:
    """Position at which values have risen for good above the first `healthy_rounds` of them, None where they have not.

    Steps are in errors of a round: the healthy rounds' deviation with that of their mean, widened by the quotient of
    Student's t and the normal distribution at `confidence`, because so few rounds say little about either. After Page
    1954; `allowance` is k and `threshold` h.
    """
    from scipy import stats

    count = settings.healthy_rounds
    if len(values) <= count:
        return None
    healthy = values[:count]
    mean = sum(healthy) / count
    deviation = math.sqrt(sum((value - mean) ** 2 for value in healthy) / (count - 1) * (1 + 1 / count))
    widened = deviation * float(stats.t.ppf(settings.confidence, count - 1) / stats.norm.ppf(settings.confidence))
    # Healthy rounds that are all alike would make an alarm of any rounding.
    error = max(widened, settings.least_error * abs(mean), 1e-12)
    total = 0.0
    for place in range(count, len(values)):
        total = max(0.0, total + (values[place] - mean) / error - settings.allowance)
        if total > settings.threshold:
            return place
    return None


def freeze_on_red(store: CorpusStore, alarms: Sequence[Alarm], number: int) -> str:
    """Freeze the corpus where this round has a red alarm, once a round; why, or nothing.

    An unfreeze stands until a later round is red.
    """
    tiles = [str(alarm["tile"]) for alarm in alarms if alarm["level"] == "red" and alarm["round"] == number]
    if not tiles:
        return ""
    amber = sorted({str(alarm["tile"]) for alarm in alarms if alarm["level"] == "amber" and alarm["round"] == number})
    reason = f"round {number} is red ({', '.join(tiles)}): what the generator brings narrows in {', '.join(amber)}"
    store.append_event("freeze", f"red {number}", {"reason": reason, "round": number}, number)
    return reason
