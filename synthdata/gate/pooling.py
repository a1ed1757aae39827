"""One anchor of several silos that may not share texts, in three short messages of sums: no text, no row vector.

1. `Sums`: rows and the sum of their vectors, a view each; together they give the mean of the union.
2. `Moments` about that mean: second moments of contents and of W, centres of cells, the counts that the canonical order
   is made of, and a split conformal test of contexts.
3. `Counts`: rows of each joined cell, and two sums of o_i = u_i' S u_i - 1, which make the jackknife exact.

Mean, second moment, collision and its error are then those of the union, not an estimate. Moments about the silos' own
means would not be. Not to be had without pairs of rows: copies between silos, and tau, of which the largest stands.
This is not anonymity: the moment of few rows spans them, and two releases a row apart differ by exactly that row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from metrics.spectrum import SecondMoment
from synthdata.errors import AnchorError
from synthdata.gate.anchor import Anchor, ContextCalibration, Partners
from synthdata.gate.cells import assign, cell_count, centre, spherical_kmeans
from synthdata.gate.novelty import Scale, SplitNovelty, calibrate_novelty, nearness, numbered
from synthdata.gate.order import order_counts
from synthdata.protocols import Vectors
from synthdata.records import content_hash
from synthdata.settings import AnchorSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Silo:
    """The calibrating rows of one silo: raw vectors of both views (n, d), their tasks and contents; W by place.

    `taught` (n,) marks rows with a content; all of a one-view corpus. `tau` is the silo's own.
    """

    encoder: str
    views: str
    context: Vectors
    content: Vectors
    taught: NDArray[np.bool_]
    tasks: Sequence[str]
    contents: Sequence[str]
    window: Sequence[int]
    tau: float


@dataclass(frozen=True)
class Sums:
    """Message 1. `context` and `content` (d,) are sums of raw vectors in float64 over so many rows."""

    encoder: str
    views: str
    rows: int
    taught: int
    context: Floats
    content: Floats

    @property
    def id(self) -> str:
        """16 hex characters over all of it: the silo's name in later messages."""
        parts = (self.context.tobytes().hex(), self.content.tobytes().hex())
        return content_hash(self.encoder, self.views, str(self.rows), str(self.taught), *parts, length=16)


@dataclass(frozen=True)
class Moments:
    """Message 2, about the mean of the pool `pool`: of contents, of W, of cells, of the order, of the outside test."""

    silo: str
    pool: str
    content: SecondMoment
    window: SecondMoment
    centroids: Vectors
    order: Ints
    novelty: SplitNovelty
    tau: float


@dataclass(frozen=True)
class Counts:
    """Message 3. `cells` (m,) rows of each joined cell; `own` and `own_squares` the sums of o_i and of its square."""

    silo: str
    pool: str
    cells: Ints
    own: float
    own_squares: float


@dataclass(frozen=True)
class Pooled:
    """What the messages of all silos say of their union, all numbers exact; `novelties` are by silo id."""

    context_mean: Floats
    content_mean: Floats
    rows: int
    moment: SecondMoment
    collision: float
    collision_error: float
    centroids: Vectors
    cells: Ints
    tau: float
    windows: dict[str, SecondMoment]
    orders: dict[str, Ints]
    novelties: dict[str, SplitNovelty]


def first_message(silo: Silo) -> Sums:
    """What a silo says before it knows of the others.

    Raises:
        AnchorError: no row has a content, so that there is no floor to pool.
    """
    if not silo.taught.any():
        raise AnchorError(
            "this reference holds no contents, so that there is no floor to pool; pool references with them"
        )
    context = silo.context.sum(axis=0, dtype=np.float64)
    content = silo.content[silo.taught].sum(axis=0, dtype=np.float64)
    return Sums(silo.encoder, silo.views, len(silo.context), int(silo.taught.sum()), context, content)


