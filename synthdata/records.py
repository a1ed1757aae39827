"""The nouns of one round, frozen: what sources read, what reflection writes, what the gate decides.

Values only: no I/O, no settings, no behaviour beyond identity and JSON. Identities are content hashes, so the same
experience read twice, from two files or in two orders, is the same record.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces and real characters: the same value always gives the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(*parts: str, length: int = 24) -> str:
    """Hex sha256 over the parts with their lengths, cut to `length` characters; lone surrogates are allowed."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:length]


class Origin(StrEnum):
    """Where a record comes from; only the operator can say `real` (gate.md 1)."""

    REAL = "real"
    ON_POLICY = "on_policy"
    SYNTHETIC = "synthetic"


class Verdict(StrEnum):
    """What became of a candidate; every candidate gets exactly one."""

    ADMIT = "admit"
    REJECT = "reject"
    QUARANTINE = "quarantine"


class Reason(StrEnum):
    """Why a candidate was not admitted: the closed list of architecture.md 8, and `abstained`."""

    MALFORMED = "malformed"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    GENERIC = "generic"
    UNGROUNDED = "ungrounded"
    GIBBERISH = "gibberish"
    LOOP = "loop"
    ADDRESSES_JUDGE = "addresses_judge"
    SECRET = "secret"
    CONTAMINATED = "contaminated"
    LINEAGE_DEPTH = "lineage_depth"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    SEMANTIC_DUPLICATE = "semantic_duplicate"
    LESSON_QUOTA = "lesson_quota"
    JUDGE_REJECTED = "judge_rejected"
    JUDGE_ABSTAINED = "judge_abstained"
    LEXICAL_SATURATION = "lexical_saturation"
    CELL_QUOTA = "cell_quota"
    COLLISION_BUDGET = "collision_budget"
    # A reflector that finds nothing to say about a trajectory says so here, so that the trajectory counts as read.
    ABSTAINED = "abstained"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as logged. `arguments` is JSON text: verbatim where the log held text, canonical for an object."""

    name: str
    arguments: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What the environment answered; `call_id` names the tool call that it answers, where the log says so."""

    content: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One turn; an agent's carries its thought, its action (message or command), its tool calls and what came back.

    `role` is who acted: `agent`, or `user` and `system`, whose message is the `action`. `optimal` is ground truth where
    the environment gives it (was the move on an optimal path), else None; it never enters a prompt or a rule.
    """

    idx: int
    role: Literal["agent", "user", "system"]
    action: str = ""
    thought: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    observations: tuple[Observation, ...] = ()
    optimal: bool | None = None

    @property
    def observation(self) -> str:
        """All observations of the step joined by blank lines, the text that evidence offsets refer to."""
        return "\n\n".join(o.content for o in self.observations)

    @property
    def call_text(self) -> str:
        """The tool calls as `name(arguments)` lines, the text that evidence on field `tool_call` refers to."""
        return "\n".join(f"{c.name}({c.arguments})" for c in self.tool_calls)


@dataclass(frozen=True)
class Trajectory:
    """One run of an agent. `id` is a hash of what happened, not of where it was read or who vouches for it.

    `environment` is JSON text from which the run's environment can be made again, empty where the log does not say.
    """

    task: str
    steps: tuple[Step, ...]
    task_id: str = ""
    success: bool | None = None
    reward: float | None = None
    source: str = ""
    format: str = ""
    licence: str = ""
    origin: Origin = Origin.SYNTHETIC
    lineage_depth: int = 0
    lineage: tuple[str, ...] = ()
    agent_model: str = ""
    tools: str = ""
    truncated: bool = False
    environment: str = ""

    @cached_property
    def id(self) -> str:
        """24 hex characters over task, steps and outcome."""
        steps = canonical_json([asdict(step) for step in self.steps])
        return content_hash(self.task_id, self.task, steps, repr(self.success), repr(self.reward))

    @property
    def agent_steps(self) -> tuple[Step, ...]:
        """The steps that the agent took: the ones a reflection may label."""
        return tuple(step for step in self.steps if step.role == "agent")


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that could not be used: where it stood, why, and how it began (at most 500 characters, made printable)."""

    file: str
    line: int
    reason: str
    head: str = ""
    stage: str = "read"
    trajectory_id: str = ""


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
    """A step-level review of one trajectory with one focus (gate.md 1): a step index, or None for the whole run.

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


@dataclass(frozen=True)
class Candidate:
    """A text that asks to be admitted: `content` is what it teaches, `context` what it is about (gate.md 1).

    `occurrence` counts earlier candidates of the same input that are equal in all else, so that every line of a file is
    one candidate with one decision. `payload` is JSON text that travels with the verdict (a reflection's record).
    """

    content: str
    context: str = ""
    external_id: str = ""
    origin: Origin = Origin.SYNTHETIC
    source: str = ""
    licence: str = ""
    task_id: str = ""
    trajectory_id: str = ""
    lineage_depth: int = 1
    generator: str = ""
    prompt_sha256: str = ""
    sample_index: int = 0
    occurrence: int = 0
    payload: str = ""

    @cached_property
    def id(self) -> str:
        """24 hex characters over what the candidate says, where it comes from and its occurrence."""
        place = (self.trajectory_id, str(self.sample_index), str(self.occurrence))
        return content_hash(self.external_id, self.context, self.content, *place)


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one candidate with every number that it rests on.

    `score` and `threshold` belong to the deciding stage; `numbers` holds all numbers seen up to it, by name. `judged`
    names the models that judged it, or is `none`. For a quarantined row `candidate.content` is empty and `detail` says
    file, line and reason.
    """

    candidate: Candidate
    verdict: Verdict
    stage: str = ""
    reason: Reason | None = None
    score: float | None = None
    threshold: float | None = None
    neighbour_id: str = ""
    neighbour_text: str = ""
    detail: str = ""
    cell: int | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    judged: str = "none"


def to_json(record: Trajectory | Reflection | Candidate) -> str:
    """Canonical JSON text of a record; `from_json` reads it back to an equal record."""
    return canonical_json({f.name: _plain(getattr(record, f.name)) for f in fields(record)})


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)  # type: ignore[call-overload]
    return value


R = TypeVar("R", Trajectory, Reflection, Candidate)

_ADAPTERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in (Trajectory, Reflection, Candidate)}


def from_json(kind: type[R], text: str) -> R:
    """Read a record written by `to_json`.

    Raises:
        pydantic.ValidationError: the text is not such a record; callers quarantine the row.
    """
    record: R = _ADAPTERS[kind].validate_json(text)
    return record
