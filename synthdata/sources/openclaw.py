"""OpenClaw (and pi) sessions: JSONL of entries, the conversation in those of type `message`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from synthdata.sources.fields import RowError, as_object
from synthdata.sources.files import Row
from synthdata.sources.parts import Answer
from synthdata.sources.sessions import ReadRun, SessionItem, each_row, run_of
from synthdata.sources.steps import Draft, close
from synthdata.sources.turn_reader import TurnReader, folded

NAME = "openclaw"
_ENTRIES = ("session", "model_change", "thinking_level_change", "custom", "custom_message", "compaction", "label",
            "branch_summary", "session_info")  # fmt: skip
ERROR = "the model's answer broke off with an error"


def sniff(value: object) -> str | None:
    """None if this row is an entry of a session, else why not."""
    entry = isinstance(value, dict) and "id" in value and "timestamp" in value and "sessionId" not in value
    if entry and isinstance(value, dict):
        if value.get("type") == "message" and isinstance(value.get("message"), dict) and "role" in value["message"]:
            return None
        if value.get("type") in _ENTRIES and ("parentId" in value or value["type"] == "session"):
            return None
    return "no OpenClaw entry (`type` message with `message.role`, `id` and `timestamp`)"


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The session as one run, along the branch on which it ended; the others were given up by the user."""
    entries, refused = each_row(rows, _entry)
    yield from refused
    kept = _last_branch(entries)
    turns: list[Draft | Answer] = []
    reader = TurnReader()
    model = ""
    for row, entry in kept:
        try:
            message = as_object(entry.get("message"), "message")
            read = reader.add(message, f"line {row.line}")
        except RowError as error:
            yield row.quarantined(str(error))
            continue
        model = model or str(message.get("model") or "")
        if message.get("stopReason") in ("error", "aborted"):
            for turn in read:
                if isinstance(turn, Draft):
                    turn.unfit.append(ERROR)
        turns += read
    left = len(entries) - len(kept)
    notes = [f"{left} messages of branches that were given up are left out"] if left else []
    yield ReadRun(rows[0].line, run_of(close(folded(turns)), model, notes))


Entry = tuple[Row, dict[str, object]]


def _entry(row: Row) -> Entry | None:
    value = as_object(row.value, "entry")
    if not isinstance(value.get("type"), str):
        raise RowError("not an entry of an OpenClaw session")
    return (row, value) if value["type"] == "message" else None


def _last_branch(entries: Sequence[Entry]) -> list[Entry]:
    """From the last entry back along `parentId`; all entries where these links are missing or lead nowhere."""
    by_id = {str(entry["id"]): (row, entry) for row, entry in entries if entry.get("id") is not None}
    if not entries or any("parentId" not in entry for _, entry in entries):
        return list(entries)
    path: list[Entry] = []
    passed: set[str] = set()
    name = str(entries[-1][1].get("id"))
    while name in by_id and name not in passed:
        passed.add(name)
        path.append(by_id[name])
        name = str(by_id[name][1].get("parentId"))
    began = {str(entry.get("parentId")) for _, entry in entries} - set(by_id)
    # Links through entries that are no messages cannot be followed here: then nothing was given up.
    return path[::-1] if str(path[-1][1].get("parentId")) in began and len(began) == 1 else list(entries)
