"""What happens to rows after their decision: the closed list of event kinds and what they take away.

An event is never edited; a second one of the same kind and key is the same event.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from synthdata.corpus.tables import Table, both
from synthdata.errors import InputError
from synthdata.records import canonical_json

EVENT_KINDS = (
    "retract", "evict", "freeze", "unfreeze", "supersede", "label", "spend", "reanchor", "steering", "adapter",
    "release", "read", "epoch", "retry",
)  # fmt: skip

# The payload of these carries `ids`, the candidates that stop being admitted.
REMOVING = ("retract", "evict")


def append_event(table: Table, kind: str, key: str, payload: dict[str, object], round_number: int) -> bool:
    """Append an event unless one of this kind and key is there; whether it was new.

    Raises:
        InputError: an unknown kind, or a removal that does not say what it removes.
    """
    if kind not in EVENT_KINDS:
        raise InputError(f"unknown event {kind!r}; there are {', '.join(EVENT_KINDS)}")
    if kind in REMOVING and not isinstance(payload.get("ids"), list):
        raise InputError(f"event {kind} {key!r}: the payload needs `ids`, a list of candidate ids")
    known = table.read(["kind", "key"])
    if known.filter((pl.col("kind") == kind) & (pl.col("key") == key)).height:
        return False
    row = {"seq": known.height, "kind": kind, "key": key, "round": round_number, "payload": canonical_json(payload)}
    table.append(pl.DataFrame([row], schema=table.schema), {"kind": kind, "key": key})
    return True


def event_payload(table: Table, kind: str, key: str) -> dict[str, Any] | None:
    """What the event of this kind and key says; None where there is none."""
    payloads = table.read(["payload"], (pl.col("kind") == kind) & (pl.col("key") == key))["payload"]
    return None if payloads.is_empty() else dict(json.loads(payloads.item(0)))


def chosen_events(events: pl.DataFrame, kind: str | None, where: pl.Expr | None) -> pl.DataFrame:
    """Events of that kind, by default of every kind, that `where` lets through, in the order of their appending."""
    of_kind = None if kind is None else pl.col("kind") == kind
    asked = both(of_kind, where)
    return (events if asked is None else events.filter(asked)).sort("seq")


def without_removed(admitted: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The admitted rows (columns `id`, `round`) that no removing event of their round or a later one names.

    A row that is admitted again after its removal is back; of several rows of one candidate the first is given.
    """
    removed = (
        events.filter(pl.col("kind").is_in(REMOVING))
        .select(pl.col("payload").str.json_decode(pl.Struct({"ids": pl.List(pl.String)})).struct.field("ids"), "round")
        .explode("ids", empty_as_null=True)
        .group_by("ids")
        .agg(pl.col("round").max().alias("removed_at"))
        .rename({"ids": "id"})
    )
    joined = admitted.join(removed, on="id", how="left", maintain_order="left")
    kept = joined.filter(pl.col("removed_at").is_null() | (pl.col("round") > pl.col("removed_at"))).drop("removed_at")
    return kept.unique("id", keep="first", maintain_order=True)
