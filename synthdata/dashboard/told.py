"""What happened to a corpus as sentences: events of the store, each told to somebody who knows no field of it."""

from __future__ import annotations

from typing import Any

from synthdata.corpus.releases import canonical
from synthdata.dashboard.text import number
from synthdata.monitor.status import steering_note


def event_sentence(kind: str, payload: dict[str, Any]) -> str:
    """One event in a sentence; what an older or a newer version wrote is shown field by field."""
    try:
        return _sentence(kind, payload)
    except (KeyError, TypeError, ValueError):
        return canonical(_short(payload))


def _sentence(kind: str, payload: dict[str, Any]) -> str:
    match kind:
        case "freeze":
            return f"Exports were frozen: {payload['reason']}."
        case "unfreeze":
            return f"Exports may leave again: {payload['because']}. It was frozen because {payload['was']}."
        case "read":
            parts = [f"{payload[what]:,} {what}" for what in ("runs", "rows") if isinstance(payload.get(what), int)]
            return f"{' and '.join(parts) or 'Something'} read from {payload['source']}."
        case "spend":
            cost = f", {payload['cost']:g} in money" if payload.get("cost") else ""
            state = {"paid": "were paid for", "reserved": "were set aside"}[payload["state"]]
            return f"{number(float(payload['tokens']))} tokens {state}{cost}."
        case "steering":
            return steering_note(payload)
    return _of_rows(kind, payload)


def _of_rows(kind: str, payload: dict[str, Any]) -> str:
    """Events after which other rows stand or count otherwise."""
    match kind:
        case "retract":
            rows = len(payload["ids"]) + len(payload["runs"]) + len(payload["reference"])
            return f"{rows:,} rows and runs were taken back: {payload['because']}."
        case "evict":
            return f"{len(payload['ids']):,} redundant synthetic rows were let go: {payload['because']}."
        case "supersede":
            return f"Lesson {payload['id'][:12]} was marked as {payload['status']}: {payload['because']}."
        case "reanchor":
            return f"Anchor {payload['after']['number']} was calibrated from newer real data: {payload['because']}."
        case "epoch":
            made = f"{payload['cells']} cells of {payload['stands_on']:,} real contexts"
            moved = f"experience has moved by {payload['drift']:.3f} nats"
            return f"Cells were made anew ({payload['because']}): {made}; {moved}."
        case "adapter":
            kept = "kept" if payload["kept"] else "rolled back"
            return f"An adapter was trained on release {payload['release']} and {kept}."
    raise KeyError(kind)


def _short(payload: dict[str, Any]) -> dict[str, Any]:
    """Lists of ids are counted; the rest of an event is shown as it is."""
    return {
        key: f"{len(value)} of them" if isinstance(value, list) and len(value) > 5 else value
        for key, value in payload.items()
        if value not in (None, [], {})
    }
