"""Reviews that people and large models wrote of real runs, as plain texts: what genuine lessons read like."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path


def reflections(shared: Path) -> list[str]:
    """What agents wrote about their own failed HotpotQA runs (traj-reflexion)."""
    found: list[str] = []
    for path in sorted((shared / "traj-reflexion").glob("ReAct-reflexion-*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for part in file.read().split("Reflections:")[1:]:
                head = part.partition("\nQuestion:")[0].partition("Thought 1:")[0].partition("\nCorrect answer:")[0]
                found += re.findall(r"^- (.*?)(?=^- |\n\n|\Z)", head, re.MULTILINE | re.DOTALL)
    return [text.strip() for text in found if len(text.split()) > 5]


def expert_feedback(shared: Path) -> list[str]:
    """What an expert model told agents about their last turn (traj-mint-feedback)."""
    found: list[str] = []
    for path in sorted((shared / "traj-mint-feedback").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            turns = [turn for line in file for turn in json.loads(line)["state"]["history"] if turn["role"] == "user"]
            found += [turn["content"].partition("Expert feedback:\n")[2].strip() for turn in turns]
    return [text for text in found if len(text.split()) > 5]
