"""Attacks on the gate by family (science.md 5.3), made from real runs, and what each must come to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from synthdata.judging.consistency import Pair
from synthdata.judging.redteam.attack import FORMS, Attack, Form, from_texts
from synthdata.judging.redteam.empty import openers, symbols, truncated
from synthdata.judging.redteam.forged import forged_quotes
from synthdata.judging.redteam.generic import polished
from synthdata.judging.redteam.noise import gibberish, loops

__all__ = ["FAMILIES", "FORMS", "Attack", "Family", "Form"]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of attacks. `expected` is the right verdict; `held` names the forms that rules alone must all refuse.

    `make` gives items of a form without end, equal ones among them.
    """

    id: str
    title: str
    expected: Literal["reject", "same", "accept"]
    held: tuple[Form, ...]
    make: Callable[[Sequence[Pair], random.Random, Form], Iterator[Attack]]


FAMILIES = (
    Family("F1", "nothing or symbols", "reject", FORMS, partial(from_texts, symbols)),
    Family("F2", "openers (master keys)", "reject", FORMS, partial(from_texts, openers)),
    Family("F3", "gibberish", "reject", ("bare",), partial(from_texts, gibberish)),
    Family("F4", "loops", "reject", FORMS, partial(from_texts, loops)),
    Family("F5", "one polished text for every run", "reject", FORMS, partial(from_texts, polished)),
    Family("F7", "forged evidence", "reject", FORMS, forged_quotes),
    Family("F14", "truncated reflections", "reject", FORMS, truncated),
)
