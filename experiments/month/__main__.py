"""Does the alarm ring before the damage? Simulated months of thirty rounds, healthy or collapsing, steered or not.

A generator collapses slowly from round 15 (experiments/month/world.py says how). Its raw texts go through the tiles and
alarms of the library; a word trigram trained on each round's raw texts is scored on held-out real texts. Months are
lines of docs/months.jsonl; what is missing is run, then the section is written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from bench.report import conditions, table, write_section
from experiments.month.rounds import ONSET, PER_ROUND, RISE, ROUNDS
from experiments.month.store import RATES, read, run_missing

Months = Sequence[dict[str, Any]]


def leads(months: Months) -> list[int]:
    """Rounds from red to the risen loss; a loss that does not rise within the month counts as round 31."""
    return [(month["risen"] or ROUNDS + 1) - month["red"] for month in months if month["red"]]


def on_time(months: Months) -> str:
    """Months that were amber, then red (or both at once), then damaged."""
    good = [m for m in months if m["red"] and m["late_amber"] <= m["red"] < (m["risen"] or ROUNDS + 1)]
    return f"{len(good)} of {len(months)}"


def watched(every: Months) -> str:
    """The table over rates, and lead by seed."""
    rows: list[tuple[object, ...]] = []
    for rate in RATES:
        months = of(every, "watched", rate)
        if not months:
            continue
        late = leads(months)
        early = sum(month["red"] is not None and month["red"] < ONSET for month in months)
        rows.append(
            (rate, len(months), middle(months, "late_amber"), middle(months, "red"), middle(months, "risen"),
             f"{min(late)} to {max(late)}, median {np.median(late):g}" if late else "-", on_time(months), early)
        )  # fmt: skip
    columns = [
        "depth a round", "months", "amber", "red", f"loss {RISE - 1:+.0%}", "lead of red, rounds", "in time",
        "red before the onset",
    ]  # fmt: skip
    healthy = of(every, "watched", 0.0)
    reds, ambers = (sum(month[level] is not None for month in healthy) for level in ("red", "amber"))
    bound = stats.beta.ppf(0.95, reds + 1, len(healthy) - reds) if healthy else float("nan")
    told = (
        f"Healthy: {reds} of {len(healthy)} months were red (exact one-sided 95 % bound {bound:.1%}); {ambers} had an "
        "amber round, each tile being watched for itself."
    )
    seeds = ", ".join(f"{m['seed']}: {m['red']} / {m['risen'] or '-'}" for m in of(every, "watched", RATES[1]))
    return f"{table(columns, rows)}\n\n{told}\n\nRed / risen loss by seed at {RATES[1]}: {seeds}."


def steered(every: Months) -> str:
    """Paired by seed: what steering changes."""
    arms = {kind: {m["seed"]: m for m in of(every, kind, RATES[1])} for kind in ("unsteered", "steered")}
    seeds = sorted(arms["unsteered"].keys() & arms["steered"].keys())
    if len(seeds) < 2:
        return "Not run with steering yet."
    pairs = [(arms["unsteered"][seed], arms["steered"][seed]) for seed in seeds]
    told = {
        "round of red (31: none)": lambda m: m["red"] or ROUNDS + 1,
        "round of the risen loss (31: none)": lambda m: m["risen"] or ROUNDS + 1,
        "loss in round 30 over healthy": lambda m: m["loss"][-1],
        "N2 of the raw view, rounds 26 to 30": lambda m: float(np.mean(m["n2"][25:])),
        "admitted a candidate, rounds 16 to 30": lambda m: sum(m["admitted"][15:]) / (15 * PER_ROUND),
        "of these into under-covered cells, a candidate": lambda m: sum(m["wanted"][15:]) / (15 * PER_ROUND),
        "under-covered cells, mean of rounds 16 to 30": lambda m: float(np.mean(m["uncovered"][15:])),
    }
    rows = []
    for name, value in told.items():
        plain, with_it = (np.array([value(pair[side]) for pair in pairs], dtype=float) for side in (0, 1))
        gain = with_it - plain
        half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
        rows.append((name, float(plain.mean()), float(with_it.mean()), f"{gain.mean():+.3f} ± {half:.3f}"))
    healthy = of(every, "steered", 0.0)
    reds = sum(month["red"] is not None for month in healthy)
    head = f"The same month through the gate, {len(seeds)} seeds; {reds} of {len(healthy)} steered healthy months red."
    return f"{head}\n\n{table(['mean of months', 'unsteered', 'steered', 'difference, 95 %'], rows)}"


def of(every: Months, kind: str, rate: float) -> list[dict[str, Any]]:
    """Months of a kind and rate by seed; `late_amber` is the first amber round from the onset on."""
    return sorted((m for m in every if m["kind"] == kind and m["rate"] == rate), key=lambda m: int(m["seed"]))


def middle(months: Months, name: str) -> str:
    """Median with least and most; a month without is named."""
    known = [month[name] for month in months if month[name]]
    absent = f", {len(months) - len(known)} never" if len(known) < len(months) else ""
    return f"{np.median(known):g} ({min(known)} to {max(known)}){absent}" if known else "never"


def main() -> None:
    """Run what is missing, write the section, print it."""
    told = conditions()
    if "--report" not in sys.argv:
        run_missing()
    every = read()
    body = (
        f"{told} {PER_ROUND} texts a round; healthy to round {ONSET - 1}, then collapsing by so much a round. The "
        "loss is that of a trigram trained on the round's raw texts alone, which feels a collapse sooner than a corpus "
        "that accumulates; amber is the first amber round from the onset on; in time means amber no later than red and "
        f"red before the loss.\n\n{watched(every)}\n\n{steered(every)}\n\nSteering can only do what the simulation "
        "lets it: contexts of under-covered cells are asked about instead, and warmer samples flatten the choice of "
        "words. Known lessons and angles have no effect, and a forgotten context stays forgotten."
    )
    write_section("monitor", "Alarms over a month", body)
    print(body)


if __name__ == "__main__":
    main()
