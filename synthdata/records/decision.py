"""What asks to be admitted, and what became of it with every number that the verdict rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from synthdata.records.chat import Chat, Message
from synthdata.records.experience import Origin
from synthdata.records.identity import content_hash


class Verdict(StrEnum):
    """What became of a candidate; every candidate gets exactly one."""

    ADMIT = "admit"
    REJECT = "reject"
    QUARANTINE = "quarantine"


class Reason(StrEnum):
    """Why a candidate was not admitted: a closed list, and `abstained`."""

    MALFORMED = "malformed"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    GENERIC = "generic"
    UNGROUNDED = "ungrounded"
    GIBBERISH = "gibberish"
    UNFINISHED = "unfinished"
    UNLIKE_REFERENCE = "unlike_reference"
    UNREADABLE = "unreadable"
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
    OUTSIDE_REFERENCE = "outside_reference"
    COLLISION_BUDGET = "collision_budget"
    # A reflector that finds nothing to say about a trajectory says so here, so that the trajectory counts as read.
    ABSTAINED = "abstained"


@dataclass(frozen=True)
class Candidate:
    """A text that asks to be admitted: `content` is what it teaches, `context` what it is about.

    The two views are those of docs/design.md, section 2.

    `occurrence` counts earlier candidates of the same input that are equal in all else, so that every line of a file is
    one candidate with one decision. `payload` is JSON text that travels with the verdict (a reflection's record).
    `chat` is the JSON text of the conversation that the row came as, empty for a row of plain texts; content and
    context are then derived from it, which `of_chat` does.
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
    chat: str = ""

    @classmethod
    def of_chat(cls, chat: Chat, **fields: Any) -> Candidate:  # noqa: ANN401 - the other fields, by name
        """The candidate of a conversation; `context` may be given where the row names it itself."""
        given = {"context": chat.context} | fields
        return cls(content=chat.content, chat=chat.to_json(), **given)

    @classmethod
    def of(cls, row: str | Sequence[Message] | Mapping[str, Any], **fields: Any) -> Candidate:  # noqa: ANN401
        """A candidate of a text, of the messages of a chat, or of a dict that holds either; `fields` are the others.

        Of a dict `content` with `context`, `prompt` with `completion`, or `messages` with `tools` are read.

        Raises:
            ValueError: a row of another shape (`Corpus.admit` reads many more), or a malformed chat.
        """
        if isinstance(row, str):
            return cls(content=row, **fields)
        if isinstance(row, Mapping):
            texts = [row.get(name) for name in ("content", "prompt", "completion")]
            if isinstance(texts[0], str):
                return cls(content=texts[0], context=str(row.get("context") or ""), **fields)
            if isinstance(texts[1], str) and isinstance(texts[2], str):
                return cls(content=texts[2], context=texts[1], **fields)
            tools = row.get("tools") or ()
            row = row.get("messages") or ()
            return cls.of_chat(Chat(list(row), tools), **fields)
        return cls.of_chat(Chat(list(row)), **fields)

    @cached_property
    def id(self) -> str:
        """24 hex characters over what the candidate says, where it comes from and its occurrence."""
        place = (self.trajectory_id, str(self.sample_index), str(self.occurrence))
        whole = (self.chat,) if self.chat else ()
        return content_hash(self.external_id, self.context, self.content, *place, *whole)


# The cell of a context that lies outside all cells.
OUTSIDE = -1


@dataclass(frozen=True, slots=True)
class Reject:
    """Why a rule, a judge or a stage refuses a candidate, with its evidence: a `score` that missed a `threshold`."""

    reason: Reason
    score: float | None = None
    threshold: float | None = None
    neighbour_id: str = ""
    neighbour_text: str = ""
    detail: str = ""


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
