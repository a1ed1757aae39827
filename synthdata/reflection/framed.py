"""The reflector for small models: a rule finds step, evidence, cause and fact, the model finishes a framed lesson.

It writes the reason itself, or chooses it among sentences that the run's record verifies (`recipe.reflection.reasons`).

A 135M model finds no fault by itself (measured at chance) but can put a fact into words. Examples rotate by block and
come before the case, so that the prompts of a block share a cached beginning. The record says that a rule found it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from synthdata.protocols import UNGUIDED, Generator, Guidance, Message, Request, Response
from synthdata.records import (
    Counterfactual,
    Evidence,
    GeneratorStamp,
    LabelSource,
    Lesson,
    QuarantinedRow,
    Reflection,
    StepReview,
    Trajectory,
    content_hash,
    picked_by_hash,
)
from synthdata.reflection.frames import frames_for
from synthdata.reflection.guided import warmed
from synthdata.reflection.lesson import check_lesson
from synthdata.reflection.propose import Proposal, propose
from synthdata.reflection.shots import Shot, draw_shots
from synthdata.settings import Recipe

_STOP = ("\n",)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Item:
    """One proposal of one run with its frame, examples and sample index; `others` are proposals on other steps."""

    run: Trajectory
    proposal: Proposal
    others: tuple[Proposal, ...]
    frame: str
    shots: tuple[Shot, ...]
    block: int
    sample: int
    guide: Guidance

    def reframed(self, attempt: int) -> Item:
        """The same case under the frame of a later try."""
        p = self.proposal
        seed = (self.run.id, str(p.step), p.rule, str(self.sample), str(attempt))
        return replace(self, frame=_frame(p, seed, self.guide))

    def request(self, temperature: float, settings: Recipe) -> Request:
        """The completion request: examples, then the case up to the frame's last word."""
        p = self.proposal
        examples = [_example(s.move, s.fact, s.better, s.lesson) for s in self.shots]
        reflection = settings.reflection
        choices = tuple(f" {reason}." for reason in p.reasons) if settings.reasons_are_chosen else ()
        facts = "; ".join(p.reasons) if choices else p.fact
        prompt = "\n\n".join([*examples, _example(p.done, facts, p.order, self.frame)])
        return Request(
            (Message("user", prompt),),
            sample_index=self.sample,
            temperature=warmed(temperature, self.guide.warmer, settings.steering),
            top_p=settings.generation.top_p,
            min_p=settings.generation.min_p,
            max_tokens=max(map(len, choices)) if choices else reflection.lesson_tokens,
            stop=_STOP,
            raw=True,
            logprobs=True,
            choices=choices,
        )


def framed_items(run: Trajectory, settings: Recipe, sample_start: int = 0, guide: Guidance = UNGUIDED) -> list[Item]:
    """What is asked about a run: a function of the run, its guidance and the sample indices alone.

    So chunks cannot change it.
    """
    samples = range(sample_start, sample_start + settings.reflection.samples)
    return [item for sample in samples for item in _items(run, settings, sample, guide)]


def proposed(run: Trajectory, settings: Recipe, sample: int = 0) -> list[Proposal]:
    """What can be asked about: every proposal, or those for which there is a reason to choose."""
    proposals = propose(run, settings.floor, sample)
    return [proposal for proposal in proposals if proposal.reasons] if settings.reasons_are_chosen else proposals


def _items(run: Trajectory, settings: Recipe, sample: int, guide: Guidance) -> list[Item]:
    places = {step: place for place, step in enumerate(guide.focus)}
    proposals = sorted(proposed(run, settings, sample), key=lambda proposal: places.get(proposal.step, len(places)))
    if not proposals:
        return []
    reflection = settings.reflection
    # A later sample looks at other focuses of the run before it comes back to the first.
    start = sample * reflection.focuses_per_trajectory % len(proposals)
    chosen = (proposals[start:] + proposals[:start])[: reflection.focuses_per_trajectory]
    block = int(content_hash(run.id, str(sample), length=8), 16) % reflection.shot_blocks
    return [
        Item(
            run,
            proposal,
            tuple(p for p in proposals if p.step != proposal.step),
            _frame(proposal, (run.id, str(proposal.step), proposal.rule, str(sample)), guide),
            tuple(draw_shots(f"{proposal.group}-{proposal.label}", block, reflection.shots)),
            block,
            sample,
            guide,
        )
        for proposal in chosen
    ]


def _frame(proposal: Proposal, seed: tuple[str, ...], guide: Guidance) -> str:
    """The beginning that the seed's hash picks among those that fit and whose placeholders all have a value.

    Beginnings of known lessons are left out where others are there: so small a model copies what it is shown, so that
    showing it a lesson would make it come again.
    """
    p = proposal
    values = {"g": p.done, "c": p.order, "cg": p.better_done, "i": p.done_order}
    values |= {name.upper(): text[:1].upper() + text[1:] for name, text in values.items()}
    usable = [f for f in frames_for(p.rule, p.label) if all(values[name] for name in _PLACEHOLDER.findall(f))]
    usable = [f for f in usable if not _begins_any(f, guide.known)] or usable or ["Think twice before {g}, because"]
    seed = (*seed, f"angle {guide.angle}") if guide.angle else seed
    chosen = picked_by_hash(usable, *seed, "frame")
    return chosen.format(**values)


