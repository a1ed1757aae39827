"""Many episodes of a world in a fixed order, as a JSONL file that is the same bytes however often it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from synthdata.io.files import atomic_write
from synthdata.play.collect import Collected, Order, finished_part, join_parts
from synthdata.protocols import no_advance
from synthdata.records import canonical_json, content_hash
from synthdata.worlds.environment import Environment, WorldError
from synthdata.worlds.episode import Episode, Recovery, broken, play
from synthdata.worlds.guard import Guard
from synthdata.worlds.make import make
from synthdata.worlds.players import Noisy, Player
from synthdata.worlds.record import document, pictures_of


@dataclass(frozen=True)
class Setting:
    """Where and under what the episodes are played; `world` is what `make` takes, `approved` are irreversible tools."""

    world: Mapping[str, object]
    guard: Guard
    approved: tuple[str, ...] = ()
    recovery: Recovery | None = field(default_factory=Recovery)

    @property
    def key(self) -> list[object]:
        """All that the records depend on."""
        return [
            dict(self.world),
            self.guard.policy.model_dump(),
            self.approved,
            self.recovery and asdict(self.recovery),
        ]


def collect_episodes(
    setting: Setting,
    order: Order,
    player: Player,
    games: range,
    pictures: Path,
    advance: Callable[[int], None] = no_advance,
) -> Iterator[dict[str, Any]]:
    """An ATIF document a run; one in which happened what happened in an earlier run of the task is left out.

    Pictures are written into the folder `pictures`, beside which the documents will lie. A world that breaks is made
    anew for the next run.
    """
    world: Environment = make(setting.world)
    for seed in games:
        seen: set[str] = set()
        for run in order.runs():
            noisy = Noisy(player, run.epsilon, (run.seed, seed, player.name, player.model, run.epsilon, run.episode))
            episode = _played(world, order.seed * 1_000_000 + seed, noisy, setting)
            record = document(world, order.seed * 1_000_000 + seed, player, run, episode, pictures.name)
            what = content_hash(canonical_json(record["steps"]))
            if episode.ended == "broken":
                world.close()
                world = make(setting.world)
            if what not in seen:
                seen.add(what)
                for name, picture in pictures_of(episode).items():
                    if not (pictures / name).exists():
                        pictures.mkdir(parents=True, exist_ok=True)
                        atomic_write(pictures / name, picture)
                yield record
        advance(1)
    world.close()


def _played(world: Environment, seed: int, player: Player, setting: Setting) -> Episode:
    try:
        world.reset(seed)
    except WorldError as error:
        return broken(str(error))
    return play(world, player, setting.guard, setting.recovery)


def collect_to(
    out: Path,
    setting: Setting,
    order: Order,
    player: Player,
    chunk_size: int = 20,
    advance: Callable[[int], None] = no_advance,
) -> Collected:
    """The whole collection; run again after an interruption it goes on and makes the same file.

    Pictures lie beside it in a folder of its name, by their content. `advance` hears of each task that is played.
    """
    pictures = out.with_name(out.name.split(".")[0] + "-pictures")
    recipe = [asdict(order), setting.key, player.name, player.model, player.version]
    parts = [
        finished_part(out, recipe, games, partial(collect_episodes, setting, order, player, games, pictures, advance))
        for games in order.chunks(chunk_size)
    ]
    return join_parts(parts, out)
