"""Trajectories and reflections as the two texts that the gate compares: what it is about, and what it teaches.

Prose without labels or banners: words that every text shares would count as likeness.
"""

from __future__ import annotations

from synthdata.records import Candidate, Reflection, Step, Trajectory, to_json
from synthdata.records.picture import without_codes
from synthdata.reflection.reading import words
from synthdata.reflection.speech import imperative, shorten
from synthdata.reflection.window import clip

_TASK_CHARS = 600
_STEP_CHARS = 400


def render_context(trajectory: Trajectory, focus: int | None) -> str:
    """What a reflection is about: the task, then the focus step's deed and what it brought; of `None` the last deed."""
    step = _step(trajectory, focus)
    parts = [_shown(trajectory.task, _TASK_CHARS)]
    if step is not None:
        parts += [_shown(text, _STEP_CHARS) for text in (_deed(step), step.observation)]
    return "\n".join(part for part in parts if part)


def _shown(text: str, limit: int) -> str:
    # The letters of a mark go first: of one that the cut goes through they would stay.
    return clip(without_codes(text.strip()), limit)


def focus_steps(trajectory: Trajectory, limit: int) -> list[int]:
    """Indices of at most `limit` agent steps that stand for a run: evenly spaced, the first and the last among them."""
    agent = [step.idx for step in trajectory.agent_steps]
    if len(agent) <= limit:
        return agent
    if limit <= 1:
        return agent[:limit]
    return [agent[round(k * (len(agent) - 1) / (limit - 1))] for k in range(limit)]


def to_candidate(reflection: Reflection, trajectory: Trajectory) -> Candidate:
    """The candidate of a reflection; its payload reads back to the same reflection. An abstention has no content."""
    return Candidate(
        content="" if reflection.abstains else _content(reflection),
        context=render_context(trajectory, reflection.focus),
        source=trajectory.source,
        licence=trajectory.licence,
        task_id=reflection.task_id,
        trajectory_id=reflection.trajectory_id,
        lineage_depth=trajectory.lineage_depth + 1,
        generator=reflection.generator.model,
        prompt_sha256=reflection.generator.prompt_sha256,
        sample_index=reflection.generator.sample_index,
        payload=to_json(reflection),
    )


def _content(reflection: Reflection) -> str:
    """Cause, lesson and, where the lesson does not say it already, the better move."""
    parts = [reflection.cause.strip(), reflection.lesson.text.strip()]
    if reflection.counterfactual is not None:
        order = imperative(reflection.counterfactual.action)
        vocabulary = set(words(" ".join(parts)))
        if not set(words(order)[1:] or words(order)) <= vocabulary:
            parts.append(order[:1].upper() + order[1:] + ("" if order.endswith((".", "…")) else "."))
    if reflection.lesson.when.strip():
        parts.append(shorten(reflection.lesson.when, 200))
    return " ".join(part for part in parts if part)


def _deed(step: Step) -> str:
    return step.call_text or step.action or step.thought


def _step(trajectory: Trajectory, focus: int | None) -> Step | None:
    if focus is None:
        return trajectory.agent_steps[-1] if trajectory.agent_steps else None
    return next((step for step in trajectory.steps if step.idx == focus), None)
