"""Which rows of a release are trained on: what is new, capped a lesson, with real rows rehearsed beside it.

A release is a folder that `export` wrote; its files are checked against its manifest before anything is read.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthdata.errors import InputError
from synthdata.records import Origin, content_hash
from synthdata.settings import TrainingSettings

# What is imitated, and what step credit reads.
FILES = {"sft": ("sft", "lesson"), "kto": ("kto",)}


@dataclass(frozen=True)
class TrainingRow:
    """A row of a release: `key` is its source's id, `task` what it was split by, `real` whether a real run says it.

    `prompt` and `completion` are chat messages; `label` is step credit's, None for imitation.
    """

    key: str
    kind: str
    task: str
    real: bool
    prompt: tuple[dict[str, Any], ...]
    completion: tuple[dict[str, Any], ...]
    label: bool | None = None

    @property
    def order(self) -> str:
        """A hash of what the row says, to draw rows by in any process."""
        parts = [self.kind, self.task, self.real, self.prompt, self.completion, self.label]
        return content_hash(self.key, json.dumps(parts, sort_keys=True))


@dataclass(frozen=True)
class Chosen:
    """The rows to train on in their order, how many are new, rehearsed and left out by the cap, and ids of the new."""

    rows: tuple[TrainingRow, ...]
    new: int
    rehearsed: int
    over_cap: int
    keys: tuple[str, ...]


def check_release(folder: Path) -> dict[str, Any]:
    """The manifest of a release, after every file that it names was compared with its hash.

    Raises:
        InputError: not an export, or a file is missing or was changed after it was written.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        files: dict[str, Any] = manifest["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: not a release that `synthdata export` wrote: {error}") from error
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path}: missing, though the release's manifest names it; export again")
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected["sha256"]:
                raise InputError(f"{path}: was changed after the release was written; export again")
    return manifest


def read_rows(folder: Path, kinds: Sequence[str], split: str) -> list[TrainingRow]:
    """The rows of some kinds and one split, in the order of the files."""
    import polars as pl

    try:
        table = pl.read_parquet(folder / "provenance.parquet")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{folder}/provenance.parquet: cannot be read: {error}") from error
    rows: list[TrainingRow] = []
    for kind in kinds:
        path = folder / "jsonl" / f"{kind}.{split}.jsonl"
        if not path.is_file():
            continue
        sources = {
            row["row"]: row
            for row in table.filter((pl.col("kind") == kind) & (pl.col("split") == split)).iter_rows(named=True)
        }
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            rows.append(_row(kind, json.loads(line), sources[number]))
    return rows


def _row(kind: str, row: dict[str, Any], source: dict[str, Any]) -> TrainingRow:
    # A text speaks of a run but was written by a model: only what a real source itself says is real.
    real = source["origin"] == str(Origin.REAL) and kind != "lesson"
    task = source["task_id"] or source["trajectory_id"] or source["id"]
    label = row.get("label")
    return TrainingRow(source["id"], kind, task, real, tuple(row["prompt"]), tuple(row["completion"]), label)


def choose_rows(rows: Sequence[TrainingRow], known: Collection[str], settings: TrainingSettings) -> Chosen:
    """New rows, at most `rows_per_lesson` that say the same, and `rehearsal` real rows for each that is not real.

    `known` are the ids that the model was trained on before: of those only real rows come again, as rehearsal. Where
    there are too few real rows, what is not real is cut down to them. Draws are by hash, so any order gives one set.
    """
    ordered = sorted(rows, key=lambda row: content_hash(str(settings.seed), row.order))
    capped = list(_capped(ordered, settings.rows_per_lesson))
    real = [row for row in capped if row.real]
    made = [row for row in capped if not row.real and row.key not in known]
    # Step credit speaks of what runs did; there is nothing else to rehearse.
    rehearsed = settings.rehearsal if settings.method == "sft" else 0.0
    if rehearsed:
        made = made[: int(len(real) / rehearsed)]
    new_real = [row for row in real if row.key not in known]
    old_real = [row for row in real if row.key in known]
    budget = settings.max_steps * settings.batch_size
    share = 1 / (1 + rehearsed)
    made = made[: max(1, round(budget * share))]
    # New real rows rehearse as well as old ones do, and teach something besides.
    beside = [*new_real, *old_real][: budget - len(made)]
    chosen = sorted([*made, *beside], key=lambda row: content_hash("order", str(settings.seed), row.order))
    new = [row for row in chosen if row.key not in known]
    keys = tuple(sorted({row.key for row in new}))
    return Chosen(tuple(chosen), len(new), len(chosen) - len(made), len(rows) - len(capped), keys)


def _capped(rows: Iterable[TrainingRow], limit: int) -> Iterable[TrainingRow]:
    """At most `limit` rows of one source, and of one wording where a lesson is what is said."""
    sources: Counter[str] = Counter()
    wordings: Counter[str] = Counter()
    for row in rows:
        words = " ".join(str(message.get("content") or "") for message in row.completion).lower().split()
        wording = content_hash(" ".join(words))
        if sources[row.key] >= limit or (row.kind == "lesson" and wordings[wording] >= limit):
            continue
        sources[row.key] += 1
        wordings[wording] += 1
        yield row
