"""The answer that the full reflector asks for: its JSON schema for one prompt, and the same read back.

The schema offers nothing that the run does not have: steps are those shown, quotes are spans cut from their text.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from synthdata.records import CauseCode, Evidence, Label, Step, canonical_json
from synthdata.reflection.quotes import Rarity, field_text, telling_quotes
from synthdata.reflection.reading import failure_span
from synthdata.reflection.window import shown_spans
from synthdata.settings import ReflectionSettings
from synthdata.text.prompt_safety import neutralize

Offered = dict[int, list[Evidence]]
NO_ERROR = -1


class Review(BaseModel):
    """The label of a step; good and bad carry a quote of the step."""

    model_config = ConfigDict(extra="forbid")
    step: int
    label: Label
    quote: str = ""


class Focus(BaseModel):
    """The step that the lesson is about, and the quote that proves it."""

    model_config = ConfigDict(extra="forbid")
    step: int
    label: Literal["good", "bad"]
    quote: str


class Answer(BaseModel):
    """One answer of the model, as its schema promises it; endpoints that ignore schemas are caught here."""

    model_config = ConfigDict(extra="forbid")
    abstain: bool
    abstain_reason: str
    reviews: list[Review]
    focus: Focus
    first_error: int
    cause_code: CauseCode
    cause: str
    counterfactual: str
    expected_observation: str
    lesson: str
    when: str
    generality: Literal["task", "tool", "domain", "general"]


def offer_quotes(steps: list[Step], rarity: Rarity, settings: ReflectionSettings) -> Offered:
    """The quotes that each shown step offers, at most `spans_per_step`: its failing line first, then in order.

    A quote must be telling, lie in what the prompt shows of its field, stand there unchanged, and occur once among the
    quotes of its step. Steps without such a quote are absent.
    """
    offered: Offered = {}
    for step in steps:
        failing = failure_span(step.observation)
        quotes = [e for e in telling_quotes(step, rarity) if _shown(step, e, settings.max_step_chars)]
        first = [
            e for e in quotes if failing and e.field == "observation" and e.start < failing[1] and e.end > failing[0]
        ]
        by_text = {e.quote: e for e in reversed([*first, *quotes])}
        kept = sorted(by_text.values(), key=[*first, *quotes].index)[: settings.spans_per_step]
        if kept:
            offered[step.idx] = kept
    return offered


def _shown(step: Step, item: Evidence, limit: int) -> bool:
    head, tail = shown_spans(field_text(step, item.field), limit)
    return (item.end <= head or item.start >= tail) and neutralize(item.quote) == item.quote


def answer_schema(agent_steps: list[int], focus_steps: list[int], offered: Offered, most_reviews: int) -> str:
    """The JSON schema of one answer as text, in the subset that endpoints with strict schemas and llama.cpp take."""
    proven = [
        _object(
            step={"type": "integer", "enum": [idx]},
            label={"type": "string", "enum": ["good", "bad"]},
            quote={"type": "string", "enum": [e.quote for e in offered[idx]]},
        )
        for idx in agent_steps
        if idx in offered
    ]
    plain = _object(
        step={"type": "integer", "enum": agent_steps}, label={"type": "string", "enum": ["neutral", "unknown"]}
    )
    text = {"type": "string"}
    schema = _object(
        abstain={"type": "boolean"},
        abstain_reason=text,
        reviews={"type": "array", "items": {"anyOf": [*proven, plain]}, "maxItems": most_reviews},
        focus={"anyOf": [part for part in proven if part["properties"]["step"]["enum"][0] in focus_steps]},
        first_error={"type": "integer", "enum": [NO_ERROR, *agent_steps]},
        cause_code={"type": "string", "enum": list(get_args(CauseCode))},
        cause=text,
        counterfactual=text,
        expected_observation=text,
        lesson=text,
        when=text,
        generality={"type": "string", "enum": ["task", "tool", "domain", "general"]},
    )
    return canonical_json(schema)


def _object(**properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
