"""The overview: how the corpus stands at a glance, what rings, and the course of every tile beside real text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from synthdata.dashboard.charts import Point
from synthdata.dashboard.reading import Reading
from synthdata.dashboard.text import words
from synthdata.monitor.status import floor_note, steering_note


@dataclass(frozen=True, slots=True)
class Tile:
    """A metric of one view: what it is called, what it says, and what a collapse does to it."""

    view: str
    metric: str
    name: str
    says: str
    in_collapse: str


# In the order of the design: spread, cells, fit, drift, tail, wording, outcome.
TILES = (
    Tile("raw", "n2", "N2, distinct contents", "How many unlike contents the text amounts to.", "falls"),
    Tile("raw", "vendi_1", "Vendi score", "The same by entropy: rare kinds weigh more.", "falls"),
    Tile("raw", "cell_hill_1", "Cells in use", "Over how many regions of experience it spreads.", "falls"),
    Tile("raw", "cell_max_ratio", "Fullest cell", "The most crowded region against its real share.", "rises"),
    Tile("raw", "coverage", "Coverage", "The share of real text that has generated text near it.", "falls"),
    Tile("raw", "precision", "Precision", "The share of generated text that lies among real text.", "either way"),
    Tile("raw", "mmd2", "Drift (MMD²)", "The distance of both distributions; 0 is none.", "rises"),
    Tile("raw", "tail_coverage", "Rare words kept", "The share of rare real words that still occur.", "falls"),
    Tile("raw", "distinct_3", "Distinct trigrams", "The share of three-word sequences that differ.", "falls"),
    Tile("raw", "compression_ratio", "Compression", "How well the text packs: repetition packs well.", "rises"),
    Tile("raw", "self_repetition", "Self-repetition", "How much of a text occurs in others as well.", "rises"),
    Tile("raw", "skeleton_hill_1", "Sentence frames", "How many frames are left with names masked.", "falls"),
    Tile("raw", "judge_pass_rate", "Judge pass rate", "Of what a judge saw, the share it let pass.", "either way"),
    Tile("admitted", "n2", "N2 of the corpus", "Unlike contents among the admitted rows alone.", "falls"),
    Tile("admitted", "real_share", "Real share", "Real rows among the reference and the corpus.", "falls"),
    Tile("admitted", "lineage_depth", "Lineage depth", "How many generations lie between a row and reality.", "rises"),
)  # fmt: skip
RED, AMBER, GREEN = "red", "amber", "green"


def overview(reading: Reading) -> dict[str, Any]:
    """What the template `overview.html` shows."""
    facts = reading.facts
    now = [alarm for alarm in facts["alarms"] if alarm["round"] == facts["round"]]
    silent = {alarm["tile"] for alarm in facts["alarms"]} - {alarm["tile"] for alarm in now}
    tiles = [(tile, points(reading.snapshots, tile)) for tile in TILES]
    admitted = facts["metrics"].get("admitted", {})
    return {
        "facts": facts,
        "state": state(facts, now),
        "now": [
            alarm | {"since": _since(facts["alarms"], alarm["tile"]), "name": called(alarm["tile"])} for alarm in now
        ],
        "silent": sorted(map(called, silent)),
        "tiles": [
            (tile, course, rings(now, tile)) for tile, course in tiles if any(p.value is not None for p in course)
        ],
        "admitted": admitted,
        "absent": {tile.metric: facts["absent"].get(tile.view, {}).get(tile.metric) for tile, _ in tiles},
        "steering": steering_note(facts["steering"]) if facts["steering"] else "",
        "floor_note": floor_note(facts["anchor"]),
    }


def state(facts: dict[str, Any], now: Sequence[dict[str, Any]]) -> tuple[str, str, str]:
    """Level, headline and one sentence of what it means for whoever looks in once a day."""
    if facts["frozen"]:
        because = f"{facts['frozen_because']}. After a look: synthdata unfreeze CORPUS --reason ..."
        return RED, "Frozen: nothing is exported", because
    levels = {alarm["level"] for alarm in now}
    if RED in levels:
        return (
            RED,
            "Red alarm",
            "The last round raised a red alarm; look at the tiles that ring before the next export.",
        )
    if levels:
        return AMBER, "Worth a look", "Something moves in its bad direction, but not enough of it for a red alarm."
    if not facts["round"]:
        return AMBER, "No round yet", "The anchor is frozen; `synthdata run` or `admit` makes the first round."
    return GREEN, "Healthy", "No alarm in the last round; exports may leave."


def points(snapshots: pl.DataFrame, tile: Tile) -> list[Point]:
    """The course of one tile over all rounds that were measured."""
    rows = snapshots.filter((pl.col("view") == tile.view) & (pl.col("metric") == tile.metric)).sort("round")
    return [Point(*row) for row in rows.select("round", "value", "low", "high").iter_rows()]


def rings(now: Sequence[dict[str, Any]], tile: Tile) -> str:
    """The level at which a tile of the generator's output rings now; empty where it is silent."""
    names = (tile.metric, f"{tile.metric}_level")
    levels = {alarm["level"] for alarm in now if alarm["tile"] in names and tile.view == "raw"}
    return RED if RED in levels else AMBER if levels else ""


def called(alarm: str) -> str:
    """What the pages call the tile of an alarm."""
    names = {tile.metric: tile.name for tile in TILES if tile.view == "raw"} | {
        "n2_level": "N2 far under the reference"
    }
    return names.get(alarm, words(alarm))


def _since(alarms: Sequence[dict[str, Any]], tile: str) -> int:
    return min(int(alarm["round"]) for alarm in alarms if alarm["tile"] == tile)
