"""The releases: what was exported when, what changed from one to the next, and what else happened to the corpus."""

from __future__ import annotations

import json
from typing import Any

from synthdata.corpus.releases import canonical, frozen_because, members
from synthdata.dashboard.charts import Bar
from synthdata.dashboard.reading import Reading

_LISTED = 200
# Lists of ids are counted; the rest of an event is shown as it is.
_UNSHOWN = {"release", "label"}


def history(reading: Reading) -> dict[str, Any]:
    """What `releases.html` shows."""
    events = []
    for kind, key, number, payload in reading.events.select("kind", "key", "round", "payload").iter_rows():
        if kind not in _UNSHOWN:
            events.append({"kind": kind, "key": key, "round": number, "says": canonical(_short(json.loads(payload)))})
    known = [(release, len(held)) for release, held in members(reading.releases)]
    return {
        "releases": known[::-1][:_LISTED],
        "total": len(known),
        "stacks": [
            (item.number, [Bar("kept", held - len(item.added), "pale"), Bar("new", len(item.added))])
            for item, held in known
        ],
        "events": events[::-1][:_LISTED],
        "all_events": len(events),
        "frozen_because": frozen_because(reading.store),
    }


def _short(payload: dict[str, Any]) -> dict[str, Any]:
    return {
        k: f"{len(v)} of them" if isinstance(v, list) and len(v) > 5 else v for k, v in payload.items() if v is not None
    }
