"""The first round fills an open anchor: its own rows, one a trajectory, become what later rounds are measured against.

That floor is relative to the first round, not to real data, and everything that shows it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from synthdata.errors import AnchorError
from synthdata.gate.anchor import ContentCalibration
from synthdata.gate.calibrate import calibrate_content, with_fluency, with_wording
from synthdata.gate.fluency import Likelihood
from synthdata.gate.reference import ReferenceRow, clean
from synthdata.protocols import Vectors
from synthdata.records import Candidate, content_hash
from synthdata.settings import AnchorSettings, GateSettings


class TooFewLessonsError(AnchorError):
    """The first round has too few different lessons to calibrate from; more runs mend it, and nothing else.

    `distinct` are of different trajectories, tasks or rows, `needed` would be enough.
    """

    def __init__(self, distinct: int, needed: int, candidates: int) -> None:
        self.distinct, self.needed = distinct, needed
        super().__init__(
            "this corpus was made from bare trajectories, so its first round must calibrate what the lessons are like: "
            f"it needs distinct candidates of {needed} trajectories past the floor and has {distinct} (of {candidates} "
            "candidates past the floor). Run again: these runs are held and as many further ones are taken with them "
            "(a larger --limit is quicker); what was generated is kept in the cache"
        )


def fill_content(
    candidates: Sequence[Candidate],
    content: Vectors,
    settings: AnchorSettings,
    gate: GateSettings,
    likelihood: Likelihood | None = None,
    cut: Callable[[str], str] = str,
) -> ContentCalibration:
    """A content half from candidates past the floor, with their raw content vectors (n, d).

    With a `likelihood` it gets a fluency band. `cut` takes a shared preamble off a text.

    Raises:
        TooFewLessonsError: too few different trajectories are left after floor and dedup; says how many are missing.
    """
    first: dict[str, int] = {}
    order = sorted(range(len(candidates)), key=lambda i: content_hash(str(settings.seed), "fill", candidates[i].id))
    for i in order:
        first.setdefault(_run_of(candidates[i]), i)
    rows = {_row(candidates[i]): i for i in first.values()}
    kept: list[int] = []
    if rows:
        chosen = list(rows)
        vectors = content[[rows[row] for row in chosen]]
        distinct = clean(chosen, vectors, vectors, settings.model_copy(update={"min_rows": 0}), gate, cut)
        kept = [rows[row] for row in distinct.rows]
    if len(kept) < settings.fill_trajectories:
        raise TooFewLessonsError(len(kept), settings.fill_trajectories, len(candidates))
    ids = [candidates[i].id for i in kept]
    tasks = [candidates[i].task_id or candidates[i].id for i in kept]
    contents = [cut(candidates[i].content) for i in kept]
    half = calibrate_content(np.asarray(content)[kept], contents, ids, tasks, "generator", settings)
    half = with_fluency(half, contents, likelihood, settings)
    half = with_wording(half, contents, [cut(candidates[i].context) for i in kept], tasks, settings)
    wording = half.wording
    return half if wording is None else replace(half, wording=wording.by_row(contents, settings.seed))


def _run_of(candidate: Candidate) -> str:
    return candidate.trajectory_id or candidate.task_id or candidate.id


def _row(candidate: Candidate) -> ReferenceRow:
    return ReferenceRow(candidate.content, "", _run_of(candidate), candidate.source)
