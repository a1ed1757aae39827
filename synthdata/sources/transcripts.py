"""Transcripts in plain text: `Question:`, then `Thought 1:`, `Action 1:`, `Observation 1:` (ReAct, Reflexion).

An episode begins with its question, or with a `Context:` that holds it. Headings of Reflexion's logs say which episodes
were right; what is under `Reflections:` after an episode is the system's word and no deed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from synthdata.records import Observation, Trajectory
from synthdata.sources.fields import as_list, as_name, as_object
from synthdata.sources.files import Row, SourceFile
from synthdata.sources.packing import DAMAGED, ending_of, open_bytes
from synthdata.sources.steps import Draft, close

NAME = "transcript"
ENDINGS = (".txt", ".log")
_PEEKED = 1 << 16
_TURN = re.compile(r"(Thought|Action|Observation|Final Answer)(?: \d{1,4})?:[ \t]?(.*)")
_BEGIN = re.compile(r"(?:Question|Context):")
_END = re.compile(r"Correct answer:")
_GROUP = re.compile(r"-{3,}\s*BEGIN (CORRECT|INCORRECT|HALTED) AGENTS")
_HEADING = re.compile(r"#{3,}$|BEGIN TRIAL \d|Trial summary:")
_OUTCOMES = {"CORRECT": (True, False), "INCORRECT": (False, False), "HALTED": (False, True)}


def is_transcript(file: SourceFile) -> bool:
    """Whether a text file begins with a question, a thought and an action."""
    if ending_of(file.name)[0] not in ENDINGS:
        return False
    try:
        with open_bytes(file) as handle:
            lines = handle.read(_PEEKED).decode("utf-8", "replace").splitlines()
    except DAMAGED:
        # Whoever reads the file next says what is wrong with it.
        return False
    kinds = [found[1] for line in lines if (found := _TURN.match(line))]
    return any(map(_BEGIN.match, lines)) and {"Thought", "Action"} <= set(kinds)


@dataclass
class _Episode:
    line: int
    asked: list[str]
    turns: list[tuple[str, list[str]]] = field(default_factory=list)
    reflections: list[str] = field(default_factory=list)
    closed: bool = False
    success: bool | None = None
    truncated: bool = False

    def add(self, line: str) -> None:
        """A line that begins no episode."""
        turn = _TURN.match(line)
        if _END.match(line):
            self.closed = True
        elif self.closed:
            return
        elif turn:
            self.turns.append((turn[1], [turn[2]]))
        elif self.turns and (self.reflections or line.startswith("Reflections:")):
            self.reflections.append(line.removeprefix("Reflections:"))
        else:
            (self.turns[-1][1] if self.turns else self.asked).append(line)

    @property
    def value(self) -> dict[str, Any]:
        """As a row, which `read` takes."""
        turns = [{"kind": kind, "text": _text(lines)} for kind, lines in self.turns]
        outcome = {"success": self.success, "truncated": self.truncated}
        return {"transcript": turns, "asked": _text(self.asked), "reflections": _text(self.reflections), **outcome}


def transcript_rows(file: SourceFile, limit: int) -> Iterator[Row]:
    """The episodes of a file, one row each, with the line at which it begins; a line has `limit` bytes at most."""
    for episode in _episodes(file, limit):
        yield Row(file.name, episode.line, episode.value)


def _episodes(file: SourceFile, limit: int) -> Iterator[_Episode]:
    episode: _Episode | None = None
    outcome: tuple[bool | None, bool] = (None, False)
    for number, line in enumerate(_lines(file, limit), 1):
        group = _GROUP.match(line)
        if group:
            outcome = _OUTCOMES[group[1]]
        elif _HEADING.match(line):
            continue
        elif _BEGIN.match(line) and (episode is None or episode.turns or episode.closed):
            if episode is not None:
                yield episode
            episode = _Episode(number, [line], success=outcome[0], truncated=outcome[1])
        elif episode is not None:
            episode.add(line)
    if episode is not None:
        yield episode


def _lines(file: SourceFile, limit: int) -> Iterator[str]:
    """The lines without their ends, each up to `limit` bytes."""
    with open_bytes(file) as handle:
        for number, raw in enumerate(iter(lambda: handle.readline(limit), b"")):
            yield raw.removeprefix(b"\xef\xbb\xbf" if not number else b"").decode("utf-8", "replace").rstrip("\r\n")


def sniff(value: object) -> str | None:
    """None if this is an episode of a transcript, else why not."""
    if isinstance(value, dict) and isinstance(value.get("transcript"), list) and "asked" in value:
        return None
    return "no episode of a transcript"


def read(value: object) -> list[Trajectory]:
    """The episode as a run: a thought and its action are one step, what came back is its observation."""
    episode = as_object(value, "row")
    asked = as_name(episode.get("asked"), "asked")
    drafts = [Draft("user", asked)]
    for number, item in enumerate(as_list(episode["transcript"], "transcript")):
        turn = as_object(item, f"transcript[{number}]")
        kind, text, last = turn.get("kind"), as_name(turn.get("text"), "text"), drafts[-1]
        if kind == "Observation":
            last.observations.append(Observation(text))
        elif kind == "Thought":
            drafts.append(Draft("agent", thought=text))
        elif last.role == "agent" and not (last.observations or last.action):
            last.action = text
        else:
            drafts.append(Draft("agent", text))
    reflections = as_name(episode.get("reflections"), "reflections")
    drafts += [Draft("system", f"Reflections: {reflections}")] if reflections else []
    success = episode.get("success")
    return [
        Trajectory(
            task=asked,
            steps=close(drafts),
            success=success if isinstance(success, bool) else None,
            truncated=episode.get("truncated") is True,
        )
    ]


def _text(lines: list[str]) -> str:
    return "\n".join(lines).strip()
