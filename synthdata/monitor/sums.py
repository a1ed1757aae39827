"""The second moment of all admitted contents, carried from round to round, so that N2 costs what the round brings.

A derived file: it names its anchor, round and how often rows were removed, and is made again where anything differs.
"""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

from metrics.spectrum import SecondMoment
from synthdata.corpus import CorpusStore
from synthdata.corpus.derived import publish, sweep
from synthdata.corpus.events import REMOVING
from synthdata.gate.anchor import Anchor

_SUMS, _FILE = "sums", "moment.npz"
_LOG = logging.getLogger(__name__)


def admitted_sums(store: CorpusStore, corpus: pl.DataFrame, anchor: Anchor, number: int) -> SecondMoment:
    """The sums over the centred contents of the corpus after a round; rows at the anchor's mean are left out.

    `corpus` names its rows (columns `id`, `round`). Rounds enter one by one in their order, so that what is carried on
    equals what is made anew, to the bit.
    """
    removals = store.events(as_of=number).filter(pl.col("kind").is_in(REMOVING)).height
    folder, name = store.derived_dir / _SUMS, f"{anchor.fingerprint[:16]}-{removals}"
    done, moment = _newest(folder, name, number, anchor)
    if done == number:
        return moment
    for (wanted,), part in corpus.filter(pl.col("round") > done).group_by("round", maintain_order=True):
        there = store.admitted(number, ["id", "content_vector"], pl.col("round") == wanted)
        rows = there.filter(pl.col("id").is_in(part["id"].implode()))
        content, norms = anchor.require_content().centred(store.vectors(rows, "content"))
        moment.add(content[norms > 0])
    _keep(folder, number, name, moment)
    return moment


def _newest(folder: Path, name: str, number: int, anchor: Anchor) -> tuple[int, SecondMoment]:
    """The last round up to this one whose sums are kept, and they; round 0 and empty sums where none are."""
    empty = SecondMoment(anchor.require_content().window.shape[1])
    for path in sorted(folder.glob(f"*/{name}/{_FILE}"), reverse=True):
        done = int(path.parent.parent.name)
        if done > number:
            continue
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return done, SecondMoment.of_sums(kept["upper"], kept["numbers"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            _LOG.warning("%s: cannot be read, so that the sums are made again: %s", path, error)
    return 0, empty


def _keep(folder: Path, number: int, name: str, moment: SecondMoment) -> None:
    upper, numbers = moment.sums()
    try:
        publish(folder, number, name, lambda part: np.savez(part / _FILE, upper=upper, numbers=numbers))
        sweep(folder, number)
    except OSError as error:
        _LOG.warning("%s: the sums cannot be kept, so that every round makes them again: %s", folder, error)
