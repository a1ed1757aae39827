"""Spans of a trace as runs, whatever wrote them: the calls of models and tools, each with what went in and came out.

A model is given its whole conversation anew at every call. So the calls of one agent are joined: a call whose input
continues what is known so far adds to the same run, any other begins a run of its own. A span of an agent inside
another makes a run of its own. Tool spans add what the messages do not hold: the last answers, and errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from synthdata.records import Trajectory, canonical_json
from synthdata.sources.calls import read_call
from synthdata.sources.fields import RowError
from synthdata.sources.parts import Answer, read_answer
from synthdata.sources.sessions import run_of
from synthdata.sources.span_values import from_json
from synthdata.sources.steps import Draft, close
from synthdata.sources.turn_reader import TurnReader, folded

Kind = Literal["model", "tool", "agent", "other"]
UNRECORDED = "the model's messages were not recorded; the steps are the calls of tools"
FAILED = "a call of the model failed: {}"
# Spans above a span that are looked at for the agent that it belongs to.
_HIGHEST = 200


@dataclass(slots=True)
class Span:
    """One span: its place in the trace, and what a model or a tool was given and gave back.

    `start` orders the spans of a trace; `inputs` and `outputs` are chat messages of any dialect.
    """

    trace: str
    name: str
    parent: str
    start: tuple[int | float | str, int]
    kind: Kind
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    tool: str = ""
    arguments: object = None
    answer: object = None
    call_id: str = ""
    error: str = ""
    model: str = ""
    tools: str = ""
    line: int = 0


Key = tuple[Any, ...]


@dataclass(slots=True)
class _Talk:
    """A conversation in the making: its turns, each with the key by which it is known again."""

    turns: list[Draft | Answer] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    model: str = ""
    tools: str = ""

    def add(self, turns: Iterable[Draft | Answer]) -> None:
        for turn in turns:
            self.turns.append(turn)
            self.keys.append(_key(turn))
            if isinstance(turn, Draft):
                self.calls.update(call.call_id for call in turn.calls if call.call_id)


def runs_of_trace(spans: Sequence[Span]) -> list[Trajectory]:
    """The runs of one trace, the outermost agent's first.

    Raises:
        RowError: there are calls of models, but nothing says what went in or came out; or a message cannot be read.
    """
    by_name = {span.name: span for span in spans}
    ordered = sorted(spans, key=lambda span: span.start)
    owned: dict[str, list[Span]] = {}
    for span in ordered:
        if span.kind in ("model", "tool"):
            owned.setdefault(_owner(span, by_name), []).append(span)
    above = {_owner(span, by_name) for span in ordered if span.kind == "agent"}
    for span in ordered:
        if span.kind == "agent" and span.name not in owned and span.name not in above and (span.inputs or span.outputs):
            # Nothing is recorded below this agent; what it was asked and answered is all there is.
            owned[span.name] = []
    runs = [run for owner, group in owned.items() for run in _runs(by_name.get(owner), group)]
    if not runs:
        models = sum(span.kind == "model" for span in spans)
        raise RowError(
            f"{models} spans of models and {len(spans) - models} others hold no message: turn on the recording of "
            "prompts and completions in the tracer"
        )
    return runs


def _owner(span: Span, by_name: dict[str, Span]) -> str:
    """The nearest agent above a span; the empty text where there is none."""
    parent = by_name.get(span.parent) if span.parent != span.name else None
    for _ in range(_HIGHEST):
        if parent is None or parent.kind == "agent":
            break
        parent = by_name.get(parent.parent)
    return parent.name if parent is not None and parent.kind == "agent" else ""


def _runs(agent: Span | None, group: Sequence[Span]) -> list[Trajectory]:
    calls = [span for span in group if span.kind == "model"]
    tools = [span for span in group if span.kind == "tool"]
    notes = [FAILED.format(span.error[:200]) for span in calls if span.error and not span.outputs]
    talks: list[_Talk] = []
    for span in calls:
        if span.inputs or span.outputs:
            _continue(talks, span)
    if not talks and agent is not None and (agent.inputs or agent.outputs):
        talks = [_outline(agent, tools)]
        notes += [UNRECORDED] if tools else []
        tools = []
    elif not talks and tools:
        talks = [_outline(Span("", "", "", (0, 0), "agent"), tools)]
        notes.append(UNRECORDED)
        tools = []
    elif talks and agent is not None and len(talks) == 1:
        talks[0].tools = talks[0].tools or agent.tools
    runs = []
    for talk in talks:
        drafts = folded(talk.turns)
        tools = _answered(drafts, tools)
        steps = close(drafts)
        if any(step.role == "agent" for step in steps):
            run = run_of(steps, talk.model, notes)
            runs.append(Trajectory(run.task, run.steps, agent_model=run.agent_model, tools=talk.tools, notes=run.notes))
    return runs


def _continue(talks: list[_Talk], span: Span) -> None:
    """Add a call of the model to the conversation that it continues, or begin one with it."""
    given, made = _read(span.inputs, span), _read(span.outputs, span)
    keys = [_key(turn) for turn in given]
    talk = next((talk for talk in reversed(talks) if keys[: len(talk.keys)] == talk.keys), None)
    if talk is not None:
        talk.add(given[len(talk.keys) :])
    else:
        # Some tracers log what is new alone: answers to the calls of a known conversation.
        first = given[0] if given else None
        named = first.observation.call_id if isinstance(first, Answer) else None
        talk = next((talk for talk in reversed(talks) if named and named in talk.calls), None)
        if talk is None:
            talk = _Talk()
            talks.append(talk)
        talk.add(given)
    talk.add(made)
    talk.model = talk.model or span.model
    talk.tools = talk.tools or span.tools


def _read(messages: Sequence[dict[str, Any]], span: Span) -> list[Draft | Answer]:
    reader = TurnReader()
    return [turn for i, m in enumerate(messages) for turn in reader.add(m, f"span {span.name[:40]} message {i}")]


def _key(turn: Draft | Answer) -> Key:
    """How a turn is known again: thoughts, ids and the spelling of arguments may differ from one call to the next."""
    if isinstance(turn, Answer):
        return ("answer", turn.observation.content.strip())
    calls = tuple((call.name, canonical_json(from_json(call.arguments))) for call in turn.calls)
    return (turn.role, turn.action.strip(), calls)


def _outline(agent: Span, tools: Sequence[Span]) -> _Talk:
    """A run of which only the agent's question and answer and the calls of its tools are known."""
    talk = _Talk(model=agent.model, tools=agent.tools)
    talk.add(_read(agent.inputs, agent))
    for span in tools:
        draft = Draft("agent")
        draft.take(
            [read_call({"name": span.tool, "arguments": span.arguments, "id": span.call_id}, f"span {span.name}")]
        )
        talk.add([draft, _tool_answer(span)])
    talk.add(_read(agent.outputs, agent))
    return talk


