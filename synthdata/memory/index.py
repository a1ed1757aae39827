"""All rows ever admitted, made searchable once a version of the decisions table and then opened memory-mapped.

Which of them are in the corpus now is asked of the store, not of the index: events do not make it old.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthdata.corpus import CorpusStore
from synthdata.corpus.derived import publish, sweep
from synthdata.corpus.events import without_removed
from synthdata.memory.words import WordIndex
from synthdata.protocols import Advance, Vectors, no_advance
from synthdata.records import Verdict

NAME = "lessons"
_ROWS, _VECTORS = "rows.arrow", "vectors.npy"
_COLUMNS = (
    "id", "round", "external_id", "task_id", "source", "licence", "trajectory_id", "judged", "content", "context",
    "payload",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LessonIndex:
    """Rows in order of round and position; `vectors` (n, d) unit length, `words` over all their text.

    A row's vector is the mean of its context's and its content's, so that one product with a query ranks by the mean of
    both cosines. `rows` has the columns of `decisions` that an answer shows, and `step` and `label` (good or bad): what
    the row's own review says of its focus step, null where it is no review.
    """

    rows: pl.DataFrame
    vectors: Vectors
    words: WordIndex


def open_index(store: CorpusStore) -> LessonIndex | None:
    """The saved index of the current table version; None where there is none that can be read."""
    folder = store.derived_dir / f"{store.decisions_table.version():08}" / NAME
    try:
        rows = pl.read_ipc(folder / _ROWS)
        vectors = np.load(folder / _VECTORS, mmap_mode="r", allow_pickle=False)
        words = WordIndex.load(folder)
    except (OSError, ValueError, pl.exceptions.PolarsError):
        # Missing or damaged: it is made again from the tables.
        return None
    return LessonIndex(rows, vectors, words) if len(vectors) == rows.height == len(words.lengths) else None


def build_index(store: CorpusStore, progress: Advance = no_advance) -> LessonIndex:
    """Make the index from the tables and publish it for the next reader; `progress` hears of every 1,000 rows.

    Where the folder cannot be written the index lives in memory alone.
    """
    version = store.decisions_table.version()
    columns = [*_COLUMNS, "content_vector", "context_vector"]
    frame = store.decisions(columns, where=pl.col("verdict") == str(Verdict.ADMIT))
    index = LessonIndex(
        _with_reviews(frame.select(_COLUMNS)), _means(store, frame), WordIndex.of(_texts(frame, progress))
    )
    # A cache: a disk that is full or read-only costs the next reader the time to make it again.
    with suppress(OSError):
        publish(store.derived_dir, version, NAME, lambda folder: _save(index, folder))
        sweep(store.derived_dir, version)
    return index


def present(index: LessonIndex, store: CorpusStore, as_of: int | None = None) -> NDArray[np.bool_]:
    """Which rows of the index are in the corpus, (n,): what `CorpusStore.admitted` says, from the index and the events.

    Raises:
        InputError: no such round.
    """
    rows = index.rows.select("id", "round").with_row_index("place")
    events = store.events(as_of=as_of)
    until = rows if as_of is None else rows.filter(pl.col("round") <= as_of)
    kept = without_removed(until, events)
    mask = np.zeros(rows.height, dtype=bool)
    mask[kept["place"].to_numpy()] = True
    return mask


def _save(index: LessonIndex, folder: Path) -> None:
    # One chunk and no compression, so that opening maps the file and reads nothing.
    index.rows.rechunk().write_ipc(folder / _ROWS, compression="uncompressed", record_batch_size=index.rows.height or 1)
    np.save(folder / _VECTORS, index.vectors, allow_pickle=False)
    index.words.save(folder)


def _texts(frame: pl.DataFrame, progress: Advance) -> Iterator[str]:
    for done, (context, content) in enumerate(frame.select("context", "content").iter_rows(), 1):
        yield f"{context}\n{content}"
        if done % 1000 == 0 or done == frame.height:
            progress((done - 1) % 1000 + 1)


def _means(store: CorpusStore, frame: pl.DataFrame) -> Vectors:
    content = store.vectors(frame, "content")
    if store.views == "one" or not len(content):
        return content
    both = content + store.vectors(frame, "context")
    lengths = np.linalg.norm(both, axis=1, keepdims=True)
    return np.asarray(both / np.where(lengths == 0.0, 1.0, lengths), dtype=np.float32)


def _with_reviews(rows: pl.DataFrame) -> pl.DataFrame:
    reviews = [_review(payload) for payload in rows["payload"]]
    return rows.with_columns(
        pl.Series("step", [step for step, _ in reviews], dtype=pl.Int64),
        pl.Series("label", [label for _, label in reviews], dtype=pl.String),
    )


def _review(payload: str) -> tuple[int | None, str | None]:
    """Focus step and its label; a candidate of a file may carry any payload."""
    try:
        record = json.loads(payload) if payload else None
        if not isinstance(record, dict) or not isinstance(record["focus"], int):
            return None, None
        step = record["focus"]
        labels = {item["label"] for item in record["steps"] if item["idx"] == step}
    except (ValueError, KeyError, TypeError):
        return None, None
    clear = labels & {"good", "bad"}
    return step, clear.pop() if len(clear) == 1 else None
