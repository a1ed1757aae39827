"""What vectors of pictures say of a round: N2 and coverage in the view `screen`. It decides nothing.

Measured when the round is committed, so an endpoint that fails costs no round: the numbers are owed, which is said in
one line, and the next measurement makes them up. Vectors come from the cache where they were made before.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from metrics.coverage import prdc
from metrics.spectrum import SecondMoment
from synthdata.corpus import CorpusStore
from synthdata.corpus.pictures import round_pictures
from synthdata.errors import SynthdataError
from synthdata.gate.cells import centre
from synthdata.gate.reference import Reference
from synthdata.monitor.measure import LEAST_ROWS, MOST_ROWS, REFERENCE_ROWS, WIDTH, Row, row
from synthdata.monitor.samples import NEIGHBOURS, VIEW_DRAWS
from synthdata.monitor.views import permutation
from synthdata.protocols import ImageEncoder, Progress, Vectors, no_progress
from synthdata.records import Chat
from synthdata.records.picture import pictures_in
from synthdata.settings import ImageEncoderSettings

_LOG = logging.getLogger(__name__)
N2, COVERAGE = "picture_n2", "picture_coverage"
# Rounds that one measurement makes up at most: their pictures may all be new to the encoder.
_MADE_UP = 10
_AT_ONCE = 16
# Rounding leaves equal vectors some 1e-8 off their mean, which is no direction.
_SAME = 1e-6


def owed_rounds(snapshots: pl.DataFrame) -> list[int]:
    """Rounds whose pictures were counted and not measured by their vectors, the newest first."""
    screen = snapshots.filter(pl.col("view") == "screen")
    rounds = {name: set(screen.filter(pl.col("metric") == name)["round"]) for name in ("pictures", N2)}
    return sorted(rounds["pictures"] - rounds[N2], reverse=True)


def owed_note(snapshots: pl.DataFrame, number: int, settings: ImageEncoderSettings) -> dict[str, dict[str, str]]:
    """Why a round has no numbers by vectors, by view and metric, where the settings ask for them and they are owed."""
    if settings.form == "none" or number not in owed_rounds(snapshots):
        return {}
    note = "the encoder of pictures has not answered yet; the next round or `monitor` asks again"
    return {"screen": {N2: note, COVERAGE: note}}


def measure_screens(
    store: CorpusStore, reference: Reference, encoder: ImageEncoder, seed: int, progress: Progress = no_progress
) -> None:
    """Add the numbers of the ten newest rounds that are owed; where that fails it is said, and they stay owed."""
    owed = owed_rounds(store.snapshots())[:_MADE_UP]
    if not owed:
        return
    try:
        with progress("measuring pictures", len(owed)) as advance:
            real = _real(store, reference, encoder, seed)
            for number in owed:
                store.write_snapshot(number, _rows(store, number, real, encoder, seed))
                advance(1)
    except SynthdataError as error:
        still = len(owed_rounds(store.snapshots()))
        _LOG.warning(
            "pictures of %s not measured yet, which the next round or `monitor` makes up: %s",
            "1 round are" if still == 1 else f"{still} rounds are",
            error,
        )


@dataclass(frozen=True)
class _Real:
    """What rounds are held against: the mean (d,) of `source`, and the reference's pictures (n, d) about it."""

    mean: Vectors | None
    source: str
    rows: Vectors


def _real(store: CorpusStore, reference: Reference, encoder: ImageEncoder, seed: int) -> _Real:
    """The reference's pictures, of many a sample; where it has too few, the first round with enough gives the mean."""
    chats = [Chat.from_json(item.chat) for item in reference.rows if item.chat]
    shown = [p.name for chat in chats for turn in chat.messages for p in pictures_in(turn.get("content"))]
    names = sorted({name for name in shown if store.pictures.has(name)})
    chosen = [names[i] for i in np.sort(permutation(len(names), seed, "pictures")[:REFERENCE_ROWS])]
    if len(chosen) >= LEAST_ROWS:
        vectors = _vectors(store, chosen, encoder)
        mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        return _Real(mean, f"{len(chosen)} pictures of the reference", _about(vectors, mean)[0])
    none = np.empty((0, encoder.dim), dtype=np.float32)
    counted = store.snapshots().filter((pl.col("view") == "screen") & (pl.col("metric") == "pictures_distinct"))
    first = counted.filter(pl.col("value") >= LEAST_ROWS)["round"].min()
    if not isinstance(first, int):
        return _Real(None, "", none)
    names = list(dict.fromkeys(_shown(store, first)))
    vectors = _vectors(store, names, encoder)
    return _Real(vectors.mean(axis=0, dtype=np.float64).astype(np.float32), f"round {first}", none)


