"""The judges: whether they still tell right from wrong, and whether those who decide and who audits agree."""

from __future__ import annotations

from typing import Any

from synthdata.dashboard.overview import Tile, points
from synthdata.dashboard.reading import Reading
from synthdata.drawing import Point
from synthdata.judging.record import VIEW
from synthdata.settings import Settings

SHARES = (
    Tile(VIEW, "canary_fpr", "Wrong ones that passed", "Planted items that are wrong by construction.", "rises"),
    Tile(VIEW, "canary_tpr", "Right ones that passed", "Planted items that are right by construction.", "falls"),
    Tile(VIEW, "audit_gap", "Audit disagrees", "Of what was passed, the share that the audit judge refuses.", "rises"),
    Tile(VIEW, "scan_share", "Passes on foreign runs", "Reflections judged on runs they do not speak of.", "rises"),
)
COUNTS = (
    "judged", "canary_bad", "canary_bad_passed", "canary_good", "canary_good_passed", "audit_passes", "audit_refused",
    "scan_tried", "scan_accepted", "judge_void",
)  # fmt: skip


def judges(reading: Reading) -> dict[str, Any]:
    """What `judges.html` shows: four shares with their exact intervals, and the counts behind them by round."""
    settings = Settings.from_dict(reading.store.settings, where=str(reading.store.path)).recipe.judge
    courses: list[tuple[Tile, list[Point]]] = [(tile, points(reading.snapshots, tile)) for tile in SHARES]
    rows: dict[int, dict[str, float]] = {}
    for number, view, metric, value in reading.snapshots.select("round", "view", "metric", "value").iter_rows():
        if view == VIEW:
            rows.setdefault(number, {})[metric] = value
    return {
        "facts": reading.facts,
        "tiles": [(tile, course) for tile, course in courses if course],
        "counts": [name for name in COUNTS if any(name in row for row in rows.values())],
        "table": sorted(rows.items(), reverse=True),
        "settings": settings,
        "now": [a for a in reading.facts["alarms"] if a["round"] == reading.facts["round"] and "judge" in a["tile"]],
    }
