"""From a path to its texts, one at a time: samples of any data set, or the step contexts of agent runs.

The file is read as a stream. What cannot be used is a `QuarantinedRow` with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from synthdata.pictures.words import passing_pictures, words_of
from synthdata.records import Origin, QuarantinedRow
from synthdata.settings import Settings
from synthdata.sources import ColumnMap, Reading, read_trajectories
from synthdata.sources.dataset import file_rows, read_samples
from synthdata.sources.files import Row
from synthdata.sources.kinds import kind_of_row
from synthdata.sources.listing import list_any, list_runs
from synthdata.sources.tables import form_of


@dataclass(frozen=True, slots=True)
class Text:
    """One text with its place and the name of the column that it comes from."""

    file: str
    line: int
    field: str
    text: str


def read_texts(
    path: Path | object, settings: Settings, mapping: ColumnMap | None, reading: Reading
) -> Iterator[Text | QuarantinedRow]:
    """All texts of a file or folder in the order of file name and row, or of objects in memory.

    Where no map is given and the first row of the beginning that is a sample or a run is a run, all of it is read
    as runs, each of which gives the contexts of a few of its steps.

    Raises:
        InputError: nothing there, a damaged file, or columns that are absent or not clear.
    """
    if mapping is None and isinstance(path, Path | str) and _holds_runs(Path(path), settings):
        reading.skipped.update(list_runs(path).skipped)
        yield from _contexts(Path(path), settings)
        return
    bound, pictures = settings.runtime.max_row_bytes, passing_pictures(settings.recipe.pictures)
    words = words_of(pictures, settings.recipe.pictures)
    for sample in read_samples(
        path, max_row_bytes=bound, mapping=mapping, reading=reading, pictures=pictures, words=words
    ):
        if isinstance(sample, QuarantinedRow):
            yield sample
            continue
        row, text, name = sample.row, sample.sample.content, _field(sample.mapping)
        yield Text(row.file, row.line, name, text) if text.strip() else row.quarantined(f"a blank text in `{name}`")


def _field(mapping: ColumnMap) -> str:
    """Which column the text comes from, for people."""
    if mapping.messages and not (mapping.content or mapping.chosen):
        return f"{mapping.messages} (the last of the assistant)"
    return mapping.chosen or " + ".join(mapping.content) or "the row itself"


def _holds_runs(path: Path, settings: Settings) -> bool:
    for file in list_any(path).files:
        if form_of(file.name) or file.kind in ("eval", "protobuf"):
            return form_of(file.name) is None
        rows = file_rows(file, settings.runtime.max_row_bytes)
        for row in islice(rows, settings.runtime.inspect.head_rows):
            kind = kind_of_row(row.value) if isinstance(row, Row) else None
            if kind:
                rows.close()
                return kind == "trajectories"
    return False


def _contexts(path: Path, settings: Settings) -> Iterator[Text | QuarantinedRow]:
    from synthdata.reflection import focus_steps, render_context

    limit = settings.recipe.anchor.steps_per_trajectory
    bound, pictures = settings.runtime.max_row_bytes, passing_pictures(settings.recipe.pictures)
    words = words_of(pictures, settings.recipe.pictures)
    runs = read_trajectories(path, origin=Origin.SYNTHETIC, max_row_bytes=bound, pictures=pictures, words=words)
    for number, run in enumerate(runs, 1):
        if isinstance(run, QuarantinedRow):
            yield run
            continue
        for step in focus_steps(run, limit):
            yield Text(run.source, number, "contexts of steps", render_context(run, step))
