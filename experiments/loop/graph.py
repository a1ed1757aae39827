"""A text game as a graph of the states that were visited: a move that was made before is looked up, not played.

A state is the set of facts that hold in the game and the length of the plan that is left; what a command answers
depends on these alone (tests/test_loop_experiment.py plays games both ways). Graphs are kept in a folder, one file a
game, and grow from run to run: results never depend on what was kept.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthdata.play.games import GameSpec, make_game, open_game
from synthdata.play.record import clean
from synthdata.records import content_hash


@dataclass(frozen=True, slots=True)
class Node:
    """A state: `path` are commands that lead to it, `left` moves to the goal (0: won, None: out of reach)."""

    path: tuple[str, ...]
    admissible: tuple[str, ...]
    plan: tuple[str, ...]
    left: int | None


@dataclass
class GameGraph:
    """One game. `nodes` by key, `edges` from (key, command) to (key, answer); what is missing is played and added."""

    spec: GameSpec
    folder: Path
    objective: str = ""
    opening: str = ""
    start: str = ""
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    _game: Any = None
    _at: str = ""
    _fresh: int = 0

    @classmethod
    def load(cls, spec: GameSpec, folder: Path) -> GameGraph:
        """The graph as far as it is kept in the folder."""
        graph, path = cls(spec, folder), folder / f"{spec.task_id}.graph.gz"
        if path.is_file():
            told = json.loads(gzip.decompress(path.read_bytes()))
            graph.objective, graph.opening, graph.start = told["objective"], told["opening"], told["start"]
            graph.nodes = {k: Node(tuple(p), tuple(a), tuple(w), n) for k, (p, a, w, n) in told["nodes"].items()}
            graph.edges = {(a, c): (b, text) for a, c, b, text in told["edges"]}
        else:
            graph._reset()
        return graph

    def save(self) -> None:
        """Keep the graph if it grew; a process that writes at the same time may win, which costs time only."""
        if not self._fresh:
            return
        told = {
            "objective": self.objective,
            "opening": self.opening,
            "start": self.start,
            "nodes": {k: [n.path, n.admissible, n.plan, n.left] for k, n in self.nodes.items()},
            "edges": [[a, c, b, text] for (a, c), (b, text) in self.edges.items()],
        }
        path = self.folder / f"{self.spec.task_id}.graph.gz"
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(gzip.compress(json.dumps(told).encode(), compresslevel=3, mtime=0))
        part.replace(path)
        self._fresh = 0

    def close(self) -> None:
        """Keep the graph and end the interpreter."""
        self.save()
        if self._game is not None:
            self._game.close()
            self._game = None

    def move(self, key: str, command: str) -> tuple[str, str]:
        """The state after a command, and what the game answers."""
        if (key, command) not in self.edges:
            self._stand(key)
            state, _, _ = self._game.step(command)
            after = self._node(state, (*self.nodes[key].path, command))
            self.edges[key, command] = after, clean(state.feedback)
            self._at = after
            self._fresh += 1
        return self.edges[key, command]

    def best(self, key: str) -> tuple[str, ...]:
        """The admissible commands that shorten the plan; empty where the goal is reached or out of reach."""
        here = self.nodes[key]
        if not here.left:
            return ()
        after = {command: self.nodes[self.move(key, command)[0]].left for command in here.admissible}
        return tuple(command for command, left in after.items() if left is not None and left < here.left)

    def _stand(self, key: str) -> None:
        if self._game is not None and self._at == key:
            return
        self._reset()
        for command in self.nodes[key].path:
            self._game.step(command)

    def _reset(self) -> None:
        if self._game is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{self.spec.task_id}.z8"
            self._game = open_game(path if path.is_file() else make_game(self.spec, self.folder))
        state = self._game.reset()
        if not self.start:
            self.objective = state.objective.strip()
            self.opening = clean(state.feedback, self.objective)
            self.start = self._node(state, ())
        self._at = self.start

    def _node(self, state: Any, path: tuple[str, ...]) -> str:  # noqa: ANN401 - TextWorld's state
        left = 0 if state.won else len(state.policy_commands) or None
        key = content_hash(str(left), *sorted(map(str, state.facts)))
        if key not in self.nodes:
            plan = tuple(state.policy_commands)
            self.nodes[key] = Node(path, tuple(sorted(state.admissible_commands)), plan, left)
        return key
