"""What an attack on the gate is: a reflection that must fall, in two forms, and how texts are put into records.

*Bare*: the attack is all that the record says. *Carried*: it stands in the lesson of a genuine record whose cause,
labels and evidence are valid, which is the form that evidence checks alone do not stop.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Literal

from synthdata.judging.consistency import Pair
from synthdata.records import GeneratorStamp, Lesson, Reflection, Trajectory, content_hash

Form = Literal["bare", "carried"]
FORMS: tuple[Form, ...] = ("bare", "carried")
# A template and a text made of it, endless or not; equal texts may come again.
Texts = Callable[[Sequence[Pair], random.Random], Iterator[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One item. `text` is what the attacker wrote and what items are told apart by; `template` says how it was made.

    `twin` is the clean record whose verdict this one must share, where the family asks for that and not for a refusal.
    """

    form: Form
    template: str
    text: str
    run: Trajectory
    review: Reflection
    twin: Reflection | None = None

    @property
    def held_out(self) -> bool:
        """Whether its template belongs to the half that no rule was written against; the hash decides."""
        return int(content_hash("half", self.template, length=2), 16) % 2 == 1


def bare(run: Trajectory, text: str) -> Reflection:
    """A record that says `text` and nothing else: no cause, no label, no evidence."""
    return Reflection(
        trajectory_id=run.id,
        task_id=run.task_id,
        focus=None,
        found_by="model",
        cause_code="other",
        cause="",
        lesson=Lesson(text),
        generator=GeneratorStamp("attacker", ""),
    )


def carried(review: Reflection, text: str) -> Reflection:
    """A genuine record with another lesson; as a model's own finding, on which the fewest rules of wording bear."""
    return replace(review, lesson=Lesson(text), found_by="model", fact="", shots=())


def from_texts(texts: Texts, pool: Sequence[Pair], rng: random.Random, form: Form) -> Iterator[Attack]:
    """Texts as records on the runs of the pool in turn."""
    for (template, text), (run, review) in zip(texts(pool, rng), cycle(pool)):
        made = bare(run, text) if form == "bare" else carried(review, text)
        yield Attack(form, template, text, run, made)


def appended(texts: Texts, pool: Sequence[Pair], rng: random.Random, form: Form) -> Iterator[Attack]:
    """As `from_texts`, but carried behind the genuine lesson, before it or as a line of its own, in turn."""
    for number, attack in enumerate(from_texts(texts, pool, rng, form)):
        if form == "bare":
            yield attack
            continue
        own = pool[number % len(pool)][1].lesson.text
        combined = (f"{own} {attack.text}", f"{attack.text} {own}", f"{own}\n\n{attack.text}")[number % 3]
        yield replace(attack, review=carried(attack.review, combined))


def seen_words(pool: Sequence[Pair]) -> list[str]:
    """The words of all steps of the pool's runs, in order: what noise and loops are made of."""
    runs = {run.id: run for run, _ in pool}
    return [word for run in runs.values() for step in run.steps for word in f"{step.action} {step.observation}".split()]
