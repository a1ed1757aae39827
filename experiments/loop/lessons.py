"""E4's arms about lessons, with the embedded model: lessons as rows beside moves (L7), and as memory in the prompt.

python -m experiments.loop.lessons run CORPUS --seeds 0-2 --out docs/loop/e4-lessons.jsonl
python -m experiments.loop.lessons report docs/loop/e4-lessons.jsonl

CORPUS has slept with `night`: the good moves of its first night's runs and the lessons that it admitted until then.
Arms: `none`, the base; `f`, the moves; `g`, the moves at as many passes and the lessons beside them; `g2`, these
lessons shuffled among their prompts. `none` and `f` of the first seed are asked once more with three lessons before
each question: `recalled` for its task, or `other`, recalled for another game's. One line of JSON an arm and seed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.progress import Progress

from experiments.loop.statistics import paired
from synthdata.api import Corpus
from synthdata.consolidation.choice_exam import ChoiceExam, ChoiceScores, Question, prepare, read_questions, sit
from synthdata.consolidation.choices import ChoiceModel, pack
from synthdata.consolidation.exam_games import FILE
from synthdata.consolidation.listwise import ChoiceRow, Loss, adapter_on_upper_layers, choice_loss, drawn, fit
from synthdata.consolidation.practice import read_moves
from synthdata.generation.local import Loaded, load
from synthdata.memory import Memory
from synthdata.records import content_hash
from synthdata.settings import PracticeSettings, Recipe
from synthdata.settings.shipped import shipped_folder

LESSONS, MOST_TOKENS = 3, 400
Lesson = tuple[str, str]


def as_rows(memory: Memory) -> list[Lesson]:
    """What each admitted lesson is about, and the lesson."""
    rows = memory.rows.filter(memory.present).sort("id")
    return list(zip(rows["context"].to_list(), rows["content"].to_list(), strict=True))


def shuffled(lessons: Sequence[Lesson], seed: int) -> list[Lesson]:
    """Every lesson behind the prompt of another: the prompts in an order by hash, each with the next one's lesson."""
    order = sorted(range(len(lessons)), key=lambda i: content_hash(str(seed), lessons[i][0], lessons[i][1]))
    return [(lessons[a][0], lessons[b][1]) for a, b in zip(order, [*order[1:], order[0]], strict=True)]


def lesson_loss(model: ChoiceModel, lessons: Sequence[Lesson], settings: PracticeSettings) -> Loss:
    """Mean nats a token of a step's lessons behind what they are about: plain fine-tuning on them."""
    packs = [pack(model.tokenizer, _end(model, about), [lesson]) for about, lesson in lessons]
    kept = [model.states(packed) for packed in packs]
    keys = [content_hash(*lesson) for lesson in lessons]

    def loss_of(step: int) -> float:
        total = 0.0
        for place in drawn(keys, step, settings.batch_size, settings.seed):
            loss = model.nats(packs[place], kept[place])[0]
            (loss / settings.batch_size).backward()
            total += float(loss.detach()) / settings.batch_size
        return total

    return loss_of


def _end(model: ChoiceModel, about: str) -> str:
    ids = model.tokenizer(about, add_special_tokens=False)["input_ids"][-MOST_TOKENS:]
    return f"{model.tokenizer.decode(ids)}\nLesson:"


def trained(
    base: str,
    moves: Sequence[ChoiceRow],
    lessons: Sequence[Lesson],
    settings: PracticeSettings,
    advance: Callable[[int], None],
) -> ChoiceModel:
    """An adapter made anew from the moves and, a batch a step beside them, the lessons."""
    loaded = load(base)
    network = adapter_on_upper_layers(loaded, settings)
    model = ChoiceModel(Loaded(network, loaded.tokenizer, loaded.name), settings.frozen_layers)
    losses = [choice_loss(model, moves, settings)]
    if lessons:
        losses.append(lesson_loss(model, lessons, settings))
    fit(network, losses, settings, settings.steps(len(moves)), advance)
    return model


def with_memory(questions: Sequence[Question], memory: Memory, *, other: bool) -> list[Question]:
    """The questions with lessons before them: those recalled for the task, or for the next game's task."""
    tasks = list(dict.fromkeys(question.task for question in questions))
    asked = {question.task: question.prompt.partition("\n")[0] for question in questions}
    source = dict(zip(tasks, [*tasks[1:], tasks[0]] if other else tasks, strict=True))
    recalled = {
        task: "".join(f"Lesson: {r.content}\n" for r in memory.recall(asked[source[task]], LESSONS)) for task in tasks
    }
    return [replace(question, prompt=recalled[question.task] + question.prompt) for question in questions]


