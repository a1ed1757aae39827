"""The overview: how the corpus stands at a glance, what rings, and the course of every tile beside real text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from synthdata.dashboard.reading import Reading
from synthdata.drawing import Point
from synthdata.monitor.headline import headline
from synthdata.monitor.status import floor_note, steering_note
from synthdata.text.names import METRICS, alarm_name, view_name


@dataclass(frozen=True, slots=True)
class Tile:
    """A metric of one view: what it is called, what it says, and what a collapse does to it."""

    view: str
    metric: str
    name: str
    says: str
    in_collapse: str


def _tile(view: str, metric: str) -> Tile:
    known = METRICS[metric]
    name = known.name if view == "raw" or metric != "n2" else f"{known.name}, {view_name(view)}"
    return Tile(view, metric, name, known.says, known.in_collapse)


# In the order of the design: spread, cells, fit, drift, tail, wording, outcome.
BROUGHT = (
    "n2", "vendi_1", "cell_hill_1", "cell_max_ratio", "coverage", "precision", "mmd2", "tail_coverage", "distinct_3",
    "compression_ratio", "self_repetition", "skeleton_hill_1", "judge_pass_rate",
)  # fmt: skip
HELD = ("n2", "real_share", "lineage_depth")
TILES = (*(_tile("raw", name) for name in BROUGHT), *(_tile("admitted", name) for name in HELD))
# What somebody has to see who looks in once a day; the others stand below.
LEADING = ("n2", "cell_hill_1", "coverage", "mmd2", "tail_coverage", "skeleton_hill_1")
RED, AMBER = "red", "amber"


def overview(reading: Reading) -> dict[str, Any]:
    """What the template `overview.html` shows."""
    facts = reading.facts
    now = [alarm for alarm in facts["alarms"] if alarm["round"] == facts["round"]]
    silent = {alarm["tile"] for alarm in facts["alarms"]} - {alarm["tile"] for alarm in now}
    tiles = [(tile, points(reading.snapshots, tile)) for tile in TILES]
    admitted = facts["metrics"].get("admitted", {})
    return {
        "facts": facts,
        "state": headline(facts),
        "now": [
            alarm | {"since": _since(facts["alarms"], alarm["tile"]), "name": alarm_name(alarm["tile"])}
            for alarm in now
        ],
        "silent": sorted(map(alarm_name, silent)),
        "leading": [lead for tile, course in tiles if (lead := leading(tile, course, now))],
        "tiles": [
            (tile, course, rings(now, tile)) for tile, course in tiles if any(p.value is not None for p in course)
        ],
        "admitted": admitted,
        "absent": {tile.metric: facts["absent"].get(tile.view, {}).get(tile.metric) for tile, _ in tiles},
        "steering": steering_note(facts["steering"]) if facts["steering"] else "",
        "floor_note": floor_note(facts["anchor"]),
    }


@dataclass(frozen=True, slots=True)
class Lead:
    """One of the large tiles: the last value, the one before, where the value lies, and the level at which it rings."""

    tile: Tile
    now: Point
    before: float | None
    place: str
    ring: str


def leading(tile: Tile, course: Sequence[Point], now: Sequence[dict[str, Any]]) -> Lead | None:
    """The large tile of a metric, if it is one of them and was measured in the last round that was."""
    if tile.view != "raw" or tile.metric not in LEADING or not course or course[-1].value is None:
        return None
    last = course[-1]
    earlier = [point.value for point in course[:-1] if point.value is not None]
    return Lead(tile, last, earlier[-1] if earlier else None, place(last), rings(now, tile))


def place(point: Point) -> str:
    """Where a value lies beside the band of real text, in words."""
    if point.value is None or point.low is None or point.high is None:
        return "no real text beside it"
    if point.low <= point.value <= point.high:
        return "like real text"
    return "under real text" if point.value < point.low else "over real text"


def points(snapshots: pl.DataFrame, tile: Tile) -> list[Point]:
    """The course of one tile over all rounds that were measured."""
    rows = snapshots.filter((pl.col("view") == tile.view) & (pl.col("metric") == tile.metric)).sort("round")
    return [Point(*row) for row in rows.select("round", "value", "low", "high").iter_rows()]


def rings(now: Sequence[dict[str, Any]], tile: Tile) -> str:
    """The level at which a tile of the generator's output rings now; empty where it is silent."""
    names = (tile.metric, f"{tile.metric}_level")
    levels = {alarm["level"] for alarm in now if alarm["tile"] in names and tile.view == "raw"}
    return RED if RED in levels else AMBER if levels else ""


def _since(alarms: Sequence[dict[str, Any]], tile: str) -> int:
    return min(int(alarm["round"]) for alarm in alarms if alarm["tile"] == tile)
