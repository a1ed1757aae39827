"""Turns agent trajectories into training data that does not collapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthdata.errors import InputError, SynthdataError
    from synthdata.gate.reference import ReferenceRow
    from synthdata.notebook import Corpus, Result, RoundResult, inspect
    from synthdata.records import Candidate, Chat, Decision, Origin, Reason, Trajectory, Verdict
    from synthdata.records.report import RoundReport
    from synthdata.rounds.texts import Admission, TextGate, admit_texts
    from synthdata.settings import Settings

_HOMES = {
    "Admission": "synthdata.rounds.texts",
    "Candidate": "synthdata.records",
    "Chat": "synthdata.records",
    "Corpus": "synthdata.notebook",
    "Decision": "synthdata.records",
    "InputError": "synthdata.errors",
    "Origin": "synthdata.records",
    "Reason": "synthdata.records",
    "ReferenceRow": "synthdata.gate.reference",
    "Result": "synthdata.notebook",
    "RoundReport": "synthdata.records.report",
    "RoundResult": "synthdata.notebook",
    "Settings": "synthdata.settings",
    "SynthdataError": "synthdata.errors",
    "TextGate": "synthdata.rounds.texts",
    "Trajectory": "synthdata.records",
    "Verdict": "synthdata.records",
    "admit_texts": "synthdata.rounds.texts",
    "inspect": "synthdata.notebook",
}

__all__ = [
    "Admission", "Candidate", "Chat", "Corpus", "Decision", "InputError", "Origin", "Reason", "ReferenceRow", "Result",
    "RoundReport", "RoundResult", "Settings", "SynthdataError", "TextGate", "Trajectory", "Verdict", "admit_texts",
    "inspect",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: `import synthdata` alone loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'synthdata' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, though none of them is loaded yet."""
    return sorted({*globals(), *__all__})
