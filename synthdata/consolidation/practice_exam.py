"""What a model scores before and after practice: the exam that the rule reads, one that no rule reads, old knowledge.

Marks are kept in the corpus' cache under the model and the questions, so that no exam is sat twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from synthdata.consolidation.baselines import VERBS, base_scores, verb_score
from synthdata.consolidation.choice_exam import (
    ChoiceExam,
    ChoiceScores,
    prepare,
    read_questions,
    sit,
)
from synthdata.consolidation.choices import ChoiceModel
from synthdata.consolidation.exam import knowledge
from synthdata.consolidation.exam_games import EXAMS, FILE, SECOND_FILE
from synthdata.consolidation.keep_rule import FORGETTING, Paired, paired, spent
from synthdata.consolidation.listwise import ChoiceRow
from synthdata.consolidation.practice_rule import BEST_MOVES, BEST_MOVES_BESIDE, CHANCE, SECOND, WON
from synthdata.generation.local import Loaded, LocalModel, load
from synthdata.io.files import atomic_write
from synthdata.records import content_hash
from synthdata.settings import PracticeSettings, Recipe
from synthdata.settings.shipped import shipped_folder

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Exams:
    """The exam that the rule reads, and a second one of other games that no rule reads."""

    first: ChoiceExam
    second: ChoiceExam


@dataclass(frozen=True)
class Marks:
    """What a model scores in both exams, and its nats a token on each text of old knowledge."""

    scores: ChoiceScores
    second: ChoiceScores
    knowledge: tuple[float, ...]


def read_exams(base: str, settings: PracticeSettings, bar: Bar) -> Exams:
    """Both exams, as the frozen layers of the base read them."""
    return Exams(
        _exam(base, FILE, settings.exam_games, settings.frozen_layers, bar),
        _exam(base, SECOND_FILE, min(settings.exam_games, EXAMS[1][1]), settings.frozen_layers, bar),
    )


def player_model(base: str, weights: Path | None, settings: PracticeSettings) -> ChoiceModel:
    """The model that chooses, in single precision, as it was trained: half of it is imitated by many processors."""
    loaded = load(base, weights)
    loaded.network.eval()
    return ChoiceModel(loaded, settings.frozen_layers)


def baseline_scores(
    base: str, exam: ChoiceExam, rows: Sequence[ChoiceRow], settings: PracticeSettings, cache: Path, bar: Bar
) -> dict[str, float]:
    """What simple players score in the exam; those of the base model are kept, for they stay the same."""
    name = content_hash(base, str(settings.frozen_layers), *(question.prompt for question in exam.questions))
    path = cache / f"baselines-{name}.json"
    if not path.is_file():
        with bar("exam of the baselines", len(exam.questions)) as advance:
            found = base_scores(exam, player_model(base, None, settings), advance)
        atomic_write(path, json.dumps(found))
    scores: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return scores | {VERBS: verb_score(exam.questions, rows)}


@lru_cache(maxsize=2)
def _exam(base: str, file: str, games: int, frozen: int, bar: Bar) -> ChoiceExam:
    """An exam as the frozen layers read it: the same for every night of a chain, and minutes of a core."""
    questions = read_questions(shipped_folder("exam") / file, games)
    with bar("exam: reading", len(questions)) as advance:
        return prepare(ChoiceModel(load(base), frozen), questions, advance)


def marks_of(
    exams: Exams, model: ChoiceModel, settings: PracticeSettings, kept: tuple[Path, str], bar: Bar, name: str
) -> Marks:
    """A model's marks, with `settings.games` games of the first exam played to their end.

    `kept` is the cache's folder and the model's own name there.
    """
    folder, identity = kept
    both = (*exams.first.questions, *exams.second.questions)
    asked = content_hash(identity, str(settings.games), *(question.prompt for question in both))
    path = folder / f"choices-{asked}.json"
    if not path.is_file():
        with bar(name, len(both) + settings.games) as advance:
            scores = sit(exams.first, model, settings.games, advance)
            second = sit(exams.second, model, 0, advance)
        local = LocalModel(Loaded(model.network, model.tokenizer, "exam"))
        start = model.tokenizer.bos_token or model.tokenizer.eos_token
        old = [local.nll(start, [text])[0] for text in knowledge()]
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps(asdict(Marks(scores, second, tuple(old)))))
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Marks(_scores(stored["scores"]), _scores(stored["second"]), tuple(stored["knowledge"]))


def _scores(stored: Mapping[str, Sequence[float]]) -> ChoiceScores:
    return ChoiceScores(**{name: tuple(values) for name, values in stored.items()})


def compare(
    exams: Exams, before: Marks, after: Marks, control: Marks, recipe: Recipe, number: int
) -> dict[str, Paired]:
    """Before and after of each measure with its interval, for the sleep of this number in a corpus' chain."""
    games, judged = exams.first.games, spent(recipe.training, number)
    texts = [str(i) for i in range(len(before.knowledge))]
    measures = [
        paired(BEST_MOVES, games, before.scores.first, after.scores.first, judged, 1),
        paired(CHANCE, games, before.scores.chance, after.scores.chance, judged, 1),
        paired(BEST_MOVES_BESIDE, games, control.scores.first, after.scores.first, judged, 1),
        paired(SECOND, exams.second.games, before.second.first, after.second.first, judged, 1),
        paired(FORGETTING, texts, before.knowledge, after.knowledge, judged),
    ]
    if before.scores.won:
        played = [str(i) for i in range(len(before.scores.won))]
        measures.append(paired(WON, played, before.scores.won, after.scores.won, judged, 1))
    return {one.name: one for one in measures}
