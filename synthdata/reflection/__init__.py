"""Trajectories to reflections: two reflectors, the checks on what they write, and its form as a candidate.

No verdicts here: a refused lesson is still a reflection, so that the floor decides it with a reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthdata.protocols import Generator, Request
from synthdata.records import QuarantinedRow, Reflection, Trajectory
from synthdata.reflection.evidence import verify_evidence
from synthdata.reflection.framed import framed_items, reflect_framed
from synthdata.reflection.full import full_items, reflect_full
from synthdata.reflection.lesson import check_lesson
from synthdata.reflection.propose import Proposal, faulty_steps, propose
from synthdata.reflection.render import focus_steps, render_context, to_candidate
from synthdata.reflection.restate import restatements
from synthdata.reflection.step_labels import rule_opinions
from synthdata.settings import Recipe

__all__ = [
    "Proposal",
    "check_lesson",
    "faulty_steps",
    "focus_steps",
    "propose",
    "reflect",
    "render_context",
    "requests_for",
    "restatements",
    "rule_opinions",
    "to_candidate",
    "verify_evidence",
]


def reflect(
    trajectories: Sequence[Trajectory], generator: Generator, settings: Recipe, secret: bytes, sample_start: int = 0
) -> list[Reflection | QuarantinedRow]:
    """Reflections of the runs in order, at least one record a run: an abstention where there is nothing to say.

    What comes of a run depends on it, the recipe, the secret and the sample indices alone, not on the other runs of
    the call. An answer that cannot be used is a quarantined row of stage `reflect`, and the rest goes on.
    """
    if settings.reflection.reflector == "framed":
        return list(reflect_framed(trajectories, generator, settings, sample_start))
    return list(reflect_full(trajectories, generator, settings, secret, sample_start))


def requests_for(
    trajectories: Sequence[Trajectory], settings: Recipe, secret: bytes, sample_start: int = 0
) -> list[Request]:
    """What `reflect` would ask first. The framed reflector asks again for each lesson that it refuses."""
    if settings.reflection.reflector == "framed":
        first = settings.reflection.first_temperature
        items = [item for t in trajectories for item in framed_items(t, settings, sample_start)]
        return [item.request(first, settings) for item in sorted(items, key=lambda item: item.block)]
    return [item.request(settings) for t in trajectories for item in full_items(t, settings, secret, sample_start)]
