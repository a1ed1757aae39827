"""Months as lines of JSON, one a month: what is in the file is done, the same command goes on with the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.month.rounds import gated_month, watched_month

RESULTS = Path(__file__).parents[2] / "docs" / "months.jsonl"
# The rate of the bar, half of it and twice as much: depth that a round adds from round 15 on.
RATES = (0.05, 0.1, 0.2)
SEEDS, HEALTHY = range(100, 120), range(200, 260)
Key = tuple[str, float, int]


def jobs() -> list[Key]:
    """Kind, rate and seed of every month, those that matter most first."""
    months = [("watched", RATES[1], seed) for seed in SEEDS] + [("watched", 0.0, seed) for seed in HEALTHY]
    months += [("watched", rate, seed) for rate in (RATES[0], RATES[2]) for seed in SEEDS]
    months += [(kind, RATES[1], seed) for seed in SEEDS for kind in ("unsteered", "steered")]
    return months + [("steered", 0.0, seed) for seed in HEALTHY[:20]]


def read(file: Path = RESULTS) -> list[dict[str, Any]]:
    """All months that are done."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def run_missing(file: Path = RESULTS) -> None:
    """Run what is not in the file and append it, a whole line at a time."""
    done = {(line["kind"], line["rate"], line["seed"]) for line in read(file)}
    for kind, rate, seed in jobs():
        if (kind, rate, seed) in done:
            continue
        month = watched_month(seed, rate) if kind == "watched" else gated_month(seed, kind == "steered", rate)
        line = {"kind": kind, "rate": rate, "seed": seed} | month.facts()
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
