"""What judging left in the decisions, read back: rows of a round's snapshot with exact intervals, alarms, who judged.

Pure functions over frames. A round without judges has no such rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from metrics.proportion import exact_interval
from synthdata.settings import JudgeSettings

VIEW = "judge"
NOBODY = "none"
_ROUND = ("canary_bad", "canary_bad_passed", "canary_good", "canary_good_passed", "judge_void")
_SCAN = ("scan_tried", "scan_accepted", "scan_keys")


def judge_rows(decided: pl.DataFrame, confidence: float) -> list[dict[str, object]]:
    """Snapshot rows of view `judge` from the decisions (columns `judged`, `numbers`) of one round.

    Shares stand with their two-sided exact interval, and the counts they come from stand beside them.
    """
    judged = [
        {item["name"]: item["value"] for item in numbers}
        for who, numbers in decided.select("judged", "numbers").iter_rows()
        if who != NOBODY
    ]
    seen = [numbers for numbers in judged if "judge_void" in numbers]
    if not judged:
        return []
    rows: dict[str, tuple[float, float | None, float | None]] = {"judged": (float(len(judged)), None, None)}
    for name in (*_ROUND, *_SCAN):
        rows |= {name: (seen[0][name], None, None)} if seen and name in seen[0] else {}
    shares: dict[str, tuple[float, float]] = {}
    if seen:
        first = seen[0]
        shares["canary_fpr"] = first["canary_bad_passed"], first["canary_bad"]
        shares["canary_tpr"] = first["canary_good_passed"], first["canary_good"]
        shares["scan_share"] = first.get("scan_accepted", 0.0), first.get("scan_tried", 0.0)
    audited = [numbers for numbers in seen if "audit_passed" in numbers and numbers["judge_passed"]]
    shares["audit_gap"] = sum(1 - numbers["audit_passed"] for numbers in audited), float(len(audited))
    for name, (hits, trials) in shares.items():
        if trials:
            rows[name] = (hits / trials, *exact_interval(int(hits), int(trials), confidence))
    refused, passes = shares["audit_gap"]
    rows |= {"audit_refused": (refused, None, None), "audit_passes": (passes, None, None)} if passes else {}
    return [
        {"view": VIEW, "metric": n, "value": v, "low": low, "high": high, "note": ""}
        for n, (v, low, high) in rows.items()
    ]


def judge_alarms(snapshots: pl.DataFrame, settings: JudgeSettings) -> list[dict[str, Any]]:
    """Alarms of the judges by round: void canaries and a reflection that passes anywhere are red, a growing gap amber.

    The gap is the share of what the deciding judges passed that the audit judge did not, tested against all earlier
    rounds together: it grows where the deciding judges are learnt by the generator.
    """
    frame = snapshots.filter(pl.col("view") == VIEW).sort("round")
    alarms: list[dict[str, Any]] = []
    before = [0, 0]
    for number in frame["round"].unique(maintain_order=True):
        rows = frame.filter(pl.col("round") == number)
        values = dict(zip(rows["metric"], rows["value"], strict=True))
        tiles = [("judge_canaries", "red", values.get("judge_void", 0.0) > 0)]
        tiles.append(("judge_scan", "red", values.get("scan_keys", 0.0) > 0))
        now = [int(values.get("audit_refused", 0)), int(values.get("audit_passes", 0))]
        tiles.append(("judge_audit", "amber", _widened(now, before, settings.audit_alpha)))
        before = [before[0] + now[0], before[1] + now[1]]
        alarms += [{"tile": tile, "level": level, "round": number} for tile, level, rings in tiles if rings]
    return alarms


def judged_by(counts: Mapping[str, int]) -> str:
    """Who judged the rows of a corpus, given rows by name: `none`, one name, or several with their numbers."""
    if set(counts) <= {NOBODY}:
        return NOBODY
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{name} ({counts[name]} rows)" for name in sorted(counts))


def _widened(now: list[int], before: list[int], alpha: float) -> bool:
    if not now[1] or not before[1]:
        return False
    from scipy.stats import fisher_exact

    table = [[now[0], now[1] - now[0]], [before[0], before[1] - before[0]]]
    return bool(fisher_exact(table, alternative="greater").pvalue < alpha)