def _tool_answer(span: Span) -> Answer:
    return read_answer(span.answer, span.call_id or None, f"span {span.name[:40]}", span.error or None)


def _answered(drafts: Sequence[Draft], tools: Sequence[Span]) -> list[Span]:
    """Give calls without an answer the answer of their tool span; the spans that found no call are left over."""
    by_call = {span.call_id: span for span in tools if span.call_id}
    by_tool: dict[str, list[Span]] = {}
    for span in tools:
        if not span.call_id:
            by_tool.setdefault(span.tool, []).append(span)
    used: set[str] = set()
    for draft in drafts:
        answered = {seen.call_id for seen in draft.observations}
        open_calls = [call for call in draft.calls if call.call_id not in answered]
        nameless = sum(seen.call_id is None for seen in draft.observations)
        for call in open_calls[nameless:] if nameless else open_calls:
            ran = by_call.get(call.call_id or "")
            if ran is None and by_tool.get(call.name):
                ran = by_tool[call.name].pop(0)
            if ran is None or ran.name in used or (ran.answer is None and not ran.error):
                continue
            used.add(ran.name)
            answer = read_answer(ran.answer, call.call_id, f"span {ran.name[:40]}", ran.error or None)
            draft.observations.append(answer.observation)
            draft.media += answer.media
    return [span for span in tools if span.name not in used]
