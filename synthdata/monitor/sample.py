"""A sample of the admitted rows with their vectors, so that a map or a distribution does not read them all.

It holds those with the smallest ids: an id is a hash of its row, so that they are spread over all rows evenly, and
those of all rounds are found among those of each.
"""

from __future__ import annotations

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.corpus.events import without_removed
from synthdata.monitor.carried import carried

# More than is ever drawn, since rows of other anchors and removed ones are left out.
MOST = 1000
COLUMNS = ("id", "round", "anchor", "cell", "content", "context_vector", "content_vector")
_VECTOR = pl.List(pl.Float32)
_NONE = pl.DataFrame(
    schema={"id": pl.String, "round": pl.Int64, "anchor": pl.Int64, "cell": pl.Int64}
    | {"context_vector": _VECTOR, "content_vector": _VECTOR, "words": pl.Int64}
)


def admitted_sample(store: CorpusStore, as_of: int | None = None) -> pl.DataFrame:
    """At most MOST admitted rows that no event removed: id, round, anchor, cell, both vectors and number of `words`.

    Raises:
        CorruptStoreError: the table of decisions cannot be read.
    """
    admitted = pl.col("verdict") == "admit"
    if as_of is None:
        rows = carried(store, "samples", _NONE, COLUMNS, admitted, _sampled)
    else:
        ids = store.decisions(["id"], as_of, admitted)["id"].unique().sort()[:MOST]
        rows = _sampled(_NONE, store.decisions(COLUMNS, as_of, admitted & pl.col("id").is_in(ids.to_list())))
    return without_removed(rows, store.events(as_of=as_of)).sort("id")


def _sampled(known: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the smallest ids; of two of one id both stay, since only one may have been removed."""
    ids = pl.concat([known["id"], rows["id"]]).unique().sort()[:MOST]
    fresh = rows.filter(pl.col("id").is_in(ids.implode()))
    words = pl.Series("words", [len(text.split()) for text in fresh["content"]], dtype=pl.Int64)
    fresh = fresh.drop("content").with_columns(words)
    return pl.concat([known.filter(pl.col("id").is_in(ids.implode())), fresh])
