"""The round under way: how far its work is, left in a small file that pages and `status` read.

A killed process leaves its file behind: its word counts only while that process lives, or, of another machine, while
the file is fresh.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime

from synthdata.corpus import CorpusStore
from synthdata.io.files import atomic_write, parsed_json, process_lives
from synthdata.protocols import Advance, Progress

_FILE = "running.json"
# Seconds between two writes, and how old the word of another machine may be.
_EVERY, _FRESH = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A piece of work of the round under way: what it is, `done` of `total` steps, since when, by which process."""

    work: str
    done: int
    total: int
    started: str
    pid: int
    host: str

    def __str__(self) -> str:
        steps = f"{self.done:,} of {max(self.total, self.done):,}" if self.total else f"{self.done:,} so far"
        return f"A round is under way since {self.started[11:16]} UTC. {self.work[:1].upper()}{self.work[1:]}: {steps}."


def noting(store: CorpusStore, progress: Progress) -> Progress:
    """A progress that also leaves word in the corpus, once a second at most, for whoever looks at its pages."""
    path, started = store.derived_dir / _FILE, datetime.now(UTC).isoformat(timespec="seconds")

    def noted(work: str, total: int) -> AbstractContextManager[Advance]:
        @contextmanager
        def shown() -> Iterator[Advance]:
            done, last = 0, time.monotonic()

            def write() -> None:
                word = Running(work, done, total, started, os.getpid(), socket.gethostname())
                atomic_write(path, json.dumps(asdict(word)))

            path.parent.mkdir(parents=True, exist_ok=True)
            write()
            try:
                with progress(work, total) as advance:

                    def count(step: int) -> None:
                        nonlocal done, last
                        done += step
                        advance(step)
                        if time.monotonic() - last >= _EVERY:
                            last = time.monotonic()
                            write()

                    yield count
            finally:
                path.unlink(missing_ok=True)

        return shown()

    return noted


def running(store: CorpusStore) -> Running | None:
    """The work under way, if a process that lives is at it."""
    path = store.derived_dir / _FILE
    try:
        word = Running(**parsed_json(path.read_text(encoding="utf-8")))
        age = time.time() - path.stat().st_mtime
        if [type(value) for value in astuple(word)] != [str, int, int, str, int, str]:
            return None
        lives = process_lives(word.pid)
    except (OSError, ValueError, TypeError, OverflowError):
        # Nothing runs, or the word is damaged or that of another version of this program.
        return None
    if word.host != socket.gethostname():
        # A file from the future is one of a clock that was set back since, or of another machine's.
        return word if abs(age) < _FRESH else None
    return word if lives else None
