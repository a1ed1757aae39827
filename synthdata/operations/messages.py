"""The messages of a pool as files: one NPZ each, arrays of sums and a line of JSON facts; no text, no row vector."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from metrics.spectrum import SecondMoment
from synthdata.errors import InputError
from synthdata.gate.novelty import Scale, SplitNovelty
from synthdata.gate.pooling import Counts, Moments, Sums
from synthdata.io.files import atomic_file

Message = Sums | Moments | Counts
_FORMAT = "synthdata pool 1"
# float32 vectors have length 1 to about this much, so that the trace of their second moment is their number.
_TOLERANCE = 1e-4


def write_message(path: Path, message: Message) -> None:
    """Write a message; an earlier file of that name is replaced."""
    facts: dict[str, Any] = {"format": _FORMAT, "kind": type(message).__name__}
    arrays: dict[str, Any] = {}
    for name, value in vars(message).items():
        if isinstance(value, SecondMoment):
            arrays[f"{name}_upper"], arrays[f"{name}_numbers"] = value.sums()
        elif isinstance(value, SplitNovelty):
            arrays |= {f"{name}_centroids": value.centroids, f"{name}_scores": value.scale.scores}
            arrays[f"{name}_below"] = value.scale.below
            facts[f"{name}_tasks"] = value.scale.tasks
        elif isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            facts[name] = value
    arrays["facts"] = np.frombuffer(json.dumps(facts, sort_keys=True).encode(), dtype=np.uint8)
    with atomic_file(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_messages(paths: Sequence[Path]) -> tuple[list[Sums], list[Moments], list[Counts]]:
    """The messages of these files by kind.

    Raises:
        InputError: a file is no message, or its numbers contradict each other; the file is named.
    """
    messages = [_read(path) for path in paths]
    return (
        [one for one in messages if isinstance(one, Sums)],
        [one for one in messages if isinstance(one, Moments)],
        [one for one in messages if isinstance(one, Counts)],
    )


def _read(path: Path) -> Message:
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        if facts.pop("format") != _FORMAT:
            raise InputError(f"{path}: a pool's message of another version")
        message = _made(facts.pop("kind"), facts, arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise InputError(f"{path}: is no message of a pool: {error}; `anchor share` writes them") from error
    _check(path, message)
    return message


def _made(kind: str, facts: dict[str, Any], arrays: dict[str, Any]) -> Message:
    if kind == "Sums":
        return Sums(**facts, **arrays)
    if kind == "Counts":
        return Counts(**facts, **arrays)
    if kind != "Moments":
        raise ValueError(f"unknown kind {kind!r}")
    scale = Scale(arrays.pop("novelty_scores"), arrays.pop("novelty_below"), int(facts.pop("novelty_tasks")))
    content, window = (
        SecondMoment.of_sums(arrays.pop(f"{name}_upper"), arrays.pop(f"{name}_numbers"))
        for name in ("content", "window")
    )
    novelty = SplitNovelty(arrays.pop("novelty_centroids"), scale)
    return Moments(**facts, **arrays, content=content, window=window, novelty=novelty)


def _check(path: Path, message: Message) -> None:
    """Numbers that no honest silo can send: not finite, negative counts, a moment whose trace is not its rows."""
    arrays = [value for value in vars(message).values() if isinstance(value, np.ndarray)]
    fair = all(np.isfinite(value).all() for value in arrays)
    if isinstance(message, Sums):
        fair &= message.rows > 0 and 0 < message.taught <= message.rows
    elif isinstance(message, Counts):
        fair &= bool((message.cells >= 0).all())
    else:
        for moment in (message.content, message.window):
            upper, numbers = moment.sums()
            fair &= bool(np.isfinite(upper).all() and np.isfinite(numbers).all()) and moment.n > 0
            fair &= bool(abs(np.trace(upper) - moment.n) <= _TOLERANCE * moment.n)
        lengths = np.linalg.norm(message.centroids, axis=1)
        fair &= bool((np.abs(lengths - 1) <= _TOLERANCE).all() and (message.order >= 0).all())
        fair &= message.centroids.shape[1] == message.content.d == message.window.d
    if not fair:
        raise InputError(f"{path}: its numbers contradict each other; ask the silo for the file again")
