"""One function per arrow of the round: read, reflect, render, check, decide. No state, no disk but what is handed in.

The order of the arrows is in api.py (without an engine) and flows/curate.py (with Prefect); both call these.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

from synthdata.errors import AnchorError, InputError
from synthdata.gate.heldout import HeldOutRow, read_heldout_list
from synthdata.gate.ready import AT_ONCE
from synthdata.gate.reference import ReferenceRow
from synthdata.judging.floor import JUDGED_TEXT_RULES, REVIEW_RULES, TEXT_RULES, Rules, check_text, readable
from synthdata.pictures.words import passing_pictures, words_of
from synthdata.protocols import UNSTEERED, Advance, Encoder, Generator, Guidance, Mapper, Pictures, Vectors, in_line
from synthdata.records import (
    Candidate,
    Decision,
    Origin,
    QuarantinedRow,
    Reflection,
    Reject,
    Trajectory,
    content_hash,
    from_json,
)
from synthdata.rounds.predecided import abstention, quarantine
from synthdata.settings import AnchorSettings, FloorSettings, Recipe, Settings
from synthdata.similarity.preamble import Preamble, find_preamble
from synthdata.similarity.vectors import encode_with_progress
from synthdata.sources import ColumnMap, Reading, list_runs, read_candidates, read_trajectories, sniff_kind
from synthdata.text.display import printable

_LOG = logging.getLogger(__name__)
_NOTES_SHOWN = 5
# Rows in which a shared preamble is looked for: their beginnings are kept meanwhile.
_PREAMBLE_SAMPLE = 2000

ViewChoice = Literal["auto", "one", "two"]


def views_of(rows: Sequence[ReferenceRow], choice: ViewChoice) -> Literal["one", "two"]:
    """How many views a corpus of these rows has.

    Raises:
        AnchorError: no rows.
        InputError: the rows do not hold what was chosen.
    """
    if not rows:
        raise AnchorError("the reference holds no usable row")
    contexts = sum(bool(row.context) for row in rows)
    if choice == "one" and not all(row.content for row in rows):
        raise InputError("a one-view corpus needs reference rows with content; bare trajectories give contexts alone")
    if choice == "two" and contexts < len(rows):
        raise InputError(f"a two-view corpus needs a context in every reference row; {len(rows) - contexts} have none")
    if choice != "auto":
        return choice
    return "two" if contexts == len(rows) else "one"


def read_runs(
    path: Path, origin: Origin, settings: Settings, licence: str = "", pictures: Pictures | None = None
) -> tuple[list[Trajectory], list[QuarantinedRow]]:
    """Trajectories of a file or folder, each once, and the rows that could not be read; `pictures` keeps theirs.

    What the readers repaired or left out is logged in one line; the records keep it.
    """
    bound, words = settings.runtime.max_row_bytes, words_of(pictures, settings.recipe.pictures)
    rows = read_trajectories(path, origin=origin, licence=licence, max_row_bytes=bound, pictures=pictures, words=words)
    runs: dict[str, Trajectory] = {}
    broken = []
    for row in rows:
        if isinstance(row, QuarantinedRow):
            broken.append(row)
        else:
            runs.setdefault(row.id, row)
    _log_notes(path, list(runs.values()))
    return list(runs.values()), broken


def _log_notes(path: Path, runs: Sequence[Trajectory]) -> None:
    counts = Counter(note for run in runs for note in (*run.notes, *(note for s in run.steps for note in s.notes)))
    noted = sum(bool(run.notes or any(step.notes for step in run.steps)) for run in runs)
    if not counts:
        return
    shown = "; ".join(f"{printable(note)} ({count})" for note, count in counts.most_common(_NOTES_SHOWN))
    more = f"; {len(counts) - _NOTES_SHOWN} other notes" if len(counts) > _NOTES_SHOWN else ""
    _LOG.warning("%s: %d of %d runs were read with notes: %s%s", path, noted, len(runs), shown, more)


def read_rows(
    rows: Path | str | object,
    origin: Origin,
    settings: Settings,
    mapping: ColumnMap | None = None,
    reading: Reading | None = None,
    pictures: Pictures | None = None,
) -> tuple[list[Candidate], list[QuarantinedRow]]:
    """Candidates of a path or of objects in memory, and the rows that could not be read; `pictures` keeps theirs."""
    bound, words = settings.runtime.max_row_bytes, words_of(pictures, settings.recipe.pictures)
    items = read_candidates(
        rows, origin=origin, max_row_bytes=bound, mapping=mapping, reading=reading, pictures=pictures, words=words
    )
    read = list(items)
    candidates = [row for row in read if isinstance(row, Candidate)]
    return candidates, [row for row in read if isinstance(row, QuarantinedRow)]


def read_reference(
    path: Path | str | object,
    settings: Settings,
    mapping: ColumnMap | None = None,
    reading: Reading | None = None,
    pictures: Pictures | None = None,
) -> tuple[list[ReferenceRow], list[QuarantinedRow]]:
    """Reference rows of samples, or the contexts of a few steps of every trajectory of a path.

    With a map the rows are samples, whatever else they could be. `pictures` keeps those of chats.
    """
    samples = mapping is not None or not isinstance(path, Path | str) or sniff_kind(path) == "candidates"
    if samples:
        candidates, broken = read_rows(path, Origin.REAL, settings, mapping, reading, pictures)
        return [ReferenceRow(c.content, c.context, c.task_id, c.source, c.chat) for c in candidates], broken
    from synthdata.reflection import focus_steps, render_context

    # Contexts alone are kept of runs, so their pictures are looked at and left; only what is read of them stays noted.
    seen = settings.recipe.pictures
    passing = pictures if seen.ocr and pictures is not None else passing_pictures(seen)
    runs, broken = read_runs(Path(str(path)), Origin.REAL, settings, pictures=passing)
    if reading is not None:
        reading.runs = len(runs)
        reading.skipped.update(list_runs(str(path)).skipped)
    limit = settings.recipe.anchor.steps_per_trajectory
    rows = [
        ReferenceRow("", render_context(run, step), run.task_id or run.task, run.source)
        for run in runs
        for step in focus_steps(run, limit)
    ]
    return rows, broken


def read_heldout(
    path: Path, settings: Settings, mapping: ColumnMap | None = None, reading: Reading | None = None
) -> list[HeldOutRow]:
    """What must never be admitted: lines of `text` or `key`, the tasks of runs, or contents and contexts of samples.

    Raises:
        InputError: nothing there, or nothing readable as one of these.
    """
    listed = read_heldout_list(path) if mapping is None and path.is_file() else None
    if listed is not None:
        return listed
    if mapping is None and sniff_kind(path) == "trajectories":
        passing = passing_pictures(settings.recipe.pictures) if settings.recipe.pictures.ocr else None
        texts = {run.task for run in read_runs(path, Origin.REAL, settings, pictures=passing)[0]}
    else:
        passing = passing_pictures(settings.recipe.pictures)
        rows = read_rows(path, Origin.REAL, settings, mapping, reading, passing)[0]
        texts = {text for row in rows for text in (row.content, row.context)}
    return [{"text": text} for text in sorted(texts) if text.strip()]


def reference_rows(
    reference: Path | str | object, settings: Settings, pictures: Pictures | None = None
) -> list[ReferenceRow]:
    """The rows of a path, those given, or those of any objects that samples are read from; `pictures` keeps theirs."""
    if isinstance(reference, Sequence) and all(isinstance(row, ReferenceRow) for row in reference):
        return list(reference)
    path = Path(reference) if isinstance(reference, str) else reference
    return read_reference(path, settings, pictures=pictures)[0]


def reference_preamble(rows: Sequence[ReferenceRow], settings: AnchorSettings) -> Preamble | None:
    """What most contents or most contexts of a reference begin with, by a seeded sample of its rows."""
    order = sorted(rows, key=lambda row: content_hash(str(settings.seed), "preamble", row.id))[:_PREAMBLE_SAMPLE]
    views = ([row.content for row in order if row.content], [row.context for row in order if row.context])
    preambles = [preamble for texts in views if (preamble := find_preamble(texts, settings)) is not None]
    return None if not preambles else preambles[0] if len(preambles) == 1 else preambles[0].joined(preambles[1])


def encode_reference(rows: Sequence[ReferenceRow], encoder: Encoder, embedding: Advance) -> tuple[Vectors, Vectors]:
    """Vectors of the contexts and of the contents, (n, d) each; `embedding` hears of each row twice."""
    content = encode_with_progress(encoder, [row.content for row in rows], embedding)
    context = encode_with_progress(encoder, [row.context for row in rows], embedding)
    return context, content


def reflect_on(
    runs: Sequence[Trajectory],
    generator: Generator,
    recipe: Recipe,
    secret: bytes,
    sample_start: int = 0,
    guidance: Mapping[str, Guidance] = UNSTEERED,
) -> list[Reflection | QuarantinedRow]:
    """Step-level reflections; what the model answered unusably comes back as quarantined rows."""
    from synthdata.reflection import reflect

    return reflect(runs, generator, recipe, secret, sample_start, guidance)


def render(
    reviews: Iterable[Reflection | QuarantinedRow], runs: Mapping[str, Trajectory]
) -> tuple[list[Candidate], list[Decision]]:
    """Candidates of the reflections, and the decisions on abstentions and unusable answers, which need no gate."""
    from synthdata.reflection import to_candidate

    candidates, settled = [], []
    for review in reviews:
        if isinstance(review, QuarantinedRow):
            settled.append(quarantine(review))
        elif review.abstains:
            settled.append(abstention(review))
        else:
            candidates.append(to_candidate(review, runs[review.trajectory_id]))
    return candidates, settled


def check(
    candidates: Sequence[Candidate], runs: Mapping[str, Trajectory], recipe: Recipe, mapper: Mapper = in_line
) -> dict[str, Reject]:
    """What the rules refuse, by candidate id: the text itself, then for a reflection its lesson and its evidence.

    Talk to a judge is refused in reflections, and in other texts where the recipe names judges.
    """
    refused = {}
    plain = JUDGED_TEXT_RULES if recipe.judge.models else TEXT_RULES
    for rules, reviewed in ((REVIEW_RULES, True), (plain, False)):
        mine = [candidate for candidate in candidates if bool(candidate.trajectory_id) is reviewed]
        parts = [[row.content for row in mine[start : start + AT_ONCE]] for start in range(0, len(mine), AT_ONCE)]
        verdicts = mapper(partial(_check_part, floor=recipe.floor, rules=rules), parts)
        for candidate, reject in zip(mine, chain.from_iterable(verdicts), strict=True):
            reason = reject or _check_reflection(candidate, runs, recipe)
            if reason is not None:
                refused[candidate.id] = reason
    return refused


def _check_part(texts: Sequence[str], floor: FloorSettings, rules: Rules) -> list[Reject | None]:
    return [check_text(text, floor, rules) for text in texts]


def _check_reflection(candidate: Candidate, runs: Mapping[str, Trajectory], recipe: Recipe) -> Reject | None:
    run = runs.get(candidate.trajectory_id)
    if run is None:
        return None
    from synthdata.reflection import check_grounding, check_lesson, verify_evidence

    review = from_json(Reflection, candidate.payload)
    review = replace(review, lesson=replace(review.lesson, text=readable(review.lesson.text)))
    # By itself: noise and loops are a small share of a text whose other half is a sound cause.
    spoilt = check_text(review.lesson.text, recipe.floor)
    if spoilt is not None:
        return replace(spoilt, detail=f"its lesson: {spoilt.detail}")
    return (
        check_lesson(review, recipe.reflection)
        or verify_evidence(review, run, recipe.floor)
        or check_grounding(review, run, recipe.floor)
    )
