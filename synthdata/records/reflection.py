"""What a model or a person says of a run: labels of steps with their sources, and a review with one focus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CauseCode = Literal[
    "wrong_tool", "bad_args", "ignored_observation", "premature_stop", "loop", "hallucinated_state",
    "misread_goal", "unverified_claim", "inefficient", "good_plan", "recovery", "other",
]  # fmt: skip
Label = Literal["good", "neutral", "bad", "unknown"]
EvidenceField = Literal["action", "observation", "thought", "tool_call"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verbatim quote: `text[start:end] == quote` for the named field of the named step, checked by the floor."""

    step_idx: int
    field: EvidenceField
    quote: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LabelSource:
    """One opinion on a step and the kind of source it comes from."""

    kind: Literal["rule", "judge", "replay", "human"]
    verdict: Label
    score: float | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class StepReview:
    """The label of one step with its sources; `confidence` in [0, 1].

    `promise` in [0, 1] is the share of continuations from after the step that succeed, `progress` in [-1, 1] what the
    step added to it (Xi et al. 2026, arXiv 2511.08325); None where nothing was played on.
    """

    idx: int
    label: Label
    confidence: float = 0.0
    sources: tuple[LabelSource, ...] = ()
    promise: float | None = None
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """What a person says of one step of a run; a later word of the same person on the same step replaces it."""

    trajectory_id: str
    step: int
    label: Label
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What should have been done at the focus step, and how far that was verified."""

    action: str
    expected_observation: str = ""
    verified: Literal["none", "replay", "mc"] = "none"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What to take away, and when it applies."""

    text: str
    when: str = ""
    generality: Literal["task", "tool", "domain", "general"] = "task"


@dataclass(frozen=True, slots=True)
class GeneratorStamp:
    """How a text was generated, enough to ask for it again."""

    model: str
    prompt_sha256: str
    sample_index: int = 0
    temperature: float = 0.0
    mean_nll: float | None = None


@dataclass(frozen=True, slots=True)
class Reflection:
    """A step-level review of one trajectory with one focus (docs/design.md, section 2).

    The focus is a step index, or None for the whole run.

    `found_by` says who found the fault: a `rule` over the text of the run, or the `model`. `fact` is the sentence that
    a rule stated and the model put into words; empty where the model reviewed the steps itself. An abstention carries
    only `abstain_reason`.
    """

    trajectory_id: str
    task_id: str
    focus: int | None
    found_by: Literal["rule", "model"]
    cause_code: CauseCode
    cause: str
    lesson: Lesson
    generator: GeneratorStamp
    evidence: tuple[Evidence, ...] = ()
    steps: tuple[StepReview, ...] = ()
    counterfactual: Counterfactual | None = None
    first_error_idx: int | None = None
    fact: str = ""
    shots: tuple[str, ...] = ()
    abstain_reason: str = ""

    @property
    def abstains(self) -> bool:
        """True where the reflector found nothing that it could support."""
        return bool(self.abstain_reason)
