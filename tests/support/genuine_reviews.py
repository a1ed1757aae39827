"""Reviews that people and large models wrote of real runs, as records: their evidence is found by string match.

A review whose words stand nowhere in its run, four in a row and telling, makes no record; the reader counts it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from synthdata.records import (
    Evidence,
    GeneratorStamp,
    Lesson,
    Observation,
    Origin,
    Reflection,
    Step,
    Trajectory,
)
from synthdata.reflection.quotes import FIELDS, Rarity, field_text
from synthdata.settings import FloorSettings
from synthdata.sources import read_trajectories

Pair = tuple[Trajectory, Reflection]
Told = tuple[Trajectory, str]
_TOKEN = re.compile(r"\w+")
_EPISODE = re.compile(r"^Question: ?(.*?)(?=^Question: |^-{5,} BEGIN|^#{5,}|\Z)", re.MULTILINE | re.DOTALL)
_PART = re.compile(
    r"^(Thought|Action|Observation) (\d+): ?(.*?)(?=^(?:Thought|Action|Observation) \d+: |^Correct answer: |\Z)",
    re.MULTILINE | re.DOTALL,
)
_AGAIN = "You have attempted to answer following question before"


def matched(told: list[Told], floor: FloorSettings) -> tuple[list[Pair], int]:
    """Records of the reviews whose evidence is found, and the number of those without."""
    made = [(run, _record(run, text, floor)) for run, text in told]
    return [(run, review) for run, review in made if review is not None], sum(review is None for _, review in made)


def worded(review: Reflection, text: str) -> Reflection:
    """The same record with its lesson in other words."""
    return replace(review, lesson=Lesson(text))


def hotpot(folder: Path) -> list[Told]:
    """What an agent wrote about its own failed run on a question, beside that run; each once."""
    found: dict[tuple[str, str], Told] = {}
    for name in ("ReAct-reflexion-100_questions_5_trials", "ReAct-reflexion-100_questions_7_trials"):
        with gzip.open(folder / "traj-reflexion" / f"{name}.txt.gz", "rt", encoding="utf-8") as file:
            trials = file.read().split("BEGIN TRIAL ")[1:]
        runs: dict[tuple[str, int], Trajectory] = {}
        for number, trial in enumerate(trials, 1):
            for episode in _EPISODE.findall(trial):
                question = " ".join(episode.split("\n", 1)[0].split(_AGAIN)[0].split()).strip(' "')
                runs[question, number] = _hotpot_run(question, episode)
                head = episode.partition("Thought 1:")[0].partition("\nCorrect answer:")[0]
                written = re.findall(r"^- (.*?)(?=^- |\Z)", head.partition("Reflections:")[2], re.MULTILINE | re.DOTALL)
                for about, text in enumerate(written, 1):
                    run = runs.get((question, about))
                    if run is not None and run.steps and text.strip():
                        found.setdefault((question, text.strip()), (run, text.strip()))
    return list(found.values())


def _hotpot_run(question: str, episode: str) -> Trajectory:
    parts: dict[int, dict[str, str]] = {}
    for kind, number, text in _PART.findall(episode):
        parts.setdefault(int(number), {})[kind] = text.strip()
    steps = tuple(
        Step(n, "agent", own.get("Action", ""), own.get("Thought", ""), (), (Observation(own.get("Observation", "")),))
        for n, own in sorted(parts.items())
    )
    return Trajectory(task=question, steps=steps, task_id=question, success=False)


def feedback(folder: Path) -> list[Told]:
    """What an expert wrote about the turns of a MINT run so far; each once."""
    found: dict[str, Told] = {}
    for run in read_trajectories(folder / "traj-mint-feedback", origin=Origin.REAL):
        assert isinstance(run, Trajectory)
        for at, step in enumerate(run.steps):
            text = step.action.removeprefix("Expert feedback:").strip()
            if step.role == "user" and at > 1 and text:
                found.setdefault(text, (replace(run, steps=run.steps[:at], success=None, reward=None), text))
    return list(found.values())


def right_reviews(folder: Path) -> list[Told]:
    """Reviews of solutions of MR-GSM8K whose error analysis people found right."""
    found: dict[str, Told] = {}
    for path in sorted((folder / "step-mr-gsm8k-reviews").glob("*_eval_results.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for row in json.load(file):
                if row.get("error_reason_correctness") == "correct":
                    for text in _responses(row):
                        found.setdefault(text, (solution(row), text))
    return list(found.values())


def _responses(row: dict[str, object]) -> Iterator[str]:
    for name, value in row.items():
        if re.fullmatch(r"\w+_eval_output", name) and value:
            text = value.get("response", "") if isinstance(value, dict) else str(value)
            if text.strip():
                yield text.strip()


def solution(row: dict[str, object]) -> Trajectory:
    """The solution that a row of MR-GSM8K holds, a line a step."""
    lines = row["model_output_steps"]
    assert isinstance(lines, list)
    steps = tuple(Step(n, "agent", str(line)) for n, line in enumerate(lines))
    return Trajectory(task=str(row["question"]), steps=steps, task_id=str(row["uuid"]), success=False)


def _record(run: Trajectory, text: str, floor: FloorSettings) -> Reflection | None:
    proof = _shared_words(run, text, floor)
    if proof is None:
        return None
    agent = {step.idx for step in run.agent_steps}
    return Reflection(
        trajectory_id=run.id,
        task_id=run.task_id,
        focus=proof.step_idx if proof.step_idx in agent else None,
        found_by="model",
        cause_code="other",
        cause="",
        lesson=Lesson(text),
        generator=GeneratorStamp("reviewer", ""),
        evidence=(proof,),
    )


def _shared_words(run: Trajectory, text: str, floor: FloorSettings) -> Evidence | None:
    size, rarity = floor.evidence_tokens, Rarity.of(run, floor)
    said = [token.lower() for token in _TOKEN.findall(text)]
    wanted = {tuple(said[i : i + size]) for i in range(len(said) - size + 1)}
    for step in run.agent_steps:
        for field in FIELDS:
            shown = field_text(step, field)
            spans = list(_TOKEN.finditer(shown))
            for i in range(len(spans) - size + 1):
                if tuple(m[0].lower() for m in spans[i : i + size]) in wanted:
                    start, end = spans[i].start(), spans[i + size - 1].end()
                    if rarity.is_telling(shown[start:end]):
                        return Evidence(step.idx, field, shown[start:end], start, end)
    return None
