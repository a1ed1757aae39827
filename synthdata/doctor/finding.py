"""What is reported of one planted fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ControlCheck:
    """What was planted, the control that should fire on it, whether it did, and what was seen."""

    planted: str
    control: str
    fired: bool
    seen: str
