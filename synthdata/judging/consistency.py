"""Twins of a reflection that must not pass: labels flipped, told of another run, its evidence deleted.

A judge that passes a reflection and one of its twins too has not read the evidence, so it has said nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from synthdata.protocols import Judge, Judgement
from synthdata.records import Label, Observation, Reflection, Step, ToolCall, Trajectory, content_hash, to_json

Pair = tuple[Trajectory, Reflection]
_FLIPPED: dict[Label, Label] = {"good": "bad", "bad": "good"}


@dataclass(frozen=True)
class Consistent:
    """A judge whose passes are tried again on twins. `runs` are what a reflection may be transplanted to."""

    inner: Judge
    runs: tuple[Trajectory, ...]

    @property
    def model(self) -> str:
        """The inner judge's model."""
        return self.inner.model

    def judge(self, items: Sequence[Pair]) -> list[Judgement]:
        """The inner judgements; a pass becomes an abstention where a twin passes or none can be made."""
        judgements = self.inner.judge(items)
        for name, twin in self._twins():
            passed = [i for i, judgement in enumerate(judgements) if judgement.verdict == "pass"]
            twins = {i: twin(items[i]) for i in passed}
            # A reflection that labels no step is its own flipped twin.
            asked = {i: pair for i, pair in twins.items() if pair is not None and pair != items[i]}
            verdicts = dict(zip(asked, self.inner.judge(list(asked.values())), strict=True))
            for i in passed:
                why = f"no twin can be made to try it on: {name}" if twins[i] is None else ""
                if i in verdicts and verdicts[i].verdict == "pass":
                    why = f"the judge passes it as well {name}"
                if why:
                    judgements[i] = replace(judgements[i], verdict="abstain", reason=why)
        return judgements

    def _twins(self) -> tuple[tuple[str, Callable[[Pair], Pair | None]], ...]:
        return (
            ("with the evidence deleted", ablated),
            ("of another run", lambda pair: transplanted(pair, self.runs)),
            ("with the labels flipped", flipped),
        )


def flipped(pair: Pair) -> Pair | None:
    """The reflection with good and bad exchanged; one that labels no step makes no claim that could be flipped."""
    run, review = pair
    steps = tuple(replace(item, label=_FLIPPED.get(item.label, item.label)) for item in review.steps)
    return run, replace(review, steps=steps)


def transplanted(pair: Pair, runs: Sequence[Trajectory]) -> Pair | None:
    """The reflection told of another task's run, the one that the hash of both picks; None where there is none."""
    run, review = pair
    key = to_json(review)
    others = [other for other in runs if _task(other) != _task(run) and other.agent_steps]
    if not others:
        return None
    other = min(others, key=lambda candidate: content_hash(key, candidate.id))
    return other, told_of(review, other)


def told_of(review: Reflection, run: Trajectory) -> Reflection:
    """The same reflection as if it were about `run`: a step that the run does not have becomes its agent's last one."""
    agent = [step.idx for step in run.agent_steps]

    def moved(idx: int) -> int:
        return idx if idx in agent else agent[-1]

    steps = {moved(item.idx): replace(item, idx=moved(item.idx)) for item in review.steps}
    return replace(
        review,
        trajectory_id=run.id,
        task_id=run.task_id,
        focus=None if review.focus is None else moved(review.focus),
        evidence=tuple(replace(item, step_idx=moved(item.step_idx)) for item in review.evidence),
        steps=tuple(steps[idx] for idx in sorted(steps)),
        first_error_idx=None if review.first_error_idx is None else moved(review.first_error_idx),
    )


def ablated(pair: Pair) -> Pair | None:
    """The run without the words that the reflection quotes; None where it quotes nothing."""
    run, review = pair
    quotes = {item.quote for item in review.evidence if item.quote}
    if not quotes:
        return None
    return replace(
        run, steps=tuple(_without(step, sorted(quotes, key=len, reverse=True)) for step in run.steps)
    ), review


def _without(step: Step, quotes: Sequence[str]) -> Step:
    def cut(text: str) -> str:
        for quote in quotes:
            text = text.replace(quote, " ")
        return text

    calls = tuple(ToolCall(cut(c.name), cut(c.arguments), c.call_id) for c in step.tool_calls)
    seen = tuple(Observation(cut(o.content), o.call_id) for o in step.observations)
    bare = replace(step, thought=cut(step.thought), action=cut(step.action), tool_calls=calls, observations=seen)
    # A quote may reach over the name of a call or from one observation into the next.
    if any(quote in bare.call_text for quote in quotes):
        bare = replace(bare, tool_calls=())
    if any(quote in bare.observation for quote in quotes):
        bare = replace(bare, observations=())
    return bare


def _task(run: Trajectory) -> str:
    return run.task_id or run.task
