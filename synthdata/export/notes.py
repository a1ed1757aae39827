"""What an export says in words: one line before it writes, and what was left out and why after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthdata.export.collect import ExportPool, ExportRequest
from synthdata.export.scan import Scan
from synthdata.export.stubs import MAX_LENGTH
from synthdata.export.write import LATE_SYSTEM, SEVERAL_CALLS, STRAY_ANSWER, Written
from synthdata.settings import ExportSettings
from synthdata.text.numbers import percent


def announcement(pool: ExportPool, settings: ExportSettings) -> str:
    """What will be written from what, and what is replaced, each with its switch."""
    parts = [f"{pool.admitted.height} admitted rows"]
    if pool.runs:
        parts.append(f"{len(pool.runs)} runs")
    if pool.reference:
        parts.append(
            f"{len(pool.reference)} rows of the reference, which come along as real data (--mix SHARE draws fewer, "
            "--no-reference none)"
        )
    hidden = (
        "secrets are replaced by placeholders, personal data is kept"
        if settings.keep_personal_data
        else "secrets and personal data are replaced by placeholders such as [NAME_1] (--keep-personal-data keeps the "
        "latter)"
    )
    return f"exporting {', '.join(parts)}; {hidden}"


def share_note(wanted: ExportRequest, used: ExportSettings, own: ExportSettings) -> tuple[str, ...]:
    """Where another real share was asked for than the corpus' own."""
    if not wanted.reference:
        return (f"no reference rows, by request: the real share of {percent(own.real_share)} is not held",)
    if used.real_share <= own.real_share:
        return ()
    why = "by request or while an alarm stands"
    return (f"at least {percent(used.real_share)} real rows instead of {percent(own.real_share)}, {why}",)


def scan_notes(sources: Scan) -> Iterator[str]:
    """What was left out of every file."""
    if sources.dropped:
        yield f"{len(sources.dropped)} real runs left out: they overlap with the held-out list"
    for why, count in sorted(sources.left_out.items()):
        yield f"{count} sources left out, or some of their rows: {why}"


def by_dialect(written: Written) -> dict[str, dict[str, int]]:
    """Rows that a dialect cannot hold, by dialect and reason."""
    made: dict[str, dict[str, int]] = {}
    for (dialect, reason), count in sorted(written.unheld.items()):
        made.setdefault(dialect, {})[reason] = count
    return made


# What templates that TRL ships, or that are common, do with such a turn.
_ELSEWHERE = {
    LATE_SYSTEM: "Qwen3.5's and Mistral's templates stop at it",
    STRAY_ANSWER: "gpt-oss' template stops at it",
    SEVERAL_CALLS: "Llama 3.1's and 3.2's templates stop at it, and gpt-oss' prints the first call alone",
}


def by_oddity(written: Written) -> dict[str, dict[str, int]]:
    """Rows with a turn that some templates stop at or cut, by reason and kind."""
    made: dict[str, dict[str, int]] = {}
    for (reason, kind), count in sorted(written.odd_turns.items()):
        made.setdefault(reason, {})[kind] = count
    return made


def picture_notes(pictures: Mapping[str, Any]) -> Iterator[str]:
    """Pictures that left as words, and those that nobody looked at."""
    for kind, count in pictures["as_words"].items():
        if count:
            cure = "" if pictures["files"] else " (--pictures lets them leave)"
            yield f"{count} pictures in rows of {kind} left as words such as [picture 640x480]{cure}"
    withheld = pictures["withheld"]
    if pictures["files"] and withheld is None:
        files = pictures["files"]
        cure = "a corpus made with recipe.pictures.ocr reads them"
        yield f"pictures that left unread, and what they show with them: {files} ({cure})"
    for what, count in (withheld or {}).get("because_of", {}).items():
        yield f"pictures that left as words alone, since they show {what}: {count}"


def written_notes(written: Written) -> Iterator[str]:
    """What other dialects cannot hold, and rows that are longer than the configs read."""
    for dialect, reasons in by_dialect(written).items():
        why = "; ".join(f"{reason} ({count})" for reason, count in reasons.items())
        yield f"{dialect}/ lacks {sum(reasons.values())} rows, which its format cannot hold: {why}"
    for kind, count in sorted(written.over_length.items()):
        yield (
            f"{count} rows of {kind} are longer than about {MAX_LENGTH:,} tokens, at which the configs cut them: raise "
            "max_length (sequence_len, cutoff_len) there"
        )
    if written.answers_first:
        rows = ", ".join(f"{count} rows of {kind}" for kind, count in sorted(written.answers_first.items()))
        yield (
            f"in {rows} the assistant speaks before any user: templates that demand a user first (Gemma's, Cohere's, "
            "Mistral's) stop on them; for such a model admit these chats with a user's turn before the greeting"
        )
    for reason, kinds in by_oddity(written).items():
        rows = ", ".join(f"{count} rows of {kind}" for kind, count in kinds.items())
        yield f"{rows} have {reason}, as they came: {_ELSEWHERE[reason]}; most others take it"
