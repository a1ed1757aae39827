"""Which runs are missing, and doing them, seed by seed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock
from rich.progress import track

from experiments.narrow.arms import PARTS
from experiments.narrow.rounds import run
from experiments.narrow.world import NarrowWorld

RESULTS = Path(__file__).parents[2] / "docs" / "narrow"
FIRST_CONFIRMING_SEED = 100


def path(seed: int) -> Path:
    """Seeds that tune and seeds that confirm never share a file."""
    return RESULTS / f"{'confirm' if seed >= FIRST_CONFIRMING_SEED else 'tune'}.jsonl"


def read(file: Path) -> list[dict[str, Any]]:
    """All lines of a file, none where it does not exist."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def run_missing(part: str, seeds: Iterable[int], containing: str) -> None:
    """Do the part's runs that are not in the results, and append each as it ends."""
    for seed in seeds:
        file = path(seed)
        done = {line["arm"] for line in read(file) if line["seed"] == seed}
        missing = [arm for arm in PARTS[part] if containing in arm.name and arm.name not in done]
        if not missing:
            continue
        world = NarrowWorld(seed)
        for arm in track(missing, f"{part}, seed {seed}"):
            append(file, {"arm": arm.name, "seed": seed, **run(world, arm)})


def append(file: Path, line: dict[str, Any]) -> None:
    """Add one line whole; two processes may share the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")), file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line, separators=(",", ":")) + "\n")
