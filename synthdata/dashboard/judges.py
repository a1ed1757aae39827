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
# Counts of a round and how a reader without the code would call them.
COUNTS = {
    "judged": "rows judged", "canary_bad": "wrong ones planted", "canary_bad_passed": "wrong ones that passed",
    "canary_good": "right ones planted", "canary_good_passed": "right ones that passed",
    "audit_passes": "passed rows audited", "audit_refused": "refused by the audit", "scan_tried": "foreign runs tried",
    "scan_accepted": "foreign runs passed", "judge_void": "void (1 is yes)",
}  # fmt: skip


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
        "counts": {name: says for name, says in COUNTS.items() if any(name in row for row in rows.values())},
        "table": sorted(rows.items(), reverse=True),
        "settings": settings,
        "now": [a for a in reading.facts["alarms"] if a["round"] == reading.facts["round"] and "judge" in a["tile"]],
    }
