"""Texts by recipe for tests: many topics with words of their own, as varied or as repetitive as a test wants."""

from __future__ import annotations

import random

_SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu bra cle dri fro gli".split()
_FRAMES = (
    "Before you {v} the {a}, see whether the {b} still has its {c}, since {d} depends on it.",
    "A {a} that lost its {b} cannot {v}; look for the {c} near the {d} first.",
    "Whenever {a} and {b} disagree, trust the {c} and {v} only after the {d} is known.",
    "The {d} shows that {a} went wrong: {v} the {b} and leave the {c} alone.",
    "Two ways lead from {a} to {b}: one may {v} the {c}, the other asks for {d}.",
    "It was the {c}, not the {a}, which made the {b} fail, so {v} it where {d} begins.",
)


def words(seed: int, count: int) -> list[str]:
    """Made-up but readable words."""
    rng = random.Random(seed)
    return ["".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3))) for _ in range(count)]


def lessons(count: int, seed: int = 0, topics: int = 40) -> list[str]:
    """Distinct lessons spread over topics that share no words."""
    rng = random.Random(f"lessons {seed}")
    vocabulary = [words(1000 + topic, 60) for topic in range(topics)]
    found: dict[str, None] = {}
    while len(found) < count:
        own = vocabulary[rng.randrange(topics)]
        names = dict(zip("abcdv", rng.sample(own, 5), strict=True))
        found[rng.choice(_FRAMES).format(**names)] = None
    return list(found)


def edit(text: str, rng: random.Random) -> str:
    """A light edit: one word swapped for another."""
    parts = text.split()
    parts[rng.randrange(len(parts))] = rng.choice(("also", "then", "again", "quite"))
    return " ".join(parts)
