"""The rounds: what came in, where it fell, what it cost, and what was left."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from synthdata.dashboard.reading import Reading
from synthdata.drawing import Bar
from synthdata.errors import InputError
from synthdata.monitor.starved import starved_by
from synthdata.monitor.tally import total
from synthdata.text.names import reason_name

# What the stages of the gate ask for, in their order; whoever fell at an unnamed stage fell at the floor.
STEPS = (
    ("new: no copy, near copy or paraphrase", ("exact", "near", "semantic")),
    ("passed by the judges", ("judge",)),
    ("wording and duplicates of this round", ("duplicate_in_round", "twin", "lexical")),
    ("admitted: room in its cell and under the budget", ("quota", "collision")),
)
PAID = ("tokens", "cost")
_LATER = {stage for _, stages in STEPS for stage in stages}


def rounds(reading: Reading, chosen: int | None) -> dict[str, Any]:
    """What `rounds.html` shows: all rounds, and the funnel of one, by default of the last.

    Raises:
        InputError: no such round.
    """
    table = reading.rounds.with_columns(share=pl.col("admit") / pl.col("candidates")).to_dicts()
    numbers = [row["round"] for row in table]
    number = chosen if chosen is not None else max(numbers, default=0)
    if numbers and number not in numbers:
        raise InputError(f"no round {number}; the last one is {max(numbers)}")
    costs = spent(reading.events)
    stacks = [
        (row["round"], [Bar("admitted", row["admit"]), Bar("refused", row["reject"], "pale"),
         Bar("unreadable", row["quarantine"], "amber")])
        for row in table
    ]  # fmt: skip
    now = reading.of_round(number)
    reasons = list(total(now.filter(pl.col("verdict") != "admit"), "reason").items())
    rejected = total(now.filter(pl.col("verdict") == "reject"), "reason")
    return {
        "table": table,
        "costs": costs,
        "cost_names": sorted({name for values in costs.values() for name in values}),
        "stacks": stacks,
        "number": number,
        "numbers": numbers,
        "funnel": (left := funnel(now, reading.runs_of(number))),
        "funnel_bars": [Bar(name, rows) for name, rows in left],
        "sources": reading.facts["sources"],
        "reasons": reasons,
        "reason_bars": [Bar(reason_name(name), rows, "pale") for name, rows in reasons],
        "starved": starved_by(rejected, total(now, "verdict").get("admit", 0)),
    }


def funnel(now: pl.DataFrame, runs: int) -> list[tuple[str, int]]:
    """How many of a round's rows were left after each step, from runs to admitted ones.

    `now` is the round's tally, `runs` how many runs it speaks of.
    """
    steps = [("runs reflected on", runs)] if runs else []
    left = now.filter(pl.col("verdict") != "quarantine")
    left_over = int(left["rows"].sum())
    steps += [("candidates", int(now["rows"].sum())), ("readable", left_over)]
    fell = total(left.filter(pl.col("verdict") == "reject"), "stage")
    left_over -= sum(rows for stage, rows in fell.items() if stage not in _LATER)
    steps.append(("sound: floor rules and held-out list", left_over))
    for name, stages in STEPS:
        left_over -= sum(fell.get(stage, 0) for stage in stages)
        steps.append((name, left_over))
    return steps


def spent(events: pl.DataFrame) -> dict[int, dict[str, float]]:
    """Tokens and money that each round cost, from the events; what was reserved counts until it is settled.

    An event names the last round before the one that it pays for.
    """
    portions: dict[tuple[str, str], tuple[int, dict[str, float]]] = {}
    for number, payload in events.filter(pl.col("kind") == "spend").select("round", "payload").iter_rows():
        event = json.loads(payload)
        amounts = {name: float(event[name]) for name in PAID if isinstance(event.get(name), int | float)}
        portions[str(event.get("run")), str(event.get("portion"))] = number + 1, amounts
    costs: dict[int, dict[str, float]] = {}
    for number, amounts in portions.values():
        own = costs.setdefault(number, dict.fromkeys(PAID, 0.0))
        for name, value in amounts.items():
            own[name] += value
    return costs
