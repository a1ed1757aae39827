"""Paid answers that no event `spend` holds yet, in a file of the corpus' cache, so that a killed run forgets none.

The first line names the portion that they belong to, each further one an answer. A line is written before its answer is
kept: an answer whose line was lost with the process is asked, and noted, once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any

from synthdata.io.files import atomic_write, parsed_json
from synthdata.protocols import Response
from synthdata.records import canonical_json


class Unsettled:
    """The file of one corpus. Only who holds its round lock writes it."""

    def __init__(self, cache_dir: Path) -> None:
        self._path = cache_dir / "unsettled.jsonl"

    def begin(self, portion: Mapping[str, object]) -> None:
        """Begin anew, for this portion of a run."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self._path, canonical_json(portion) + "\n")

    def add(self, response: Response) -> None:
        """Note an answer that was paid."""
        line = {"tokens": response.prompt_tokens + response.completion_tokens, "cost": response.cost}
        # Opened for each: answers come from several threads, and one write to the end of a file stays in one piece.
        with self._path.open("ab", buffering=0) as file:
            file.write(f"{canonical_json(line)}\n".encode())

    def end(self) -> None:
        """Forget them: an event holds them now."""
        self._path.unlink(missing_ok=True)

    def read(self) -> dict[str, Any] | None:
        """The portion with the `tokens` and `cost` of its answers together; None where nothing is left over."""
        if not self._path.is_file():
            return None
        first, *lines = self._path.read_bytes().split(b"\n")
        portion = _object(first, {"day": str, "run": str, "portion": int, "state": str})
        if portion is None:
            return None
        answers = [answer for line in lines if (answer := _object(line, _AMOUNTS)) is not None]
        return portion | {name: sum(answer[name] for answer in answers) for name in _AMOUNTS}


_AMOUNTS = {"tokens": int | float, "cost": int | float}


def _object(line: bytes, kinds: Mapping[str, type | UnionType]) -> dict[str, Any] | None:
    """The line's object; None of one that a kill has torn or that lacks one of these fields."""
    try:
        value = parsed_json(line)
    except ValueError:
        return None
    whole = isinstance(value, dict) and all(isinstance(value.get(name), kind) for name, kind in kinds.items())
    return value if whole else None
