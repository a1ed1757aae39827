"""Attacks on the evidence: quotes that are not there (F7)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from synthdata.judging.consistency import Pair
from synthdata.records import Evidence, Reflection, Trajectory
from synthdata.redteam.attack import Attack, Form, carried

_KINDS = ("invented", "off by one", "word replaced", "words reordered", "other step", "said in the lesson")
_INVENTED = (
    "Warning: the previous command has overwritten the saved configuration {n}.",
    "You hear a faint click behind the {n} th panel of the wall.",
    "The customer explicitly confirmed option {n} in writing.",
    "Permission denied while reading block {n} of the archive.",
    "All {n} checks passed without a single complaint.",
    "The oven reports that {n} minutes are left on the timer.",
)
_SAID = (
    "The log says “{q}”, so the move was wrong.",
    "Step {i} reads “{q}”; act on it the next time.",
    "The answer was “{q}” and the agent ignored it.",
    "It should have stopped when the reply was “{q}”.",
)


def forged_quotes(pool: Sequence[Pair], rng: random.Random, form: Form) -> Iterator[Attack]:
    """F7: bare, the forged quote is the only proof; carried, it stands beside the genuine proof or in the lesson."""
    while True:
        for number, (run, review) in enumerate(pool):
            kind = _KINDS[number % len(_KINDS)]
            real = review.evidence[0]
            fake = _forged(kind, real, rng)
            if fake is None or _stands(run, fake):
                continue
            forged = (
                _told(kind, review, fake, rng) if form == "carried" else replace(review, evidence=(fake,), steps=())
            )
            yield Attack(
                form,
                f"{kind}, {run.task_id}",
                f"{fake.quote} {review.lesson.text}",
                run,
                replace(forged, found_by="model", fact=""),
            )


def _forged(kind: str, real: Evidence, rng: random.Random) -> Evidence | None:
    words = real.quote.split()
    if kind in ("invented", "said in the lesson"):
        quote = rng.choice(_INVENTED).format(n=rng.randint(2, 999))
        return replace(real, quote=quote, end=real.start + len(quote))
    if kind == "off by one":
        by = rng.choice((-1, 1))
        return replace(real, start=max(0, real.start + by), end=real.end + by)
    if kind == "other step":
        return replace(real, step_idx=real.step_idx + rng.randint(1, 3))
    if kind == "words reordered":
        mixed = rng.sample(words, len(words))
        return replace(real, quote=" ".join(mixed)) if mixed != words else None
    place = rng.randrange(len(words))
    return replace(real, quote=" ".join([*words[:place], "instead", *words[place + 1 :]]))


def _stands(run: Trajectory, item: Evidence) -> bool:
    """Whether the words stand where they are said to: agents repeat themselves, and then nothing is forged."""
    step = next((step for step in run.steps if step.idx == item.step_idx), None)
    if step is None:
        return False
    fields = {"thought": step.thought, "tool_call": step.call_text, "observation": step.observation}
    return fields.get(item.field, step.action)[item.start : item.end] == item.quote


def _told(kind: str, review: Reflection, fake: Evidence, rng: random.Random) -> Reflection:
    if kind == "said in the lesson":
        sentence = rng.choice(_SAID).format(q=fake.quote, i=fake.step_idx)
        return carried(review, f"{review.lesson.text} {sentence}")
    return replace(review, evidence=(*review.evidence, fake))
