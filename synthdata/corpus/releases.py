"""Releases: every export is one, recorded as an event with its difference from the one before.

Membership is not stored whole: the rows of a release follow from the differences up to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import polars as pl

from synthdata.corpus import CorpusStore


@dataclass(frozen=True)
class Release:
    """A release as recorded; `added` and `removed` are keys of rows against the release before it.

    A key is the id of a candidate, of a run, or of a reference row.
    """

    number: int
    key: str
    out: str
    round: int
    rows: int
    added: tuple[str, ...]
    removed: tuple[str, ...]


def releases(store: CorpusStore) -> list[Release]:
    """All releases in their order."""
    known = []
    for number, (key, at, payload) in enumerate(
        store.events("release").select("key", "round", "payload").iter_rows(), 1
    ):
        values: dict[str, Any] = json.loads(payload)
        known.append(
            Release(number, key, values["out"], at, values["rows"], tuple(values["added"]), tuple(values["removed"]))
        )
    return known


def members(known: Sequence[Release]) -> Iterator[tuple[Release, frozenset[str]]]:
    """Each release with the keys that it holds."""
    held: set[str] = set()
    for release in known:
        held.difference_update(release.removed)
        held.update(release.added)
        yield release, frozenset(held)


def holding(known: Sequence[Release], keys: AbstractSet[str]) -> list[tuple[Release, int]]:
    """The releases that held any of the keys, and how many of them each held."""
    counted = ((release, len(held & keys)) for release, held in members(known))
    return [(release, count) for release, count in counted if count]


def difference(known: Sequence[Release], key: str, keys: Iterable[str]) -> tuple[int, list[str], list[str], bool]:
    """Number, added and removed keys of the release `key`, and whether it is new: the same rows again are the same."""
    held: frozenset[str] = frozenset()
    for release, now in members(known):
        if release.key == key:
            return release.number, list(release.added), list(release.removed), False
        held = now
    mine = set(keys)
    return len(known) + 1, sorted(mine - held), sorted(held - mine), True


def last_round(known: Sequence[Release], as_of: int | None) -> int:
    """The round of the latest release up to a round, 0 before the first."""
    return max((release.round for release in known if as_of is None or release.round < as_of), default=0)


def frozen_because(store: CorpusStore) -> str | None:
    """Why the corpus is frozen: what the last freeze without a later unfreeze says; None where it is not."""
    events = store.events().filter(pl.col("kind").is_in(["freeze", "unfreeze"]))
    if events.is_empty() or events["kind"].item(-1) == "unfreeze":
        return None
    payload_values: dict[str, Any] = json.loads(events["payload"].item(-1))
    return str(payload_values.get("reason") or payload_values.get("because") or canonical(payload_values))


def canonical(value: dict[str, Any]) -> str:
    """A payload as one line, for people."""
    return ", ".join(f"{key}: {value[key]}" for key in sorted(value)) or "no reason was given"