def _begins_any(frame: str, lessons: Sequence[str]) -> bool:
    """Whether one of the lessons holds a sentence with this beginning, whatever fills its placeholders."""
    parts = [re.escape(part) for part in _PLACEHOLDER.sub("\0", frame).split("\0")]
    pattern = re.compile(".{1,200}?".join(parts))
    return any(pattern.search(lesson) for lesson in lessons)


def _example(move: str, fact: str, better: str, lesson: str) -> str:
    lines = [f"Move: {move}", f"Fact: {fact}"]
    lines += [f"Better: {better}"] if better else []
    return "\n".join([*lines, f"Lesson: {lesson}"])


def reflect_framed(
    runs: Sequence[Trajectory],
    generator: Generator,
    settings: Recipe,
    sample_start: int,
    guidance: Mapping[str, Guidance],
) -> list[Reflection | QuarantinedRow]:
    """Reviews of the runs in their order; a run without a proposal abstains."""
    guides = [guidance.get(run.id, UNGUIDED) for run in runs]
    items = [
        i for run, guide in zip(runs, guides, strict=True) for i in framed_items(run, settings, sample_start, guide)
    ]
    # Sorted by block for the model's prompt cache, put back into the order of the runs afterwards.
    keys = [(item.block, item.proposal.group, item.proposal.label) for item in items]
    order = sorted(range(len(items)), key=lambda i: (keys[i], i))
    reviews = dict(zip(order, _answered([items[i] for i in order], generator, settings), strict=True))
    by_run: dict[str, list[Reflection | QuarantinedRow]] = {}
    for i, item in enumerate(items):
        by_run.setdefault(item.run.id, []).append(reviews[i])
    return [r for run in runs for r in by_run.get(run.id) or [_abstention(run, generator, sample_start)]]


def _answered(items: list[Item], generator: Generator, settings: Recipe) -> list[Reflection | QuarantinedRow]:
    """Cool answers first; where one is refused, warmer tries under other frames, the first that passes stands."""
    reviews = _asked(items, generator, settings, settings.reflection.first_temperature)
    for attempt in range(1, settings.reflection.tries):
        refused = [
            i for i, r in enumerate(reviews) if isinstance(r, Reflection) and check_lesson(r, settings.reflection)
        ]
        reframed = [items[i].reframed(attempt) for i in refused]
        again = _asked(reframed, generator, settings, settings.reflection.second_temperature)
        for i, review in zip(refused, again, strict=True):
            if isinstance(review, Reflection) and not check_lesson(review, settings.reflection):
                reviews[i] = review
    return reviews


def _asked(
    items: list[Item], generator: Generator, settings: Recipe, temperature: float
) -> list[Reflection | QuarantinedRow]:
    requests = [item.request(temperature, settings) for item in items]
    responses = generator.generate(requests)
    return [_review(*triple) for triple in zip(items, requests, responses, strict=True)]


def _review(case: Item, request: Request, response: Response) -> Reflection | QuarantinedRow:
    if response.error:
        return QuarantinedRow(case.run.source, 0, response.error, response.text[:500], "reflect", case.run.id)
    p = case.proposal
    reason = response.text.strip().splitlines()[0].strip() if response.text.strip() else ""
    text = f"{case.frame} {reason}"
    reviews, evidence = _labels(case)
    bad = [review.idx for review in reviews if review.label == "bad"]
    better = Counterfactual(p.better, p.better_reply) if p.better else None
    return Reflection(
        trajectory_id=case.run.id,
        task_id=case.run.task_id,
        focus=p.step,
        found_by="rule",
        cause_code=p.cause_code,
        cause=p.cause,
        lesson=Lesson(text),
        generator=GeneratorStamp(
            response.model, request.prompt_sha256, case.sample, request.temperature, response.mean_nll
        ),
        evidence=evidence,
        steps=reviews,
        counterfactual=better,
        first_error_idx=min(bad) if bad and case.run.success is not True else None,
        fact=reason.removesuffix(".") if request.choices else p.fact,
        shots=tuple(shot.id for shot in case.shots),
    )


def _labels(case: Item) -> tuple[tuple[StepReview, ...], tuple[Evidence, ...]]:
    """The focus' label and those of other steps that a rule can prove by a quote of the step itself."""
    chosen: dict[int, Proposal] = {case.proposal.step: case.proposal}
    for other in case.others:
        # One quote means that the proof stands in the step itself; two, that the step's own is only its action.
        if len(other.evidence) == 1 and other.evidence[0].step_idx == other.step:
            chosen.setdefault(other.step, other)
    reviews, evidence = [], list(case.proposal.evidence)
    for idx in sorted(chosen):
        label = chosen[idx].label
        reviews.append(StepReview(idx, label, 1.0, (LabelSource("rule", label, model=chosen[idx].rule),)))
        evidence += [e for e in chosen[idx].evidence if e not in evidence]
    return tuple(reviews), tuple(evidence)


def _abstention(run: Trajectory, generator: Generator, sample: int) -> Reflection:
    return Reflection(
        trajectory_id=run.id,
        task_id=run.task_id,
        focus=None,
        found_by="rule",
        cause_code="other",
        cause="",
        lesson=Lesson(""),
        generator=GeneratorStamp(generator.model, Request(()).prompt_sha256, sample),
        abstain_reason="no rule finds a fault or a merit in this run that a quote of it proves",
    )
