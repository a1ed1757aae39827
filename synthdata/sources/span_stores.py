"""Spans as Weave (`calls`) and OpenAI's Agents SDK (`trace.span`) write them, as spans of a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthdata.records import canonical_json
from synthdata.sources.fields import as_object
from synthdata.sources.span_values import from_json, input_messages, output_messages
from synthdata.sources.spans import Kind, Span

_SPAN_TYPES: dict[str, Kind] = {"generation": "model", "response": "model", "function": "tool", "agent": "agent"}
# Parts of the name that Weave gives to a call of a model's client.
_CLIENTS = ("chat.completions", "completions.create", "messages.create", "messages.stream", "generate_content",
            "responses.create", "responses.parse", "litellm", "chat.complete", "converse", "llm.invoke")  # fmt: skip


def is_weave(value: Mapping[str, Any]) -> bool:
    """A call that Weave recorded."""
    return isinstance(value.get("op_name"), str) and isinstance(value.get("trace_id"), str) and "inputs" in value


def is_agents_span(value: Mapping[str, Any]) -> bool:
    """A span or the heading of a trace of the Agents SDK."""
    kind = value.get("object")
    return (kind == "trace.span" and isinstance(value.get("span_data"), dict)) or (
        kind == "trace" and "workflow_name" in value
    )


def weave_span(value: Mapping[str, Any], line: int, number: int) -> Span:
    """One call; of a model where its operation is a client's, else named as a tool may be."""
    named = _operation(str(value["op_name"]))
    given, made = value.get("inputs"), value.get("output")
    start = (str(value.get("started_at") or ""), number)
    span = Span(
        str(value["trace_id"]), str(value.get("id")), str(value.get("parent_id") or ""), start, "other", line=line
    )
    error = value.get("exception")
    span.error = str(error) if error else ""
    if isinstance(given, dict) and (any(part in named for part in _CLIENTS) or _is_exchange(given, made)):
        span.kind = "model"
        span.inputs, span.outputs = input_messages(given), output_messages(made)
        span.model = given["model"] if isinstance(given.get("model"), str) else ""
        tools = given.get("tools")
        span.tools = canonical_json(tools) if isinstance(tools, list) and tools else ""
    else:
        span.tool, span.arguments, span.answer = named, _own(given), made
        span.kind = "agent" if not span.parent else "other"
    return span


def _operation(name: str) -> str:
    """`weave:///team/project/op/splice:digest` is `splice`; of a method the method alone."""
    return name.rpartition("/op/")[2].partition(":")[0] if "/op/" in name else name


def _is_exchange(given: Mapping[str, Any], made: object) -> bool:
    return isinstance(given.get("messages"), list) and isinstance(made, dict) and ("choices" in made or "role" in made)


def _own(given: object) -> object:
    return {key: item for key, item in given.items() if key != "self"} if isinstance(given, dict) else given


def tools_by_calls(spans: Sequence[Span]) -> None:
    """Operations that a model of the trace called by name are tools: Weave records functions of every kind alike."""
    called = {name for span in spans for message in (*span.inputs, *span.outputs) for name in _called(message)}
    for span in spans:
        last = span.tool.rpartition(".")[2]
        if span.kind == "other" and last in called:
            span.kind, span.tool = "tool", last


def _called(message: Mapping[str, Any]) -> Iterator[str]:
    listed = message.get("tool_calls")
    for call in listed if isinstance(listed, list) else ():
        function = call.get("function", call) if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            yield function["name"]
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == "tool_use" and isinstance(part.get("name"), str):
            yield part["name"]


def agents_span(value: Mapping[str, Any], line: int, number: int) -> Span | None:
    """One span; None for the heading of a trace."""
    if value.get("object") == "trace":
        return None
    data = as_object(value["span_data"], "span_data")
    kind = _SPAN_TYPES.get(str(data.get("type")), "other")
    start = (str(value.get("started_at") or ""), number)
    span = Span(
        str(value.get("trace_id")), str(value.get("id")), str(value.get("parent_id") or ""), start, kind, line=line
    )
    if kind == "tool":
        span.tool, span.arguments, span.answer = (
            str(data.get("name") or ""),
            from_json(data.get("input")),
            data.get("output"),
        )
    elif kind == "model":
        span.inputs, span.outputs = input_messages(data.get("input")), output_messages(data.get("output"))
        span.model = data["model"] if isinstance(data.get("model"), str) else ""
    error = value.get("error")
    message = error.get("message", error) if isinstance(error, dict) else error
    span.error = str(message) if message else ""
    return span
