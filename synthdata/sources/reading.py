"""From the rows of files to records: which reader takes a row, what the operator's word adds, what is quarantined.

A row that cannot be used becomes a `QuarantinedRow` and the rest goes on; a path of which nothing can be used is an
`InputError`. No format is known here beyond the tuple of readers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from pathlib import Path
from typing import Protocol

from synthdata.errors import InputError
from synthdata.protocols import Pictures, Words
from synthdata.records import Origin, QuarantinedRow, Trajectory
from synthdata.settings import RuntimeSettings
from synthdata.sources import (
    adk,
    ag_ui,
    atif,
    claude_code,
    codex,
    crew_ai,
    inspect_log,
    lang_graph,
    letta,
    message_lines,
    mint,
    mlflow_traces,
    native,
    openai_chat,
    openclaw,
    openhands,
    os_world,
    otlp,
    smolagents,
    swe_agent,
    tape_agents,
    tau_bench,
    trace_stores,
    transcripts,
    verifiers,
    who_when,
)
from synthdata.sources.beginnings import without_beginnings
from synthdata.sources.called import called_run
from synthdata.sources.eval_files import eval_rows
from synthdata.sources.fields import RowError, shortened
from synthdata.sources.files import DOCUMENT_ROWS, Row, SourceFile, list_files, read_rows, refuse
from synthdata.sources.incomplete import missing_half
from synthdata.sources.intake import Intake, runs_with_pictures
from synthdata.sources.packing import check_file
from synthdata.sources.sessions import ReadRun, SessionItem
from synthdata.sources.settled import settled
from synthdata.sources.worded import run_with_words
from synthdata.sources.wrapped import agent_runs, conversations

_MAX_ROW_BYTES = RuntimeSettings().max_row_bytes
_SHOWN = 3
_RANK = {Origin.SYNTHETIC: 0, Origin.ON_POLICY: 1, Origin.REAL: 2}


class Reader(Protocol):
    """What a reader module offers: `sniff` gives None where it accepts a value, else its reason; `read` the runs."""

    NAME: str

    def sniff(self, value: object, /) -> str | None:
        """None, or why this reader cannot read the value."""

    def read(self, value: object, /) -> list[Trajectory]:
        """The runs in the value, without provenance; raises `RowError` where a field is not what it must be."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The operator's word on all runs of a path."""

    origin: Origin
    licence: str


