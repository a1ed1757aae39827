"""The few-shot examples of the framed reflector, and which of them a prompt shows.

Every example restates its own fact line in other words, because that is what the model is to do. The things that they
speak of are invented, so a lesson that names one has copied.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from synthdata.records import content_hash
from synthdata.reflection.reading import content_words

# Words of the examples that any lesson may use: they name no thing of an example.
_COMMON = frozenset(
    "go going take taking open opening look looking around examine examining check checking inventory put putting drop "
    "dropping insert inserting turn north south east west down call calling run running change before after instead "
    "move step goal plan task reply answer time way place thing things room door key word name id hours amount get "
    "closing close locking unlock unlocking give giving eat eating read push pull with once more again first fill wear "
    "wearing climb climbing raise raising into wheel number search telling right import weather town python"
    .split()
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shot:
    """One example: `group` is play-bad, play-good, tool-bad or tool-good; `better` is empty where none is offered."""

    group: str
    move: str
    fact: str
    better: str
    lesson: str

    @property
    def id(self) -> str:
        """12 hex characters over the lesson; what a reflection keeps of the examples that it saw."""
        return content_hash(self.lesson, length=12)

    @property
    def nouns(self) -> frozenset[str]:
        """The words by which a copy is known: what this example alone speaks of."""
        return frozenset(content_words(f"{self.move} {self.better}")) - _COMMON


@cache
def all_shots() -> dict[str, Shot]:
    """Every example by its id, in the order of the file."""
    lines = files("synthdata.reflection").joinpath("shots.jsonl").read_text(encoding="utf-8").splitlines()
    shots = [Shot(**json.loads(line)) for line in lines]
    return {shot.id: shot for shot in shots}


def draw_shots(group: str, block: int, count: int) -> list[Shot]:
    """`count` examples of a group for a block, without replacement: a function of its arguments alone."""
    pool = [shot for shot in all_shots().values() if shot.group == group]
    return sorted(pool, key=lambda shot: content_hash(shot.id, str(block)))[:count]
