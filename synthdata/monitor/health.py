"""What somebody who looks in once a day has to see: tiles D1 to D7, the alarms, and whom to tell what is new.

Reads the snapshots alone; which trend is an alarm is decided in alarms.py.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.corpus.releases import frozen_because
from synthdata.gate.anchor import load_anchor
from synthdata.io.files import parsed_json
from synthdata.monitor.status import alarms_of
from synthdata.records import canonical_json, content_hash
from synthdata.text.names import alarm_name

Level = Literal["green", "amber", "red"]

# The tiles of the design by their views' metrics: spread, cells, fit, drift, tail, wording, outcome.
TILES = {
    "D1": ("n2", "vendi_1"),
    "D2": ("cell_hill_1", "cell_max_ratio"),
    "D3": ("coverage", "precision"),
    "D4": ("mmd2",),
    "D5": ("tail_coverage",),
    "D6": ("distinct_3", "compression_ratio", "self_repetition", "skeleton_hill_1"),
    "D7": ("judge_pass_rate", "real_share", "lineage_depth"),
}
SENT = "sent.json"


@dataclass(frozen=True)
class HealthReport:
    """The last round as its tiles show it.

    `level` is red where that round raised a red alarm or exports are frozen, amber where any other alarm stands.
    `tiles` rows hold `tile, metric, view, value, low, high`; `low` and `high` are where real text would lie.
    """

    corpus: str
    round: int
    level: Level
    frozen: str
    alarms: tuple[dict[str, Any], ...]
    tiles: tuple[dict[str, Any], ...]

    @property
    def key(self) -> str:
        """The same for the same news: round, level and alarms."""
        return content_hash(canonical_json([self.round, self.level, list(self.alarms), self.frozen]))

    def summary(self) -> str:
        """One sentence."""
        raised = ", ".join(f"{alarm_name(alarm['tile'])} ({alarm['level']})" for alarm in self.alarms) or "no alarm"
        frozen = f"; exports are frozen: {self.frozen}" if self.frozen else ""
        return f"round {self.round} is {self.level}: {raised}{frozen}"

    def news(self) -> dict[str, Any]:
        """What a webhook or an event carries: everything but the tiles that raise nothing."""
        raised = {alarm["tile"] for alarm in self.alarms}
        return asdict(self) | {"tiles": [row for row in self.tiles if row["metric"] in raised]}


def read_tiles(store: CorpusStore) -> HealthReport:
    """The reading of the last round that has one."""
    snapshots = store.snapshots()
    number = store.latest_round()
    alarms = [
        alarm for alarm in alarms_of(store, snapshots, load_anchor(store.anchor_dir())) if alarm["round"] == number
    ]
    frozen = frozen_because(store) or ""
    red = bool(frozen) or any(alarm["level"] == "red" for alarm in alarms)
    level: Level = "red" if red else "amber" if alarms else "green"
    now = snapshots.filter(pl.col("round") == number)
    return HealthReport(store.path.name, number, level, frozen, tuple(alarms), tuple(_tiles(now)))


def _tiles(now: pl.DataFrame) -> list[dict[str, Any]]:
    by_metric = {(row["metric"], row["view"]): row for row in now.iter_rows(named=True)}
    rows = []
    for tile, metrics in TILES.items():
        for metric in metrics:
            for view in ("raw", "round", "admitted"):
                row = by_metric.get((metric, view))
                if row is not None and row["value"] is not None:
                    numbers = {name: row[name] for name in ("value", "low", "high")}
                    rows.append({"tile": tile, "metric": metric, "view": view, **numbers})
    return rows


def was_sent(store: CorpusStore, medium: str, key: str) -> bool:
    """Whether this news went out by this medium."""
    return f"{medium} {key}" in _told(store)


def mark_sent(store: CorpusStore, medium: str, key: str) -> None:
    """Remember that it did; if the file is lost, news is told once more."""
    sent_keys = [*_told(store), f"{medium} {key}"][-100:]
    part = store.derived_dir / f".{SENT}.part"
    part.write_text(json.dumps(sent_keys), encoding="utf-8")
    part.replace(store.derived_dir / SENT)


def _told(store: CorpusStore) -> Collection[str]:
    path = store.derived_dir / SENT
    try:
        return [str(key) for key in parsed_json(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
