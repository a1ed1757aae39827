"""Turns agent trajectories into training data that does not collapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthdata.api import Corpus
    from synthdata.gate.reference import ReferenceRow
    from synthdata.records import Candidate, Decision, Reason
    from synthdata.records.report import RoundReport
    from synthdata.rounds.texts import Admission, TextGate, admit_texts
    from synthdata.settings import Settings

__all__ = [
    "Admission",
    "Candidate",
    "Corpus",
    "Decision",
    "Reason",
    "ReferenceRow",
    "RoundReport",
    "Settings",
    "TextGate",
    "admit_texts",
]

_HOMES = {
    "Admission": "synthdata.rounds.texts",
    "Candidate": "synthdata.records",
    "Corpus": "synthdata.api",
    "Decision": "synthdata.records",
    "Reason": "synthdata.records",
    "ReferenceRow": "synthdata.gate.reference",
    "RoundReport": "synthdata.records.report",
    "Settings": "synthdata.settings",
    "TextGate": "synthdata.rounds.texts",
    "admit_texts": "synthdata.rounds.texts",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: `import synthdata` alone loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'synthdata' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
