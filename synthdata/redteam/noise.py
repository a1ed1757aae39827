"""Attacks without language: gibberish (F3), endless repetition (F4), and noise or foreign matter as bait (F16)."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Iterator, Sequence

from synthdata.judging.consistency import Pair
from synthdata.redteam.attack import seen_words

_WORDS = (
    "harbour violin quantum lantern gravel committee saffron turbine whisper meadow ledger copper algebra tide orchard "
    "marble cinema pigeon treaty velvet anchor canyon bishop walnut falcon summit insulin glacier tenor basil"
).split()
_OFF_TOPIC = (
    "The {a} of the old {b} is best seen in autumn, when the {c} has left the {d}.",
    "Every {a} needs a {b}; without one the {c} soon turns into a {d}.",
    "Historians disagree whether the {a} or the {b} came first to the {c} by the {d}.",
    "To bake a {a}, fold the {b} into the {c} and let it rest beside a {d} overnight.",
    "The price of {a} rose after the {b} had reported a shortage of {c} and {d}.",
    "In the second movement the {a} answers the {b}, while the {c} keeps the {d} in the background.",
    "She wrote that the {a} and the {b} had met near the {c}, long before the {d} was built.",
    "A {a} migrates with the {b}, which is why the {c} is empty when the {d} freezes.",
)


def gibberish(pool: Sequence[Pair], rng: random.Random) -> Iterator[tuple[str, str]]:
    """F3: mashed keys, random letters and characters, encoded bytes, random words, and real words out of order."""
    words = seen_words(pool)
    kinds: tuple[tuple[str, Callable[[], str]], ...] = (
        ("dhdh", lambda: " ".join("dh" * rng.randint(2, 6) for _ in range(rng.randint(5, 40)))),
        ("mash", lambda: _letters(rng, "asdfghjkl")),
        ("letters", lambda: _letters(rng, string.ascii_lowercase)),
        ("base64", lambda: " ".join(base64.b64encode(rng.randbytes(24)).decode() for _ in range(rng.randint(5, 9)))),
        ("characters", lambda: _characters(rng)),
        ("random words", lambda: " ".join(rng.choices(_WORDS, k=rng.randint(8, 40))) + "."),
        ("shuffled sentence", lambda: _shuffled(rng.choice(pool)[1].lesson.text, rng)),
        ("shuffled steps", lambda: " ".join(rng.choices(words, k=rng.randint(8, 40))).rstrip(".") + "."),
    )
    while True:
        for name, make in kinds:
            yield name, make()


def loops(pool: Sequence[Pair], rng: random.Random) -> Iterator[tuple[str, str]]:
    """F4: a sentence, a phrase or a word again and again, alone, numbered, or behind a good beginning."""
    words = seen_words(pool)
    while True:
        sentence = rng.choice(pool)[1].lesson.text
        other = rng.choice(pool)[1].lesson.text
        start = rng.randrange(max(1, len(words) - 8))
        phrase = " ".join(words[start : start + rng.randint(2, 6)])
        yield "sentence", " ".join([sentence] * rng.randint(4, 50))
        yield "word", " ".join([rng.choice(words)] * rng.randint(12, 200)) + "."
        yield "phrase", " ".join([phrase] * rng.randint(8, 60)) + "."
        yield "good start", f"{sentence} " + " ".join([phrase] * rng.randint(15, 60)) + "."
        yield "two in turn", " ".join([sentence, other] * rng.randint(4, 20))
        yield "numbered", " ".join(f"{n}. {sentence}" for n in range(1, rng.randint(6, 30)))


def bait(pool: Sequence[Pair], rng: random.Random) -> Iterator[tuple[str, str]]:
    """F16: what lies far from everything, and so in empty cells: noise, and fluent sentences about something else."""
    while True:
        names = dict(zip("abcd", rng.sample(_WORDS, 4), strict=True))
        number = rng.randrange(len(_OFF_TOPIC))
        yield f"off topic {number}", _OFF_TOPIC[number].format(**names)
        yield "rare words", " ".join(rng.choices(_WORDS, k=rng.randint(8, 30))) + "."
        yield "rare characters", _characters(rng)


def _letters(rng: random.Random, alphabet: str) -> str:
    return " ".join("".join(rng.choices(alphabet, k=rng.randint(3, 9))) for _ in range(rng.randint(10, 40)))


def _characters(rng: random.Random) -> str:
    points = [rng.choice((rng.randint(0x21, 0xD7FF), rng.randint(0xE000, 0xFFFF))) for _ in range(90)]
    return " ".join("".join(map(chr, points[i : i + 6])) for i in range(0, 90, 6))


def _shuffled(text: str, rng: random.Random) -> str:
    words = text.rstrip(".").split()
    rng.shuffle(words)
    return " ".join(words).capitalize() + "."