def means(sums: Sequence[Sums]) -> tuple[Floats, Floats]:
    """The means of contexts and of contents over the union.

    Raises:
        AnchorError: silos of different encoders or views, or the same silo twice.
    """
    if len({(one.encoder, one.views, one.context.shape) for one in sums}) > 1:
        raise AnchorError("the silos differ in encoder or views; all must `init` with the same encoder and views")
    if len({one.id for one in sums}) < len(sums):
        raise AnchorError("one silo's message is given twice; give each silo's file once")
    ordered = sorted(sums, key=lambda one: one.id)
    context = np.sum([one.context for one in ordered], axis=0) / sum(one.rows for one in ordered)
    content = np.sum([one.content for one in ordered], axis=0) / sum(one.taught for one in ordered)
    return context, content


def pool_id(sums: Sequence[Sums]) -> str:
    """16 hex characters over the first messages: later messages of another pool do not fit."""
    return content_hash(*sorted(one.id for one in sums), length=16)


def second_message(silo: Silo, sums: Sequence[Sums], settings: AnchorSettings) -> Moments:
    """What a silo says once it knows the common mean."""
    context_mean, content_mean = means(sums)
    content = _live(silo.content[silo.taught], content_mean)
    moment, window = SecondMoment(content.shape[1]), SecondMoment(content.shape[1])
    moment.add(content)
    window.add(_live(silo.content[list(silo.window)], content_mean))
    x, _ = centre(silo.context, context_mean)
    tasks = numbered(silo.tasks)
    first = _half(silo.tasks, settings.seed)
    split = _centres(x[first], settings)
    scale = Scale.of(nearness(x[~first], split), tasks[~first])
    contents = [text for text, keep in zip(silo.contents, silo.taught, strict=True) if keep]
    counts, novelty = order_counts(contents), SplitNovelty(split, scale)
    name = first_message(silo).id
    return Moments(name, pool_id(sums), moment, window, _centres(x, settings), counts, novelty, silo.tau)


def third_message(silo: Silo, sums: Sequence[Sums], moments: Sequence[Moments]) -> Counts:
    """What a silo says once it knows all moments."""
    context_mean, content_mean = means(sums)
    union = _union(sums, moments)
    own = _quadratics(union, _live(silo.content[silo.taught], content_mean)) - 1
    centroids = _joined(moments)
    cells = assign(centre(silo.context, context_mean)[0], centroids)[0]
    counts = np.bincount(cells, minlength=len(centroids)).astype(np.int64)
    name = first_message(silo).id
    return Counts(name, pool_id(sums), counts, float(own.sum()), float(np.square(own).sum()))


def pooled(sums: Sequence[Sums], moments: Sequence[Moments], counts: Sequence[Counts]) -> Pooled:
    """The union of all silos.

    Raises:
        AnchorError: a message of a silo is missing, or is about another pool.
    """
    context_mean, content_mean = means(sums)
    union = _union(sums, moments)
    _check(sums, counts, "third")
    p, n = union.collision_probability(), union.n
    own, squares = (sum(values) for values in zip(*((one.own, one.own_squares) for one in counts), strict=True))
    # The variance of the leave-one-out values: each moves by 2 (mean o - o_i) / ((n - 1) (n - 2)).
    spread = max(0, squares - own**2 / n)
    error = 2 * float(np.sqrt((n - 1) / n * spread)) / ((n - 1) * (n - 2)) if n > 2 else p
    cells = np.sum([one.cells for one in counts], axis=0).astype(np.int64)
    return Pooled(
        context_mean,
        content_mean,
        sum(one.rows for one in sums),
        union,
        p,
        error,
        _joined(moments),
        cells,
        max(one.tau for one in moments),
        {one.silo: one.window for one in moments},
        {one.silo: one.order for one in moments},
        {one.silo: one.novelty for one in moments},
    )