READERS: tuple[Reader, ...] = (
    native, atif, tau_bench, swe_agent, mint, inspect_log, verifiers, openhands, tape_agents, smolagents, who_when,
    transcripts, openai_chat,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Session:
    """A reader of files whose rows are the events of a run, or the spans of a trace."""

    NAME: str
    sniff: Callable[[object], str | None]
    read: Callable[[Sequence[Row]], Iterator[SessionItem]]


SESSIONS: tuple[Session, ...] = (
    Session(claude_code.NAME, claude_code.sniff, claude_code.read_session),
    Session(codex.NAME, codex.sniff, codex.read_session),
    Session(otlp.NAME, otlp.sniff, otlp.read_session),
    Session(mlflow_traces.NAME, mlflow_traces.sniff, mlflow_traces.read_session),
    Session(trace_stores.NAME, trace_stores.sniff, trace_stores.read_session),
    Session(openhands.NAME, openhands.sniff_event, openhands.read_session),
    Session(openclaw.NAME, openclaw.sniff, openclaw.read_session),
    Session(smolagents.NAME, smolagents.sniff_step, smolagents.read_session),
    Session(os_world.NAME, os_world.sniff, os_world.read_session),
    Session(ag_ui.NAME, ag_ui.sniff, ag_ui.read_session),
    Session(letta.NAME, letta.sniff, letta.read_session),
    Session(lang_graph.NAME, lang_graph.sniff, lang_graph.read_session),
    Session(adk.NAME, adk.sniff, adk.read_session),
    Session(crew_ai.NAME, crew_ai.sniff, crew_ai.read_session),
    Session(message_lines.NAME, message_lines.sniff, message_lines.read_session),
)
# Rows at the beginning of a file that are looked at to tell a session from rows that are runs.
_LOOKED_AT = 50
# A folder of one file an event, as OpenHands keeps its sessions.
_EVENT_FILE = re.compile(r"(?:event-)?(\d{1,9})(?:-[\w-]{1,80})?\.json(?:\.gz)?")


def read_trajectories(
    path: Path | str,
    *,
    origin: Origin,
    licence: str = "",
    max_row_bytes: int = _MAX_ROW_BYTES,
    pictures: Pictures | None = None,
    words: Words | None = None,
) -> Iterator[Trajectory | QuarantinedRow]:
    """All runs of a file or folder, in the order of file name and line.

    `source` is the file's name relative to `path`; `origin` and `licence` are the operator's word (a record that names
    a lesser origin or a source of its own keeps it). A file is never held whole unless it is one JSON document or one
    session. A run that is the beginning of another one, in whatever file, is the same run and left out, so nothing
    comes before all is read.

    Pictures in the logs and beside them go to `pictures`; without one they are named by size and hash alone. One that
    cannot be used is a quarantined row of its own, and its run goes on. `words` reads those that a log says nothing of.

    Raises:
        InputError: nothing there, a damaged file, no usable run at all (with the first reasons), or a row that calls
            itself real while `origin` does not.
    """
    usable = 0
    first: list[QuarantinedRow] = []
    files = _grouped(list_files(path, transcripts.is_transcript))
    stamp = Stamp(origin, licence)
    read = (item for group in files for item in _group_trajectories(group, stamp, max_row_bytes, pictures))
    worded = read if words is None else (_worded(item, words) for item in read)
    for item in without_beginnings(worded):
        if isinstance(item, Trajectory):
            usable += 1
        elif len(first) < _SHOWN:
            first.append(item)
        yield item
    if not usable:
        raise InputError(_nothing(path, "trajectory", first))


def _worded(item: Trajectory | QuarantinedRow, words: Words) -> Trajectory | QuarantinedRow:
    return run_with_words(item, words) if isinstance(item, Trajectory) else item


def _grouped(files: Sequence[SourceFile]) -> Iterator[list[SourceFile]]:
    """Files one by one; those of a folder of events together, in the order of their numbers."""
    for name, group in groupby(files, _events_folder):
        listed = list(group)
        if not name:
            yield from ([file] for file in listed)
        else:
            yield sorted(listed, key=lambda file: int(_numbered(file)))


def _events_folder(file: SourceFile) -> str:
    folder, _, _ = file.name.rpartition("/")
    named = folder.rpartition("/")[2] == "events" or file.path.parent.name == "events"
    return folder or "." if named and not file.alone and _numbered(file) else ""


def _numbered(file: SourceFile) -> str:
    match = _EVENT_FILE.fullmatch(file.name.rpartition("/")[2])
    return match[1] if match else ""


def run_reader(value: object) -> str:
    """The name of the reader that takes a row as a run of an agent; empty where none does but that of chats."""
    rows = (reader.NAME for reader in READERS if reader.NAME != openai_chat.NAME and reader.sniff(value) is None)
    events = (session.NAME for session in SESSIONS if session.sniff(value) is None)
    return next(rows, "") or next(events, "") or ("wrapped messages" if agent_runs(value) else "")


def parts(row: Row | QuarantinedRow) -> list[Row | QuarantinedRow]:
    """A results file of tau2, a log of Inspect, a wrapped conversation as its rows; any other as itself."""
    if isinstance(row, QuarantinedRow):
        return [row]
    runs = tau_bench.split(row.value) or inspect_log.split(row.value) or conversations(row.value)
    if len(runs) == 1:
        return [Row(row.file, row.line, runs[0], row.size, row.repaired)]
    return [Row(row.file, number, run, repaired=row.repaired) for number, run in enumerate(runs, 1)] or [row]


def _group_trajectories(
    files: Sequence[SourceFile], stamp: Stamp, max_row_bytes: int, pictures: Pictures | None
) -> Iterator[Trajectory | QuarantinedRow]:
    """The runs of a file, or of the files of a folder of events, which are read as one."""
    first = files[0]
    if first.kind == "parquet":
        yield refuse(first, "trajectories are not read from Parquet; give them as JSON or JSONL")
        return
    rows = chain.from_iterable(_pictured(file, max_row_bytes, pictures) for file in files)
    head, session = _looked_at(rows, max_row_bytes)
    rest = chain(head, rows)
    if session is not None:
        yield from _session_runs(first, session, rest, DOCUMENT_ROWS * max_row_bytes, stamp)
        return
    for row in chain.from_iterable(map(parts, rest)):
        if isinstance(row, QuarantinedRow):
            yield row
        else:
            yield from _row_runs(row, stamp)


def _pictured(file: SourceFile, bound: int, pictures: Pictures | None) -> Iterator[Row | QuarantinedRow]:
    rows = rows_of(file, bound)
    return rows if pictures is None else runs_with_pictures(rows, Intake(pictures, file.path.parent))


def rows_of(file: SourceFile, max_row_bytes: int) -> Iterator[Row | QuarantinedRow]:
    """The rows of a file of runs, whatever packs them."""
    if file.kind == "eval":
        return eval_rows(file, max_row_bytes * DOCUMENT_ROWS)
    if file.kind == "protobuf":
        return otlp.protobuf_rows(file, max_row_bytes * DOCUMENT_ROWS)
    if transcripts.is_transcript(file):
        check_file(file)
        return transcripts.transcript_rows(file, max_row_bytes)
    return read_rows(file, max_row_bytes)


def _looked_at(rows: Iterator[Row | QuarantinedRow], bound: int) -> tuple[list[Row | QuarantinedRow], Session | None]:
    """The rows up to the first that some reader knows, and the session that this one belongs to."""
    head: list[Row | QuarantinedRow] = []
    size = 0
    for row in rows:
        head.append(row)
        if isinstance(row, QuarantinedRow):
            continue
        session = next((session for session in SESSIONS if session.sniff(row.value) is None), None)
        size += row.size
        if session or _reader(row.value) or parts(row) != [row] or len(head) >= _LOOKED_AT or size > bound:
            return head, session
    return head, None


def _reader(value: object) -> Reader | None:
    return next((reader for reader in READERS if reader.sniff(value) is None), None)


def _session_runs(
    file: SourceFile, session: Session, rows: Iterable[Row | QuarantinedRow], limit: int, stamp: Stamp
) -> Iterator[Trajectory | QuarantinedRow]:
    """The runs of a file of events; it is held in memory, up to `limit` bytes."""
    held: list[Row] = []
    size = 0
    for row in rows:
        if isinstance(row, QuarantinedRow):
            yield row
            continue
        held.append(row)
        size += row.size
        if size > limit:
            yield refuse(file, f"a session of more than {limit} bytes; split it or raise max_row_bytes")
            return
    places = {row.line: row for row in held}
    repaired = tuple(dict.fromkeys(note for row in held for note in row.repaired))
    for item in session.read(held):
        if isinstance(item, ReadRun):
            run = replace(item.run, notes=(*item.run.notes, *repaired)) if repaired else item.run
            yield _stamped(run, session.NAME, places[item.line], stamp)
        else:
            yield item


def _row_runs(row: Row, stamp: Stamp) -> list[Trajectory | QuarantinedRow]:
    reader = _reader(row.value)
    if reader is None:
        return [row.quarantined(f"no reader accepts this row: {_why_none(row.value)}")]
    try:
        runs = reader.read(row.value)
    except (RowError, RecursionError) as error:
        return [row.quarantined(f"{reader.NAME}: {error}")]
    if row.repaired:
        runs = [replace(run, notes=(*run.notes, *row.repaired)) for run in runs]
    return [_stamped(run, reader.NAME, row, stamp) for run in runs]


def _stamped(run: Trajectory, name: str, row: Row, stamp: Stamp) -> Trajectory | QuarantinedRow:
    if not run.agent_steps:
        return row.quarantined(f"{name}: no step of an agent in this run, so nothing to learn from")
    # Only a record of our own says where it comes from; in all others `origin` is the default of the class.
    claimed = run.origin if name == native.NAME else stamp.origin
    return replace(
        settled(run if name == native.NAME else called_run(run)),
        source=run.source or row.file,
        format=run.format or name,
        licence=stamp.licence or run.licence,
        origin=allowed_origin(claimed, stamp.origin, row),
    )


def allowed_origin(claimed: Origin, origin: Origin, row: Row) -> Origin:
    """The lesser of what a record says of itself and what the operator says of the file; real needs both.

    Raises:
        InputError: the record says real and the operator does not.
    """
    if claimed is Origin.REAL and origin is not Origin.REAL:
        message = (
            f'{row.file}, line {row.line}, field `origin`: "real". A file cannot make itself real; '
            "pass --origin real if you vouch for it, or remove the field. Nothing of the file was used"
        )
        raise InputError(message)
    return min(claimed, origin, key=_RANK.__getitem__)


# A key by which a log shows which reader it is meant for, though that reader does not take it.
_MEANT_FOR = {
    "schema_version": atif, "traj": tau_bench, "simulations": tau_bench, "trajectory": swe_agent, "state": mint,
    "samples": inspect_log, "nodes": verifiers, "traces": verifiers, "history": openhands, "lineage_depth": native,
    "steps": tape_agents, "messages": openai_chat, "contents": openai_chat, "conversations": openai_chat,
    "sessionId": claude_code, "payload": codex, "resourceSpans": otlp, "span_id": otlp, "run_type": trace_stores,
    "observations": trace_stores, "traceId": trace_stores, "parentId": openclaw,
}  # fmt: skip
_KEYS_SHOWN = 8


def _why_none(value: object) -> str:
    """The nearest reader's reason where a key shows which that is, else what was found; and what to write instead."""
    half = missing_half(value)
    if half:
        return half
    if isinstance(value, dict):
        nearest = next((reader for key, reader in _MEANT_FOR.items() if key in value), None)
        if nearest is not None:
            return f"{nearest.NAME}: {_reason(nearest.NAME, value)}"
        keys = [shortened(str(key), 40) for key in list(value)[:_KEYS_SHOWN]]
        more = f" and {len(value) - len(keys)} more" if len(value) > len(keys) else ""
        shape = f"an object of {', '.join(keys)}{more}" if keys else "an empty object"
    else:
        listed = f"a list of {len(value)}" if isinstance(value, list) else ""
        shape = listed or "neither an object nor a list"
    return f"{shape}; write runs as `messages` (`synthdata docs formats` shows how, in ten lines)"


def _reason(name: str, value: object) -> str:
    readers = [reader.sniff(value) for reader in READERS if name == reader.NAME]
    return readers[0] or "" if readers else next(s.sniff(value) or "" for s in SESSIONS if name == s.NAME)


def _nothing(path: Path | str, what: str, first: list[QuarantinedRow]) -> str:
    # The same reason once, with the first place that has it.
    places = {row.reason: row for row in reversed(first)}
    shown = [f"  {row.file}, line {row.line}: {row.reason}" for row in first if places[row.reason] is row]
    more = "\n".join(shown) or "  there is no row in it"
    return f"{path}: no usable {what}. The first reasons:\n{more}\n`synthdata docs formats` shows what can be read"
