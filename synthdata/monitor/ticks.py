"""What came of each tick of a schedule: a line a tick in `derived/`, for the terminal, `status`, pages and scrapes.

A tick is good that made a round or found nothing new. Not truth: what is lost of it is lost to the reader alone.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from synthdata.io.files import own_file, parsed_json

Outcome = Literal["round", "nothing new", "waiting", "skipped", "refused", "failed", "crashed"]
GOOD: frozenset[Outcome] = frozenset({"round", "nothing new"})
# So many ticks in a row without a good one are an alarm; one alone may be an endpoint that was started anew.
MANY = 3
_KEPT = 1000
_NAME = "ticks.jsonl"


@dataclass(frozen=True)
class Tick:
    """One tick: when it ended (ISO 8601, UTC), what came of it, why in a sentence, and the id of its run, if known.

    One that is noted `late`, by somebody else, belongs among those before it by its time. The others ended in the order
    in which they stand, whatever the clock said.
    """

    at: str
    outcome: Outcome
    message: str
    run: str = ""
    late: bool = False

    def line(self) -> str:
        """The tick for people."""
        return f"{self.at} {self.outcome}: {self.message}"


@dataclass(frozen=True)
class TickFacts:
    """How a schedule stands: ticks by outcome, the last one, the last good one, and how many came since that one."""

    counts: dict[str, int]
    last: Tick | None
    last_good: str
    since_good: int

    @property
    def alarm(self) -> str:
        """A sentence where no good tick came for too long, else empty."""
        if self.since_good < MANY or self.last is None:
            return ""
        since = f"the last good one ended {self.last_good}" if self.last_good else "there was no good one yet"
        return f"{self.since_good} ticks of the schedule in a row made no round ({since}): {self.last.message}"


def note_tick(corpus: Path, outcome: Outcome, message: str, run: str = "", at: datetime | None = None) -> Tick:
    """Append what came of a tick, by default of one that ends now.

    A disk that refuses loses the line, not the tick: the process that starts the runs notes later what is missing.
    """
    ended = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    tick = Tick(ended, outcome, " ".join(message.split()), run, late=at is not None)
    path = corpus / "derived" / _NAME
    # Unbuffered, and on a line of its own: a full disk may have cut the last one off.
    with suppress(OSError):
        own_file(path)
        with path.open("ab", buffering=0) as file:
            start = b"" if not file.tell() or _ends_line(path) else b"\n"
            file.write(start + json.dumps(asdict(tick)).encode() + b"\n")
    return tick


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def ticks(corpus: Path) -> list[Tick]:
    """The last thousand ticks, the one that ended first before the others; lines that cannot be read are left out."""
    values: list[Tick] = []
    with suppress(OSError):
        for line in (corpus / "derived" / _NAME).read_text(encoding="utf-8", errors="replace").splitlines()[-_KEPT:]:
            with suppress(ValueError, TypeError):
                tick = Tick(**parsed_json(line))
                if [type(value) for value in astuple(tick)] == [str, str, str, str, bool]:
                    values.insert(_place(tick, values), tick)
    return values


def _place(tick: Tick, before: list[Tick]) -> int:
    # Only late ones are moved: after a clock that was ahead, failures would stand before the last good tick for ever.
    place = len(before)
    while tick.late and place and before[place - 1].at > tick.at:
        place -= 1
    return place


def tick_facts(corpus: Path) -> TickFacts:
    """How the schedule of a corpus stands; ticks that were skipped for a round under way count neither way."""
    known = ticks(corpus)
    counts: dict[str, int] = {}
    since, good = 0, ""
    for tick in known:
        counts[tick.outcome] = counts.get(tick.outcome, 0) + 1
        if tick.outcome in GOOD:
            since, good = 0, tick.at
        elif tick.outcome != "skipped":
            since += 1
    return TickFacts(counts, known[-1] if known else None, good, since)
