"""Two rounds, or two corpora, side by side: what the generator brought, what became of it, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from synthdata.dashboard.overview import LEADING, TILES, Tile, place
from synthdata.dashboard.reading import Reading
from synthdata.drawing import Point
from synthdata.errors import InputError
from synthdata.monitor.tally import total


@dataclass(frozen=True, slots=True)
class Side:
    """One round of one corpus: its name on the page, counts, the metrics of what came in, and shares by reason."""

    name: str
    corpus: str
    round: int
    candidates: int
    admitted: int
    points: dict[tuple[str, str], Point]
    reasons: dict[str, float]
    cells: dict[int, float]
    anchor: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A metric on both sides; `change` is right minus left, None where one of them is missing."""

    tile: Tile
    left: Point
    right: Point

    @property
    def change(self) -> float | None:
        """Right minus left."""
        if self.left.value is None or self.right.value is None:
            return None
        return self.right.value - self.left.value

    @property
    def says(self) -> str:
        """Where the right side lies beside real text."""
        return place(self.right)


def compare(
    reading: Reading, left: int | None = None, right: int | None = None, other: Reading | None = None
) -> dict[str, Any]:
    """What `compare.html` shows: by default the last round (right) beside the one before, or beside the other corpus.

    Raises:
        InputError: no such round.
    """
    ours, theirs = _numbers(reading), _numbers(other or reading)
    shown: dict[str, Any] = {
        "numbers": ours,
        "left_numbers": theirs,
        "other": _name(other) if other else "",
        "sides": (),
        "pairs": [],
        "leading": [],
        "reasons": [],
        "cells": [],
    }
    if not ours or not theirs or (other is None and len(ours) < 2 and left is None):
        return shown
    first = _side(other or reading, theirs, theirs[-1] if other else ours[-2], left)
    second = _side(reading, ours, ours[-1], right)
    pairs = _pairs(first, second)
    shown |= {
        "sides": (first, second),
        "pairs": pairs,
        "leading": [pair for pair in pairs if pair.tile.view == "raw" and pair.tile.metric in LEADING],
        "reasons": _beside(first.reasons, second.reasons),
    }
    # Cells of two anchors are other regions.
    if other is None and first.anchor == second.anchor:
        shown["cells"] = _beside(first.cells, second.cells)
    return shown


def _name(reading: Reading) -> str:
    return reading.store.path.resolve().name


def _numbers(reading: Reading) -> list[int]:
    return [int(number) for number in reading.rounds["round"].to_list()]


def _side(reading: Reading, numbers: Sequence[int], default: int, asked: int | None) -> Side:
    number = default if asked is None else asked
    if number not in numbers:
        raise InputError(f"{_name(reading)} has no round {number}; its last one is {numbers[-1]}")
    row = reading.rounds.row(by_predicate=pl.col("round") == number, named=True)
    now = reading.of_round(number)
    admitted, whole = now.filter(pl.col("verdict") == "admit"), int(row["candidates"])
    metrics = reading.snapshots.filter(pl.col("round") == number)
    points = {
        (view, metric): Point(number, value, low, high)
        for view, metric, value, low, high in metrics.select("view", "metric", "value", "low", "high").iter_rows()
    }
    return Side(
        f"{_name(reading)}, round {number}",
        _name(reading),
        number,
        whole,
        int(row["admit"]),
        points,
        _shares(total(now.filter(pl.col("verdict") != "admit"), "reason"), whole),
        _shares(total(admitted.filter(pl.col("cell") >= 0), "cell"), int(row["admit"])),
        int(row["anchor"]),
    )


def _shares(counted: Mapping[Any, int], whole: int) -> dict[Any, float]:
    return {name: rows / whole for name, rows in counted.items()}


def _pairs(first: Side, second: Side) -> list[Pair]:
    pairs = []
    for tile in TILES:
        key = (tile.view, tile.metric)
        left = first.points.get(key, Point(first.round, None))
        right = second.points.get(key, Point(second.round, None))
        if left.value is not None or right.value is not None:
            pairs.append(Pair(tile, left, right))
    return pairs


def _beside(left: dict[Any, float], right: dict[Any, float]) -> list[tuple[Any, float, float]]:
    """Name and share on both sides, the largest difference first."""
    rows = [(name, left.get(name, 0.0), right.get(name, 0.0)) for name in left.keys() | right.keys()]
    return sorted(rows, key=lambda row: (-abs(row[2] - row[1]), str(row[0])))
