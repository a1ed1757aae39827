"""Trajectories to reflections: two reflectors, the checks on what they write, and its form as a candidate.

No verdicts here: a refused lesson is still a reflection, so that the floor decides it with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthdata.protocols import UNGUIDED, UNSTEERED, Generator, Guidance, Request
from synthdata.records import QuarantinedRow, Reflection, Trajectory
from synthdata.reflection.evidence import verify_evidence
from synthdata.reflection.framed import framed_items, proposed, reflect_framed
from synthdata.reflection.full import citable_steps, full_items, reflect_full
from synthdata.reflection.grounding import check_grounding
from synthdata.reflection.lesson import check_lesson
from synthdata.reflection.propose import Proposal, faulty_steps, propose
from synthdata.reflection.render import focus_steps, render_context, to_candidate
from synthdata.reflection.restate import restatements
from synthdata.reflection.step_labels import rule_opinions
from synthdata.reflection.unfaulted import unfaulted_moves
from synthdata.settings import Recipe

__all__ = [
    "Proposal",
    "check_grounding",
    "check_lesson",
    "faulty_steps",
    "focus_options",
    "focus_steps",
    "propose",
    "reflect",
    "render_context",
    "requests_for",
    "restatements",
    "rule_opinions",
    "to_candidate",
    "unfaulted_moves",
    "verify_evidence",
]


def reflect(
    trajectories: Sequence[Trajectory],
    generator: Generator,
    settings: Recipe,
    secret: bytes,
    sample_start: int = 0,
    guidance: Mapping[str, Guidance] = UNSTEERED,
) -> list[Reflection | QuarantinedRow]:
    """Reflections of the runs in order, at least one record a run: an abstention where there is nothing to say.

    What comes of a run depends on it, its `guidance`, the recipe, the secret and the sample indices alone, not on the
    other runs of the call. An answer that cannot be used is a quarantined row of stage `reflect`, and the rest goes on.
    """
    if settings.reflection.reflector == "framed":
        return list(reflect_framed(trajectories, generator, settings, sample_start, guidance))
    return list(reflect_full(trajectories, generator, settings, secret, sample_start, guidance))


def requests_for(
    trajectories: Sequence[Trajectory],
    settings: Recipe,
    secret: bytes,
    sample_start: int = 0,
    guidance: Mapping[str, Guidance] = UNSTEERED,
) -> list[Request]:
    """What `reflect` would ask first. The framed reflector asks again for each lesson that it refuses."""
    guided = [(t, guidance.get(t.id, UNGUIDED)) for t in trajectories]
    if settings.reflection.reflector == "framed":
        first = settings.reflection.first_temperature
        items = [item for t, guide in guided for item in framed_items(t, settings, sample_start, guide)]
        return [item.request(first, settings) for item in sorted(items, key=lambda item: item.block)]
    asked = [item for t, guide in guided for item in full_items(t, settings, secret, sample_start, guide)]
    return [item.request(settings) for item in asked]


def focus_options(trajectory: Trajectory, settings: Recipe, sample: int = 0) -> list[int]:
    """The steps of a run that the recipe's reflector could take as its focus, those that it would take first in front.

    No more than `recipe.steering.options_per_run`, evenly spread where the reflector has no order of its own.
    """
    limit = settings.steering.options_per_run
    if settings.reflection.reflector == "framed":
        steps = dict.fromkeys(proposal.step for proposal in proposed(trajectory, settings, sample))
        return list(steps)[:limit]
    steps_ = citable_steps(trajectory, settings)
    return steps_ if len(steps_) <= limit else [steps_[k * len(steps_) // limit] for k in range(limit)]
