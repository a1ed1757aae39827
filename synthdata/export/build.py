"""From a corpus to a training set: gather, choose, write, measure, record the release; `export` is thin over this.

What a row looks like is the export room's affair; here the corpus, the gate's views and the held-out list meet it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synthdata.api import Corpus
from synthdata.corpus.releases import difference, frozen_because, releases
from synthdata.errors import InputError, RefusedError
from synthdata.export.card import Card, figures, write_card
from synthdata.export.choice import Choice, choose, containers, split_of
from synthdata.export.collect import ExportPool, ExportRequest, collect
from synthdata.export.folder import building, take_place
from synthdata.export.gallery import Gallery
from synthdata.export.kinds import KINDS
from synthdata.export.manifest import file_hashes, write_manifest
from synthdata.export.measure import Measured
from synthdata.export.notes import (
    announcement,
    by_dialect,
    by_oddity,
    picture_notes,
    scan_notes,
    share_note,
    written_notes,
)
from synthdata.export.scan import Scan, scan
from synthdata.export.stubs import MAX_LENGTH, stubs
from synthdata.export.withheld import PictureScan
from synthdata.export.write import Writer, Written
from synthdata.gate.heldout import HeldOut
from synthdata.monitor.status import floor_note, status
from synthdata.pictures.words import PictureWords
from synthdata.protocols import Redactor, no_advance
from synthdata.records import content_hash
from synthdata.rounds.steering import plan_of
from synthdata.settings import ExportSettings
from synthdata.text.second_opinion import Kingfisher

__all__ = ["ExportReport", "ExportRequest", "export"]

# Is told in one line what will be written, before it is.
Announce = Callable[[str], None]
# Given how much there is to do, something that is told of progress while it is entered.
Bar = Callable[[int], AbstractContextManager[Callable[[int], None]]]


def no_bar(total: int) -> AbstractContextManager[Callable[[int], None]]:
    """For callers that show nothing."""
    return nullcontext(no_advance)


def no_announcement(line: str) -> None:
    """For callers that show nothing."""


@dataclass(frozen=True)
class ExportReport:
    """What was written: rows by kind and split and by file, real shares, notes, and the release it became."""

    out: str
    round: int
    rows: int
    kinds: dict[str, dict[str, int]]
    files: dict[str, int]
    redacted: dict[str, int]
    real_share: dict[str, dict[str, float]]
    notes: tuple[str, ...]
    release: dict[str, Any]


def export(
    corpus: Corpus,
    out: Path,
    wanted: ExportRequest | None = None,
    *,
    settings: ExportSettings | None = None,
    bar: Bar = no_bar,
    announce: Announce = no_announcement,
) -> ExportReport:
    """Write a training set and record it as a release; every piece is looked at twice, and the bar is told of each.

    `announce` gets one line before anything is written: what comes along, and what is replaced.

    `settings` are the corpus' own unless others are given; its own ask for more real rows while an alarm stands.

    The same rows of the same corpus give the same bytes and are the same release.

    Raises:
        RefusedError: the corpus is frozen, rows overlap with the held-out list, or too few are left to train on.
        InputError: `out` holds something that is not an earlier export, or an unknown kind.
        LockedError: another process is writing to the corpus.
    """
    wanted, handed = wanted or ExportRequest(), settings
    store = corpus.store
    unknown = [kind for kind in wanted.kinds if kind not in KINDS]
    if unknown or not wanted.kinds:
        raise InputError(f"no kind {', '.join(unknown) or 'named'}; there are {', '.join(KINDS)}")
    corpus.watch()
    reason = frozen_because(store)
    if reason is not None:
        raise RefusedError(f"{store.path}: the corpus is frozen ({reason}); nothing leaves it before it is unfrozen")
    settings = handed or _steered(corpus)
    if not wanted.reference:
        # Who leaves the real texts out by name has said that the share does not matter.
        settings = settings.model_copy(update={"real_share": 0.0})
    out = out.absolute()
    with building(out) as part:
        made = _make(part, corpus, wanted, settings, bar, announce)
        release = _release(part, out, corpus, wanted, made)
        take_place(part, out)
    written, choice = made.written, made.choice
    redacted = dict(sorted(written.redacted.items()))
    return ExportReport(
        str(out), made.facts["round"], choice.train_rows, written.rows, written.files, redacted, made.shares,
        made.notes, release,
    )  # fmt: skip


@dataclass(frozen=True)
class _Made:
    """A folder with all but its manifest: facts of `status`, what was written and why, numbers of the rows, notes."""

    facts: dict[str, Any]
    written: Written
    choice: Choice
    numbers: dict[str, Any]
    notes: tuple[str, ...]
    left_out: dict[str, int]
    pictures: dict[str, Any]

    @property
    def shares(self) -> dict[str, dict[str, float]]:
        return {name: {"rows": rows, "tokens": tokens} for name, (rows, tokens) in self.choice.shares.items()}


def _make(
    part: Path, corpus: Corpus, wanted: ExportRequest, settings: ExportSettings, bar: Bar, announce: Announce
) -> _Made:
    store = corpus.store
    facts = status(store, wanted.as_of)
    there = collect(corpus, wanted)
    if there.admitted.is_empty():
        raise RefusedError(
            f"{store.path}: no admitted row to export{' since the last release' if wanted.since_release else ''}; run "
            "more rounds, and see `status` for what starves them"
        )
    announce(announcement(there, settings))
    kinds = tuple(kind for kind in KINDS if kind in wanted.kinds)
    heldout = HeldOut.load(store.heldout_dir, corpus.settings.recipe.gate)
    with bar(2 * len(there)) as progress:
        sources = scan(there, heldout, kinds, settings, progress)
        choice = choose(sources.entries, list(containers(frozenset(kinds))), settings, wanted.wishes)
        measured = Measured(
            corpus.anchor,
            corpus.encoder,
            _sampled(sources, settings),
            settings.seed,
            corpus.settings.recipe.gate.alpha_outside,
        )
        redactors = _redactors(wanted, settings)
        gallery = Gallery(store.pictures, part, wanted.pictures, _picture_scan(corpus, wanted, settings, redactors))
        gallery.check(sources.pictures)
        writer = Writer(part, kinds, sources, choice.keys, settings.keep_personal_data, redactors, gallery)
        if gallery.scans:
            for piece in there.pieces():
                writer.look(piece)
        written = _write(writer, there, settings, measured, progress)
    share = share_note(wanted, settings, corpus.settings.recipe.export)
    seen = gallery.facts()
    notes = (*choice.notes, *share, *scan_notes(sources), *written_notes(written), *picture_notes(seen))
    made = _Made(facts, written, choice, measured.facts(), notes, dict(sorted(sources.left_out.items())), seen)
    _describe(part, made, settings)
    return made


def _redactors(wanted: ExportRequest, settings: ExportSettings) -> tuple[Redactor, ...]:
    return (*wanted.redactors, *((Kingfisher(),) if settings.second_scan else ()))


def _picture_scan(
    corpus: Corpus, wanted: ExportRequest, settings: ExportSettings, redactors: tuple[Redactor, ...]
) -> PictureScan | None:
    """What looks at the words of pictures; None where none leaves, or where the recipe does not have them read."""
    if not (wanted.pictures and corpus.settings.recipe.pictures.ocr):
        return None
    return PictureScan(PictureWords(corpus.store.pictures), settings.keep_personal_data, redactors)


def _write(
    writer: Writer, there: ExportPool, settings: ExportSettings, measured: Measured, progress: Callable[[int], None]
) -> Written:
    for piece in there.pieces():
        progress(1)
        split = split_of(piece.task, there.aside, settings)
        counts = writer.add(piece, split)
        if split == "train":
            measured.add(piece, counts.get("sft", 0) + counts.get("lesson", 0))
    return writer.close()


def _describe(part: Path, made: _Made, settings: ExportSettings) -> None:
    """Configs for trainers, figures and the card."""
    written, note = made.written, floor_note(made.facts["anchor"])
    for name, text in stubs(written.rows, bool(made.pictures["files"])).items():
        path = part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    drawn = figures(part, made.facts, made.numbers)
    sources = [(*key, count) for key, count in sorted(written.sources.items())]
    redacted = dict(written.redacted)
    card = Card(made.facts, made.numbers, written.rows, sources, note, made.notes, redacted, settings, drawn)
    write_card(part / "README.md", card)


def _release(part: Path, out: Path, corpus: Corpus, wanted: ExportRequest, made: _Made) -> dict[str, Any]:
    """Write the manifest, and the event unless these rows are a release already; what the release is."""
    store, written, facts = corpus.store, made.written, made.facts
    key = content_hash(json.dumps(file_hashes(part), sort_keys=True), str(facts["round"]))
    number, added, removed, new = difference(releases(store), key, written.keys)
    release = {"number": number, "key": key, "added": len(added), "removed": len(removed)}
    facts = facts | {"redacted": dict(sorted(written.redacted.items())), "written": made.numbers}
    facts |= {"kinds": written.rows, "real_share_written": made.shares, "notes": list(made.notes)}
    facts |= {"left_out": made.left_out, "unheld": by_dialect(written), "pictures": made.pictures}
    facts["answers_first"] = dict(sorted(written.answers_first.items()))
    facts["odd_turns"] = by_oddity(written)
    facts["over_length"] = {"max_length": MAX_LENGTH, "rows": dict(sorted(written.over_length.items()))}
    facts |= {"release": release, "wanted": asdict(wanted), "seed": corpus.settings.recipe.export.seed}
    names = ("source", "licence", "origin")
    sources = [dict(zip(names, at, strict=True)) | {"pieces": n} for at, n in sorted(written.sources.items())]
    floor = floor_note(facts["anchor"])
    write_manifest(part, store, facts, written.files, sources=sources, floor=floor, as_of=wanted.as_of)
    if new:
        payload: dict[str, object] = {"out": str(out), "added": added, "removed": removed}
        payload["rows"] = sum(sum(splits.values()) for splits in written.rows.values())
        payload["manifest_sha256"] = hashlib.sha256((part / "manifest.json").read_bytes()).hexdigest()
        with store.writing():
            store.append_event("release", key, payload, facts["round"])
    return release | {"new": new}


def _sampled(sources: Scan, settings: ExportSettings) -> float:
    """The share of pieces to measure: all, or so many that about `measured_rows` rows are."""
    total = sum(max(entry.rows, default=1) for entry in sources.entries if entry.split == "train")
    return min(1.0, settings.measured_rows / max(1, total))


def _steered(corpus: Corpus) -> ExportSettings:
    """The corpus' own settings, with the real share that steering asks for while an alarm stands."""
    recipe = corpus.settings.recipe
    share = plan_of(corpus.store, corpus.anchor, recipe).real_share
    return recipe.export.model_copy(update={"real_share": share})
