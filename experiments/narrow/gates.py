"""The anchors of the arms, made by the shipped code from the silo's rows, the other silo's messages and the stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments.narrow.arms import Arm
from experiments.narrow.world import NarrowWorld, Row
from synthdata.gate.anchor import Anchor, AnchorHeader, ContextCalibration
from synthdata.gate.calibrate import calibrate
from synthdata.gate.cells import assign, centre
from synthdata.gate.living import RealContexts, calibrate_epoch, follows_stream
from synthdata.gate.pooling import Silo, first_message, pooled, pooled_anchor, second_message, third_message
from synthdata.gate.reference import Reference, ReferenceRow, clean
from synthdata.gate.state import GateState
from synthdata.records import Candidate, Origin
from synthdata.settings import AnchorSettings, GateSettings

# The experiment holds out rows of its own, so all reference rows calibrate.
ANCHOR = AnchorSettings(heldout_share=0.0)
OLD_PERCENTILE = 1.0


@dataclass(frozen=True)
class Kept:
    """What a corpus holds before a round: rows admitted so far, and the real rows of the stream."""

    admitted: Sequence[Row]
    stream: Sequence[Row]


def made_anchor(world: NarrowWorld, rows: Sequence[Row]) -> tuple[Anchor, Reference]:
    """What `init` makes of these rows with the shipped settings."""
    raw = world.words.raw([row.text for row in rows])
    made = [ReferenceRow(row.text, "", f"{row.document} {i}") for i, row in enumerate(rows)]
    reference = clean(made, raw, raw, ANCHOR, GateSettings())
    return calibrate(reference, AnchorHeader(0, "one", "words"), ANCHOR), reference


def anchor_of(world: NarrowWorld, arm: Arm, kept: Kept) -> tuple[Anchor, Reference, list[str]]:
    """The anchor of a round, its reference, and the real texts that the canonical order looks at."""
    anchor, reference = made_anchor(world, world.reference)
    texts = [row.content for row in reference.rows]
    if arm.anchor == "old":
        return replace(anchor, context=old_context(anchor, reference)), reference, texts
    if arm.anchor == "pooled":
        return _pooled(world, anchor, reference), reference, texts
    if arm.anchor == "living" and kept.stream:
        raw = world.words.raw([row.text for row in kept.stream])
        stream = RealContexts(raw, tuple(f"stream {i}" for i in range(len(raw))))
        known = RealContexts(reference.content, tuple(row.task_id for row in reference.rows))
        anchor = replace(anchor, context=calibrate_epoch(known, stream, 1, ANCHOR)[0])
        recent = [row.text for row in kept.stream][-ANCHOR.living_recent :]
        texts = recent if follows_stream(len(stream), ANCHOR) else texts + recent
    return anchor, reference, texts


def old_context(anchor: Anchor, reference: Reference) -> ContextCalibration:
    """The test before: outside under a percentile of the very rows that the centroids were fitted on."""
    half = anchor.context
    cosines = assign(centre(reference.content, half.mean)[0], half.centroids)[1]
    least = float(np.percentile(cosines, OLD_PERCENTILE))
    return ContextCalibration(half.mean, half.centroids, half.real_counts, outside_cosine=least)


def _pooled(world: NarrowWorld, anchor: Anchor, reference: Reference) -> Anchor:
    silos = [silo_of(anchor, reference), silo_of(*made_anchor(world, world.other_silo))]
    sums = [first_message(silo) for silo in silos]
    moments = [second_message(silo, sums, ANCHOR) for silo in silos]
    counts = [third_message(silo, sums, moments) for silo in silos]
    return pooled_anchor(anchor, silos[0], pooled(sums, moments, counts), 1, ANCHOR)


def silo_of(anchor: Anchor, reference: Reference) -> Silo:
    """A one-view reference as a silo."""
    assert anchor.content is not None
    place = {row.id: i for i, row in enumerate(reference.rows)}
    contents = [row.content for row in reference.rows]
    return Silo(
        anchor.encoder,
        anchor.views,
        reference.content,
        reference.content,
        np.ones(len(contents), dtype=bool),
        [row.task_id for row in reference.rows],
        contents,
        [place[name] for name in anchor.content.window_ids],
        anchor.content.tau,
    )


def open_gate(world: NarrowWorld, arm: Arm, kept: Kept, round_: int) -> tuple[GateState, list[str]]:
    """A state before its round, and the texts of its order."""
    anchor, reference, texts = anchor_of(world, arm, kept)
    quantile = 0.0 if arm.anchor == "old" else GateSettings().quota_quantile
    settings = GateSettings(seed=1000 * world.seed + round_, quota_quantile=quantile)
    state = GateState(anchor, reference, settings)
    rows = [Candidate(row.text, external_id=f"kept {i}") for i, row in enumerate(kept.admitted)]
    rows += [
        Candidate(row.text, external_id=f"real {i}", origin=Origin.REAL, lineage_depth=0)
        for i, row in enumerate(kept.stream)
    ]
    if rows:
        raw = world.words.raw([row.content for row in rows])
        state.restore(rows, raw, raw)
    return state, texts
