"""Numbers of the reference's subsamples, kept beside a corpus: they change with the reference and not with a round.

Derived files. Each is named by all that its numbers depend on, and made again where it cannot be read.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synthdata.io.files import atomic_file, parsed_json
from synthdata.records import content_hash

Numbers = dict[str, float]
# Gives the numbers of this name, from where they are kept or from the function.
Keeper = Callable[[str, Callable[[], list[Numbers]]], list[Numbers]]

_LOG = logging.getLogger(__name__)
# Rounds of other lengths ask for other sizes and numbers of words; a file has 40 kB.
_MOST_FILES = 64


def made_anew(name: str, make: Callable[[], list[Numbers]]) -> list[Numbers]:
    """The keeper that keeps nothing."""
    return make()


@dataclass(frozen=True)
class NumberFiles:
    """A folder with a file a name; the oldest go where there are too many."""

    folder: Path

    def __call__(self, name: str, make: Callable[[], list[Numbers]]) -> list[Numbers]:
        """The numbers of this name; a disk that takes no file costs time and is said."""
        path = self.folder / f"{name}.json"
        kept = self._read(path)
        if kept is not None:
            return kept
        numbers = make()
        try:
            self._write(path, numbers)
        except OSError as error:
            _LOG.warning("%s: cannot be kept, so that every round makes it again: %s", path, error)
        return numbers

    def _read(self, path: Path) -> list[Numbers] | None:
        try:
            checksum, _, body = path.read_text(encoding="utf-8").partition("\n")
            if checksum != content_hash(body):
                raise ValueError("is not what was written")
            numbers: list[Numbers] = parsed_json(body)
            return numbers
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _LOG.warning("%s: cannot be read, so that it is made again: %s", path, error)
            return None

    def _write(self, path: Path, numbers: list[Numbers]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        body = json.dumps(numbers)
        with atomic_file(path) as part:
            part.write_text(f"{content_hash(body)}\n{body}", encoding="utf-8")
        files = sorted(self.folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for old in files[:-_MOST_FILES]:
            old.unlink(missing_ok=True)
