"""Plants known faults in a throw-away corpus and tells which control fired on each: `synthdata doctor`.

Real text comes from the standard library's own documentation, which is on every machine; runs of an agent are made
here, with a mistake in each that the rules find. All verdicts are those of the shipped gate, with the given settings.
Where several controls would stop a fault, each is tried alone: the others get settings that let everything through.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from synthdata.doctor.bursts import one_control_at_a_time
from synthdata.doctor.finding import ControlCheck
from synthdata.doctor.genuine import genuine_rows
from synthdata.doctor.leaks import leaking_secrets
from synthdata.doctor.rounds import narrowing_rounds
from synthdata.doctor.signals import gamed_judges, moved_reviews
from synthdata.doctor.texts import copies_and_noise
from synthdata.doctor.wording import words_in_a_wrong_order
from synthdata.settings import Settings

__all__ = ["STAGES", "ControlCheck", "examine"]

STAGES = (
    copies_and_noise,
    genuine_rows,
    leaking_secrets,
    one_control_at_a_time,
    narrowing_rounds,
    moved_reviews,
    gamed_judges,
    words_in_a_wrong_order,
)


def examine(folder: Path, settings: Settings, progress: Callable[[int], None]) -> list[ControlCheck]:
    """All findings; `progress` hears of each of `STAGES` stages as it ends. `folder` is empty and may be thrown away.

    Raises:
        InputError: the standard library's sources are not on this machine, so there is no text to calibrate from.
    """
    findings = []
    for stage in STAGES:
        findings += stage(folder, settings)
        progress(1)
    return findings
