"""The data sets as what a judge can be asked: runs with their true first error, claims that hold or do not.

A trace of reasoning becomes a run whose steps are the agent's; of a multi-agent log the orchestrator's words are
actions, and what an executing agent reports is the observation of a step of its own.
"""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthdata.records import Observation, Origin, Step, Trajectory, content_hash
from synthdata.sources import read_trajectories

REASONING = ("dyck_languages", "logical_deduction", "multistep_arithmetic", "tracking_shuffled_objects", "word_sorting")
PAIRS = ("Natural", "Neighbor", "GPTInst", "GPTOut", "Manual")
SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "textworld.jsonl.gz"


@dataclass(frozen=True)
class Trace:
    """A run and the index of its first wrong step, None where no step is wrong."""

    key: str
    run: Trajectory
    first: int | None


@dataclass(frozen=True)
class Saying:
    """A claim about one step of a run: `holds` is the truth of it. `pair` names what it is compared with, if at all."""

    key: str
    run: Trajectory
    step: int
    text: str
    holds: bool
    pair: str = ""


def in_first_half(key: str) -> bool:
    """Whether an item belongs to the half on which thresholds are fixed; the hash of its key decides."""
    return int(content_hash("half", key, length=2), 16) % 2 == 0


def sampled(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items, the first by the hash of their keys."""
    return sorted(items, key=lambda item: content_hash("sample", item.key))[:count]


def run_of(task: str, steps: Sequence[str]) -> Trajectory:
    """A run whose steps the agent said, nothing coming back."""
    made = tuple(Step(i, "agent", text) for i, text in enumerate(steps))
    return Trajectory(task, made, task_id=content_hash(task))


def reasoning(folder: Path) -> list[Trace]:
    """BIG-Bench Mistake."""
    found = []
    for name in REASONING:
        for number, row in enumerate(_lines(folder / "step-big-bench-mistake" / f"{name}.jsonl.gz")):
            found.append(Trace(f"{name} {number}", run_of(row["input"], row["steps"]), row["mistake_index"]))
    return found


def multi_agent(folder: Path) -> list[Trace]:
    """Who&When, hand-crafted systems: every run failed at a step that people named."""
    found = []
    with tarfile.open(folder / "traj-who-when-handcrafted" / "hand-crafted.tar.gz") as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            file = archive.extractfile(member) if member.name.endswith(".json") else None
            if file is None:
                continue
            row = json.load(file)
            steps = tuple(_spoken(i, turn) for i, turn in enumerate(row["history"]))
            run = Trajectory(row["question"], steps, task_id=row["question_ID"], success=False)
            found.append(Trace(Path(member.name).stem, run, int(row["mistake_step"])))
    return found


def _spoken(idx: int, turn: dict[str, Any]) -> Step:
    role, text = turn["role"], turn["content"]
    if role == "human":
        return Step(idx, "user", text)
    if role.startswith("Orchestrator"):
        return Step(idx, "agent", text)
    return Step(idx, "agent", role, observations=(Observation(text),))


def games() -> list[Trace]:
    """The recorded text games of data/sample: the first step off a shortest path, as a search of the game says."""
    runs = [run for run in read_trajectories(SAMPLE, origin=Origin.REAL) if isinstance(run, Trajectory)]
    return [Trace(run.id, run, next((s.idx for s in run.agent_steps if s.optimal is False), None)) for run in runs]


def reviews(folder: Path) -> list[Saying]:
    """MR-GSM8K: reasons that models gave for the first wrong step; people said whether the reason is right."""
    found = []
    for path in sorted((folder / "step-mr-gsm8k-reviews").glob("*_eval_results.json.gz")):
        for number, row in enumerate(json.loads(gzip.decompress(path.read_bytes()))):
            said = next(value for name, value in row.items() if name.endswith("_eval_output"))
            run = run_of(row["question"], row["model_output_steps"])
            step = min(int(row["model_output_solution_first_error_step"]), len(run.steps)) - 1
            right = row["error_reason_correctness"] == "correct"
            found.append(Saying(f"{path.stem} {number}", run, max(0, step), str(said["error_reason"]), right))
    return found


def answers(folder: Path) -> list[Saying]:
    """LLMBar: two answers to an instruction, of which people agree that one is better."""
    found = []
    for name in PAIRS:
        rows = json.loads((folder / "attack-llmbar" / f"{name}.json").read_text(encoding="utf-8"))
        for number, row in enumerate(rows):
            for side in (1, 2):
                run = run_of(row["input"], [row[f"output_{side}"]])
                text = "The answer does what the instruction asks."
                found.append(Saying(f"{name} {number} {side}", run, 0, text, row["label"] == side, f"{name} {number}"))
    return found


def attacks(folder: Path, run: Trajectory) -> dict[str, list[Saying]]:
    """Texts that must be refused as a lesson of a real run, by set, and the look-alikes that must pass."""

    def told(name: str, texts: Iterator[str] | list[str], holds: bool = False) -> list[Saying]:
        step = run.agent_steps[-1].idx
        return [Saying(f"{name} {i}", run, step, text, holds) for i, text in enumerate(dict.fromkeys(texts))]

    keys = json.loads((folder / "attack-master-keys" / "master_keys.json").read_text(encoding="utf-8"))
    null = json.loads(gzip.decompress((folder / "attack-null-model" / "null_model_outputs.json.gz").read_bytes()))
    bastion = list(_lines(folder / "attack-bastioncorpus" / "injections.jsonl"))
    hidden = {
        kind: json.loads((folder / "attack-bipia-train" / f"{kind}_attack_train.json").read_text(encoding="utf-8"))
        for kind in ("text", "code")
    }
    bad, good = ([row["text"] for row in bastion if row["label"] == label] for label in ("malicious", "benign"))
    return {
        "attack-master-keys": told("key", [row["response"] for row in keys]),
        "attack-null-model": told("null", [row["output"] for row in null]),
        "attack-bipia-train, text": told("bipia text", [t for texts in hidden["text"].values() for t in texts]),
        "attack-bipia-train, code": told("bipia code", [t for texts in hidden["code"].values() for t in texts]),
        "attack-bastioncorpus": told("bastion", bad),
        "attack-bastioncorpus, carried": told("bastion carried", [carried(text, run) for text in bad]),
        "look-alikes of attack-bastioncorpus": told("benign", good, holds=True),
        "look-alikes, carried": told("benign carried", [carried(text, run) for text in good], holds=True),
    }


def carried(text: str, run: Trajectory) -> str:
    """A text behind a lesson about the last step of a run, which it quotes."""
    step = run.agent_steps[-1]
    seen = " ".join(step.observation.split()[:8])
    return (
        f"After “{step.action}” the game said “{seen}”, so look at what a command changed before the next one. {text}"
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return (json.loads(line) for line in text.decode("utf-8").splitlines() if line.strip())
