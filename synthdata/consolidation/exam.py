"""What a model is asked before and after a sleep, and its marks, which are kept: the same model sits it again.

Held-out rows are real steps of tasks in the release's test split, which no row of a train split comes from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from synthdata.consolidation.games import ChatPlayer, play_games
from synthdata.consolidation.lora import recent
from synthdata.consolidation.rows import TrainingRow, read_rows
from synthdata.errors import RefusedError
from synthdata.export.conversation import message_text
from synthdata.generation.local import LocalModel
from synthdata.io.files import atomic_write
from synthdata.play.games import load_textworld
from synthdata.protocols import Message, Request
from synthdata.records import canonical_json, content_hash
from synthdata.settings import TrainingSettings


class TooFewHeldOutError(RefusedError):
    """A release whose held-out rows cannot tell a model that got better from one that did not."""


@dataclass(frozen=True)
class Exam:
    """Held-out real rows, texts of old knowledge, and how many games of which series; `settings` are the training's."""

    rows: tuple[TrainingRow, ...]
    knowledge: tuple[str, ...]
    settings: TrainingSettings

    @property
    def digest(self) -> str:
        """Hash of all that the marks depend on besides the model."""
        chosen = self.settings.model_dump(include=set(_ASKED))
        rows = [[row.task, row.prompt, row.completion] for row in self.rows]
        return content_hash(canonical_json([chosen, rows, list(self.knowledge)]), length=24)


_ASKED = ("max_tokens", "games", "games_seed", "sample_tokens", "sample_temperature")


@dataclass(frozen=True)
class ExamScores:
    """One number a task: mean nats a token of the held-out answer and of each text of old knowledge.

    `context` is what the prompt is worth: nats a token by which the answer is likelier after its own prompt than after
    another task's. `scores` and `optimal` are of games, `samples` the model's own answers to the held-out prompts.
    """

    heldout: tuple[float, ...]
    context: tuple[float, ...]
    knowledge: tuple[float, ...]
    scores: tuple[float, ...]
    optimal: tuple[float, ...]
    samples: tuple[str, ...]


def make_exam(folder: Path, tokenizer: Any, settings: TrainingSettings) -> Exam:  # noqa: ANN401
    """The exam that a release gives: rows by hash, at most `heldout_rows`, of the test split and then of validation.

    Raises:
        TooFewHeldOutError: fewer than 20 held-out rows, or all of one task.
        InputError: games are asked for, and the textworld extra is missing.
    """
    rows = []
    for split in ("test", "validation"):
        ordered = sorted((row for row in read_rows(folder, ("sft",), split) if row.real), key=lambda row: row.order)
        rows += [row for row in ordered if recent(row.prompt, row.completion, tokenizer, settings.max_tokens)]
    rows = rows[: settings.heldout_rows]
    tasks = len({row.task for row in rows})
    if tasks < settings.min_tasks or len(rows) < 20:
        raise TooFewHeldOutError(
            f"{folder}: {len(rows)} real held-out rows of {tasks} tasks fit, and a comparison needs 20 of at least "
            f"recipe.training.min_tasks = {settings.min_tasks}; raise recipe.export.test_share, "
            "recipe.training.heldout_rows or max_tokens, or add real runs of other tasks"
        )
    if settings.games:
        load_textworld()
    return Exam(tuple(rows), knowledge(), settings)


def knowledge() -> tuple[str, ...]:
    """Fixed texts that stand for what a model knew before: facts, code, letters, small talk, in own words."""
    lines = files("synthdata.consolidation").joinpath("knowledge.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line)["text"] for line in lines)


def take_exam(exam: Exam, local: LocalModel, cache: Path, identity: str, advance: Callable[[int], None]) -> ExamScores:
    """The marks of a model; those of the same exam and `identity` (its weights) are read from the cache."""
    path = cache / f"{content_hash(exam.digest, identity)}.json"
    if path.is_file():
        advance(len(exam.rows) + exam.settings.games)
        return ExamScores(
            **{name: tuple(values) for name, values in json.loads(path.read_text(encoding="utf-8")).items()}
        )
    marks = _sit(exam, local, advance)
    cache.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(asdict(marks), ensure_ascii=False))
    return marks


def _sit(exam: Exam, local: LocalModel, advance: Callable[[int], None]) -> ExamScores:
    heldout, context = losses(exam, local, advance)
    start = local.tokenizer.bos_token or local.tokenizer.eos_token
    old = [local.nll(start, [text])[0] for text in exam.knowledge]
    player = ChatPlayer(local, exam.settings.max_tokens)
    scores, optimal = play_games(player, exam.settings.games, exam.settings.games_seed, advance)
    samples = _samples(exam, local)
    return ExamScores(tuple(heldout), tuple(context), tuple(old), tuple(scores), tuple(optimal), samples)


def losses(exam: Exam, local: LocalModel, advance: Callable[[int], None]) -> tuple[list[float], list[float]]:
    """Nats a token of each held-out answer, and by how much its own prompt makes it likelier than another task's."""
    loss, context = [], []
    for i, row in enumerate(exam.rows):
        own = local.nll(*_asked(row, row, exam, local))[0]
        other = local.nll(*_asked(_stranger(exam.rows, i), row, exam, local))[0]
        loss.append(own)
        context.append(other - own)
        advance(1)
    return loss, context


def _asked(asks: TrainingRow, answers: TrainingRow, exam: Exam, local: LocalModel) -> tuple[str, list[str]]:
    prompt, answer = _kept(asks, exam, local), answers.completion[0]
    asked, text = local.reply(prompt, answer)
    return asked, [text]


def _kept(row: TrainingRow, exam: Exam, local: LocalModel) -> list[dict[str, Any]]:
    return recent(row.prompt, row.completion, local.tokenizer, exam.settings.max_tokens) or list(row.prompt[:1])


def _stranger(rows: Sequence[TrainingRow], i: int) -> TrainingRow:
    """The next row of another task, around the end."""
    return next(row for row in (*rows[i + 1 :], *rows[:i]) if row.task != rows[i].task)


def _samples(exam: Exam, local: LocalModel) -> tuple[str, ...]:
    requests = []
    for row in exam.rows:
        messages = tuple(Message(_voice(m["role"]), message_text(m)) for m in _kept(row, exam, local))
        chosen = exam.settings
        requests.append(Request(messages, 0, chosen.sample_temperature, 1.0, 0.0, chosen.sample_tokens))
    return tuple(answer.text for answer in local.generate(requests))


def _voice(role: str) -> Any:  # noqa: ANN401 - one of the three literals
    return role if role in ("system", "assistant") else "user"
