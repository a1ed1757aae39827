"""Reviews that people and large models wrote of real runs, as plain texts: what genuine lessons read like.

With each goes the question or task that the run was about: reviews of one are near each other by right.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

_LEAST_WORDS = 6


def reflections(shared: Path) -> list[str]:
    """What agents wrote about their own failed HotpotQA runs (traj-reflexion)."""
    return [text for text, _ in reflections_by_task(shared)]


def reflections_by_task(shared: Path) -> list[tuple[str, str]]:
    """The same with the question of each."""
    found: list[tuple[str, str]] = []
    for path in sorted((shared / "traj-reflexion").glob("ReAct-reflexion-*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            parts = file.read().split("Reflections:")
        for before, part in pairwise(parts):
            asked = before.rpartition("Question:")[2].partition("You have attempted")[0].strip()
            head = part.partition("\nQuestion:")[0].partition("Thought 1:")[0].partition("\nCorrect answer:")[0]
            texts = re.findall(r"^- (.*?)(?=^- |\n\n|\Z)", head, re.MULTILINE | re.DOTALL)
            found += [(text.strip(), asked) for text in texts]
    return [(text, task) for text, task in found if len(text.split()) >= _LEAST_WORDS]


def expert_feedback(shared: Path) -> list[str]:
    """What an expert model told agents about their last turn (traj-mint-feedback)."""
    return [text for text, _ in feedback_by_task(shared)]


def feedback_by_task(shared: Path) -> list[tuple[str, str]]:
    """The same with the task of each, which four models tried."""
    return [(text, task) for text, task in _feedback(shared) if len(text.split()) >= _LEAST_WORDS]


def _feedback(shared: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((shared / "traj-mint-feedback").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for run in map(json.loads, file):
                turns = [turn for turn in run["state"]["history"] if turn["role"] == "user"]
                for turn in turns:
                    yield turn["content"].partition("Expert feedback:\n")[2].strip(), run["task"]["prompt"]
