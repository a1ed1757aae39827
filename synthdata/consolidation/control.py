"""The control of a sleep: the same real rows at as many passes, from the same start, without the rows that were made.

A few steps on anything bring the loss on held-out text down, for they teach what an answer looks like. What the made
rows of a release are worth shows only beside what its real rows, which are there in any case, would have done alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from synthdata.api import Corpus
from synthdata.consolidation.exam import Exam, losses
from synthdata.consolidation.gguf import write_gguf
from synthdata.consolidation.lora import adapt, save
from synthdata.consolidation.rows import TrainingRow
from synthdata.export.choice import split_of
from synthdata.export.collect import collect
from synthdata.generation.local import LocalModel, load
from synthdata.io.files import atomic_folder
from synthdata.records import Origin, content_hash

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Control:
    """A trained control: its rows, the folder of its adapter, and its held-out losses and gains from the prompt."""

    rows: tuple[TrainingRow, ...]
    weights: Path
    heldout: tuple[float, ...]
    context: tuple[float, ...]


def train_control(
    exam: Exam, rows: Sequence[TrainingRow], start: tuple[str, Path | None], cache: Path, bar: Bar
) -> Control:
    """The start trained on `rows`, with its marks as `exam.losses` gives them; the same control is read from the cache.

    `start` is the hash and the folder of the adapter that the sleep went on from.
    """
    settings = exam.settings
    key = content_hash(exam.digest, start[0], settings.model_dump_json(), *(row.order for row in rows))
    folder = cache / f"control-{key}"
    if not folder.is_dir():
        loaded = load(settings.base, start[1], trainable=True)
        with bar("control: steps", -(-len(rows) // settings.batch_size)) as advance:
            network, _ = adapt(loaded.network, loaded.tokenizer, rows, settings, advance)
        local = LocalModel(replace(loaded, network=network, name=f"{settings.base}+control"))
        with bar("exam of the control", len(exam.rows)) as advance:
            marks = losses(exam, local, advance)
        with atomic_folder(folder) as part:
            save(network, part / "weights")
            write_gguf(part / "weights", network.config)
            (part / "losses.json").write_text(json.dumps(marks), encoding="utf-8")
    loss, context = json.loads((folder / "losses.json").read_text(encoding="utf-8"))
    return Control(tuple(rows), folder / "weights", tuple(loss), tuple(context))


def control_rows(corpus: Corpus, exam: Exam, real: Sequence[TrainingRow]) -> tuple[TrainingRow, ...]:
    """The real rows of a sleep as the corpus itself holds them: as many of each source, none where none is there.

    They are made anew from the corpus' own runs and texts, not read from the release: what is wrong with a release is
    not in them. Tasks of the exam are left out.
    """
    wanted, taken = Counter(row.key for row in real), Counter[str]()
    rows = []
    for row in sorted(_rows_of(corpus, exam, wanted), key=lambda row: row.order):
        if taken[row.key] < wanted[row.key]:
            taken[row.key] += 1
            rows.append(row)
    return tuple(sorted(rows, key=lambda row: content_hash("order", str(exam.settings.seed), row.order)))


def _rows_of(corpus: Corpus, exam: Exam, wanted: Counter[str]) -> Iterator[TrainingRow]:
    there = collect(corpus)
    asked = {name for row in exam.rows for name in (row.key, row.task)}
    texts = corpus.reference.rows
    small = replace(
        there,
        admitted=there.admitted.filter(pl.col("id").is_in(sorted(wanted))),
        runs=tuple(run for run in there.runs if run in wanted),
        reference=tuple(i for i in there.reference if texts[i].id in wanted),
    )
    for piece in small.pieces():
        if piece.provenance["origin"] != str(Origin.REAL) or asked & {piece.key, piece.task}:
            continue
        if split_of(piece.task, there.aside, corpus.settings.recipe.export) != "train":
            continue
        for row in piece.rows.get("sft", ()):
            yield TrainingRow(piece.key, "sft", piece.task, True, tuple(row["prompt"]), tuple(row["completion"]))
