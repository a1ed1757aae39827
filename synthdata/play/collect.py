"""Many runs of many games, in a fixed order, as a JSONL file that is the same bytes however often it is made.

Games are worked off in chunks: each leaves a part file, so that an interrupted collection goes on where it stopped.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from synthdata.errors import InputError
from synthdata.io.files import atomic_write
from synthdata.play.games import make_game, open_game, spec_for, textworld_version
from synthdata.play.players import Player
from synthdata.play.record import Run, play
from synthdata.records import canonical_json, content_hash


@dataclass(frozen=True, slots=True)
class Order:
    """What to collect: `games` games of series `seed`, each played `episodes` times for each epsilon in [0, 1]."""

    games: int = 40
    episodes: int = 2
    epsilons: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.games < 1 or self.episodes < 1:
            raise InputError(f"games ({self.games}) and episodes ({self.episodes}) must be at least 1")
        wrong = [epsilon for epsilon in self.epsilons if not 0 <= epsilon <= 1]
        if wrong or not self.epsilons:
            raise InputError(f"epsilons must be one or more probabilities in [0, 1], got {list(self.epsilons)}")

    def runs(self) -> list[Run]:
        """The runs of one game. Without random moves all episodes are one run, so epsilon 0 is played once."""
        return [
            Run(epsilon=float(epsilon), episode=episode, seed=self.seed)
            for epsilon in self.epsilons
            for episode in range(self.episodes if epsilon else 1)
        ]

    def chunks(self, size: int) -> list[range]:
        """The games' numbers in pieces of at most `size`."""
        return [range(start, min(start + size, self.games)) for start in range(0, self.games, size)]


@dataclass(frozen=True, slots=True)
class Collected:
    """What lies in a written file: trajectories, games, successes, and agent steps with how many were optimal."""

    path: str
    trajectories: int
    games: int
    successes: int
    steps: int
    optimal_steps: int


def collect_games(order: Order, player: Player, games: Iterable[int] | None = None) -> Iterator[dict[str, Any]]:
    """Play the ordered runs of the given games (all by default) and yield an ATIF document for each.

    A run in which happened exactly what happened in an earlier run of the same game is left out: it would be the same
    trajectory twice.
    """
    for index in range(order.games) if games is None else games:
        spec = spec_for(order.seed, index)
        seen: set[str] = set()
        with (
            tempfile.TemporaryDirectory(prefix="synthdata-game-") as folder,
            closing(open_game(make_game(spec, Path(folder)))) as env,
        ):
            for run in order.runs():
                document = play(env, spec, player, run)
                what = content_hash(canonical_json(document["steps"]))
                if what not in seen:
                    seen.add(what)
                    yield document


def part_path(out: Path, order: Order, player: Player, games: range) -> Path:
    """Where a chunk's part lies: its folder names all that the part's content depends on."""
    return _part_path(out, _recipe(order, player), games)


def _recipe(order: Order, player: Player) -> list[object]:
    return [asdict(order), player.name, player.model, player.version, textworld_version()]


def _part_path(out: Path, recipe: Sequence[object], games: range) -> Path:
    folder = f".{out.name}.{content_hash(canonical_json(recipe), length=12)}.parts"
    return out.parent / folder / f"{games.start:06d}-{games.stop:06d}.jsonl"


def write_part(out: Path, order: Order, player: Player, games: range) -> Path:
    """Play one chunk of games into its part file, unless an earlier attempt finished it."""
    return finished_part(out, _recipe(order, player), games, partial(collect_games, order, player, games))


def finished_part(
    out: Path, recipe: Sequence[object], games: range, documents: Callable[[], Iterable[dict[str, Any]]]
) -> Path:
    """The part file of a chunk, made from `documents` unless an earlier attempt with the same recipe finished it."""
    part = _part_path(out, recipe, games)
    if not part.exists():
        part.parent.mkdir(parents=True, exist_ok=True)
        lines = (canonical_json(document) + "\n" for document in documents())
        atomic_write(part, "".join(lines).encode())
    return part


def join_parts(parts: Sequence[Path], out: Path) -> Collected:
    """Put the parts together as `out` (compressed if it ends in `.gz`), count it, and remove the parts."""
    data = b"".join(part.read_bytes() for part in parts)
    out.parent.mkdir(parents=True, exist_ok=True)
    # No time and no name in the header: the same lines are the same file.
    atomic_write(out, gzip.compress(data, compresslevel=9, mtime=0) if out.suffix == ".gz" else data)
    for folder in {part.parent for part in parts}:
        shutil.rmtree(folder)
    return count(out, data)


def collect_to(out: Path, order: Order, player: Player, chunk_size: int = 5) -> Collected:
    """The whole collection without an engine; run again it makes the same file."""
    return join_parts([write_part(out, order, player, games) for games in order.chunks(chunk_size)], out)


def count(out: Path, data: bytes) -> Collected:
    """Count what the lines of a collection hold."""
    documents = [json.loads(line) for line in data.splitlines()]
    flags = [bool(s["extra"].get("optimal")) for doc in documents for s in doc["steps"] if s["source"] == "agent"]
    return Collected(
        path=str(out),
        trajectories=len(documents),
        games=len({doc["extra"]["task_id"] for doc in documents}),
        successes=sum(doc["extra"]["success"] for doc in documents),
        steps=len(flags),
        optimal_steps=sum(flags),
    )
