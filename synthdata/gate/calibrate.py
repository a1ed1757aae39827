"""Reference rows to an anchor: all thresholds that are no setting are computed here (docs/design.md, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metrics.spectrum import SecondMoment
from synthdata.errors import AnchorError
from synthdata.gate.anchor import Anchor, AnchorHeader, ContentCalibration, ContextCalibration
from synthdata.gate.cells import assign, cell_count, centre, spherical_kmeans
from synthdata.gate.fluency import Likelihood, calibrate_fluency
from synthdata.gate.novelty import Scale, calibrate_novelty, numbered
from synthdata.gate.perplexity import calibrate_band
from synthdata.gate.reference import Reference
from synthdata.gate.wording import calibrate_wording
from synthdata.protocols import Advance, Vectors, no_advance
from synthdata.records import content_hash
from synthdata.settings import AnchorSettings
from synthdata.similarity.index import VectorIndex


def calibrate(
    reference: Reference,
    header: AnchorHeader,
    settings: AnchorSettings,
    likelihood: Likelihood | None = None,
    advance: Advance = no_advance,
) -> Anchor:
    """An anchor from the rows that were not set aside; its content half stays open without enough distinct contents.

    With a `likelihood` the content half gets a perplexity range, and `advance` hears of each content that it looks at.
    """
    use = ~reference.heldout
    vectors = reference.content if header.views == "one" else reference.context
    every = [row.task_id or row.id for row in reference.rows]
    content = None
    if sum(bool(row.content) for row in reference.rows) >= settings.min_rows:
        taught = use & np.array([bool(row.content) for row in reference.rows])
        chosen = [row for row, keep in zip(reference.rows, taught, strict=True) if keep]
        ids = [row.id for row in chosen]
        tasks = [row.task_id or row.id for row in chosen]
        cut = str if header.preamble is None else header.preamble.cut
        contents = [cut(row.content) for row in chosen]
        content = calibrate_content(reference.content[taught], contents, ids, tasks, "reference", settings)
        content = with_fluency(content, contents, likelihood, settings, advance)
        content = with_wording(content, contents, [cut(row.context) for row in chosen], tasks, settings)
    return Anchor(
        number=header.number,
        views=header.views,
        encoder=header.encoder,
        context=calibrate_context(vectors[use], [every[i] for i in np.flatnonzero(use)], settings),
        content=content,
        heldout_rows=int(reference.heldout.sum()),
        cleaned=reference.fell,
        preamble=header.preamble,
    )


def calibrate_context(vectors: Vectors, tasks: Sequence[str], settings: AnchorSettings) -> ContextCalibration:
    """Cells, their real counts and the test of what lies outside, from context vectors (n, d) and their tasks."""
    mean = mean_of(vectors)
    x, _ = centre(vectors, mean)
    cells = cell_count(len(x), settings.cells_min, settings.cells_max)
    centroids = spherical_kmeans(x, cells, settings.seed)
    counts = np.bincount(assign(x, centroids)[0], minlength=cells).astype(np.int64)
    return ContextCalibration(mean, centroids, counts, novelty=calibrate_novelty(x, tasks))


def mean_of(vectors: Vectors) -> NDArray[np.float64]:
    """The mean (d,) of rows (n, d) in float64, which silos that pool their sums reach too."""
    return np.asarray(vectors.mean(axis=0, dtype=np.float64))


def calibrate_content(
    vectors: Vectors,
    contents: Sequence[str],
    ids: list[str],
    tasks: list[str],
    calibrated_from: Literal["reference", "generator"],
    settings: AnchorSettings,
) -> ContentCalibration:
    """Collision budget, duplicate threshold, window and language band from contents and their vectors (n, d).

    Raises:
        AnchorError: all contents are alike, so that no budget can be set.
    """
    mean = mean_of(vectors)
    x, norms = centre(vectors, mean)
    live = norms > 0
    if live.sum() < 2:
        raise AnchorError("all contents of the reference have the same vector: nothing to calibrate from")
    collision, error = collision_with_error(x[live])
    slack = max(settings.collision_slack * collision, settings.collision_errors * error)
    order = sorted(np.flatnonzero(live), key=lambda i: content_hash(str(settings.seed), "window", ids[i]))
    window = sorted(int(i) for i in order[: settings.window_rows])
    return ContentCalibration(
        mean=mean,
        window=x[window],
        window_ids=tuple(ids[i] for i in window),
        rows=len(x),
        collision=collision,
        collision_error=error,
        collision_max=collision + slack,
        tau=_tau(x, tasks, settings),
        generic_norm=None,
        norms=Scale.of(norms.astype(np.float64), numbered(tasks)),
        calibrated_from=calibrated_from,
        language=calibrate_band([text for text in contents if text.strip()], settings),
    )


def with_fluency(
    half: ContentCalibration,
    contents: Sequence[str],
    likelihood: Likelihood | None,
    settings: AnchorSettings,
    scoring: Advance = no_advance,
) -> ContentCalibration:
    """The content half with the fluency band of its contents, where there is a language model."""
    if likelihood is None:
        return half
    return replace(half, fluency=calibrate_fluency([t for t in contents if t.strip()], likelihood, settings, scoring))


def with_wording(
    half: ContentCalibration,
    contents: Sequence[str],
    contexts: Sequence[str],
    tasks: Sequence[str],
    settings: AnchorSettings,
) -> ContentCalibration:
    """The content half with the tests of how contents are worded; none where there are too few texts."""
    return replace(half, wording=calibrate_wording(contents, contexts, tasks, half.language, settings))


def collision_with_error(x: Vectors) -> tuple[float, float]:
    """Collision probability of unit rows x (n, d), n >= 2, and its jackknife standard error (leave one row out)."""
    n = len(x)
    moment = SecondMoment(x.shape[1])
    moment.add(x)
    value = moment.collision_probability()
    if n < 3:
        return value, value
    rows = np.asarray(x, dtype=np.float64)
    second = rows.T @ rows
    own = np.einsum("ij,jk,ik->i", rows, second, rows, optimize=True) - 1
    left_out = (value * n * (n - 1) - 2 * own) / ((n - 1) * (n - 2))
    return value, float(np.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum()))


def _tau(x: Vectors, tasks: list[str], settings: AnchorSettings) -> float:
    """99th percentile of the nearest-neighbour cosine between different tasks, or the default for few rows."""
    tau = settings.tau_default
    if len(x) >= settings.tau_rows:
        index = VectorIndex(x.shape[1])
        index.add(x)
        names = np.array(tasks)
        # Ten neighbours reach past a task's own trials in nearly every case; a row without any is left out.
        scores, ids = index.search(x, min(len(x), settings.tau_neighbours))
        other = names[ids] != names[:, None]
        best = np.where(other, scores, -1).max(axis=1)
        cosines = best[other.any(axis=1)]
        tau = float(np.percentile(cosines, settings.tau_percentile)) if len(cosines) else tau
    return float(np.clip(tau, settings.tau_min, settings.tau_max))
