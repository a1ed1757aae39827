"""Real sets of many kinds, as rows of content, context and task: what a gate should let in when half of it is known."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.genuine_texts import feedback_by_task, reflections_by_task

SOLUTION_CHARS = 4000


@dataclass(frozen=True)
class Sample:
    """One real row; rows of one task are never on both sides of a halving. `context` is empty in a set of one view."""

    content: str
    task: str
    context: str = ""


Reader = Callable[[Path], Iterator[Sample]]


def _json(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    return [json.loads(line) for line in text.split("\n") if line] if ".jsonl" in path.name else json.loads(text)


def _seeds(folder: Path) -> Iterator[dict[str, Any]]:
    for name in ("seed_tasks.jsonl", "user_oriented_instructions.jsonl"):
        yield from _json(folder / "div-self-instruct-seeds" / name)


def instructions(folder: Path) -> Iterator[Sample]:
    """427 instructions that people wrote."""
    for row in _seeds(folder):
        yield Sample(row["instruction"], row["id"])


def prompts_and_completions(folder: Path) -> Iterator[Sample]:
    """The same with their answers, many of them one word, in two views."""
    for row in _seeds(folder):
        one = row["instances"][0]
        yield Sample(one["output"], row["id"], f"{row['instruction']}\n{one['input']}".strip())


def alpaca_instructions(folder: Path) -> Iterator[Sample]:
    """805 instructions of five sources."""
    for i, row in enumerate(_json(folder / "div-alpaca-eval" / "gpt4_1106_preview.json.gz")):
        yield Sample(row["instruction"], str(i))


def model_answers(folder: Path) -> Iterator[Sample]:
    """Long answers of a large model to them, with code, tables and lists."""
    for i, row in enumerate(_json(folder / "div-alpaca-eval" / "gpt4_1106_preview.json.gz")):
        yield Sample(row["output"], str(i))


def prompts_and_answers(folder: Path) -> Iterator[Sample]:
    """Instructions and short answers of an older model, in two views."""
    for i, row in enumerate(_json(folder / "div-alpaca-eval" / "text_davinci_003.json.gz")):
        yield Sample(row["output"].strip(), str(i), row["instruction"])


def gsm8k(folder: Path) -> Iterator[Sample]:
    """Word problems."""
    for i, row in enumerate(_json(folder / "step-gsm8k" / "test.jsonl.gz")):
        yield Sample(row["question"], str(i))


def gsm8k_solutions(folder: Path) -> Iterator[Sample]:
    """Word problems with their solutions, in two views."""
    for i, row in enumerate(_json(folder / "step-gsm8k" / "test.jsonl.gz")):
        yield Sample(row["answer"], str(i), row["question"])


def clinc(folder: Path) -> Iterator[Sample]:
    """Short requests to an assistant."""
    for i, (text, _) in enumerate(_json(folder / "dup-clinc150" / "data_full.json.gz")["train"]):
        yield Sample(text, str(i))


def sick(folder: Path) -> Iterator[Sample]:
    """Descriptions of pictures, written from one another to be near each other.

    A task is what pairs of the whole collection join: sentences of one original stand in many pairs.
    """
    with gzip.open(folder / "dup-sick" / "SICK_train.txt.gz", "rt", encoding="utf-8") as file:
        others = file.read()
    tried = (folder / "dup-sick" / "SICK_trial.txt").read_text(encoding="utf-8")
    pairs = [line.split("\t")[1:3] for text in (tried, others) for line in text.splitlines()[1:]]
    task_of = _joined(pairs)
    for first, second in pairs[: len(tried.splitlines()) - 1]:
        yield Sample(first, task_of[first])
        yield Sample(second, task_of[second])


def paraphrases(folder: Path) -> set[frozenset[str]]:
    """Pairs of sentences of SICK of which people said that one follows from the other."""
    with gzip.open(folder / "dup-sick" / "SICK_train.txt.gz", "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()[1:]
    lines += (folder / "dup-sick" / "SICK_trial.txt").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return {frozenset(row[1:3]) for row in rows if row[4] == "ENTAILMENT"}


def _joined(pairs: list[list[str]]) -> dict[str, str]:
    """Of each text one that stands for all that pairs join with it."""
    above: dict[str, str] = {}

    def top(text: str) -> str:
        while above.setdefault(text, text) != text:
            above[text] = above[above[text]]
            text = above[text]
        return text

    for first, second in pairs:
        above[top(first)] = top(second)
    return {text: top(text) for text in above}


def error_reasons(folder: Path) -> Iterator[Sample]:
    """What people say is wrong with solutions of word problems; not the Chinese ones, which MiniLM cannot read."""
    for path in sorted((folder / "step-mr-gsm8k-reviews").glob("*_eval_results.json.gz")):
        for row in _json(path):
            text = row["model_output_solution_first_error_reason"]
            told = isinstance(text, str) and text.strip() not in ("", "N/A")
            if told and not re.search("[\u4e00-\u9fff]", text):
                yield Sample(text.strip(), row["uuid"])


def code(folder: Path) -> Iterator[Sample]:
    """Programs that answer an instruction."""
    for i, row in enumerate(_json(folder / "div-self-instruct-seeds" / "code_alpaca_2k.json.gz")):
        yield Sample(row["output"], str(i))


def reviews(folder: Path) -> Iterator[Sample]:
    """What agents and experts wrote about runs; all about one question or task are one task."""
    for text, task in [*reflections_by_task(folder), *feedback_by_task(folder)]:
        yield Sample(text[:SOLUTION_CHARS], task)


def turns(folder: Path) -> Iterator[Sample]:
    """What an agent of tau-bench says, after what it was told, in two views; several turns a task."""
    for run in _json(folder / "traj-tau-bench-airline" / "gpt-4o-airline.json.gz"):
        for before, turn in zip(run["traj"][1:], run["traj"][2:], strict=False):
            told, answer = before.get("content"), turn.get("content")
            if turn["role"] == "assistant" and isinstance(told, str) and isinstance(answer, str) and answer.strip():
                yield Sample(answer, f"task {run['task_id']}", f"{before['role']}: {told[:SOLUTION_CHARS]}")


def stories(folder: Path) -> Iterator[Sample]:
    """Short stories for children."""
    for row in _json(folder / "text-tinystories-sample" / "creative_fiction.jsonl.gz"):
        yield Sample(row["text"], row["id"])


def encyclopedia(folder: Path) -> Iterator[Sample]:
    """Beginnings of articles, with names in many scripts."""
    for row in _json(folder / "text-tinystories-sample" / "wikipedia_abstracts.jsonl.gz"):
        yield Sample(row["text"], row["id"])


def essays(folder: Path) -> Iterator[Sample]:
    """Essays of a model on set questions, past the encoder's window."""
    for i, text in enumerate(_json(folder / "dup-outfox-dipper-chatgpt" / "chatgpt_essays.json.gz")):
        yield Sample(text, str(i))


SETS: tuple[tuple[str, Reader], ...] = (
    ("instructions of self-instruct", instructions),
    ("the same, prompt and completion", prompts_and_completions),
    ("instructions of alpaca-eval", alpaca_instructions),
    ("answers of a large model to them", model_answers),
    ("prompts and answers of alpaca-eval", prompts_and_answers),
    ("GSM8K questions", gsm8k),
    ("GSM8K questions and solutions", gsm8k_solutions),
    ("clinc requests", clinc),
    ("SICK sentences", sick),
    ("MR-GSM8K error reasons", error_reasons),
    ("code", code),
    ("reviews of runs", reviews),
    ("turns of tau-bench", turns),
    ("stories", stories),
    ("encyclopedia", encyclopedia),
    ("essays", essays),
)


def distinct(samples: Iterator[Sample]) -> list[Sample]:
    """Rows with something to say, each once."""
    found: dict[tuple[str, str], Sample] = {}
    for sample in samples:
        key = (re.sub(r"\s+", " ", sample.content).strip(), sample.context)
        if key[0]:
            found.setdefault(key, sample)
    return list(found.values())
