"""Hard rules on a reflection that need its trajectory: quotes, labels, counterfactual (docs/design.md, section 10).

A pure check with no model; what it refuses is `ungrounded`. It never repairs.
"""

from __future__ import annotations

from synthdata.records import Reason, Reflection, Reject, Trajectory
from synthdata.reflection.quotes import Rarity, field_text
from synthdata.settings import FloorSettings


def verify_evidence(reflection: Reflection, trajectory: Trajectory, floor: FloorSettings) -> Reject | None:
    """Why a reflection is not supported by its run, or None where it is.

    A label other than neutral or unknown needs a telling quote from its own step; the focus may instead rest on a
    telling quote from another step, because the proof that a move was idle often stands where the run went on. An
    abstention claims nothing and passes.
    """
    if reflection.abstains:
        return None
    if reflection.trajectory_id != trajectory.id:
        detail = f"it speaks of trajectory {reflection.trajectory_id}, not of {trajectory.id}"
        return Reject(Reason.UNGROUNDED, detail=detail)
    checks = (_real_steps, _real_quotes, _supported, _other_action, _fits_outcome)
    why = next((fault for check in checks if (fault := check(reflection, trajectory, floor))), None)
    return None if why is None else Reject(Reason.UNGROUNDED, detail=why)


def _real_steps(reflection: Reflection, trajectory: Trajectory, _: FloorSettings) -> str | None:
    agent = {step.idx for step in trajectory.agent_steps}
    named = [review.idx for review in reflection.steps]
    named += [i for i in (reflection.focus, reflection.first_error_idx) if i is not None]
    wrong = sorted(set(named) - agent)
    if wrong:
        return f"step {wrong[0]} is not a step of the agent"
    if len({review.idx for review in reflection.steps}) < len(reflection.steps):
        return "a step has two labels"
    return None


def _real_quotes(reflection: Reflection, trajectory: Trajectory, _: FloorSettings) -> str | None:
    steps = {step.idx: step for step in trajectory.steps}
    for number, item in enumerate(reflection.evidence):
        step = steps.get(item.step_idx)
        if step is None:
            return f"evidence {number} names step {item.step_idx}, which the run does not have"
        if not 0 <= item.start < item.end or field_text(step, item.field)[item.start : item.end] != item.quote:
            return f"evidence {number} is not at {item.start}:{item.end} of the {item.field} of step {item.step_idx}"
    return None


def _supported(reflection: Reflection, trajectory: Trajectory, floor: FloorSettings) -> str | None:
    rarity = Rarity.of(trajectory, floor)
    telling = [e for e in reflection.evidence if rarity.is_telling(e.quote)]
    if not telling:
        return (
            f"no quote has {floor.evidence_tokens} tokens with one that is rare "
            f"(at most {floor.evidence_step_share:.0%} of the steps)"
        )
    own = {e.step_idx for e in telling}
    for review in reflection.steps:
        if review.label in ("good", "bad") and review.idx != reflection.focus and review.idx not in own:
            return f"step {review.idx} is called {review.label} without a telling quote of its own"
    return None


def _other_action(reflection: Reflection, trajectory: Trajectory, _: FloorSettings) -> str | None:
    if reflection.counterfactual is None or reflection.focus is None:
        return None
    step = next(step for step in trajectory.steps if step.idx == reflection.focus)
    taken = {" ".join(text.split()).casefold() for text in (step.action, step.call_text) if text}
    better = " ".join(reflection.counterfactual.action.split()).casefold()
    if not better:
        return "the counterfactual names no action"
    return "the counterfactual is the action that was taken" if better in taken else None


def _fits_outcome(reflection: Reflection, trajectory: Trajectory, _: FloorSettings) -> str | None:
    agent = trajectory.agent_steps
    if trajectory.success is True and agent and reflection.first_error_idx == agent[-1].idx:
        return "the run succeeded, yet its first error is said to be its last step"
    labels = {review.label for review in reflection.steps}
    if trajectory.success is False and labels and labels <= {"good"}:
        return "the run failed, yet every label is good"
    return None
