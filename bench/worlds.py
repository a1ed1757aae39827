"""The tools world: does the recovery loop help, and are the rules' labels those of replay?

    python bench/worlds.py

The same 200 tasks with and without the loop, same mistakes as long as nothing differs; exact two-sided McNemar test on
the pairs. The expert knows when the goal is lost and says so; the blind one ends the task then as if it were done.
Writes its section of docs/benchmarks.md in about a minute.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from report import conditions, table, write_section
from scipy.stats import binomtest

from synthdata.labelling.opinions import replayed_opinions
from synthdata.play.record import Run
from synthdata.records import Origin
from synthdata.reflection import rule_opinions
from synthdata.sources import read_trajectories
from synthdata.worlds.environment import Action
from synthdata.worlds.episode import Episode, Recovery, play
from synthdata.worlds.guard import Guard
from synthdata.worlds.make import shipped_policy
from synthdata.worlds.players import Choice, Expert, Noisy, Player, View
from synthdata.worlds.record import document
from synthdata.worlds.tools.desk import Desk

TASKS = 200
APPROVED = ("cancel_booking", "cancel_order", "refund")
GUARD = Guard(shipped_policy("tools"), lambda action: action.name in APPROVED)
END = Action.of("finish", outcome="done", rule="")


class Blind:
    """The expert without the knowledge that the goal is lost."""

    name, model, version = "blind-expert", "shortest-plan", "1"

    def choose(self, view: View) -> Choice:
        """The plan's next action; where there is none, the end."""
        return Expert().choose(view if view.plan else replace(view, plan=(END,)))


def episodes(player: Player, epsilon: float, recovery: Recovery | None) -> list[tuple[Episode, dict[str, object]]]:
    """An episode a task with its record."""
    found = []
    for seed in range(TASKS):
        with closing(Desk()) as world:
            world.reset(seed)
            episode = play(world, Noisy(player, epsilon, ("bench", seed)), GUARD, recovery)
            found.append((episode, document(world, seed, player, Run(epsilon, 0, 0), episode)))
    return found


def compared(player: Player, epsilon: float) -> tuple[list[object], list[dict[str, object]]]:
    """A row of the table, and the records with the loop."""
    with_loop, without = episodes(player, epsilon, Recovery()), episodes(player, epsilon, None)
    pairs = Counter((a.score == 1, b.score == 1) for (a, _), (b, _) in zip(with_loop, without, strict=True))
    won, lost = pairs[True, False], pairs[False, True]
    p = binomtest(won, won + lost).pvalue if won + lost else 1.0
    events = Counter(e.kind for run, _ in with_loop for e in (*run.events, *(e for d in run.done for e in d.events)))
    tried = ", ".join(f"{events[kind]} {kind}" for kind in ("retry", "avoid", "restore", "give_up"))
    totals = [pairs[True, True] + lost, pairs[True, True] + won]
    return [player.name, epsilon, *totals, won, lost, f"{p:.2g}", tried], [told for _, told in with_loop]


def labels(records: list[dict[str, object]]) -> list[list[object]]:
    """Rule by rule: steps that it labels, and the share of those that replay labels alike."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        runs = [run for run in read_trajectories(path, origin=Origin.SYNTHETIC)]
    truth = replayed_opinions(runs)
    alike: dict[tuple[str, str], list[bool]] = {}
    for run in runs:
        for idx, said in rule_opinions(run).items():
            if idx in truth[run.id]:
                alike.setdefault((said.verdict, said.model), []).append(truth[run.id][idx].verdict == said.verdict)
    return [[verdict, rule, len(hits), sum(hits) / len(hits)] for (verdict, rule), hits in sorted(alike.items())]


def main() -> None:
    """Play, compare, write."""
    where, start = conditions(), time.monotonic()
    rows, records = [], []
    for player in (Expert(), Blind()):
        for epsilon in (0.0, 0.2, 0.4):
            row, told = compared(player, epsilon)
            rows.append(row)
            records += told if player.name == "world-expert" else []
    head = ["player", "mistakes", "won without", "won with", "only with", "only without", "p", "events"]
    body = [
        f"{TASKS} tasks of 19 kinds, with and without the loop. {where} {time.monotonic() - start:.0f} seconds.",
        table(head, rows),
        "Labels of rules against replay, on the expert's runs with the loop:",
        table(["verdict", "rule", "steps", "as replay says"], labels(records)),
    ]
    write_section("worlds", "Recovery and labels in the tools world", "\n\n".join(body))


if __name__ == "__main__":
    main()
