"""Who is asked: the rules, the embedded model by the odds of its next word, any endpoint through the shipped judge.

Each gives a claim about a step a score, higher where it believes it, or None where it abstains. What a model said is
kept as a line of JSON, so that a run that was cut off goes on.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from experiments.signals.items import Saying, Trace
from synthdata.generation.embedded import EmbeddedGenerator
from synthdata.judging.claims import presentable
from synthdata.judging.floor import check_text
from synthdata.judging.llm import LlmJudge
from synthdata.protocols import Generator
from synthdata.records import Evidence, GeneratorStamp, Lesson, Reflection, Step, content_hash
from synthdata.reflection import rule_opinions
from synthdata.reflection.quotes import Rarity, telling_quotes
from synthdata.settings import Settings

RECIPE = Settings().recipe
WRONG = "The agent made a mistake in step {idx}."
Score = float | None
Item = TypeVar("Item")


class Rule(Protocol):
    """Who has an opinion of any claim at once."""

    name: str

    def __call__(self, sayings: Sequence[Saying]) -> list[Score]:
        """A score an item, None where there is no opinion."""


class Voice(Rule, Protocol):
    """Someone who can be asked about claims, as far as the time goes."""

    def in_time(self, items: Sequence[Item], asked: Callable[[Item], list[Saying]]) -> list[Item]:
        """The items, the first of them first, whose claims it has time to be asked about."""


def blame_by_rules(trace: Trace) -> dict[int, Score]:
    """1 for a step that a rule holds for bad, 0 for good, None where no rule speaks."""
    said = rule_opinions(trace.run)
    return {s.idx: float(said[s.idx].verdict == "bad") if s.idx in said else None for s in trace.run.agent_steps}


def blame_by(voice: Voice, trace: Trace) -> dict[int, Score]:
    """How far a model believes of each step of the agent that it is a mistake."""
    asked = wrong_steps(trace)
    return dict(zip([saying.step for saying in asked], voice(asked), strict=True))


def wrong_steps(trace: Trace) -> list[Saying]:
    """That each step of the agent is a mistake."""
    steps = [step.idx for step in trace.run.agent_steps]
    return [Saying(f"{trace.key} {i}", trace.run, i, WRONG.format(idx=i), i == trace.first) for i in steps]


class Rules:
    """The floor over a text alone: it refuses, or it has no objection; it never says that a claim is true."""

    name = "rules"

    def __call__(self, sayings: Sequence[Saying]) -> list[Score]:
        """1 where the floor lets a text pass, else 0."""
        return [float(check_text(item.text, RECIPE.floor) is None) for item in sayings]


def reasons(sayings: Sequence[Saying]) -> str:
    """Why the floor refuses texts, with the number of each reason."""
    failures = [check_text(item.text, RECIPE.floor) for item in sayings]
    counts = Counter(failure.reason for failure in failures if failure is not None)
    return ", ".join(f"{reason} {counts[reason]}" for reason in sorted(counts)) or "none"


class Grounded:
    """The floor, and a telling quote of four tokens of the step inside the text."""

    name = "rules with evidence"

    def __call__(self, sayings: Sequence[Saying]) -> list[Score]:
        """1 where the text passes the floor and quotes its step, else 0."""
        floor, scores = Rules(), []
        for item, passed in zip(sayings, floor(sayings), strict=True):
            step = next(step for step in item.run.steps if step.idx == item.step)
            scores.append(float(bool(passed) and shared_quote(item.text, step, RECIPE.floor.evidence_tokens)))
        return scores


def shared_quote(text: str, step: Step, tokens: int) -> bool:
    """Whether so many words in a row of the step stand in the text too, case and marks aside."""
    from synthdata.reflection.reading import words

    said = words(text)
    grams = {tuple(said[i : i + tokens]) for i in range(len(said) - tokens + 1)}
    shown = words(f"{step.action} {step.call_text} {step.observation}")
    return any(tuple(shown[i : i + tokens]) in grams for i in range(len(shown) - tokens + 1))


class LogOdds:
    """The embedded model: how much likelier it finds ` True` than ` False` after the step and the claim.

    Of each set it is asked for at most `seconds`; what it said before costs nothing.
    """

    def __init__(self, threads: int, kept: Path, seconds: float) -> None:
        self.model = EmbeddedGenerator(threads)
        self.name = "embedded 135M"
        self._kept = _Kept(kept)
        self._seconds = seconds

    def __call__(self, sayings: Sequence[Saying]) -> list[Score]:
        """Log odds of each claim."""
        return [self._kept.of(self.model.model, prompt(item), self._odds) for item in sayings]

    def in_time(self, items: Sequence[Item], asked: Callable[[Item], list[Saying]]) -> list[Item]:
        """The items that it has said something about, now or before."""
        until, found = time.monotonic() + self._seconds, []
        for item in items:
            sayings = asked(item)
            if time.monotonic() < until or all(self._kept.has(self.model.model, prompt(s)) for s in sayings):
                self(sayings)
                found.append(item)
        return found

    def _odds(self, asked: str) -> float:
        true, false = self.model.nll(asked, [" True", " False"])
        return false - true


class Asked:
    """The shipped evidence-grounded judge on a generator: pass is 1, fail is 0, an abstention is no opinion."""

    def __init__(self, generator: Generator) -> None:
        self.judge = LlmJudge(generator, RECIPE, bytes(32))
        self.name = f"judge {generator.model}"

    def __call__(self, sayings: Sequence[Saying]) -> list[Score]:
        """What the judge made of a reflection that claims this alone."""
        found = self.judge.judge([(item.run, reflection(item)) for item in sayings])
        return [None if j.verdict == "abstain" else float(j.verdict == "pass") for j in found]

    def in_time(self, items: Sequence[Item], asked: Callable[[Item], list[Saying]]) -> list[Item]:
        """All: an endpoint is waited for."""
        return list(items)


def reflection(item: Saying) -> Reflection:
    """A reflection with one claim, and a telling quote of its step as evidence where there is one."""
    step = next(step for step in item.run.steps if step.idx == item.step)
    quotes = telling_quotes(step, Rarity.of(item.run, RECIPE.floor))
    evidence: tuple[Evidence, ...] = tuple(quotes[:1])
    stamp = GeneratorStamp("bench", "")
    return Reflection(
        item.run.id, item.run.task_id, item.step, "model", "other", "", Lesson(item.text), stamp, evidence
    )


def prompt(item: Saying) -> str:
    """A short prompt about one claim, the same for all."""
    step = next(step for step in item.run.steps if step.idx == item.step)
    before = next((s for s in reversed(item.run.steps) if s.idx < item.step), None)
    lines = [f"Task: {_short(item.run.task, 300)}"]
    lines += [f"Step before: {_short(_shown(before), 150)}"] if before is not None else []
    lines += [f"Step {step.idx}: {_short(_shown(step), 400)}", f"Statement: {_short(item.text, 400)}"]
    return "\n".join([*lines, "The statement is"])


def _shown(step: Step) -> str:
    return " ".join(part for part in (step.thought, step.action, step.call_text, step.observation) if part)


def _short(text: str, limit: int) -> str:
    return " ".join(presentable(text).split())[:limit]


class _Kept:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        self._known: dict[str, float] = dict(json.loads(line) for line in lines)

    def has(self, model: str, asked: str) -> bool:
        return content_hash(model, asked) in self._known

    def of(self, model: str, asked: str, answer: Callable[[str], float]) -> float:
        key = content_hash(model, asked)
        if key not in self._known:
            self._known[key] = answer(asked)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, self._known[key]]) + "\n")
        return self._known[key]
