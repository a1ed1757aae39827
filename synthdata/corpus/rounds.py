"""Rounds in the decisions table: the one commit that makes a round exist, and what is asked about rounds.

The caller holds the writer lock. Everything is answered from columns, never from Delta's history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from synthdata.corpus.rows import DECISIONS, ViewVectors, decision_frame
from synthdata.corpus.tables import Table
from synthdata.errors import CorruptStoreError, InputError
from synthdata.records import Decision, Verdict

# `inherit` enters rows that were trained on before; `reconsider` may decide the same candidates once more.
ROUND_KINDS = ("round", "inherit", "reconsider")

_APPLICATION = "round"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all rows of a round share: its key, the recipe's fingerprint, the anchor's number and its kind."""

    round_key: str
    recipe: str
    anchor: int
    kind: str = "round"


def commit(table: Table, decisions: Sequence[Decision], vectors: Mapping[str, ViewVectors], stamp: Stamp) -> int:
    """Append the decisions that are new under this recipe and anchor as the next round; the round that holds them.

    Raises:
        InputError: two decisions on one candidate, or an unknown kind.
        CorruptStoreError: the next round number is already taken.
    """
    _refuse_doubles(decisions, stamp.kind)
    committed = find(table, stamp.round_key)
    if committed is not None:
        return committed
    names = [item.candidate.id for item in decisions]
    known = set() if stamp.kind == "reconsider" else decided(table, names, stamp.recipe, stamp.anchor)
    fresh = [item for item in decisions if item.candidate.id not in known]
    if not fresh:
        return latest(table)
    number = latest(table) + 1
    delta = table.open()
    if (delta.transaction_version(_APPLICATION) or 0) >= number:
        raise CorruptStoreError(f"{table.folder}: round {number} was committed before but has no rows; run `verify`")
    shared = {"round": number, "parent_version": int(delta.version()), **asdict(stamp)}
    frame = decision_frame(fresh, vectors).with_columns(
        pl.lit(value, dtype=DECISIONS[name]).alias(name) for name, value in shared.items()
    )
    counts = {str(verdict): str(sum(item.verdict is verdict for item in fresh)) for verdict in Verdict}
    metadata = {"round": str(number), "round_key": stamp.round_key, "candidates": str(len(fresh)), **counts}
    table.append(frame, metadata, (_APPLICATION, number))
    return number


def read(table: Table, columns: Sequence[str], where: pl.Expr | None) -> pl.DataFrame:
    """These columns of the decisions that `where` lets through, by round and row."""
    extra = [name for name in ("round", "row") if name not in columns]
    return table.read([*columns, *extra], where).sort("round", "row").select(columns)


def latest(table: Table) -> int:
    """The number of the last round, 0 before the first."""
    return table.largest_key()


def find(table: Table, round_key: str) -> int | None:
    """The round that was committed under this key."""
    rounds = table.read(["round"], pl.col("round_key") == round_key)["round"]
    return None if rounds.is_empty() else int(rounds.item(0))


def decided(table: Table, ids: Sequence[str], recipe: str, anchor: int) -> set[str]:
    """Of these candidates the ids of those that have a verdict under this recipe fingerprint and anchor number."""
    same = (pl.col("recipe") == recipe) & (pl.col("anchor") == anchor)
    return set(table.read(["id"], pl.col("id").is_in(ids) & same)["id"])


def summary(table: Table, where: pl.Expr | None) -> pl.DataFrame:
    """One row a round: number, key, kind, recipe, anchor, `candidates` and verdicts as counts, version."""
    same = ("round_key", "kind", "recipe", "anchor", "parent_version")
    counts = [(pl.col("verdict") == str(v)).sum().cast(pl.Int64).alias(str(v)) for v in Verdict]
    firsts = [pl.col(name).first() for name in same]
    frame = table.read(["round", "verdict", *same], where)
    grouped = frame.group_by("round").agg(*firsts, pl.len().cast(pl.Int64).alias("candidates"), *counts)
    return grouped.sort("round").with_columns(version=pl.col("parent_version") + 1).drop("parent_version")


def named(table: Table, name: str, until: pl.Expr | None) -> dict[str, Any] | None:
    """The latest decision on the candidate with this id, this external id, or an id that begins so; else None.

    Raises:
        InputError: several candidates answer to it.
    """
    index = table.read(["id", "external_id", "round"], until).sort("round", "id")
    matches = (pl.col("id") == name, pl.col("external_id") == name, pl.col("id").str.starts_with(name))
    for match in matches if name else ():
        named_rows = index.filter(match)
        ids = named_rows["id"].unique(maintain_order=True).to_list()
        if len(ids) > 1:
            raise InputError(
                f"{name!r} names {len(ids)} candidates: {', '.join(ids[:10])}; give more characters of the id"
            )
        if ids:
            where = (pl.col("id") == ids[0]) & (pl.col("round") == named_rows["round"].item(-1))
            return table.read(None, where).row(0, named=True)
    return None


def _refuse_doubles(decisions: Sequence[Decision], kind: str) -> None:
    if kind not in ROUND_KINDS:
        raise InputError(f"unknown kind of round {kind!r}; there are {', '.join(ROUND_KINDS)}")
    seen: set[str] = set()
    for item in decisions:
        if item.candidate.id in seen:
            raise InputError(f"candidate {item.candidate.id} is decided twice in one round; number its occurrences")
        seen.add(item.candidate.id)
