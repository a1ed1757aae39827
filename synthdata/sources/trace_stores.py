"""Exports of LangSmith, Langfuse, Weave and OpenAI's Agents SDK: rows of runs and calls, as spans of a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthdata.sources.fields import RowError, as_list, as_object
from synthdata.sources.files import Row
from synthdata.sources.sessions import ReadRun, SessionItem, each_row
from synthdata.sources.span_stores import agents_span, is_agents_span, is_weave, tools_by_calls, weave_span
from synthdata.sources.span_values import from_json, input_messages, output_messages
from synthdata.sources.spans import Kind, Span, runs_of_trace

NAME = "trace_stores"
_RUN_TYPES: dict[str, Kind] = {"llm": "model", "tool": "tool", "chain": "other", "prompt": "other", "parser": "other",
                               "retriever": "other", "embedding": "other"}  # fmt: skip
_OBSERVATIONS: dict[str, Kind] = {
    "GENERATION": "model", "TOOL": "tool", "AGENT": "agent", "SPAN": "other", "EVENT": "other", "CHAIN": "other",
    "RETRIEVER": "other", "EVALUATOR": "other", "EMBEDDING": "other", "GUARDRAIL": "other",
}  # fmt: skip


def sniff(value: object) -> str | None:
    """None if this row is a run, observation, call or span of one of these stores, else why not."""
    if isinstance(value, dict):
        if is_weave(value) or is_agents_span(value):
            return None
        if str(value.get("run_type")) in _RUN_TYPES and "inputs" in value and "id" in value:
            return None
        if _is_observation(value) or _is_trace(value):
            return None
    return "neither a LangSmith run (`run_type`), a Langfuse trace or observation, a Weave call nor an Agents SDK span"


def _is_observation(value: Mapping[str, Any]) -> bool:
    named = "traceId" in value or "trace_id" in value
    return named and str(value.get("type")) in _OBSERVATIONS and "id" in value


def _is_trace(value: Mapping[str, Any]) -> bool:
    listed = value.get("observations")
    return (
        "id" in value
        and isinstance(listed, list)
        and bool(listed)
        and all(isinstance(item, dict) and str(item.get("type")) in _OBSERVATIONS for item in listed)
    )


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The runs of all traces of a file, in the order in which the traces began in it."""
    spans: list[Span] = []
    _, refused = each_row(rows, lambda row: spans.extend(_spans(as_object(row.value, "row"), row.line, len(spans))))
    yield from refused
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace, []).append(span)
    places = {row.line: row for row in rows}
    for trace, group in traces.items():
        first = min(span.line for span in group)
        tools_by_calls(group)
        try:
            for run in runs_of_trace(group):
                yield ReadRun(first, run)
        except RowError as error:
            yield places[first].quarantined(f"trace {trace[:40]}: {error}")


def _spans(value: dict[str, Any], line: int, number: int) -> list[Span]:
    if sniff(value) is not None:
        raise RowError("not a run or observation as the rest of the file is")
    if is_weave(value):
        return [weave_span(value, line, number)]
    if is_agents_span(value):
        span = agents_span(value, line, number)
        return [] if span is None else [span]
    if "run_type" in value:
        return _langsmith(value, line, number, "")
    if "observations" in value:
        listed = [as_object(item, "observation") for item in as_list(value["observations"], "observations")]
        spans = [_langfuse(item, line, number + i, str(value["id"])) for i, item in enumerate(listed)]
        return spans
    return [_langfuse(value, line, number, str(value.get("traceId", value.get("trace_id"))))]


def _langsmith(value: dict[str, Any], line: int, number: int, trace: str) -> list[Span]:
    """A run with the runs below it, where the export nests them."""
    made: list[Span] = []
    todo = [(value, str(value.get("parent_run_id") or ""))]
    whole = str(value.get("trace_id") or trace or value["id"])
    while todo:
        run, parent = todo.pop(0)
        name = str(run.get("id"))
        kind = _RUN_TYPES.get(str(run.get("run_type")), "other")
        # LangGraph's and LangChain's agents are chains; the outermost one of a trace is the agent.
        kind = "agent" if kind == "other" and not parent else kind
        span = Span(whole, name, parent, _start(run.get("start_time"), number + len(made)), kind, line=line)
        made.append(_filled(span, run.get("inputs"), run.get("outputs"), run))
        children = as_list(run.get("child_runs"), "child_runs")
        todo += [(as_object(child, "child_runs"), name) for child in children]
    return made


def _langfuse(value: dict[str, Any], line: int, number: int, trace: str) -> Span:
    kind = _OBSERVATIONS.get(str(value.get("type")), "other")
    parent = str(value.get("parentObservationId", value.get("parent_observation_id")) or "")
    start = _start(value.get("startTime", value.get("start_time")), number)
    return _filled(
        Span(trace, str(value["id"]), parent, start, kind, line=line), value.get("input"), value.get("output"), value
    )


def _start(value: object, number: int) -> tuple[str, int]:
    return (str(value or ""), number)


def _filled(span: Span, given: object, made: object, row: Mapping[str, Any]) -> Span:
    metadata = row.get("extra", row.get("metadata"))
    about = from_json(metadata)
    inner = about.get("metadata", about) if isinstance(about, dict) else {}
    if span.kind == "tool":
        span.tool = str(row.get("name") or "")
        span.arguments, span.answer = _arguments(given), _answer(made)
        identity = made.get("output", made) if isinstance(made, dict) else None
        inside = identity.get("kwargs", identity) if isinstance(identity, dict) else {}
        span.call_id = str(inside.get("tool_call_id") or "") if isinstance(inside, dict) else ""
    elif span.kind in ("model", "agent"):
        span.inputs, span.outputs = input_messages(given), output_messages(made)
    model = row.get("model", inner.get("ls_model_name") if isinstance(inner, dict) else None)
    span.model = model if isinstance(model, str) else ""
    level = row.get("level")
    error = row.get("error") or (row.get("statusMessage", row.get("status_message")) if level == "ERROR" else None)
    span.error = str(error) if error else ""
    return span


def _arguments(given: object) -> object:
    value = from_json(given)
    if isinstance(value, dict) and set(value) == {"input"}:
        inner = from_json(value["input"])
        return inner if isinstance(inner, dict) else value
    return value


def _answer(made: object) -> object:
    value = from_json(made)
    if isinstance(value, dict) and set(value) <= {"output", "type"} and "output" in value:
        value = value["output"]
    if isinstance(value, dict):
        inside = value.get("kwargs", value)
        if isinstance(inside, dict) and "content" in inside and ("tool_call_id" in inside or "kwargs" in value):
            return inside["content"]
    return value
