"""Decisions counted by round and by what is said of them, so that `status` and the pages read no row for a number."""

from __future__ import annotations

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.errors import InputError
from synthdata.monitor.carried import carried
from synthdata.records import Verdict

# What rows of one round may differ in; each combination is one line with its number of `rows`.
COLUMNS = (
    "round", "kind", "anchor", "verdict", "stage", "reason", "cell", "origin", "source", "judged",
)  # fmt: skip
_KINDS = dict.fromkeys(COLUMNS, pl.String()) | dict.fromkeys(("round", "anchor", "cell"), pl.Int64())
_NONE = pl.DataFrame(schema={**_KINDS, "rows": pl.Int64()})


def tally(store: CorpusStore, as_of: int | None = None) -> pl.DataFrame:
    """All decisions up to a round, counted: COLUMNS and `rows`, by round.

    Raises:
        InputError: no such round.
        CorruptStoreError: the table of decisions cannot be read.
    """
    counted = carried(store, "tallies", _NONE, COLUMNS, None, _counted)
    latest = int(counted["round"].max() or 0)  # type: ignore[arg-type]
    if as_of is None:
        return counted
    if not 0 <= as_of <= latest:
        raise InputError(f"{store.path}: no round {as_of}; the last one is {latest}")
    return counted.filter(pl.col("round") <= as_of)


def _counted(known: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    counts = rows.group_by(COLUMNS).agg(rows=pl.len().cast(pl.Int64))
    return pl.concat([known, counts.sort(COLUMNS, nulls_last=True)])


def rounds_of(counted: pl.DataFrame) -> pl.DataFrame:
    """One row a round: number, kind, anchor, `candidates` and each verdict as counts."""
    counts = [pl.col("rows").filter(pl.col("verdict") == str(v)).sum().alias(str(v)) for v in Verdict]
    firsts = [pl.col("kind").first(), pl.col("anchor").first()]
    return counted.group_by("round").agg(*firsts, pl.col("rows").sum().alias("candidates"), *counts).sort("round")


def total(counted: pl.DataFrame, column: str) -> dict[str, int]:
    """Rows by value of a column, most first, then by value; rows without a value are left out."""
    sums = counted.drop_nulls(column).group_by(column).agg(pl.col("rows").sum())
    return dict(sorted(sums.iter_rows(), key=lambda pair: (-pair[1], pair[0])))
