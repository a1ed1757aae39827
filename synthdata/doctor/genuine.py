"""The other side of the faults: rows as genuine as the reference, of kinds that gates like to refuse, must get in."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from synthdata.doctor.finding import ControlCheck
from synthdata.doctor.material import SEED, cheap, text_corpus, texts
from synthdata.records import Candidate
from synthdata.settings import Settings

Kind = Callable[[random.Random, list[str]], str]
# Rows of each kind in the reference, and as many candidates.
EACH = 30
# Of each kind at least this share must get in: a half of thirty rows may be unlucky.
LEAST_SHARE = 0.8
_CHINESE = "他她在月卖房子火车早上上海出发医生建议小时图书馆收藏旧书烤箱面团会议提案"
_HINDI = ("किताब पढ़ना अच्छा पानी सुबह गाड़ी शहर डॉक्टर दवाई दोस्त बारिश कल घर सड़क फूल").split()


def genuine_rows(folder: Path, settings: Settings) -> list[ControlCheck]:
    """Half of the rows of each kind are the reference, the other half candidates; vectors are hashed, to be quick."""
    rng = random.Random(SEED)
    paragraphs = texts(8 * EACH)
    made = {name: _distinct(kind, rng, paragraphs) for name, kind in KINDS.items()}
    made["paragraphs"] = paragraphs[: 2 * EACH]
    corpus = text_corpus(folder / "genuine", [text for rows in made.values() for text in rows[:EACH]], cheap(settings))
    asked = [Candidate(text, external_id=name) for name, rows in made.items() for text in rows[EACH:]]
    decisions = corpus.admit(asked).decisions
    findings = []
    for name, rows in made.items():
        own = [d for d in decisions if d.candidate.external_id == name]
        refused = [f"{d.reason}: {d.detail}" for d in own if d.verdict != "admit"]
        share = 1 - len(refused) / len(own)
        seen = f"{share:.0%} of {len(rows) - EACH} admitted" + (f"; {refused[0]}" if refused else "")
        findings.append(ControlCheck(f"genuine {name}", "gets in", share >= LEAST_SHARE, seen))
    return findings


def _distinct(kind: Kind, rng: random.Random, paragraphs: list[str]) -> list[str]:
    rows: dict[str, None] = {}
    while len(rows) < 2 * EACH:
        rows.setdefault(kind(rng, paragraphs))
    return list(rows)


def _json(rng: random.Random, paragraphs: list[str]) -> str:
    words = rng.choice(paragraphs).split()
    names = [word.strip(".,:;()`'\"").lower() or "key" for word in rng.sample(words, 3)]
    return json.dumps({names[0]: rng.randint(1, 999), names[1]: rng.choice(words), names[2]: rng.random() < 0.5})


def _sum(rng: random.Random, _: list[str]) -> str:
    a, b, c = (rng.randint(2, 99) for _ in range(3))
    return f"({a} + {b}) * {c} = {(a + b) * c}; {a} - {b} = {a - b}; {a} * {c} = {a * c}"


def _code(rng: random.Random, paragraphs: list[str]) -> str:
    names = [word for word in rng.choice(paragraphs).lower().split() if word.isidentifier()]
    one, two, name = rng.choice(names), rng.choice(names), rng.choice(names)
    body = rng.choice(
        (f"return {one} + {two}", f"return sorted({one}, key={two})", f"print({one}[{two}])", f"{one}.append({two})")
    )
    return f"def {name}_{one}({one}, {two}):\n    {body}\n"


def _short(rng: random.Random, paragraphs: list[str]) -> str:
    word = rng.choice(rng.choice(paragraphs).split()).strip(".,:;()`'\"") or "no"
    return rng.choice((word.capitalize(), f"{word}.", str(rng.randint(1, 9999)), f"{rng.randint(1, 99)} %"))


def _thought(rng: random.Random, paragraphs: list[str]) -> str:
    one, other = rng.sample(paragraphs, 2)
    return f"<think>{' '.join(one.split()[:14])}</think>\n{' '.join(other.split()[:20])}"


def _quoted(rng: random.Random, paragraphs: list[str]) -> str:
    words = rng.choice(paragraphs).split()
    start = rng.randrange(len(words) - 8)
    return f'"{" ".join(words[start : start + 10])}"'


def _long(rng: random.Random, paragraphs: list[str]) -> str:
    return "\n\n".join(rng.sample(paragraphs, 8))


def _chinese(rng: random.Random, _: list[str]) -> str:
    return "".join(rng.sample(_CHINESE, 14)) + f"{rng.randint(2, 99)}\u3002"


def _hindi(rng: random.Random, _: list[str]) -> str:
    return " ".join(rng.sample(_HINDI, 8)) + "\u0964"


KINDS: dict[str, Kind] = {
    "JSON": _json, "sums": _sum, "code": _code, "short answers": _short, "think blocks": _thought,
    "quotations": _quoted, "long texts": _long, "Chinese": _chinese, "Hindi": _hindi,
}  # fmt: skip
