"""Turns agent trajectories into training data that does not collapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthdata.api import Corpus
    from synthdata.records import Candidate
    from synthdata.settings import Settings

__all__ = ["Candidate", "Corpus", "Settings"]

_HOMES = {"Candidate": "synthdata.records", "Corpus": "synthdata.api", "Settings": "synthdata.settings"}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: `import synthdata` alone loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'synthdata' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
