"""Results as lines of JSON, one a run of (arm, temperature, seed), appended under a lock for two processes to share.

What is in the file is done; the same command goes on with the rest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from filelock import FileLock

RESULTS = Path(__file__).parents[2] / "docs" / "collapse"
FIRST_CONFIRMING_SEED = 100
Key = tuple[str, float, int]


def path(experiment: str, seed: int) -> Path:
    """Seeds under 100 tuned, the others confirm: they never share a file."""
    return RESULTS / f"{experiment}-{'confirm' if seed >= FIRST_CONFIRMING_SEED else 'tune'}.jsonl"


def read(file: Path) -> list[dict[str, Any]]:
    """All lines of a file, none where it does not exist."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def key(line: dict[str, Any]) -> Key:
    """What makes a line unique."""
    return line["arm"], float(line["temperature"]), int(line["seed"])


def append(file: Path, line: dict[str, Any]) -> None:
    """Add one line whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")), file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line, separators=(",", ":")) + "\n")
