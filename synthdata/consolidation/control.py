"""The control of a sleep: as many steps on the corpus' real rows alone, from the same start, with the same settings.

A few steps on anything bring the loss on held-out text down, for they teach what an answer looks like. What a release
is worth shows only beside what real rows, which are there in any case, would have done in the same steps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from synthdata.api import Corpus
from synthdata.consolidation.exam import Exam, losses
from synthdata.consolidation.lora import adapt, fit
from synthdata.consolidation.rows import TrainingRow, choose_rows
from synthdata.export.choice import split_of
from synthdata.export.collect import collect
from synthdata.generation.local import LocalModel, load
from synthdata.io.files import atomic_write
from synthdata.records import Origin, content_hash
from synthdata.settings import TrainingSettings

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
# Runs and texts looked at for each row that is wanted: not every one is of the train split, or fits.
_LOOKED_AT = 4


def control_losses(
    exam: Exam,
    rows: Sequence[TrainingRow],
    start: tuple[str, Path | None],
    cache: Path,
    bar: Bar,
) -> tuple[list[float], list[float]]:
    """Held-out losses and gains from the prompt, as `exam.losses` gives them, of the start trained on `rows`.

    `start` is the hash and the folder of the adapter that the sleep went on from. The same control is read from
    the cache.
    """
    settings = exam.settings
    key = content_hash(exam.digest, start[0], settings.model_dump_json(), *(row.order for row in rows))
    path = cache / f"control-{key}.json"
    if not path.is_file():
        loaded = load(settings.base, start[1], trainable=True)
        with bar("control: steps", -(-len(rows) // settings.batch_size)) as advance:
            network, _ = adapt(loaded.network, loaded.tokenizer, rows, settings, advance)
        local = LocalModel(replace(loaded, network=network, name=f"{settings.base}+control"))
        with bar("exam of the control", len(exam.rows)) as advance:
            found = losses(exam, local, advance)
        atomic_write(path, json.dumps(found))
    loss, context = json.loads(path.read_text(encoding="utf-8"))
    return loss, context


def control_rows(
    corpus: Corpus, exam: Exam, known: Collection[str], tokenizer: object, count: int
) -> tuple[TrainingRow, ...]:
    """So many real rows, chosen as a sleep chooses; from the start again where there are fewer, none where none fits.

    They come from the corpus' own runs and texts, not from the release: what is wrong with a release is not in them.
    Tasks of the exam are left out.
    """
    settings = exam.settings
    chosen = choose_rows(list(_real(corpus, exam, settings)), known, settings)
    fitting = [row for row in chosen.rows if fit(row, tokenizer, settings.max_tokens) is not None]
    return tuple(islice(cycle(fitting), count))


def _real(corpus: Corpus, exam: Exam, settings: TrainingSettings) -> Iterator[TrainingRow]:
    most = _LOOKED_AT * settings.max_steps * settings.batch_size

    def drawn(name: object) -> str:
        return content_hash("control", str(settings.seed), str(name))

    there = collect(corpus)
    asked = {name for row in exam.rows for name in (row.key, row.task)}
    small = replace(
        there,
        admitted=there.admitted.clear(),
        runs=tuple(sorted(there.runs, key=drawn)[:most]),
        reference=tuple(sorted(there.reference, key=drawn)[:most]),
    )
    for piece in small.pieces():
        if piece.provenance["origin"] != str(Origin.REAL) or asked & {piece.key, piece.task}:
            continue
        if split_of(piece.task, there.aside, corpus.settings.recipe.export) != "train":
            continue
        for row in piece.rows.get("sft", ()):
            yield TrainingRow(piece.key, "sft", piece.task, True, tuple(row["prompt"]), tuple(row["completion"]))
