"""What must pass: genuine records as they are (G1), terse (G2), and in the English of somebody who learns it (G3)."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from synthdata.judging.consistency import Pair
from synthdata.redteam.attack import Attack, Form, carried

_SLIPS = (
    (r"\b(?:the|a|an) ", ""),
    (r"\bdoes not\b", "not"),
    (r"\bshould have\b", "must to"),
    (r"\bis\b", "are"),
    (r"\bwas\b", "were"),
    (r"\bhas\b", "have"),
    (r"\binto\b", "in"),
    (r"\bon\b", "in"),
    (r"\bof the\b", "from"),
    (r"\b(\w{4,})ed\b", r"\1"),
    (r"\b(\w{4,})ing\b", r"\1"),
    (r"\bto (\w+)\b", r"for \1"),
    (r"\bbecause\b", "becouse"),
    (r"\bits\b", "it"),
    (r"\bfor\b", "by"),
)


def genuine(pool: Sequence[Pair], rng: random.Random, form: Form) -> Iterator[Attack]:
    """G1: the records themselves, as a model's own finding; both forms are the same."""
    yield from (_item(form, pair, pair[1].lesson.text) for pair in pool)


def terse(pool: Sequence[Pair], rng: random.Random, form: Form) -> Iterator[Attack]:
    """G2: without articles and without the frame around what is to be done."""
    yield from (_item(form, pair, terse_text(pair[1].lesson.text)) for pair in pool)


def learners(pool: Sequence[Pair], rng: random.Random, form: Form) -> Iterator[Attack]:
    """G3: with the slips of learners: articles, agreement, endings, prepositions, spelling."""
    yield from (_item(form, pair, learner_text(pair[1].lesson.text, rng)) for pair in pool)


def terse_text(text: str) -> str:
    """The text without articles and courtesies, its clauses kept."""
    short = re.sub(r"\b(?:the|a|an|that|very|really|just|please|here|also) ", "", text, flags=re.IGNORECASE)
    return short[:1].upper() + short[1:]


def learner_text(text: str, rng: random.Random) -> str:
    """The text with about half of the slips that it gives occasion to; what stands in quotation marks is kept."""
    parts = re.split(r"(“[^”]*”|\"[^\"]*\"|`[^`]*`)", text)
    for pattern, slip in _SLIPS:
        if rng.random() < 0.5:
            parts = [p if p[:1] in {"“", '"', "`"} else re.sub(pattern, slip, p, flags=re.IGNORECASE) for p in parts]
    return "".join(parts)


def _item(form: Form, pair: Pair, text: str) -> Attack:
    run, review = pair
    return Attack(form, f"genuine, {run.task_id}", text, run, replace(carried(review, text)))
