"""Collapse alarms: the trend of what the generator brings, against its own first healthy rounds.

A one-sided CUSUM a tile (docs/design.md, section 5), in its bad direction, on the raw view; two red tiles that cross
make red, one alone or a lexical tile makes amber. A level far under the reference is amber at once. A constant
distance from real text says that this is a language model, not that it collapses, so it raises nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import scipy

from synthdata.corpus import CorpusStore
from synthdata.settings import AlarmSettings
from synthdata.text.names import alarm_name

# The bad direction of each tile: what falls in a collapse, and what rises.
RED_TILES = {"n2": -1, "cell_hill_1": -1, "cell_max_ratio": 1, "coverage": -1, "mmd2": 1}
# Two numbers of the cells are one tile: a narrowing moves both.
SAME_TILE = {"cell_max_ratio": "cell_hill_1"}
AMBER_TILES = {
    "distinct_3": -1,
    "tail_coverage": -1,
    "skeleton_hill_1": -1,
    "compression_ratio": 1,
    "self_repetition": 1,
    "precision": -1,
}
# Distances from the real rows that were set aside at `init`. Where the real stream itself has moved on, what follows it
# moves away from them too, and that is no collapse.
BESIDE_REAL = frozenset({"coverage", "mmd2", "tail_coverage", "precision"})
# What one event moves a tile by, times the rows of the view: two texts that share one word 4-gram add ln 2 each to the
# mean over rows. Five rounds without any say that such events are rare, not that one of them is news.
EVENT = {"self_repetition": 2 * math.log(2)}
Alarm = dict[str, Any]
# What rings for a narrowing. Precision rings for a fall of quality, which warmer samples would only deepen.
TREND_TILES = frozenset({*RED_TILES, *AMBER_TILES, "collapse", "n2_level"}) - {"precision"}


@dataclass(frozen=True)
class RoundHistory:
    """Which rounds belong together: the anchor of each round that a generator brought.

    `restarts` are rounds that ended in an `unfreeze`, after which only new evidence counts; `changes` are rounds after
    which the stream of real contexts was seen to have changed (gate/martingale.py). Rounds that are not named
    (inherited rows) are not looked at.
    """

    anchors: Mapping[int, int]
    restarts: frozenset[int] = frozenset()
    changes: frozenset[int] = frozenset()

    def spells(self, tile: str) -> list[list[int]]:
        """Rounds that can be compared in a tile: of one anchor, and beside real rows also of one stream."""
        changes = sorted(self.changes) if tile in BESIDE_REAL else []
        spells: dict[tuple[int, int], list[int]] = {}
        for number, anchor in sorted(self.anchors.items()):
            spells.setdefault((anchor, bisect_left(changes, number)), []).append(number)
        return list(spells.values())


def trend_alarms(
    snapshots: pl.DataFrame, n2_reference: float, settings: AlarmSettings, course: RoundHistory
) -> list[Alarm]:
    """Alarms by round over all rounds, as `{"tile", "level", "round"}`; `collapse` is the red one over several tiles.

    Each anchor has healthy rounds of its own, since a new one changes cells and reference; so has, in tiles beside real
    rows, each stretch of a stream between two changes. Rounds in which a tile could not be measured are left out of its
    sums. `n2_reference` is N2 of the reference, NaN where the content half is open.
    """
    raw = snapshots.filter((pl.col("view") == "raw") & pl.col("round").is_in(list(course.anchors))).sort("round")
    raised: dict[int, set[str]] = {}
    for tile, sign in (RED_TILES | AMBER_TILES).items():
        measured = raw.filter((pl.col("metric") == tile) & pl.col("value").is_not_null())
        values = dict(measured.select("round", "value").iter_rows())
        for spell in course.spells(tile):
            numbers = [number for number in spell if number in values]
            restarts = {i for i, number in enumerate(numbers) if number in course.restarts}
            event = _event(raw, tile, numbers[: settings.healthy_rounds])
            for i in cusum([sign * values[number] for number in numbers], settings, restarts, event):
                raised.setdefault(numbers[i], set()).add(tile)
    alarms = [{"tile": tile, "level": "amber", "round": number} for number, tiles in raised.items() for tile in tiles]
    for number, tiles in raised.items():
        if len({SAME_TILE.get(tile, tile) for tile in tiles & RED_TILES.keys()}) >= settings.red_tiles:
            alarms.append({"tile": "collapse", "level": "red", "round": number})
    # Polars holds NaN for larger than any number.
    least = 0.0 if math.isnan(n2_reference) else settings.level_share * n2_reference
    levels = raw.filter((pl.col("metric") == "n2") & (pl.col("value") < least))
    alarms += [{"tile": "n2_level", "level": "amber", "round": int(number)} for number in levels["round"]]
    return sorted(alarms, key=lambda alarm: (alarm["round"], alarm["level"] != "red", alarm["tile"]))


def _event(raw: pl.DataFrame, tile: str, healthy: Sequence[int]) -> float:
    """What one event moves a tile by in the smallest of its healthy rounds; 0 where it is no count of rare events."""
    if tile not in EVENT:
        return 0.0
    sizes = raw.filter((pl.col("metric") == "rows") & pl.col("round").is_in(list(healthy)) & (pl.col("value") > 0))
    return EVENT[tile] / min(sizes["value"]) if sizes.height else 0.0


def cusum(
    values: Sequence[float], settings: AlarmSettings, restarts: Collection[int] = (), event: float = 0.0
) -> list[int]:
    """Positions at which values have risen for good above the first `healthy_rounds` of them.

    Steps are in errors of a round: the healthy rounds' deviation with that of their mean, widened by the quotient of
    Student's t and the normal distribution at `confidence`, because so few rounds say little about either. After Page
    1954; `allowance` is k and `threshold` h. The error is never under one `event`, the least by which values can differ
    from none: a count of rare events that was nought so far has no spread of its own. The sum is capped at `cap` times
    h, so that rounds which are healthy again silence it, and begins anew after a position in `restarts`.
    """
    count = settings.healthy_rounds
    if len(values) <= count:
        return []
    healthy = values[:count]
    mean = sum(healthy) / count
    deviation = math.sqrt(sum((value - mean) ** 2 for value in healthy) / (count - 1) * (1 + 1 / count))
    widened = deviation * float(
        scipy.special.stdtrit(count - 1, settings.confidence) / scipy.special.ndtri(settings.confidence)
    )
    # Healthy rounds that are all alike would make an alarm of any rounding.
    error = max(widened, settings.least_error * abs(mean), event, 1e-12)
    total, above = 0.0, []
    for place in range(count, len(values)):
        total = max(0.0, total + (values[place] - mean) / error - settings.allowance)
        total = min(total, settings.cap * settings.threshold)
        if total > settings.threshold:
            above.append(place)
        if place in restarts:
            total = 0.0
    return above


def freeze_on_red(store: CorpusStore, alarms: Sequence[Alarm], number: int) -> str:
    """Freeze the corpus where this round has a red alarm, once a round; why, or nothing.

    An unfreeze stands until a later round is red.
    """
    now = [alarm for alarm in alarms if alarm["round"] == number]
    tiles = [alarm_name(alarm["tile"]) for alarm in now if alarm["level"] == "red"]
    if not tiles:
        return ""
    amber = sorted({alarm_name(alarm["tile"]) for alarm in now if alarm["level"] == "amber"})
    narrows = f"; what the generator brings moves the wrong way in {', '.join(amber)}" if amber else ""
    reason = f"round {number} is red: {', '.join(tiles)}{narrows}"
    store.append_event("freeze", f"red {number}", {"reason": reason, "round": number}, number)
    return reason
