"""Reflections that are right by construction: they restate a line of the run and claim nothing beyond it.

Known-good items for testing a judge; never candidates.
"""

from __future__ import annotations

from synthdata.records import Evidence, GeneratorStamp, LabelSource, Lesson, Reflection, StepReview, Trajectory
from synthdata.reflection.propose import Proposal, propose
from synthdata.reflection.quotes import Rarity
from synthdata.settings import FloorSettings

# Steps whose own reply says that they failed: nobody who reads it can call them good.
_PLAIN_FAULTS = frozenset({"ignored_failure", "mended_later", "failed_then_left"})
_LESSONS = (
    "What step {idx} shows is “{quote}”.",
    "In step {idx} one can read “{quote}”.",
    "Step {idx} of the run contains the words “{quote}”.",
    "“{quote}” stands in step {idx}.",
)


def restatements(run: Trajectory, floor: FloorSettings) -> list[Reflection]:
    """For each line that the rules cite of a run, one reflection a wording that says no more than what was read.

    A label is kept where the step's own reply says that it failed.
    """
    by_quote: dict[tuple[int, str, int], Reflection] = {}
    rarity = Rarity.of(run, floor)
    for proposal in propose(run, floor):
        telling = [e for e in proposal.evidence if rarity.is_telling(e.quote)]
        if not telling:
            continue
        proof = next((e for e in telling if e.step_idx == proposal.step), telling[-1])
        for wording in range(len(_LESSONS)):
            by_quote.setdefault((proof.step_idx, proof.quote, wording), _restated(run, proposal, proof, wording))
    return list(by_quote.values())


def _restated(run: Trajectory, proposal: Proposal, proof: Evidence, wording: int) -> Reflection:
    plain = proposal.rule in _PLAIN_FAULTS and proof.step_idx == proposal.step
    labels = (StepReview(proposal.step, "bad", 0.5, (LabelSource("rule", "bad", model=proposal.rule),)),)
    return Reflection(
        trajectory_id=run.id,
        task_id=run.task_id,
        focus=proof.step_idx,
        found_by="rule",
        cause_code=proposal.cause_code,
        cause=f"The log of step {proof.step_idx} reads “{proof.quote}”.",
        lesson=Lesson(_LESSONS[wording].format(idx=proof.step_idx, quote=proof.quote)),
        generator=GeneratorStamp("rule", "", wording),
        evidence=(proof,),
        steps=labels if plain else (),
        fact=proposal.fact,
    )
