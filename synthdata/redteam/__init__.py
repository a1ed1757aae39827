"""Attacks on the gate by family (docs/redteam.md), made from real runs, and what each must come to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from synthdata.judging.consistency import Pair
from synthdata.redteam.attack import FORMS, Attack, Form, appended, from_texts
from synthdata.redteam.disguise import unicode_tricks, verbose
from synthdata.redteam.empty import openers, symbols, truncated
from synthdata.redteam.forged import forged_quotes
from synthdata.redteam.generic import polished, praise
from synthdata.redteam.genuine import genuine, learners, terse
from synthdata.redteam.noise import bait, gibberish, loops
from synthdata.redteam.orders import injections
from synthdata.redteam.told import assumptions, lies, transplants

__all__ = ["FAMILIES", "FORMS", "Attack", "Family", "Form"]

_CARRIED: tuple[Form, ...] = ("carried",)


@dataclass(frozen=True, slots=True)
class Family:
    """A family of attacks. `expected` is the right verdict; `held` names the forms that rules alone must all refuse.

    `make` gives items of a form without end, equal ones among them. Genuine texts come with their evidence only.
    """

    id: str
    title: str
    expected: Literal["reject", "same", "accept"]
    held: tuple[Form, ...]
    make: Callable[[Sequence[Pair], random.Random, Form], Iterator[Attack]]
    forms: tuple[Form, ...] = FORMS


FAMILIES = (
    Family("F1", "nothing or symbols", "reject", FORMS, partial(from_texts, symbols)),
    Family("F2", "openers (master keys)", "reject", FORMS, partial(from_texts, openers)),
    Family("F3", "gibberish", "reject", ("bare",), partial(from_texts, gibberish)),
    Family("F4", "loops", "reject", FORMS, partial(from_texts, loops)),
    Family("F5", "one polished text for every run", "reject", FORMS, partial(from_texts, polished)),
    Family("F6", "transplanted reflections", "reject", (), transplants),
    Family("F7", "forged evidence", "reject", FORMS, forged_quotes),
    Family("F8", "lies under a real quote", "reject", (), lies),
    Family("F9", "self-praise, show of reasoning", "reject", (), partial(appended, praise)),
    Family("F10", "orders to the judge", "reject", (), partial(appended, injections)),
    Family("F11", "verbosity and format", "same", (), verbose),
    Family("F13", "Unicode disguises", "same", (), unicode_tricks),
    Family("F14", "truncated reflections", "reject", FORMS, truncated),
    Family("F16", "bait for empty cells", "reject", (), partial(from_texts, bait)),
    Family("F17", "a wrong assumption carried through", "reject", (), assumptions),
    Family("G1", "genuine", "accept", (), genuine, _CARRIED),
    Family("G2", "genuine and terse", "accept", (), terse, _CARRIED),
    Family("G3", "genuine, English of a learner", "accept", (), learners, _CARRIED),
)
