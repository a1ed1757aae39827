"""Which pictures the rows of a corpus name, and what is wrong with those that it keeps.

Pictures have no seal of their own: each is named by its hash, and the rows that name it are sealed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from synthdata.corpus.beginning import ANCHORS
from synthdata.corpus.seals import REPAIR
from synthdata.corpus.store import CorpusStore
from synthdata.errors import CorruptStoreError
from synthdata.io.refusals import unless_refused

# In the JSON of a chat's part and of a run's record; a text that holds the same is escaped there.
_NAMED = r'(?:[^\\]|^)"picture": ?"([0-9a-f]{64}\.(?:png|jpg))"'


def named_pictures(store: CorpusStore) -> set[str]:
    """The names of all pictures that a decision, a run or a row of a reference names, retracted ones included.

    Raises:
        CorruptStoreError: a reference cannot be read.
    """
    named: set[str] = set()
    for table, column in ((store.decisions_table, "chat"), (store.experience_table, "record")):
        named |= _named_in(table.read([column], pl.col(column).str.contains('"picture"', literal=True))[column])
    for path in sorted((store.path / ANCHORS).glob("*/reference.parquet")):
        try:
            # One of an older corpus has no chats.
            if "chat" in pl.read_parquet_schema(path):
                named |= _named_in(pl.read_parquet(path, columns=["chat"])["chat"])
        except (pl.exceptions.PolarsError, OSError) as error:
            damage = CorruptStoreError(f"{path}: cannot be read ({error}); {REPAIR}")
            raise unless_refused(error, path, damage) from error
    return named


def round_pictures(store: CorpusStore, number: int) -> list[str]:
    """The names of the pictures that a round shows, as often as it does: in its chats, then in runs it speaks of."""
    where = pl.col("round") == number
    chats = store.decisions(["chat"], where=where & pl.col("chat").str.contains('"picture"', literal=True))["chat"]
    names = [name for chat in chats for name in re.findall(_NAMED, chat)]
    spoken = set(store.decisions(["trajectory_id"], where=where)["trajectory_id"]) - {""}
    if not spoken:
        return names
    # By number, which files of the table are sorted by: those without such a run are not opened.
    index = store.experience_table.read(["id", "seq"]).filter(pl.col("id").is_in(sorted(spoken)))
    seen = pl.col("seq").is_in(index["seq"].to_list()) & pl.col("record").str.contains(_NAMED)
    runs = store.experience_table.read(["seq", "record"], seen).sort("seq")["record"] if index.height else ()
    return [*names, *(name for record in runs for name in re.findall(_NAMED, record))]


def picture_faults(store: CorpusStore) -> Iterator[tuple[str, str]]:
    """The path of each picture that is missing, changed or no picture's, and what is wrong."""
    picture_store = store.pictures
    there = set(picture_store.names())
    for name in sorted(named_pictures(store) - there):
        yield str(picture_store.path(name).relative_to(store.path)), "is named by a row and is missing"
    for name in sorted(there):
        if not picture_store.sound(name):
            yield str(picture_store.path(name).relative_to(store.path)), "is not what its name says"
    for path in picture_store.other_files():
        yield str(path.relative_to(store.path)), "is there, but is no picture of this corpus"


def _named_in(texts: pl.Series) -> set[str]:
    return {name for text in texts.drop_nulls() for name in re.findall(_NAMED, text)}
