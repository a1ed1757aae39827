"""Admitted rows to files that trainers read, with a manifest and a dataset card.

A folder is written under a temporary name and takes its place whole; the same corpus version gives the same bytes.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.corpus.tables import sync_path
from synthdata.errors import InputError, RefusedError
from synthdata.export.card import write_card
from synthdata.export.manifest import is_export, write_manifest
from synthdata.export.privacy import SECRET, Pseudonyms, redact_row, run_texts
from synthdata.export.rows import provenance_frame, training_rows, write_jsonl, write_parquet
from synthdata.judging.credentials import secret_values
from synthdata.settings import ExportSettings

__all__ = ["ExportReport", "export"]

PARQUET = "sft/train-00000-of-00001.parquet"
JSONL = "messages.jsonl"
PROVENANCE = "provenance.parquet"


@dataclass(frozen=True)
class ExportReport:
    """What was written: rows by file, relative to `out`, and the corpus it came from."""

    out: str
    round: int
    rows: int
    files: dict[str, int]
    redacted: dict[str, int]


def export(
    store: CorpusStore,
    out: Path,
    *,
    facts: Mapping[str, Any],
    note: str,
    settings: ExportSettings,
    as_of: int | None = None,
) -> ExportReport:
    """Write the admitted rows as of a round; `facts` are those of `status`, `note` says what the floor is relative to.

    Personal data is replaced by placeholders, the same in all rows of a run, unless the settings keep it; credentials
    are replaced in any case.

    Raises:
        RefusedError: fewer admitted rows than `settings.min_rows`.
        InputError: `out` holds something that is not an earlier export.
    """
    out = out.absolute()
    _check_target(out)
    frame = store.admitted(as_of)
    if frame.height < max(1, settings.min_rows):
        raise RefusedError(
            f"{store.path}: {frame.height} admitted rows, an export needs {max(1, settings.min_rows)}; "
            "run more rounds, and see `status` for what starves them"
        )
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "sft").mkdir(parents=True)
    rows, redacted = redacted_rows(store, frame, settings.keep_personal_data)
    write_jsonl(part / JSONL, rows)
    write_parquet(part / PARQUET, rows)
    provenance_frame(frame).write_parquet(part / PROVENANCE)
    write_card(part / "README.md", frame, facts, f"{note} {_privacy_note(redacted, settings.keep_personal_data)}")
    files = {JSONL: len(rows), PARQUET: len(rows), PROVENANCE: frame.height}
    write_manifest(
        part, store, {**facts, "redacted": redacted}, files, sources=_sources(frame), floor=note, as_of=as_of
    )
    _take_place(part, out)
    return ExportReport(str(out), facts["round"], len(rows), files, redacted)


def redacted_rows(store: CorpusStore, frame: pl.DataFrame, keep: bool) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The training rows without personal data unless `keep`, and how many values were replaced by kind.

    Placeholders are those of the row's run; a row without a stored run has its own.
    """
    ids = frame["trajectory_id"].to_list()
    known = set(store.experience_table.read(["id"])["id"])
    wanted = sorted(set(ids) & known)
    runs = (
        {run.id: Pseudonyms.of(run_texts(run), secret_values) for run in store.trajectories(wanted)} if wanted else {}
    )
    rows, counts = [], Counter[str]()
    for row, run in zip(training_rows(frame), ids, strict=True):
        own = Pseudonyms.of([message["content"] for message in row["messages"]], secret_values)
        # What only the row itself shows, such as a name that the reflecting model made up, comes after the run's.
        for pseudonyms in (runs[run], own) if run in runs else (own,):
            row, found = redact_row(row, pseudonyms.only(SECRET) if keep else pseudonyms)
            counts += found
        rows.append(row)
    return rows, dict(sorted(counts.items()))


def _privacy_note(redacted: Mapping[str, int], kept: bool) -> str:
    listed = ", ".join(f"{kind} {n}" for kind, n in redacted.items()) or "none found"
    return (
        f"Personal data was kept on request; credentials replaced: {listed}."
        if kept
        else f"Personal data replaced: {listed}."
    )


def _sources(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Distinct sources with licence, origin and how many of the exported rows come from them."""
    keys = ("source", "licence", "origin")
    return frame.group_by(keys).agg(pl.len().alias("rows")).sort(keys).to_dicts()


def _check_target(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; name a folder")
    # A manifest.json alone proves nothing: other tools write files of that name, and what is here would be deleted.
    if out.is_dir() and any(out.iterdir()) and not is_export(out):
        raise InputError(f"{out}: is not empty and not an earlier export; name another folder")
    out.parent.mkdir(parents=True, exist_ok=True)


def _take_place(part: Path, out: Path) -> None:
    for path in sorted(part.rglob("*")):
        sync_path(path)
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    part.rename(out)
    sync_path(out.parent)
    shutil.rmtree(old, ignore_errors=True)
