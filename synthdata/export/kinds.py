"""The kinds of training row, all made from one internal row: a moment of a run, or a plain text.

What may be imitated (SFT) is a good step of a real run or a counterfactual that was verified; a bad step stands only in
histories, where it carries no weight, and as what preference and step credit speak against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from synthdata.export.conversation import Message, acts, better_deed, conversation, message_text, tool_definitions
from synthdata.records import Label, Reflection, Step, StepReview, Trajectory
from synthdata.records.chat import is_answer

Kind = Literal["sft", "messages", "preference", "kto", "stepwise", "self_distillation", "lesson"]
KINDS: tuple[Kind, ...] = ("sft", "messages", "preference", "kto", "stepwise", "self_distillation", "lesson")
# Kinds whose completions are imitated: the real share is held on these.
IMITATED: tuple[Kind, ...] = ("sft", "messages", "lesson")
# Most rows of one kind that one candidate, or one run, makes (docs/export.md).
ROWS_EACH = 4

# Beside the columns of a row: the index of the step that it speaks of (for its provenance), the messages as they came
# (for the dialect that wants them so), and the files of the pictures that its marks mean, by their letters.
STEP, AS_CAME, PICTURES = "_step", "_as_came", "_pictures"
HIDDEN = (STEP, AS_CAME, PICTURES)
Row = dict[str, Any]
Rows = dict[Kind, list[Row]]
# A one-view row has no context of its own; a trainer still wants a user turn before the assistant's.
PLAIN_PROMPT = "Share one lesson."


@dataclass(frozen=True)
class Moment:
    """One step with all that any kind of row is made from; of a plain text, `deed` is the text itself.

    `imitable` says whether the deed may be trained on; `label` is what two kinds of source agree on, `faulty` whether
    the review calls the step bad; `better` is a verified counterfactual, `advice` the lesson with the better move.
    """

    history: tuple[Message, ...]
    deed: Message
    imitable: bool = False
    label: Label = "unknown"
    faulty: bool = False
    better: Message | None = None
    advice: str = ""
    tools: str = ""
    step: int | None = None


@dataclass(frozen=True)
class RunLabels:
    """What is known of a run's steps: labels that may be rewarded, steps that some source calls bad, and promise.

    `learnable` are steps that may be imitated whatever became of their run (`labelling.learnable_steps`).
    """

    agreed: Mapping[int, Label] = field(default_factory=dict)
    bad: frozenset[int] = frozenset()
    promise: Mapping[int, float] = field(default_factory=dict)
    learnable: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, reviews: Sequence[StepReview], agreed: Mapping[int, Label], learnable: frozenset[int] = frozenset()
    ) -> RunLabels:
        """From united reviews, the labels agreed on, and the steps that may be learnt from in a run that failed."""
        named = {i: label for i, label in agreed.items() if label in ("good", "bad")}
        bad = {item.idx for item in reviews if any(source.verdict == "bad" for source in item.sources)}
        known = {item.idx: item.promise for item in reviews if item.promise is not None}
        return cls(named, frozenset(bad), known, learnable)

    def imitable(self, idx: int, success: bool | None) -> bool:
        """A step worth imitating: agreed to be good, or called bad by nobody and of a success or learnable."""
        unfaulted = idx not in self.bad and (success is True or idx in self.learnable)
        return self.agreed.get(idx) == "good" or unfaulted


def plain_rows(context: str, content: str) -> Rows:
    """The rows of a text that speaks of no run: the context asks, the content answers."""
    prompt: Message = {"role": "user", "content": context or PLAIN_PROMPT}
    moment = Moment((prompt,), {"role": "assistant", "content": content}, imitable=True)
    return {"sft": sft(moment), "messages": messages(moment)}


def candidate_rows(context: str, content: str, review: Reflection, run: Trajectory, labels: RunLabels) -> Rows:
    """The rows of an admitted reflection: at most ROWS_EACH of a kind, those of its focus step first."""
    moments = _moments(review, run, labels)
    lesson: Row = {"prompt": [{"role": "user", "content": context}], "completion": [_says(content)]}
    rows: Rows = {"lesson": [lesson | {STEP: review.focus}]}
    makers = {
        "sft": sft, "messages": messages, "preference": preference, "kto": kto, "self_distillation": self_distillation
    }  # fmt: skip
    for kind in KINDS:
        if kind in makers:
            rows[kind] = [row for moment in moments for row in makers[kind](moment)][:ROWS_EACH]
    return rows


def run_rows(run: Trajectory, labels: RunLabels, imitated: Sequence[int]) -> Rows:
    """The rows of a run: chosen steps one by one, all of it with a weight on each turn, and its step labels."""
    turns = conversation(run)
    place = {idx: i for i, (idx, _) in enumerate(turns) if idx is not None}
    rows: Rows = {"sft": [], "messages": [], "stepwise": stepwise(run, labels)}
    for idx in imitated[:ROWS_EACH]:
        history, deed = _before(turns, place[idx]), turns[place[idx]][1]
        rows["sft"] += sft(Moment(history, deed, imitable=True, tools=run.tools, step=idx))
    if imitated:
        good = {step.idx for step in run.agent_steps if acts(step) and labels.imitable(step.idx, run.success)}
        weighed = [_weighed(message, int(idx in good)) for idx, message in turns]
        rows["messages"] = [_with_tools({"messages": weighed}, run.tools)]
    return rows


def imitated_steps(run: Trajectory, labels: RunLabels, order: Sequence[int]) -> list[int]:
    """The steps of a run that may be imitated, in the given order of preference, at most ROWS_EACH; then by place.

    A step that neither says nor calls anything is none of them.
    """
    silent = {step.idx for step in run.agent_steps if not acts(step)}
    good = [idx for idx in order if idx not in silent and labels.imitable(idx, run.success)]
    return sorted(good[:ROWS_EACH])


def sft(moment: Moment) -> list[Row]:
    """`{"prompt", "completion"}`: the verified counterfactual, else the deed where it may be imitated."""
    completion = moment.better or (moment.deed if moment.imitable else None)
    if completion is None or not is_answer(completion):
        return []
    return [_row(moment, completion=[completion])]


def messages(moment: Moment) -> list[Row]:
    """`{"messages"}` with `weight` 1 on the completion and 0 on every assistant turn before it."""
    made = []
    for row in sft(moment):
        weighed = [_weighed(message, 0) for message in row["prompt"]] + [_weighed(row["completion"][0], 1)]
        made.append(_with_tools({"messages": weighed, STEP: moment.step}, moment.tools))
    return made


def preference(moment: Moment) -> list[Row]:
    """`{"prompt", "chosen", "rejected"}`: a verified counterfactual against the bad step that was taken."""
    if moment.better is None or not moment.faulty or not is_answer(moment.deed):
        return []
    return [_row(moment, chosen=[moment.better], rejected=[moment.deed])]


def kto(moment: Moment) -> list[Row]:
    """`{"prompt", "completion", "label"}`: step credit where two kinds of source agree, and a verified better move."""
    judged = [(moment.better, True)] if moment.better is not None else []
    if moment.label in ("good", "bad") and is_answer(moment.deed):
        judged.append((moment.deed, moment.label == "good"))
    return [_row(moment, completion=[deed], label=label) for deed, label in judged]


def self_distillation(moment: Moment) -> list[Row]:
    """`{"prompt", "privileged_context"}`: the same model, once told the lesson, teaches itself without it."""
    if not moment.advice:
        return []
    return [_row(moment, privileged_context=moment.advice)]


def stepwise(run: Trajectory, labels: RunLabels) -> list[Row]:
    """`{"prompt", "completions", "labels", "scores"}`: a run cut after each step whose label is agreed on.

    Steps without such a label are part of the piece that ends with the next labelled one, so no label is made up;
    what follows the last of them is left out. `scores` holds the promise after the step, null where unknown.
    """
    turns = conversation(run)
    first = next((i for i, (idx, _) in enumerate(turns) if idx is not None), len(turns))
    prompt = "\n\n".join(message["content"] for _, message in turns[:first] if message["content"])
    pieces: list[str] = []
    marks: list[bool] = []
    scores: list[float | None] = []
    since: list[str] = []
    for idx, message in turns[first:]:
        since.append(message_text(message))
        if idx is not None and idx in labels.agreed:
            pieces.append("\n\n".join(text for text in since if text))
            marks.append(labels.agreed[idx] == "good")
            scores.append(labels.promise.get(idx))
            since = []
    return [{"prompt": prompt, "completions": pieces, "labels": marks, "scores": scores}] if pieces else []


def _moments(review: Reflection, run: Trajectory, labels: RunLabels) -> list[Moment]:
    turns = conversation(run)
    place = {idx: i for i, (idx, _) in enumerate(turns) if idx is not None}
    steps = {step.idx: step for step in run.agent_steps}
    others = [item.idx for item in review.steps if item.idx in steps and item.idx in labels.agreed]
    focus = review.focus if review.focus is not None else max(steps, default=None)
    wanted = [focus] if focus in steps else []
    made = []
    for idx in dict.fromkeys([*wanted, *others]):
        assert idx is not None
        own = idx == focus
        better = review.counterfactual if own and review.focus is not None else None
        verified = better is not None and better.verified != "none"
        advice = [review.lesson.text, f"Better here: {better.action}" if better else ""]
        made.append(
            Moment(
                history=_before(turns, place[idx]),
                step=idx,
                deed=turns[place[idx]][1],
                label=_label(steps[idx], labels),
                faulty=idx in labels.bad and labels.agreed.get(idx) != "good",
                better=better_deed(better.action, steps[idx]) if better is not None and verified else None,
                advice="\n".join(filter(None, advice)) if own else "",
                tools=run.tools,
            )
        )
    return made


def _label(step: Step, labels: RunLabels) -> Label:
    """The label agreed on; a step without weight is never a good example, whatever sources say of it."""
    agreed = labels.agreed.get(step.idx, "unknown")
    return agreed if agreed != "good" or acts(step) else "unknown"


def _before(turns: Sequence[tuple[int | None, Message]], place: int) -> tuple[Message, ...]:
    """The history at a place."""
    return tuple(message for _, message in turns[:place])


def _row(moment: Moment, **columns: Any) -> Row:  # noqa: ANN401 - columns of any type
    return _with_tools({"prompt": list(moment.history), **columns, STEP: moment.step}, moment.tools)


def _weighed(message: Message, weight: int) -> Message:
    return message | {"weight": weight} if message["role"] == "assistant" else message


def _says(text: str) -> Message:
    return {"role": "assistant", "content": text}


def _with_tools(row: Row, tools: str) -> Row:
    definitions = tool_definitions(tools)
    return row | {"tools": definitions} if definitions else row
