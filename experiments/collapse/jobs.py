"""Which runs there are, which are missing, and doing them with a progress bar, seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from experiments.collapse import arms as A
from experiments.collapse import store
from experiments.collapse.arms import Arm
from experiments.collapse.rounds import baseline, run
from experiments.collapse.world import DocstringWorld, World

Jobs = tuple[tuple[Arm, float], ...]
_FIVE = tuple(arm for arm in A.E1_MAIN if arm.name in A.FIVE)
PARTS: dict[str, dict[str, Jobs]] = {
    "e1": {
        "primary": tuple((arm, 0.9) for arm in A.E1_MAIN if arm.name in A.PRIMARY),
        "main": tuple((arm, 0.9) for arm in A.E1_MAIN),
        "temperatures": tuple((arm, t) for t in (0.8, 1.0) for arm in _FIVE),
        "sweeps": tuple((arm, 0.9) for arm in A.E1_SWEEPS),
    },
    "e2": {
        "cross": tuple((arm, t) for t in (1.0, 0.9) for arm in (*A.E2_CROSS, *A.E2_BESIDE)),
        "tail": tuple((arm, 1.0) for arm in A.E2_TAIL),
    },
}


def _story_world(seed: int) -> World:
    # torch is loaded by E2 alone: E1 must start in a second.
    from experiments.collapse.stories import StoryWorld

    return StoryWorld(seed)


WORLDS: dict[str, Callable[[int], World]] = {"e1": DocstringWorld, "e2": _story_world}


def run_missing(experiment: str, part: str, seeds: Iterable[int], containing: str, temperature: float | None) -> None:
    """Do the part's runs that are not in the results, and append each as it ends."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    jobs = [(arm, t) for arm, t in PARTS[experiment][part] if containing in arm.name and temperature in (None, t)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    seeds = list(seeds)
    with Progress(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task(experiment, total=len(seeds) * len(jobs))
        for seed in seeds:
            file = store.path(experiment, seed)
            done = {store.key(line) for line in store.read(file)}
            missing = [job for job in jobs if (job[0].name, job[1], seed) not in done]
            bar.advance(task, len(jobs) - len(missing))
            world: World | None = None
            for arm, t in missing:
                bar.update(task, description=f"{experiment} seed {seed} T={t} {arm.name}")
                world = world or WORLDS[experiment](seed)
                for line in lines(world, arm, t, done):
                    store.append(file, line)
                    done.add(store.key(line))
                bar.advance(task)


def lines(world: World, arm: Arm, temperature: float, done: set[store.Key]) -> list[dict[str, Any]]:
    """The run's line, and before it the alarm's baseline where this temperature has none yet."""
    made = []
    name = {"seed": world.seed, "temperature": temperature}
    if ("baseline", temperature, world.seed) not in done:
        made.append({"arm": "baseline", **name, "tiles": baseline(world, temperature)})
    made.append({"arm": arm.name, **name, **run(world, arm, temperature)})
    return made
