"""The releases: what was exported when, what changed from one to the next, and what else happened to the corpus."""

from __future__ import annotations

import json
from typing import Any

from synthdata.corpus.releases import Release, frozen_because, members
from synthdata.dashboard.reading import Reading
from synthdata.dashboard.told import event_sentence
from synthdata.drawing import Bar

_LISTED = 200
# Releases stand above; labels come by the thousand.
_UNSHOWN = {"release", "label"}


def history(reading: Reading) -> dict[str, Any]:
    """What `releases.html` shows."""
    events = []
    for kind, number, payload in reading.events.select("kind", "round", "payload").iter_rows():
        if kind not in _UNSHOWN:
            events.append({"kind": kind, "round": number, "says": event_sentence(kind, json.loads(payload))})
    known = [(release, len(held)) for release, held in members(reading.releases)]
    return {
        "releases": [(item.key[:12], release_sentence(item, held)) for item, held in known[::-1][:_LISTED]],
        "total": len(known),
        "stacks": [
            (item.number, [Bar("kept", held - len(item.added), "pale"), Bar("new", len(item.added))])
            for item, held in known
        ],
        "events": events[::-1][:_LISTED],
        "all_events": len(events),
        "frozen_because": frozen_because(reading.store),
    }


def release_sentence(release: Release, held: int) -> str:
    """One export, told."""
    change = f"{len(release.added):,} new" + (f", {len(release.removed):,} gone" if release.removed else "")
    return (
        f"Release {release.number}, after round {release.round}: {held:,} sources of rows ({change}), written as "
        f"{release.rows:,} rows to {release.out}."
    )
