"""Tables of whatever confirming results are there, printed or written into docs/narrow.md between its markers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from experiments.narrow import refusals
from experiments.narrow.jobs import FIRST_CONFIRMING_SEED, path, read

PAGE = Path(__file__).parents[2] / "docs" / "narrow.md"
BEGIN, END = "<!-- results -->", "<!-- end: results -->"
COLUMNS = {"loss_seen": "loss, seen", "loss_unseen": "loss, unseen", "unseen": "unseen in raw",
           "coverage_unseen": "coverage of unseen", "n2": "N2", "n2_characters": "N2, characters"}  # fmt: skip
Results = dict[str, dict[int, dict[str, Any]]]


def load() -> Results:
    """Confirming lines by arm, then by seed."""
    results: Results = {}
    for line in read(path(FIRST_CONFIRMING_SEED)):
        results.setdefault(line["arm"], {})[int(line["seed"])] = line
    return results


def show() -> None:
    """Print the tables."""
    print(body())


def write() -> None:
    """Put the tables into the page."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{body()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def body() -> str:
    """What the confirming seeds say so far."""
    results = load()
    if not results:
        return "No confirming run has been made yet."
    seeds = sorted({seed for lines in results.values() for seed in lines})
    floors = [line["floor_held"] for lines in results.values() for line in lines.values() if line["floor_held"]]
    span = f"Seeds {seeds[0]} to {seeds[-1]} as far as they have run; means after round 6, half widths of 95 %."
    head = f"{span} The floor held in every round of {len(floors)} gated runs (least ratio {min(floors):.4f})."
    rows = [["arm", "seeds", *COLUMNS.values(), "unseen loss minus *none*", "N2 minus *none*", "unseen in chosen"]]
    rows += [_arm(results, arm) for arm in results]
    claims = "\n".join(f"- {line}" for line in _claims(results))
    parts = ["## 3. What came out", head, _table(rows), "### Registered claims", claims]
    outside = refusals.table()
    return "\n\n".join([*parts, *([_table(outside)] if len(outside) > 1 else [])])


def _arm(results: Results, arm: str) -> list[str]:
    lines = results[arm]
    cells = [_mean([line["trace"][name][-1] for line in lines.values()]) for name in COLUMNS]
    gaps = [_gap(results, arm, _baseline(arm), name) for name in ("loss_unseen", "n2")]
    chosen = _mean([float(np.mean(line["unseen_chosen"])) for line in lines.values()])
    return [arm, str(len(lines)), *cells, *("" if gap is None else _interval(gap) for gap in gaps), chosen]


def _baseline(arm: str) -> str:
    """The arm without selection of the same series."""
    return ", ".join(["none", *arm.split(", ")[1:]])


def _gap(results: Results, arm: str, against: str, measure: str) -> tuple[float, float, float] | None:
    """Mean paired difference after the last round with its 95 % interval; None for the baseline or under two seeds."""
    ours, theirs = results.get(arm, {}), results.get(against, {})
    seeds = sorted(ours.keys() & theirs.keys())
    if arm == against or len(seeds) < 2:
        return None
    gap = np.array([ours[s]["trace"][measure][-1] - theirs[s]["trace"][measure][-1] for s in seeds])
    low, high = stats.ttest_1samp(gap, 0.0).confidence_interval(0.95)
    return float(gap.mean()), float(low), float(high)


def _claims(results: Results) -> list[str]:
    told = []
    before = _gap(results, "gate before", "none", "loss_unseen")
    if before is not None:
        told.append(f"R11: unseen loss of *gate before* minus *none* {_interval(before)}: {_met(before[1] > 0)}.")
    for claim, arm, most, least in (("R12", "gate pooled", 0.05, 3), ("R13", "gate living, stream", 0.05, 1)):
        loss, n2 = (_gap(results, arm, _baseline(arm), name) for name in ("loss_unseen", "n2"))
        if loss is not None and n2 is not None:
            numbers = (
                f"unseen loss {_interval(loss)}: {_met(loss[2] <= most)}; N2 {_interval(n2)}: {_met(n2[0] >= least)}"
            )
            told.append(f"{claim}: *{arm}* minus *{_baseline(arm)}*, {numbers}.")
    return told


def _interval(gap: tuple[float, float, float]) -> str:
    return f"{gap[0]:+.2f} [{gap[1]:+.2f}, {gap[2]:+.2f}]"


def _mean(values: Sequence[float]) -> str:
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3g}"
    return f"{mean:.2f} ± {float(stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)):.2f}"


def _met(yes: bool) -> str:
    return "met" if yes else "**missed**"


def _table(rows: list[list[str]]) -> str:
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *rest])
