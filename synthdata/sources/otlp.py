"""OpenTelemetry traces: OTLP as JSON and as protobuf, the files of the collector's exporter, and flat JSON of spans.

Spans are read by their attributes, whatever the scope; what the attributes mean is in `span_attributes`. A trace id is
one trace, over all lines of a file. Flat spans (`context.trace_id`) are what Phoenix exports and what the SDK's console
exporter prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthdata.errors import InputError
from synthdata.records import QuarantinedRow
from synthdata.sources.fields import RowError, as_list, as_object
from synthdata.sources.files import Row, SourceFile, refuse
from synthdata.sources.packing import open_bytes
from synthdata.sources.sessions import ReadRun, SessionItem, each_row
from synthdata.sources.span_attributes import DIALECTS, meaning
from synthdata.sources.spans import Span, runs_of_trace

NAME = "otlp"
_RESOURCES = ("resourceSpans", "resource_spans", "resourceLogs", "resource_logs")
_SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "scopeLogs", "scope_logs")
_RECORDS = ("spans", "logRecords", "log_records")
_ERRORS = (2, "2", "STATUS_CODE_ERROR", "ERROR", "Error")
_DEEPEST = 30


def sniff(value: object) -> str | None:
    """None if this row is an OTLP document or a flat span, else why not."""
    if isinstance(value, dict):
        if any(isinstance(value.get(key), list) for key in _RESOURCES):
            return None
        if _is_flat(value):
            return None
    return "no OTLP document (`resourceSpans`) and no span (`context.trace_id` with `attributes`)"


def _is_flat(value: Mapping[str, Any]) -> bool:
    context = value.get("context")
    nested = isinstance(context, dict) and "trace_id" in context and "span_id" in context
    return (nested or "context.trace_id" in value) and ("name" in value)


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The runs of all traces of a file, in the order in which the traces began in it."""
    raw: list[_Raw] = []
    logs: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    _, refused = each_row(rows, lambda row: _take(row, raw, logs))
    yield from refused
    traces: dict[str, list[Span]] = {}
    unknown: dict[str, list[_Raw]] = {}
    for number, span in enumerate(_once(raw)):
        read = _span(span, logs.get(span.name, []), number)
        if read is None:
            unknown.setdefault(span.trace, []).append(span)
        else:
            traces.setdefault(span.trace, []).append(read)
    places = {row.line: row for row in rows}
    for trace, spans in traces.items():
        yield from _trace(trace, spans, unknown.pop(trace, []), places)
    if unknown:
        yield _unknown(unknown, places)


def _once(raw: list[_Raw]) -> list[_Raw]:
    """The spans without copies: an exporter that got no answer sends the same again."""
    known: dict[tuple[str, str], _Raw] = {}
    kept = []
    for span in raw:
        before = known.setdefault((span.trace, span.name), span)
        content = (before.title, before.start, before.attributes, before.events, before.error)
        if before is span or content != (span.title, span.start, span.attributes, span.events, span.error):
            kept.append(span)
    return kept


def _trace(trace: str, spans: list[Span], others: list[_Raw], places: Mapping[int, Row]) -> Iterator[SessionItem]:
    # Spans of no dialect, such as HTTP requests, still say what belongs below what.
    between = [Span(raw.trace, raw.name, raw.parent, raw.start, "other", line=raw.line) for raw in others]
    first = min(span.line for span in spans)
    try:
        for run in runs_of_trace([*spans, *between]):
            yield ReadRun(first, run)
    except RowError as error:
        yield _refused(places[first], f"trace {trace[:40]}: {error}")


def _unknown(unknown: Mapping[str, list[_Raw]], places: Mapping[int, Row]) -> QuarantinedRow:
    spans = [span for group in unknown.values() for span in group]
    names = sorted({key for span in spans[:200] for key in span.attributes})[:8]
    names_given = f"their attributes are {', '.join(names)}" if names else "they have no attributes"
    reason = (
        f"{len(unknown)} traces of {len(spans)} spans are of no dialect known here ({DIALECTS}); {names_given}. "
        "`synthdata docs formats` shows how to turn a log into messages"
    )
    return _refused(places[spans[0].line], reason)


def _refused(row: Row, reason: str) -> QuarantinedRow:
    return row.quarantined(reason)


