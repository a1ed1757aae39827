"""A generator that narrows: rounds of sound text, then rounds that say one thing."""

from __future__ import annotations

from pathlib import Path

from synthdata.doctor.finding import ControlCheck
from synthdata.doctor.material import REFERENCE_ROWS, ROUND_ROWS, cheap, text_corpus, texts, wordings
from synthdata.monitor.status import alarms_of
from synthdata.records import Candidate
from synthdata.settings import Settings

HEALTHY, NARROW = 6, 2


def narrowing_rounds(folder: Path, settings: Settings) -> list[ControlCheck]:
    """The trend of what comes in must ring red after the healthy rounds, and not before."""
    material = texts(REFERENCE_ROWS + HEALTHY * ROUND_ROWS)
    corpus = text_corpus(folder / "rounds", material[:REFERENCE_ROWS], cheap(settings))
    narrow = wordings(NARROW * ROUND_ROWS)
    for number in range(HEALTHY + NARROW):
        start = REFERENCE_ROWS + number * ROUND_ROWS
        mine = material[start : start + ROUND_ROWS] if number < HEALTHY else narrow[(number - HEALTHY) * ROUND_ROWS :]
        corpus.admit([Candidate(text, occurrence=1000 * number + i) for i, text in enumerate(mine[:ROUND_ROWS])])
    alarms = [
        alarm for alarm in alarms_of(corpus.store, corpus.store.snapshots(), corpus.anchor) if alarm["level"] == "red"
    ]
    seen = f"red in round {alarms[0]['round']}" if alarms else "silent"
    late = bool(alarms) and alarms[0]["round"] > HEALTHY
    return [ControlCheck(f"a generator that narrows after {HEALTHY} rounds", "the alarm", late, seen)]
