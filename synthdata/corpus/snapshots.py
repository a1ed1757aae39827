"""The snapshots table: metrics of a round by view and name, each written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from synthdata.corpus.rows import SNAPSHOTS
from synthdata.corpus.tables import Table


def write_snapshot(table: Table, number: int, rows: Sequence[Mapping[str, Any]]) -> int:
    """Append metrics of a round whose view and name are new, in their order; how many that were."""
    known = table.read(["view", "metric"], pl.col("round") == number)
    new = {(row["view"], row["metric"]): {"round": number, **row} for row in rows}
    fresh = [new[key] for key in sorted(new.keys() - set(known.iter_rows()))]
    if fresh:
        table.append(pl.DataFrame(fresh, schema=SNAPSHOTS), {"round": str(number)})
    return len(fresh)
