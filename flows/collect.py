"""The `collect` flow: text games played in chunks, one task each, with retries and a progress artifact.

Names, retries and reports only: which games, how they are played and what is written is `synthdata.play`'s.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect import flow, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from synthdata.play.collect import Order, join_parts, write_part
from synthdata.play.games import load_textworld
from synthdata.play.players import Expert, Player


@task(
    name="play-games",
    task_run_name="games-{first}-{last}",
    retries=2,
    retry_delay_seconds=2,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def play_games(out: str, order: Order, player: Player, first: int, last: int) -> str:
    """Play games `first` up to, without, `last`; the path of their part file."""
    return str(write_part(Path(out), order, player, range(first, last)))


@flow(name="collect")
def collect(
    out: str,
    games: int = 40,
    episodes: int = 2,
    epsilons: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6),
    seed: int = 0,
    chunk_size: int = 5,
    player: Player | None = None,
) -> dict[str, Any]:
    """Play games and write their runs to `out` (`.jsonl` or `.jsonl.gz`); the counts of what was written.

    TextWorld's expert plays unless another player is given, such as `LikelihoodPlayer` on a language model; an object
    can only be given where the flow is called, not in a deployment's parameters. Run again it makes the same file;
    after an interruption it first takes up the chunks that were finished.

    Raises:
        InputError: the textworld extra is missing, or the order makes no sense.
    """
    order = Order(games=games, episodes=episodes, epsilons=epsilons, seed=seed)
    load_textworld()  # so that a missing extra is said at once and not retried
    note = f"{games} text games into {out}"
    progress = cast(UUID, create_progress_artifact(0.0, key="collect", description=note))
    parts = []
    for chunk in order.chunks(chunk_size):
        parts.append(Path(play_games(out, order, player or Expert(), chunk.start, chunk.stop)))
        update_progress_artifact(progress, 100.0 * chunk.stop / games)
    return asdict(join_parts(parts, Path(out)))