class _Raw:
    """A span as logged, its attributes as one object."""

    __slots__ = ("attributes", "error", "events", "line", "name", "parent", "start", "title", "trace")

    def __init__(
        self, line: int, trace: str, name: str, parent: str, title: str, start: tuple[int | float | str, int]
    ) -> None:
        self.line, self.trace, self.name, self.parent, self.title, self.start = line, trace, name, parent, title, start
        self.attributes: dict[str, Any] = {}
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.error = ""


def _span(raw: _Raw, logs: Sequence[tuple[str, Mapping[str, Any]]], number: int) -> Span | None:
    parsed = meaning(raw.title, raw.attributes, [*raw.events, *logs])
    if parsed.kind is None:
        return None
    return Span(
        raw.trace, raw.name, raw.parent, (raw.start[0], number), parsed.kind, parsed.inputs, parsed.outputs,
        parsed.tool, parsed.arguments, parsed.answer, parsed.call_id, raw.error, parsed.model, parsed.tools, raw.line,
    )  # fmt: skip


def _take(row: Row, raw: list[_Raw], logs: dict[str, list[tuple[str, Mapping[str, Any]]]]) -> None:
    value = as_object(row.value, "line")
    if sniff(value) is not None:
        raise RowError("not an OTLP document as the rest of the file is")
    if _is_flat(value) and not any(key in value for key in _RESOURCES):
        raw.append(_flat_span(value, row.line))
        return
    for resource in (item for key in _RESOURCES for item in as_list(value.get(key), key)):
        for scope in (item for key in _SCOPES for item in as_list(as_object(resource, "resource").get(key), key)):
            for record in (item for key in _RECORDS for item in as_list(as_object(scope, "scope").get(key), key)):
                _take_record(as_object(record, "record"), row.line, raw, logs)


def _take_record(
    record: dict[str, Any], line: int, raw: list[_Raw], logs: dict[str, list[tuple[str, Mapping[str, Any]]]]
) -> None:
    attributes = _attributes(record.get("attributes"))
    span_id, trace = _text(record, "spanId", "span_id"), _text(record, "traceId", "trace_id")
    if "body" in record or "timeUnixNano" in record or "time_unix_nano" in record:
        body = _value(record.get("body"), 0)
        about = {**(body if isinstance(body, dict) else {"content": body}), **attributes}
        named = _text(record, "eventName", "event_name") or str(attributes.get("event.name", ""))
        logs.setdefault(span_id, []).append((named, about))
        return
    if not trace or not span_id:
        raise RowError("a span without `traceId` or `spanId`")
    start = _start(record.get("startTimeUnixNano", record.get("start_time_unix_nano")))
    span = _Raw(
        line, trace, span_id, _text(record, "parentSpanId", "parent_span_id"), _text(record, "name"), (start, 0)
    )
    span.attributes = attributes
    for event in as_list(record.get("events"), "events"):
        item = as_object(event, "event")
        span.events.append((_text(item, "name"), _attributes(item.get("attributes"))))
    status = as_object(record.get("status"), "status")
    span.error = _error(status.get("code"), status.get("message"), span.events)
    raw.append(span)


def _flat_span(value: Mapping[str, Any], line: int) -> _Raw:
    nested = value.get("context")
    context = nested if isinstance(nested, dict) else _below(value, "context.")
    name, trace = _text(context, "span_id"), _text(context, "trace_id")
    parent = value.get("parent_id")
    start = value.get("start_time")
    span = _Raw(
        line, trace, name, parent if isinstance(parent, str) else "", _text(value, "name"), (str(start or ""), 0)
    )
    attributes = value.get("attributes")
    span.attributes = _dotted(attributes) if isinstance(attributes, dict) else _dotted(_below(value, "attributes."))
    kind = value.get("span_kind")
    if isinstance(kind, str) and kind and "openinference.span.kind" not in span.attributes:
        span.attributes["openinference.span.kind"] = kind
    for event in as_list(value.get("events"), "events"):
        item = as_object(event, "event")
        given = item.get("attributes")
        span.events.append((_text(item, "name"), given if isinstance(given, dict) else {}))
    status = value.get("status")
    code = status.get("status_code", status.get("code")) if isinstance(status, dict) else value.get("status_code")
    error = status.get("description") if isinstance(status, dict) else value.get("status_message")
    span.error = _error(code, error, span.events)
    return span


