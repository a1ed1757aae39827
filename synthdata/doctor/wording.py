"""Real words in a wrong order, where the settings name a language model that can see it."""

from __future__ import annotations

import random
from pathlib import Path

from synthdata.api import Corpus
from synthdata.doctor.finding import ControlCheck
from synthdata.doctor.material import LESSON, SEED, cheap, texts
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate
from synthdata.settings import Settings

# A reading takes about a second: few of them calibrate the band here, and a corpus needs a hundred rows.
_READ, _ROWS = 16, 130


def words_in_a_wrong_order(folder: Path, settings: Settings) -> list[ControlCheck]:
    """A lesson as it is and with its words in another order; nothing where `fluency_model` is "none"."""
    model = settings.recipe.floor.fluency_model
    if model == "none":
        return []
    own = cheap(settings).with_value("recipe.floor.fluency_model", model)
    # What else could stop the words is wide open, so that only the model speaks.
    for name, value in {"recipe.anchor.fluency_rows": _READ, "recipe.gate.out_of_distribution_share": 1.0}.items():
        own = own.with_value(name, value)
    rows = [ReferenceRow(text, "", f"paragraph {i}") for i, text in enumerate(texts(_ROWS))]
    words = LESSON.split()
    random.Random(SEED).shuffle(words)
    report = Corpus.init(folder / "wording", rows, settings=own).admit([Candidate(LESSON), Candidate(" ".join(words))])
    by_text = {decision.candidate.content: decision for decision in report.decisions}
    sound, mixed = by_text[LESSON], by_text[" ".join(words)]
    return [
        ControlCheck("a lesson", "passes the model", sound.stage != "fluency", sound.detail or str(sound.verdict)),
        ControlCheck(
            "its words in another order", "fluency", mixed.stage == "fluency", mixed.detail or str(mixed.verdict)
        ),
    ]
