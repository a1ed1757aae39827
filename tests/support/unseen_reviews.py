"""Genuine reviews that no rule of the floor was written with in view: other sets than those of `genuine_reviews`.

Looked for in all folders of the shared data; AlfWorld and WebShop runs of `traj-reflexion` keep reflections but not the
steps that they speak of, and the HotpotQA log with context holds no reflection, so none of these has evidence to match.
"""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from genuine_reviews import Told, solution

from synthdata.records import Observation, Step, Trajectory

_EPISODE = re.compile(
    r"^Question: ?(?P<question>.*?)\n(?P<said>.*?)^Reflections: ?(?P<told>.*?)^Correct answer: ",
    re.MULTILINE | re.DOTALL,
)
_SAID = re.compile(
    r"Thought: ?(?P<thought>.*?)^Action: ?(?P<action>.*?)^Observation: ?(?P<reply>.*)", re.MULTILINE | re.DOTALL
)


def closed_book(folder: Path) -> list[Told]:
    """What an agent without a search wrote about its own failed answers to HotpotQA questions; each once."""
    path = folder / "traj-reflexion" / "CoT-no_context-reflexion-100_questions_5_trials.txt.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        trials = file.read().split("BEGIN TRIAL ")[1:]
    runs: dict[tuple[str, int], Trajectory] = {}
    found: dict[tuple[str, str], Told] = {}
    for number, trial in enumerate(trials, 1):
        for episode in _EPISODE.finditer(trial):
            question = " ".join(episode["question"].split())
            said = _SAID.search(episode["said"])
            if said is None:
                continue
            step = Step(0, "agent", said["action"].strip(), said["thought"].strip(), (), (Observation(said["reply"]),))
            runs[question, number] = Trajectory(task=question, steps=(step,), task_id=question, success=False)
            for about, text in enumerate(filter(None, episode["told"].splitlines()), 1):
                run = runs.get((question, about))
                if run is not None:
                    found.setdefault((question, text), (run, text))
    return list(found.values())


def decisive_errors(folder: Path) -> list[Told]:
    """Why a step of a run of several agents was the decisive mistake, as the annotators of Who&When put it."""
    told = []
    with tarfile.open(folder / "traj-who-when-handcrafted" / "hand-crafted.tar.gz") as archive:
        for member in sorted(archive.getnames()):
            file = archive.extractfile(member)
            if file is not None:
                row = json.load(file)
                steps = tuple(Step(n, "agent", said["content"]) for n, said in enumerate(row["history"]))
                run = Trajectory(task=row["question"], steps=steps, task_id=row["question_ID"], success=False)
                told.append((run, row["mistake_reason"].strip()))
    return told


def reasons_of_people(folder: Path) -> list[Told]:
    """Why the first wrong step of a solution is wrong, in the words of the annotators of MR-GSM8K; each once."""
    found: dict[str, Told] = {}
    for row in _reviewed(folder):
        text = str(row["model_output_solution_first_error_reason"]).strip()
        found.setdefault(text, (solution(row), text))
    return list(found.values())


def second_opinions(folder: Path) -> list[Told]:
    """GPT-4's analyses of solutions of MR-GSM8K, written beside the reviews that it was to grade; each once."""
    found: dict[str, Told] = {}
    for row in _reviewed(folder):
        analysis = row.get("gpt4_error_reason_correctness_analysis")
        text = analysis.get("response", "").strip() if isinstance(analysis, dict) else ""
        if text:
            found.setdefault(text, (solution(row), text))
    return list(found.values())


def _reviewed(folder: Path) -> Iterator[dict[str, object]]:
    for path in sorted((folder / "step-mr-gsm8k-reviews").glob("*_eval_results.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from json.load(file)
