"""What came of each tick of a schedule: a line a tick in `derived/`, for the terminal, `status`, pages and scrapes.

A tick is good that made a round or found nothing new. Not truth: what is lost of it is lost to the reader alone.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

Outcome = Literal["round", "nothing new", "waiting", "skipped", "refused", "failed", "crashed"]
GOOD: frozenset[Outcome] = frozenset({"round", "nothing new"})
# So many ticks in a row without a good one are an alarm; one alone may be an endpoint that was started anew.
MANY = 3
_KEPT = 1000
_NAME = "ticks.jsonl"


@dataclass(frozen=True)
class Tick:
    """One tick: when it ended (ISO 8601, UTC), what came of it, and why in a sentence."""

    at: str
    outcome: Outcome
    message: str

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


def note_tick(corpus: Path, outcome: Outcome, message: str) -> Tick:
    """Append what came of a tick; a disk that refuses loses the line, not the tick."""
    tick = Tick(datetime.now(UTC).isoformat(timespec="seconds"), outcome, " ".join(message.split()))
    with suppress(OSError), (corpus / "derived" / _NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(tick)) + "\n")
    return tick


def ticks(corpus: Path) -> list[Tick]:
    """The last thousand ticks, oldest first; lines that cannot be read are left out."""
    values = []
    with suppress(OSError):
        for line in (corpus / "derived" / _NAME).read_text(encoding="utf-8", errors="replace").splitlines()[-_KEPT:]:
            with suppress(ValueError, TypeError):
                values.append(Tick(**json.loads(line)))
    return values


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
