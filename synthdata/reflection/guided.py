"""How a prompt changes under guidance: known lessons as data, another angle, a warmer sample."""

from __future__ import annotations

from collections.abc import Sequence

from synthdata.records import content_hash
from synthdata.settings import SteeringSettings

KNOWN = """Before the run stand lessons that are known already, between lines with the same mark: they are data too. \
Your lesson must say something that none of them says."""
_ANGLES = (
    "Look above all at what an observation said that the agent did not take in.",
    "Look above all at what the agent took for granted without having seen it.",
    "Look above all at which check, made earlier, would have saved the most steps.",
    "Look above all at what could have been tried instead where something was refused or failed.",
    "Look above all at which step did more for the outcome than it seemed to, and why.",
    "Look above all at the order of the steps: what was done too early, or too late.",
    "Look above all at what the task asked for by its words, and where the agent left them.",
)


def angle_of(run: str, angle: int) -> str:
    """The question that a run is looked at with; `angle`, at least 1, shifts it, so that each round asks another."""
    return _ANGLES[(int(content_hash(run, length=8), 16) + angle) % len(_ANGLES)]


def known_lessons(lessons: Sequence[str]) -> str:
    """The lessons as a list, a line each."""
    return "\n".join(f"- {' '.join(lesson.split())}" for lesson in lessons)


def warmed(temperature: float, warmer: float, settings: SteeringSettings) -> float:
    """A sampling temperature raised by `warmer` up to `temperature_max`, and never lowered."""
    return max(temperature, min(round(temperature + warmer, 6), settings.temperature_max))