def pooled_anchor(own: Anchor, silo: Silo, pool: Pooled, number: int, settings: AnchorSettings) -> Anchor:
    """The anchor of the union for one silo: its own test of contexts, its own W with the moments of the others' W.

    Mean, cells, counts, collision and its ceiling are those of the union, tau the largest; what needs texts (language
    bands, copies of real rows) stays the silo's own.

    Raises:
        AnchorError: the silo has no message in the pool, or no content half of real data.
    """
    name, half = first_message(silo).id, own.content
    if name not in pool.windows or half is None or half.calibrated_from != "reference":
        raise AnchorError(
            "this corpus has no message in the pool; its reference has changed since, or holds no contents"
        )
    context, _ = centre(silo.context, pool.context_mean)
    norms = centre(silo.content[silo.taught], pool.content_mean)[1]
    others = sorted(pool.windows.keys() - {name})
    moment = SecondMoment(pool.moment.d)
    for other in others:
        moment.merge(pool.windows[other])
    order = np.sum([pool.orders[other] for other in others], axis=0, dtype=np.int64)
    slack = max(settings.collision_slack * pool.collision, settings.collision_errors * pool.collision_error)
    tasks = [task for task, keep in zip(silo.tasks, silo.taught, strict=True) if keep]
    return replace(
        own,
        number=number,
        context=ContextCalibration(
            pool.context_mean,
            pool.centroids,
            pool.cells,
            novelty=calibrate_novelty(context, silo.tasks),
            others=tuple(pool.novelties[other] for other in others),
        ),
        content=replace(
            half,
            mean=pool.content_mean,
            window=centre(silo.content[list(silo.window)], pool.content_mean)[0],
            rows=pool.moment.n,
            collision=pool.collision,
            collision_error=pool.collision_error,
            collision_max=pool.collision + slack,
            tau=pool.tau,
            norms=Scale.of(norms.astype(np.float64), numbered(tasks)),
            partners=Partners(*moment.sums(), np.asarray(order)),
        ),
    )


def _union(sums: Sequence[Sums], moments: Sequence[Moments]) -> SecondMoment:
    _check(sums, moments, "second")
    ordered = sorted(moments, key=lambda one: one.silo)
    union = SecondMoment(ordered[0].content.d)
    for one in ordered:
        union.merge(one.content)
    return union


def _joined(moments: Sequence[Moments]) -> Vectors:
    """The centres of all silos side by side, by the silos' ids."""
    return np.concatenate([one.centroids for one in sorted(moments, key=lambda one: one.silo)])


def _check(sums: Sequence[Sums], messages: Sequence[Moments] | Sequence[Counts], which: str) -> None:
    wanted, given = {one.id for one in sums}, [one.silo for one in messages]
    if sorted(given) != sorted(wanted):
        missing = ", ".join(sorted(wanted - set(given))) or "none"
        raise AnchorError(f"the {which} messages are not one of each silo; missing: {missing}")
    pool = pool_id(sums)
    if any(one.pool != pool for one in messages):
        raise AnchorError(f"a {which} message is about another pool; make it again from the first messages given here")


def _live(vectors: Vectors, mean: Floats) -> Vectors:
    """Centred unit rows without those at the mean itself."""
    x, norms = centre(vectors, mean)
    return x[norms > 0]


def _quadratics(moment: SecondMoment, x: Vectors) -> Floats:
    upper, _ = moment.sums()
    whole = np.triu(upper) + np.triu(upper, 1).T
    rows = np.asarray(x, dtype=np.float64)
    return np.asarray(np.einsum("ij,jk,ik->i", rows, whole, rows, optimize=True))


def _half(tasks: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """Marks the rows of a seeded half of the tasks."""
    order = sorted(set(tasks), key=lambda task: content_hash(str(seed), "pool", task))
    chosen = set(order[: len(order) // 2])
    return np.array([task in chosen for task in tasks])


def _centres(x: Vectors, settings: AnchorSettings) -> Vectors:
    """Centres of cells that hold enough rows not to give one away.

    Raises:
        AnchorError: no cell holds that many.
    """
    centroids = spherical_kmeans(x, cell_count(len(x), settings.cells_min, settings.cells_max), settings.seed)
    rows = np.bincount(assign(x, centroids)[0], minlength=len(centroids))
    kept = centroids[rows >= settings.pool_rows]
    if not len(kept):
        raise AnchorError(f"no cell holds {settings.pool_rows} rows; a silo needs more rows to share its cells")
    return kept
