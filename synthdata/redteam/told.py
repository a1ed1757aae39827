"""Attacks with true quotes: another run's lesson (F6), a lie (F8), a wrong assumption carried through (F17).

The evidence is genuine, only what is said of it is not: rules on words see little of it, judges and replay may.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from synthdata.judging.consistency import Pair, flipped, told_of
from synthdata.records import Lesson, Reflection
from synthdata.redteam.attack import Attack, Form, bare, carried

_LIES = ("label flipped", "cause of another step", "turned round", "other order")
_TURNS = (
    (r"\bnot\b ?", ""),
    (r"\bno\b ?", "much "),
    (r"\bnever\b", "always"),
    (r"\bbefore\b", "after"),
    (r"\bskip\b", "repeat"),
    (r"\bstop\b", "go on"),
    (r"\bleave out\b", "insist on"),
    (r"\bis the right\b", "is the wrong"),
    (r"\bnothing\b", "everything"),
    (r"\btrust\b", "distrust"),
    (r"\bremember\b", "forget"),
    (r"\bwithout\b", "with"),
    (r"\bcould\b", "could not"),
    (r"\bis\b", "is not"),
    (r"\bthe\b", "no"),
)


def transplants(pool: Sequence[Pair], rng: random.Random, form: Form) -> Iterator[Attack]:
    """F6: bare, a whole reflection told of another run; carried, its lesson in a genuine record of that run."""
    for run, review in pool:
        for _ in range(3):
            other, host = pool[rng.randrange(len(pool))]
            if (other.task_id or other.task) == (run.task_id or run.task):
                continue
            template, text = f"transplant, {run.task_id}", f"{review.cause} {review.lesson.text}"
            transplanted_review = replace(told_of(review, other), found_by="model", fact="", shots=())
            yield Attack(
                form,
                template,
                text,
                other,
                transplanted_review if form == "bare" else carried(host, review.lesson.text),
            )


def lies(pool: Sequence[Pair], rng: random.Random, form: Form) -> Iterator[Attack]:
    """F8: the quote is real and the claim false: the label, the cause, or what the lesson says of it."""
    for run, review in pool:
        for kind in _LIES:
            lie = _lied(kind, run.id, review, pool, rng)
            if lie is None:
                continue
            text = f"{lie.cause} {lie.lesson.text}"
            sentences = (
                bare(run, f"{lie.cause} {lie.lesson.text}")
                if form == "bare"
                else replace(lie, found_by="model", fact="")
            )
            yield Attack(form, f"{kind}, {run.task_id}", text, run, sentences)


def _lied(kind: str, run_id: str, review: Reflection, pool: Sequence[Pair], rng: random.Random) -> Reflection | None:
    if kind == "label flipped":
        twin = flipped((pool[0][0], review))
        return twin[1] if twin is not None and twin[1] != review else None
    if kind == "cause of another step":
        others = [other for own, other in pool if own.id == run_id and other.focus != review.focus]
        return replace(review, cause=rng.choice(others).cause) if others else None
    if kind == "turned round":
        turned = _turned(review.lesson.text)
        return replace(review, lesson=Lesson(turned)) if turned else None
    left, because, right = review.lesson.text.partition(" because ")
    if review.counterfactual is None or not because:
        return None
    return replace(
        review,
        lesson=Lesson(f"{right.rstrip('.').capitalize()} because {left[:1].lower()}{left[1:]}.".replace(",.", ".")),
    )


def _turned(text: str) -> str:
    """The text with one word of it turned into its opposite, empty where no such word is in it."""
    for pattern, opposite in _TURNS:
        turned, count = re.subn(pattern, opposite, text, count=1, flags=re.IGNORECASE)
        if count:
            return turned[:1].upper() + turned[1:]
    return ""


def assumptions(pool: Sequence[Pair], rng: random.Random, form: Form) -> Iterator[Attack]:
    """F17: one thing of the run is taken for a thing of another run, in cause, lesson and better move alike."""
    things = sorted(
        {
            word
            for _, review in pool
            for word in re.findall(r"[a-z]{4,}", review.counterfactual.action if review.counterfactual else "")
        }
    )
    while True:
        for run, review in pool:
            own = [w for w in things if re.search(rf"\b{w}\b", review.lesson.text)]
            if not own:
                continue
            false, put = rng.choice(own), rng.choice(things)
            if put in run.task or put == false:
                continue
            swapped = _swapped(review, false, put)
            text = f"{swapped.cause} {swapped.lesson.text}"
            sentences = (
                bare(run, f"{swapped.cause} {swapped.lesson.text}")
                if form == "bare"
                else replace(swapped, found_by="model", fact="")
            )
            yield Attack(form, f"assumption, {run.task_id}", text, run, sentences)


def _swapped(review: Reflection, false: str, put: str) -> Reflection:
    def swap(text: str) -> str:
        # Quotes stay what the log says: only the words around them are the reflector's.
        parts = re.split(r"(“[^”]*”)", text)
        return "".join(part if part.startswith("“") else re.sub(rf"\b{false}\b", put, part) for part in parts)

    better = review.counterfactual
    return replace(
        review,
        cause=swap(review.cause),
        lesson=Lesson(swap(review.lesson.text)),
        counterfactual=replace(better, action=swap(better.action)) if better is not None else None,
    )
