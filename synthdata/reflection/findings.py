"""What a rule found in a run: the turn, the judgement and the turns that prove it; not yet put into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from synthdata.records import CauseCode
from synthdata.reflection.reading import Turn


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement of one rule. `better` is the turn of the same run that should have come instead, if there is one.

    `shown` is the turn where the proof stands, often the judged turn itself; `about` is the thing it turns on.
    """

    rule: str
    turn: Turn
    label: Literal["good", "bad"]
    cause_code: CauseCode
    better: Turn | None
    shown: Turn
    about: str = ""
