"""Build the held-out exams once: states of games on paths of a half-random expert, with every best command of each.

    python -m experiments.loop.build_exam GRAPHS OUT.jsonl.gz --series 3000001 --games 60 --states 7

The same arguments give the same bytes with the same version of TextWorld. About ten seconds a game.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

from experiments.loop.graph import GameGraph
from synthdata.play.games import draw, spec_for
from synthdata.play.players import explore
from synthdata.play.record import cap_moves
from synthdata.records import canonical_json

EPSILONS = (0.0, 0.3, 0.6)


def visited(graph: GameGraph, series: int) -> dict[str, tuple[tuple[str, str], ...]]:
    """States on the expert's paths with 0, 0.3 and 0.6 random moves, each with the first transcript that led there."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for epsilon in EPSILONS:
        key, transcript = graph.start, (("", graph.opening),)
        for move in range(cap_moves(graph.nodes[graph.start].left or 0)):
            here = graph.nodes[key]
            if not here.left:
                break
            found.setdefault(key, transcript)
            named = ("exam", series, graph.spec.task_id, epsilon, move)
            command = explore(here.plan[0], here.admissible, epsilon, named)
            key, answer = graph.move(key, command)
            transcript = (*transcript, (command, answer))
    return found


def exam_rows(graph: GameGraph, series: int, states: int) -> list[str]:
    """At most `states` of them, drawn by hash; those where every command or none is best ask nothing."""
    rows = []
    there = visited(graph, series)
    for key in sorted(there, key=lambda name: draw("exam state", series, name)):
        admissible, best = graph.nodes[key].admissible, graph.best(key)
        if len(rows) == states or not best or len(best) == len(admissible):
            continue
        rows.append(
            canonical_json(
                {
                    "task_id": graph.spec.task_id,
                    "objective": graph.objective,
                    "transcript": there[key],
                    "admissible": admissible,
                    "best": best,
                }
            )
        )
    return rows


def main() -> None:
    """Build and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graphs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--series", type=int, required=True)
    parser.add_argument("--games", type=int, default=60)
    parser.add_argument("--states", type=int, default=7)
    given = parser.parse_args()
    rows: list[str] = []
    for index in range(given.games):
        graph = GameGraph.load(spec_for(given.series, index), given.graphs)
        rows += exam_rows(graph, given.series, given.states)
        graph.close()
        sys.stderr.write(f"{index + 1} of {given.games} games, {len(rows)} states\n")
    given.out.write_bytes(gzip.compress("".join(row + "\n" for row in rows).encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
