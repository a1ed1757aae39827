"""What the pages read, once a version of the corpus: counts and verdicts of all decisions, never all their texts.

A page asks for what it shows, so each part is read when it is first asked for and kept until the corpus changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import polars as pl

from synthdata.corpus import CorpusStore
from synthdata.corpus.releases import Release, releases
from synthdata.dashboard.coverage import Map, make_map
from synthdata.monitor.status import Facts
from synthdata.monitor.status import status as facts_of
from synthdata.monitor.tally import rounds_of, tally

if TYPE_CHECKING:
    from synthdata.dashboard.distributions import Shape

# What lists filter and sort by; everything else is read for the rows of one page or one round alone.
INDEX = ("round", "row", "verdict", "reason", "cell", "score", "source")
SHOWN = (
    "id", "stage", "judged", "threshold", "trajectory_id", "origin", "external_id", "content", "context",
    "neighbour_id", "task_id",
)  # fmt: skip
_WORDS = ("content", "context", "external_id", "id")


class Reading:
    """A corpus at one version, as it stood after round `as_of` where one is given; `version` names the state of it."""

    def __init__(self, store: CorpusStore, version: str, as_of: int | None = None) -> None:
        self.store = store
        self.version = version
        self.as_of = as_of
        self.shapes: list[Shape] | None = None
        self._found: dict[str, pl.DataFrame] = {}

    @cached_property
    def facts(self) -> Facts:
        """The facts of `status`: the pages show the same numbers."""
        return facts_of(self.store, self.as_of)

    @cached_property
    def index(self) -> pl.DataFrame:
        """All decisions by round and row, with the columns of INDEX: what a list of them needs."""
        return self.store.decisions(INDEX, self.as_of)

    @cached_property
    def tally(self) -> pl.DataFrame:
        """All decisions counted by round and by what is said of them: what a number needs."""
        return tally(self.store, self.as_of)

    @cached_property
    def rounds(self) -> pl.DataFrame:
        """One row a round."""
        return rounds_of(self.tally)

    def of_round(self, number: int) -> pl.DataFrame:
        """The tally of one round."""
        return self.tally.filter(pl.col("round") == number)

    def runs_of(self, number: int) -> int:
        """How many trajectories the rows of one round speak of."""
        runs = self.store.decisions(["trajectory_id"], self.as_of, pl.col("round") == number)["trajectory_id"]
        return runs.filter(runs != "").n_unique()

    @cached_property
    def snapshots(self) -> pl.DataFrame:
        """Metrics by round, view and metric."""
        return self.store.snapshots(self.as_of)

    @cached_property
    def events(self) -> pl.DataFrame:
        """What happened to rows and to the corpus after decisions, in order."""
        return self.store.events(as_of=self.as_of)

    @cached_property
    def releases(self) -> list[Release]:
        """All exports in their order, up to the round that is looked at."""
        return [item for item in releases(self.store) if self.as_of is None or item.round <= self.as_of]

    @cached_property
    def map(self) -> Map:
        """The regions of experience under the current anchor."""
        return make_map(self.store, self.as_of)

    def texts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The texts of rows of `index`, joined to them in their order; files of other rounds are not opened."""
        rounds, numbers = rows["round"].unique().to_list(), rows["row"].unique().to_list()
        where = pl.col("round").is_in(rounds) & pl.col("row").is_in(numbers)
        frame = self.store.decisions(["round", "row", *SHOWN], self.as_of, where)
        return rows.join(frame, on=["round", "row"], how="left", maintain_order="left")

    def matching(self, words: str) -> pl.DataFrame:
        """`round` and `row` of the decisions whose content, context or ids hold these words in any case.

        The last searches are kept, so that turning pages does not read all texts again.
        """
        lowered = words.lower()
        if lowered not in self._found:
            holds = [pl.col(name).str.to_lowercase().str.contains(lowered, literal=True) for name in _WORDS]
            matches = self.store.decisions(["round", "row"], self.as_of, pl.any_horizontal(holds))
            self._found = dict(list(self._found.items())[-7:]) | {lowered: matches}
        return self._found[lowered]


class Reader:
    """Hands out the current reading of a corpus folder; a change in any of its tables makes the next one new."""

    def __init__(self, corpus: Path, as_of: int | None = None) -> None:
        self.corpus = corpus
        self.as_of = as_of
        self._lock = Lock()
        self._last: Reading | None = None

    def current(self) -> Reading:
        """The corpus as it is now.

        Raises:
            InputError: not a corpus.
            CorruptStoreError: a table cannot be read.
        """
        with self._lock:
            store = CorpusStore.open(self.corpus)
            version = version_of(store)
            if self._last is None or self._last.version != version:
                self._last = Reading(store, version, self.as_of)
            return self._last


def version_of(store: CorpusStore) -> str:
    """The versions of all tables and the number of the anchor, with the time its content half was completed."""
    numbers: Sequence[int] = [store.anchor, *(table.version() for table in store.tables())]
    filled = (store.anchor_dir() / "content.json").exists()
    return "-".join(map(str, [*numbers, int(filled)]))
