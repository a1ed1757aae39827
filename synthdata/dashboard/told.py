"""What happened to a corpus as sentences: events of the store, each told to somebody who knows no field of it."""

from __future__ import annotations

from typing import Any

from synthdata.corpus.releases import canonical
from synthdata.dashboard.text import number
from synthdata.monitor.status import steering_note


def event_sentence(kind: str, said: dict[str, Any]) -> str:
    """One event in a sentence; what an older or a newer version wrote is shown field by field."""
    try:
        return _sentence(kind, said)
    except (KeyError, TypeError, ValueError):
        return canonical(_short(said))


def _sentence(kind: str, said: dict[str, Any]) -> str:
    match kind:
        case "freeze":
            return f"Exports were frozen: {said['reason']}."
        case "unfreeze":
            return f"Exports may leave again: {said['because']}. It was frozen because {said['was']}."
        case "read":
            parts = [f"{said[what]:,} {what}" for what in ("runs", "rows") if isinstance(said.get(what), int)]
            return f"{' and '.join(parts) or 'Something'} read from {said['source']}."
        case "spend":
            cost = f", {said['cost']:g} in money" if said.get("cost") else ""
            state = {"paid": "were paid for", "reserved": "were set aside"}[said["state"]]
            return f"{number(float(said['tokens']))} tokens {state}{cost}."
        case "steering":
            return steering_note(said)
    return _of_rows(kind, said)


def _of_rows(kind: str, said: dict[str, Any]) -> str:
    """Events after which other rows stand or count otherwise."""
    match kind:
        case "retract":
            rows = len(said["ids"]) + len(said["runs"]) + len(said["reference"])
            return f"{rows:,} rows and runs were taken back: {said['because']}."
        case "evict":
            return f"{len(said['ids']):,} redundant synthetic rows were let go: {said['because']}."
        case "supersede":
            return f"Lesson {said['id'][:12]} was marked as {said['status']}: {said['because']}."
        case "reanchor":
            return f"Anchor {said['after']['number']} was calibrated from newer real data: {said['because']}."
        case "epoch":
            made = f"{said['cells']} cells of {said['stands_on']:,} real contexts"
            moved = f"experience has moved by {said['drift']:.3f} nats"
            return f"Cells were made anew ({said['because']}): {made}; {moved}."
        case "adapter":
            kept = "kept" if said["kept"] else "rolled back"
            return f"An adapter was trained on release {said['release']} and {kept}."
    raise KeyError(kind)


def _short(said: dict[str, Any]) -> dict[str, Any]:
    """Lists of ids are counted; the rest of an event is shown as it is."""
    return {
        key: f"{len(value)} of them" if isinstance(value, list) and len(value) > 5 else value
        for key, value in said.items()
        if value not in (None, [], {})
    }