def _below(value: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): item for key, item in value.items() if key.startswith(prefix)}


def _dotted(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested attributes under dotted names; lists of messages stay lists, which the dialects read as well."""
    flat: dict[str, Any] = {}
    todo: list[tuple[str, Any, int]] = [("", dict(attributes), 0)]
    while todo:
        prefix, node, depth = todo.pop()
        if isinstance(node, dict) and node and depth < _DEEPEST and not (prefix.endswith(("value.", "parameters."))):
            todo += [(f"{prefix}{key}.", item, depth + 1) for key, item in node.items()]
        elif isinstance(node, list) and depth < _DEEPEST and node and all(isinstance(item, dict) for item in node):
            todo += [(f"{prefix}{i}.", item, depth + 1) for i, item in enumerate(node)]
        elif prefix:
            flat[prefix[:-1]] = node
    return flat


def _error(code: object, message: object, events: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    if code not in _ERRORS:
        return ""
    thrown = next((event.get("exception.message") for name, event in events if name == "exception"), None)
    return str(message or thrown or "the span ended with an error")


def _attributes(listed: object) -> dict[str, Any]:
    """The key-value list of OTLP as one object."""
    attributes: dict[str, Any] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict) and isinstance(item.get("key"), str):
            attributes[item["key"]] = _value(item.get("value"), 0)
    return attributes


def _value(value: object, depth: int) -> object:
    """OTLP's `AnyValue`."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return value if isinstance(value, str | int | float | bool) else None
    for key in ("stringValue", "string_value", "boolValue", "bool_value", "doubleValue", "double_value"):
        if key in value:
            return value[key]
    number = value.get("intValue", value.get("int_value"))
    if number is not None:
        return int(number) if isinstance(number, str) and number.lstrip("-").isdigit() and len(number) < 20 else number
    listed = value.get("arrayValue", value.get("array_value"))
    if isinstance(listed, dict):
        return [_value(item, depth + 1) for item in as_list(listed.get("values"), "values")]
    named = value.get("kvlistValue", value.get("kvlist_value"))
    if isinstance(named, dict):
        pairs = as_list(named.get("values"), "values")
        return {str(p.get("key")): _value(p.get("value"), depth + 1) for p in pairs if isinstance(p, dict)}
    return None


def _start(value: object) -> int:
    if isinstance(value, str) and value.isdigit() and len(value) < 25:
        return int(value)
    return value if isinstance(value, int) else 0


def _text(node: Mapping[str, Any], *keys: str) -> str:
    return next((node[key] for key in keys if isinstance(node.get(key), str)), "")


def protobuf_rows(file: SourceFile, limit: int) -> Iterator[Row | QuarantinedRow]:
    """The messages of a protobuf file as documents: one whole file, or many, each after its length in four bytes.

    Raises:
        InputError: the extra is not installed, or the file was asked for alone and is no OTLP.
    """
    try:
        from google.protobuf.json_format import MessageToDict
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
    except ImportError as error:
        message = f"{file.name}: reading protobuf needs the `traces` extra; install synthdata-gate[traces]"
        raise InputError(message) from error
    with open_bytes(file) as handle:
        raw = handle.read(limit + 1)
    if len(raw) > limit:
        yield refuse(file, f"protobuf of more than {limit} bytes; split it or raise max_row_bytes")
        return
    for number, part in enumerate(_framed(raw), 1):
        try:
            message = TracesData.FromString(part)
        except DecodeError as error:
            yield refuse(file, f"message {number} is no OTLP trace in protobuf: {error}")
            return
        yield Row(file.name, number, MessageToDict(message))


def _framed(raw: bytes) -> list[bytes]:
    """The messages of a file; the whole of it where it is no sequence of length and message."""
    parts, place = [], 0
    while place + 4 <= len(raw):
        size = int.from_bytes(raw[place : place + 4], "big")
        if not 0 < size <= len(raw) - place - 4:
            return [raw]
        parts.append(raw[place + 4 : place + 4 + size])
        place += 4 + size
    return parts if place == len(raw) else [raw]
