"""What happens to rows after their decision: the closed list of event kinds and what they take away.

An event is never edited; a second one of the same kind and key is the same event.
"""

from __future__ import annotations

import polars as pl

from synthdata.records import canonical_json

EVENT_KINDS = (
    "retract", "evict", "freeze", "unfreeze", "supersede", "label", "spend", "reanchor", "steering", "adapter",
    "release",
)  # fmt: skip

# The payload of these carries `ids`, the candidates that stop being admitted.
REMOVING = ("retract", "evict")


def event_frame(kind: str, key: str, payload: dict[str, object], round_number: int, seq: int) -> pl.DataFrame:
    """One event as a row of the events table."""
    row = {"seq": seq, "kind": kind, "key": key, "round": round_number, "payload": canonical_json(payload)}
    return pl.DataFrame([row], schema_overrides={"seq": pl.Int64, "round": pl.Int64})


def without_removed(admitted: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The admitted rows (columns `id`, `round`) that no removing event of their round or a later one names.

    A row that is admitted again after its removal is back.
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
    return joined.filter(pl.col("removed_at").is_null() | (pl.col("round") > pl.col("removed_at"))).drop("removed_at")