def _rows(store: CorpusStore, number: int, real: _Real, encoder: ImageEncoder, seed: int) -> list[Row]:
    shown = _shown(store, number)
    if len(shown) < LEAST_ROWS:
        few = f"{len(shown)} pictures, fewer than the {LEAST_ROWS} that a number needs"
        return [row("screen", N2, None, note=few), row("screen", COVERAGE, None, note=few)]
    if real.mean is None:
        few = f"no round and no reference has {LEAST_ROWS} different pictures, whose mean is the centre"
        return [row("screen", N2, None, note=few), row("screen", COVERAGE, None, note=few)]
    names = list(dict.fromkeys(shown))
    x, live = _about(_vectors(store, names, encoder), real.mean)
    place = {names[i]: at for at, i in enumerate(np.flatnonzero(live))}
    told = f"{encoder.fingerprint}, about the mean of {real.source}"
    return [_n2(x, [place[name] for name in shown if name in place], told), _coverage(x, real.rows, seed, told)]


def _n2(x: Vectors, places: Sequence[int], told: str) -> Row:
    """Over all showings: a picture that is shown ten times counts ten times."""
    if len(places) < LEAST_ROWS:
        return row("screen", N2, None, note=f"all but {len(places)} pictures equal the mean")
    moment = SecondMoment(x.shape[1])
    for start in range(0, len(places), REFERENCE_ROWS):
        moment.add(x[places[start : start + REFERENCE_ROWS]])
    return row("screen", N2, moment.effective_number(), note=told)


def _coverage(x: Vectors, real: Vectors, seed: int, told: str) -> Row:
    """Of different pictures, at equal sizes, with the same of the reference against itself as bounds.

    Vectors that are equal count once: a row with as many copies as neighbours has a ball that nothing enters.
    """
    x, real = np.unique(x, axis=0), np.unique(real, axis=0)
    size = min(len(x), len(real) // 2, MOST_ROWS)
    if size < LEAST_ROWS:
        few = f"{len(x)} pictures and {len(real)} of the reference: {LEAST_ROWS} and {2 * LEAST_ROWS} are needed"
        return row("screen", COVERAGE, None, note=few)
    values, bounds = [], []
    for draw in range(VIEW_DRAWS):
        order = permutation(len(real), seed, f"pictures {draw}")
        one, other = real[order[:size]], real[order[size : 2 * size]]
        mine = x[permutation(len(x), seed, f"screen {draw}")[:size]]
        values.append(prdc(one, mine, NEIGHBOURS)["coverage"])
        bounds.append(prdc(one, other, NEIGHBOURS)["coverage"])
    middle = float(np.mean(bounds))
    width = WIDTH * float(np.std(bounds, ddof=1)) / math.sqrt(1 - size / len(real))
    return row("screen", COVERAGE, float(np.mean(values)), (middle - width, middle + width), told)


def _shown(store: CorpusStore, number: int) -> list[str]:
    return [name for name in round_pictures(store, number) if store.pictures.has(name)]


def _about(vectors: Vectors, mean: Vectors) -> tuple[Vectors, NDArray[np.bool_]]:
    """Unit rows about the mean of those that differ from it, and which these are."""
    x, norms = centre(vectors, mean)
    live = norms > _SAME
    return x[live], live


def _vectors(store: CorpusStore, names: Sequence[str], encoder: ImageEncoder) -> Vectors:
    """Vectors (n, d) of kept pictures, so many at a time that their files fit into memory."""
    parts = [np.empty((0, encoder.dim), dtype=np.float32)]
    for start in range(0, len(names), _AT_ONCE):
        parts.append(encoder.encode([store.pictures.read(name) for name in names[start : start + _AT_ONCE]]))
    return np.concatenate(parts)
