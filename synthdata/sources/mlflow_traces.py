"""Traces of MLflow 2 and 3 as JSON: spans whose attributes are JSON texts, read as flat spans by the trace reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.records import canonical_json
from synthdata.sources import otlp
from synthdata.sources.fields import RowError
from synthdata.sources.files import Row
from synthdata.sources.sessions import SessionItem
from synthdata.sources.span_values import from_json

NAME = "mlflow"


def sniff(value: object) -> str | None:
    """None if this row is a trace of MLflow, else why not."""
    return None if _spans(value) else "no trace of MLflow (`data.spans` or `spans` with `mlflow.` attributes)"


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The runs of all traces of a file."""
    flat: list[Row] = []
    for row in rows:
        spans = _spans(row.value)
        if not spans:
            yield row.quarantined(f"{NAME}: {sniff(row.value)}, as the rest of the file is")
        try:
            flat += [Row(row.file, row.line, _flat(span), row.size, row.repaired) for span in spans]
        except RowError as error:
            yield row.quarantined(f"{NAME}: {error}")
    yield from otlp.read_session(flat)


def _spans(value: object) -> list[dict[str, Any]]:
    """The spans of a trace: of the trace itself, of its stored data, of a row of a table of traces."""
    if not isinstance(value, dict):
        return []
    data = value.get("data")
    whole = from_json(value.get("trace")) if isinstance(value.get("trace"), str) else None
    nested = whole.get("data") if isinstance(whole, dict) else None
    for node in (data, value, nested):
        spans = from_json(node.get("spans")) if isinstance(node, dict) else None
        if isinstance(spans, list) and spans and all(map(_is_span, spans)):
            return spans
    return []


def _is_span(span: object) -> bool:
    attributes = span.get("attributes") if isinstance(span, dict) else None
    return isinstance(attributes, dict) and any(key.startswith("mlflow.") for key in attributes)


def _flat(span: dict[str, Any]) -> dict[str, Any]:
    nested = span.get("context")
    context = nested if isinstance(nested, dict) else span
    attributes = {key: _attribute(item) for key, item in span["attributes"].items()}
    trace, identity = context.get("trace_id"), context.get("span_id")
    if not isinstance(trace, str) or not isinstance(identity, str):
        raise RowError("a span without `trace_id` or `span_id`")
    status = span.get("status")
    outcome = (
        status if isinstance(status, dict) else {"code": span.get("status_code"), "message": span.get("status_message")}
    )
    return {
        "name": str(span.get("name") or ""),
        "context": {"trace_id": trace, "span_id": identity},
        "parent_id": span.get("parent_id", span.get("parent_span_id")),
        "start_time": _padded(span.get("start_time", span.get("start_time_unix_nano"))),
        "status": {"status_code": outcome.get("code"), "description": outcome.get("message")},
        "attributes": attributes,
        "events": span.get("events") or [],
    }


def _attribute(value: object) -> object:
    """A value as the trace reader takes it: texts and numbers out of their JSON, objects and lists as JSON."""
    if isinstance(value, dict | list):
        return canonical_json(value)
    plain = from_json(value)
    return value if isinstance(plain, dict | list) else plain


def _padded(start: object) -> str:
    """Nanoseconds as texts that sort as the numbers do."""
    return str(start).rjust(25, "0")
