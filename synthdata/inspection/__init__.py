"""A free diversity report of any file of samples or agent runs: no corpus, no anchor, no language model.

Lexical figures and copies cover all rows, read as a stream; what vectors say comes from a seeded sample with its
interval. docs/inspect.md says how to read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metrics.lexical import self_repetition
from synthdata.errors import InputError
from synthdata.inspection.bars import Bars, silent
from synthdata.inspection.beside import Beside, Side, compare
from synthdata.inspection.copies import Earlier, Rows, exact_copies, exact_keys
from synthdata.inspection.lexical import Lengths, Wording
from synthdata.inspection.reading import read_texts
from synthdata.inspection.repeats import Level, exact_level, near_level, semantic_level
from synthdata.inspection.semantic import Figure, nearest_earlier, sample_rows, spread
from synthdata.inspection.spool import Spool, Unreadable
from synthdata.inspection.verdict import verdict
from synthdata.monitor.views import permutation
from synthdata.protocols import Encoder
from synthdata.rounds.unreadable import unread_languages, unreadable_note
from synthdata.settings import InspectSettings, Settings
from synthdata.similarity.preamble import Preamble, find_preamble
from synthdata.similarity.vectors import encode_with_progress
from synthdata.sources import ColumnMap, Reading

__all__ = ["Bars", "Inspection", "Question", "inspect_file"]

_NEAREST_BINS = 20


@dataclass(frozen=True)
class Question:
    """What is asked: a file or rows, perhaps beside a reference, by which map, and whether a shared preamble is cut."""

    path: Path | object
    reference: Path | object | None = None
    mapping: ColumnMap | None = None
    cut_preamble: bool = True


@dataclass(frozen=True)
class Inspection:
    """The report. `fields`: rows by the column looked at; `notes`: how rows were read and what was not.

    `levels`: exact, near and semantic repeats; `figures` by name.

    `nearest` is a histogram of each sampled row's cosine to its nearest other, between `nearest_edges`.
    """

    file: str
    reference: str | None
    verdict: list[str]
    rows: int
    unreadable: list[Unreadable]
    fields: dict[str, int]
    notes: list[str]
    preamble: str
    preamble_share: float
    lengths: Lengths
    sampled: int
    levels: dict[str, Level]
    figures: dict[str, Figure]
    nearest: list[int]
    nearest_edges: list[float]
    beside: Beside | None


def inspect_file(question: Question, settings: Settings, encoder: Encoder, bars: Bars = silent) -> Inspection:
    """Inspect a file of samples, or of agent runs: then the contexts of a few of their steps.

    Raises:
        InputError: nothing readable in a file, or no row has the field asked for.
    """
    ours = settings.runtime.inspect
    with Spool() as spool, Spool() as real:
        notes = _fill(spool, question.path, question, settings, bars)
        if question.reference is not None:
            _fill(real, question.reference, question, settings, bars)
        notes += [note for part in (spool, real) for note in _readable(part, encoder, settings)]
        lengths, numbers, exact = _words(spool, bars)
        levels, copies = _copies(spool, exact, settings, bars)
        side = _sampled(spool, ours, encoder, bars)
        levels["semantic"], nearest = _meaning(side, copies, settings)
        figures = {name: Figure(value, rows=len(spool)) for name, value in numbers.items()} | _of_sample(side, ours)
        beside = None
        if question.reference is not None:
            other = _sampled(real, ours, encoder, bars)
            with bars("terms", len(spool)) as progress:
                beside = compare(side, other, ours, progress)
        counts, edges = np.histogram(np.clip(nearest, 0, 1), bins=_NEAREST_BINS, range=(0, 1))
        return Inspection(
            file=_name(question.path),
            reference=None if question.reference is None else _name(question.reference),
            verdict=verdict(levels, figures, beside, ours),
            rows=len(spool),
            unreadable=spool.unreadable,
            fields=dict(spool.fields),
            notes=notes,
            preamble=spool.preamble.example if spool.preamble else "",
            preamble_share=spool.preamble.share if spool.preamble else 0.0,
            lengths=lengths,
            sampled=len(side.texts),
            levels=levels,
            figures=figures,
            nearest=counts.tolist(),
            nearest_edges=edges.tolist(),
            beside=beside,
        )


def _name(path: Path | object) -> str:
    return path.name if isinstance(path, Path) else "the rows given"


def _fill(spool: Spool, path: Path | object, question: Question, settings: Settings, bars: Bars) -> list[str]:
    """Read all texts; for people, how rows were read and what was not."""
    reading = Reading()
    with bars(f"reading {_name(path)}", 0) as progress:
        spool.fill(read_texts(path, settings, question.mapping, reading), progress)
    if not len(spool):
        first = [f"  {fault.rows} rows, the first {fault.first}" for fault in spool.unreadable[:3]]
        raise InputError(
            "\n".join([f"{_name(path)}: no text in it. The reasons:", *(first or ["  there is no row in it"])])
        )
    if question.cut_preamble:
        spool.preamble = _preamble(spool, settings.runtime.inspect)
    return reading.lines()


def _preamble(spool: Spool, settings: InspectSettings) -> Preamble | None:
    chosen = np.sort(permutation(len(spool), settings.seed, "preamble")[: settings.preamble_sample])
    return find_preamble(spool.texts(chosen), settings)


def _words(spool: Spool, bars: Bars) -> tuple[Lengths, dict[str, float], Earlier]:
    """Lengths, the lexical numbers, and for each row the one that it repeats exactly."""
    wording, keys = Wording(), []
    try:
        with bars("words", len(spool)) as progress:
            for numbers, texts in spool.batches():
                wording.add(texts)
                keys.append(exact_keys(texts))
                progress(len(numbers))
        return wording.lengths(), wording.numbers(), exact_copies(np.concatenate(keys))
    finally:
        wording.close()


def _copies(spool: Spool, exact: Earlier, settings: Settings, bars: Bars) -> tuple[dict[str, Level], NDArray[np.bool_]]:
    """The exact and the near level, and which rows are copies of either kind."""
    rows = np.flatnonzero(exact < 0)
    near, earlier = near_level(spool, rows, settings, bars)
    copied = exact >= 0
    copied[rows[earlier >= 0]] = True
    return {"exact": exact_level(spool, exact), "near": near}, copied


def _sampled(spool: Spool, settings: InspectSettings, encoder: Encoder, bars: Bars) -> Side:
    rows: Rows = sample_rows(len(spool), settings)
    texts: Sequence[str] = spool.texts(rows)
    with bars("vectors", len(rows)) as progress:
        return Side(spool, rows, texts, encode_with_progress(encoder, texts, progress))


def _readable(spool: Spool, encoder: Encoder, settings: Settings) -> list[str]:
    """A note on texts that the encoder cannot read, of those that it will look at.

    Raises:
        InputError: they are so many that the figures would be void.
    """
    ours, texts = settings.recipe.encoder, spool.texts(sample_rows(len(spool), settings.runtime.inspect))
    notes, void = unreadable_note(unread_languages(texts, encoder, ours), "texts looked at", ours)
    if void:
        raise InputError(notes)
    return [notes] if notes else []


def _of_sample(side: Side, settings: InspectSettings) -> dict[str, Figure]:
    repetition = self_repetition([text.lower().split() for text in side.texts])
    # Words that the encoder does not know have no direction.
    directions = spread(side.vectors[np.linalg.norm(side.vectors, axis=1) > 0], settings)
    return {"self_repetition": Figure(repetition, rows=len(side.texts))} | directions


def _meaning(side: Side, copied: NDArray[np.bool_], settings: Settings) -> tuple[Level, NDArray[np.float64]]:
    """The semantic level, and each sampled row's cosine to its nearest other."""
    tau = settings.recipe.gate.tau or settings.recipe.anchor.tau_default
    earlier, scores, nearest = nearest_earlier(side.vectors, tau, ~copied[side.rows])
    scores_of = {int(i): float(scores[i]) for i in np.flatnonzero(earlier >= 0)}
    return semantic_level(side.spool, side.rows, earlier, scores_of), nearest