@dataclass(frozen=True)
class Study:
    """What all arms share: the moves and lessons of a corpus, the exam's questions, and the file of lines."""

    recipe: Recipe
    moves: Sequence[ChoiceRow]
    memory: Memory
    questions: Sequence[Question]
    out: Path

    def base(self) -> ChoiceModel:
        """The model that has learnt nothing."""
        return ChoiceModel(load(self.recipe.training.base), self.recipe.practice.frozen_layers)

    def read(self, questions: Sequence[Question], name: str) -> ChoiceExam:
        """The questions as the frozen layers read them."""
        with _bar(f"{name}: reading", len(questions)) as advance:
            return prepare(self.base(), questions, advance)

    def note(self, arm: str, seed: int, exam: ChoiceExam, model: ChoiceModel, lessons: int) -> None:
        """Let a model sit an exam and write its line, unless it is there."""
        if (arm, seed) in _lines(self.out):
            return
        with _bar(f"{arm} {seed}: exam", len(exam.questions)) as advance:
            scores = sit(exam, model, 0, advance)
        _write(self.out, arm, seed, scores, {"moves": len(self.moves), "lessons": lessons})


def run(given: argparse.Namespace) -> None:
    """All arms and seeds that the file lacks."""
    recipe = Corpus.open(given.corpus).settings.recipe
    logs = sorted((given.corpus / "nights" / "1").glob("played-*.jsonl.gz"))
    questions = read_questions(shipped_folder("exam") / FILE, recipe.practice.exam_games)
    memory = Memory.open(given.corpus, as_of=given.as_of)
    study = Study(recipe, read_moves(logs, recipe).good, memory, questions, given.out)
    exam, seeds = study.read(questions, "exam"), _range(given.seeds)
    study.note("none", seeds[0], exam, study.base(), 0)
    players = {"none": study.base()}
    lessons = as_rows(memory)
    for seed in seeds:
        settings = recipe.practice.model_copy(update={"seed": seed})
        for arm, rows in (("f", []), ("g", lessons), ("g2", shuffled(lessons, seed))):
            asked_again = arm == "f" and seed == seeds[0]
            if (arm, seed) in _lines(given.out) and not asked_again:
                continue
            with _bar(f"{arm} {seed}: steps", settings.steps(len(study.moves))) as advance:
                model = trained(recipe.training.base, study.moves, rows, settings, advance)
            study.note(arm, seed, exam, model, len(rows))
            if asked_again:
                players["f"] = model
    for name, other in (("recalled", False), ("other", True)):
        asked = study.read(with_memory(questions, memory, other=other), name)
        for arm, model in players.items():
            study.note(f"{arm}, {name}", seeds[0], asked, model, LESSONS)


def _write(path: Path, arm: str, seed: int, scores: ChoiceScores, counts: Mapping[str, int]) -> None:
    line = {"arm": arm, "seed": seed, **counts, "first": scores.first, "chance": scores.chance}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _lines(path: Path) -> dict[tuple[str, int], dict[str, list[float]]]:
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(line["arm"], line["seed"]): line for line in lines}


@contextmanager
def _bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    with Progress(transient=True) as progress:
        task = progress.add_task(name, total=total)
        yield lambda done: progress.advance(task, done)


def _range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def report(path: Path) -> str:
    """Each arm's mean, and the contrasts with their intervals over games and seeds (the outer ends of both)."""
    lines = _lines(path)
    arms = dict.fromkeys(arm for arm, _ in lines)

    def scores(arm: str, field: str, like: str) -> np.ndarray:
        # The base is one model, beside which each seed of the other arm stands.
        seeds = [seed for name, seed in lines if name == like]
        return np.array([lines.get((arm, seed), lines.get((arm, min(seeds))))[field] for seed in seeds])

    rows = ["| arm | seeds | best moves | chance on best |", "|---|---:|---:|---:|"]
    for arm in arms:
        first, chance = (scores(arm, field, arm) for field in ("first", "chance"))
        rows.append(f"| {arm} | {len(first)} | {first.mean():.3f} | {chance.mean():.3f} |")
    rows += ["", "| contrast | best moves | 95 % | chance on best | 95 % |", "|---|---:|---|---:|---|"]
    pairs = [("f", "none"), ("g", "f"), ("g2", "f"), ("g", "g2")]
    pairs += [(f"{arm}, recalled", beside) for arm in ("none", "f") for beside in (arm, f"{arm}, other")]
    for one, beside in pairs:
        if {one, beside} <= set(arms):
            found = [paired(scores(one, field, one), scores(beside, field, one)) for field in ("first", "chance")]
            cells = " | ".join(f"{d.mean:+.3f} | [{d.low:+.3f}, {d.high:+.3f}]" for d in found)
            rows.append(f"| {one} minus {beside} | {cells} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    runs = verbs.add_parser("run")
    runs.add_argument("corpus", type=Path)
    runs.add_argument("--seeds", default="0-2", help="a range, or one seed")
    runs.add_argument("--as-of", type=int, default=3, help="the last round whose lessons count")
    runs.add_argument("--out", type=Path, required=True)
    runs.set_defaults(go=run)
    reports = verbs.add_parser("report")
    reports.add_argument("results", type=Path)
    reports.set_defaults(go=lambda given: sys.stdout.write(report(given.results)))
    given = parser.parse_args()
    given.go(given)


if __name__ == "__main__":
    main()
