"""The tables of E4 from its lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.loop.claims import BESIDE, claims, contrast, games_won, table

Line = Mapping[str, object]


def told(lines: Sequence[Line]) -> str:
    """Claims, what stands beside them, and the arms by round."""
    rows = ["| claim | mean | 95 % | met | |", "|---|---:|---|---|---|"]
    for one in claims(lines):
        interval, met = f"[{one.low:+.3f}, {one.high:+.3f}]", "yes" if one.met else "no"
        rows.append(f"| {one.claim} | {one.mean:+.3f} | {interval} | {met} | {one.note} |")
    rows += ["", "| beside | mean | 95 % |", "|---|---:|---|"]
    for name, *contrasted in BESIDE:
        difference = contrast(lines, *contrasted)
        if difference is not None:
            rows.append(f"| {name} | {difference.mean:+.3f} | [{difference.low:+.3f}, {difference.high:+.3f}] |")
    rows += [
        "",
        "| arm | round | rows | right | N2 of tasks | best moves | chance on best | own games won |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for arm, number in dict.fromkeys((str(line["arm"]), int(str(line["round"]))) for line in lines):
        rows.append(_arm(lines, arm, number))
    rows += ["", *_won(lines)]
    return "\n".join(rows) + "\n"


def _arm(lines: Sequence[Line], arm: str, number: int) -> str:
    here = [line for line in lines if line["arm"] == arm and line["round"] == number]

    def mean(field: str) -> str:
        found = [float(str(line[field])) for line in here if field in line]
        return f"{np.mean(found):.3f}" if found else ""

    rows = f"{np.mean([float(str(line['rows'])) for line in here]):.0f}"
    first, chance = table(here, arm, number).mean(), table(here, arm, number, "chance").mean()
    marks = f"{mean('right')} | {mean('n2_tasks')} | {first:.3f} | {chance:.3f} | {mean('own_won')}"
    return f"| {arm} | {number} | {rows} | {marks} |"


def _won(lines: Sequence[Line]) -> list[str]:
    arms = [
        arm
        for arm in dict.fromkeys(str(line["arm"]) for line in lines)
        if any("games_won" in x for x in lines if x["arm"] == arm)
    ]
    rows = (
        [
            "Games of the exam won, mean over seeds: "
            + ", ".join(f"{arm} {table(lines, arm, 3, 'games_won').sum(axis=1).mean():.1f}" for arm in arms)
        ]
        if arms
        else []
    )
    for other in ("c", "e", "b"):
        if "d" in arms and other in arms:
            more, fewer, p = games_won(lines, "d", other)
            rows.append(f"d against {other}: more wins over seeds in {more} games, fewer in {fewer}, exact p = {p:.2g}")
    return rows
