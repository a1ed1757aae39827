"""Spans of traces as runs: the GenAI conventions, Traceloop, OpenInference and others, as JSON and as protobuf.

All content is invented; the shapes are those of public conventions and exporters.
"""

from __future__ import annotations

import json

import pytest

from synthdata.errors import InputError
from synthdata.records import Origin, QuarantinedRow, Trajectory
from synthdata.sources import read_trajectories, sniff_kind

ARGS = {"part": "rudder"}


def both(path):
    found = list(read_trajectories(path, origin=Origin.REAL))
    return [x for x in found if isinstance(x, Trajectory)], [x for x in found if isinstance(x, QuarantinedRow)]


def calls(run):
    return [(c.name, json.loads(c.arguments)) for s in run.steps for c in s.tool_calls]


def answers(run):
    return [o.content for s in run.steps for o in s.observations]


def any_value(value):
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": k, "value": any_value(v)} for k, v in value.items()]}}
    return {"stringValue": value}


def pairs(attributes):
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def span(number, name, attributes, *, parent=1, events=(), trace="a" * 32, error=None):
    made = {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name,
        "startTimeUnixNano": str(10**18 + number),
        "attributes": pairs(attributes),
        "events": [{"name": event, "attributes": pairs(found)} for event, found in events],
        "status": {},
    }
    if error:
        made["status"] = {"code": 2, "message": error}
    return made


def document(*spans, scope="anything"):
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}]}]}


def write(path, *documents):
    path.write_text("".join(json.dumps(one) + "\n" for one in documents), encoding="utf-8")
    return path


USER = {"role": "user", "parts": [{"type": "text", "content": "Check the rudder"}]}
CALL = {"role": "assistant", "parts": [{"type": "reasoning", "content": "ask"},
                                       {"type": "tool_call", "id": "c1", "name": "probe", "arguments": ARGS},
                                       ]}  # fmt: skip
BACK = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "loose"}]}
LAST = {"role": "assistant", "parts": [{"type": "text", "content": "The rudder is loose."}], "finish_reason": "stop"}
ECHO = {"role": "assistant", "parts": [CALL["parts"][1]]}
SYSTEM = [{"type": "text", "content": "You mind the ship."}]


def genai(number, given, made, **more):
    return span(number, "chat m", {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
        "gen_ai.system_instructions": json.dumps(SYSTEM),
        "gen_ai.input.messages": json.dumps(given), "gen_ai.output.messages": json.dumps(made)}, **more)  # fmt: skip


def genai_structured(number, given, made):
    return span(number, "chat m", {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.system_instructions": SYSTEM,
        "gen_ai.input.messages": given, "gen_ai.output.messages": made})  # fmt: skip


def old_message(role, content=None, **more):
    return (f"gen_ai.{role}.message", {"content": content, **more} if content is not None else more)


OLD_CALL = json.dumps([{"id": "c1", "type": "function", "function": {"name": "probe", "arguments": json.dumps(ARGS)}}])
OLD_IN = [old_message("system", "You mind the ship."), old_message("user", "Check the rudder")]
OLD_TURN = [old_message("assistant", tool_calls=OLD_CALL), old_message("tool", "loose", id="c1")]


def old_choice(**message):
    return ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": json.dumps(message)})


def traceloop(number, messages, made):
    attributes = {"gen_ai.system": "x", "llm.request.type": "chat", "gen_ai.request.model": "m"}
    for prefix, listed in (("gen_ai.prompt", messages), ("gen_ai.completion", made)):
        for i, message in enumerate(listed):
            for key, value in message.items():
                attributes[f"{prefix}.{i}.{key}"] = value
    return span(number, "openai.chat", attributes)


TL_SYSTEM = {"role": "system", "content": "You mind the ship."}
TL_USER = {"role": "user", "content": json.dumps([{"type": "text", "text": "Check the rudder"}])}
TL_CALL = {"role": "assistant", "tool_calls.0.id": "c1", "tool_calls.0.name": "probe",
           "tool_calls.0.arguments": json.dumps(ARGS), "finish_reason": "tool_calls"}  # fmt: skip
TL_BACK = {"role": "tool", "tool_call_id": "c1", "content": "loose"}
TL_LAST = {"role": "assistant", "content": "The rudder is loose."}


def openinference(number, messages, made):
    attributes = {"openinference.span.kind": "LLM", "llm.model_name": "m"}
    for prefix, listed in (("llm.input_messages", messages), ("llm.output_messages", made)):
        for i, message in enumerate(listed):
            for key, value in message.items():
                attributes[f"{prefix}.{i}.message.{key}"] = value
    return span(number, "ChatCompletion", attributes)


OI_USER = {"role": "user", "contents.0.message_content.type": "text",
           "contents.0.message_content.text": "Check the rudder"}  # fmt: skip
OI_CALL = {"role": "assistant", "tool_calls.0.tool_call.id": "c1", "tool_calls.0.tool_call.function.name": "probe",
           "tool_calls.0.tool_call.function.arguments": json.dumps(ARGS)}  # fmt: skip


def vercel(number, messages, **answer):
    made = {f"ai.response.{key}": value for key, value in answer.items()}
    return span(number, "ai.generateText.doGenerate", {
        "ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m",
        "ai.prompt.messages": json.dumps(messages), **made})  # fmt: skip


V_SYSTEM = {"role": "system", "content": "You mind the ship."}
V_USER = {"role": "user", "content": [{"type": "text", "text": "Check the rudder"}]}
V_CALL = {"role": "assistant", "content": [
    {"type": "tool-call", "toolCallId": "c1", "toolName": "probe", "input": ARGS}]}  # fmt: skip
V_BACK = {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "toolName": "probe",
                                       "output": {"type": "text", "value": "loose"}}]}  # fmt: skip
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "bosun"}
MLFLOW_CALL = {"role": "assistant", "tool_calls": json.loads(OLD_CALL)}

DIALECTS = {
    "genai": [
        span(1, "invoke_agent bosun", AGENT, parent=0),
        genai(2, [USER], [CALL]),
        span(3, "execute_tool probe", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "probe"}),
        genai(4, [USER, ECHO, BACK], [LAST]),
    ],
    "genai structured": [genai_structured(2, [USER], [CALL]), genai_structured(4, [USER, CALL, BACK], [LAST])],
    "genai details event": [
        span(2, "chat m", {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, events=[
            ("gen_ai.client.inference.operation.details", {
                "gen_ai.input.messages": [{"role": "system", "parts": SYSTEM}, USER],
                "gen_ai.output.messages": [CALL]})]),
        span(4, "chat m", {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, events=[
            ("gen_ai.client.inference.operation.details", {
                "gen_ai.input.messages": [{"role": "system", "parts": SYSTEM}, USER, ECHO, BACK],
                "gen_ai.output.messages": [LAST]})]),
    ],
    "genai events of before": [
        span(2, "chat m", {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
             events=[*OLD_IN, old_choice(role="assistant", tool_calls=json.loads(OLD_CALL))]),
        span(4, "chat m", {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
             events=[*OLD_IN, *OLD_TURN, old_choice(role="assistant", content="The rudder is loose.")]),
    ],
    "traceloop": [
        traceloop(2, [TL_SYSTEM, TL_USER], [TL_CALL]),
        span(3, "probe.tool", {"traceloop.span.kind": "tool", "traceloop.entity.name": "probe",
                               "traceloop.entity.output": json.dumps({"output": "loose"})}),
        traceloop(4, [TL_SYSTEM, TL_USER, TL_CALL, TL_BACK], [TL_LAST]),
    ],
    "openinference": [
        span(1, "bosun", {"openinference.span.kind": "AGENT"}, parent=0),
        openinference(2, [TL_SYSTEM, OI_USER], [OI_CALL]),
        span(3, "probe", {"openinference.span.kind": "TOOL", "tool.name": "probe", "output.value": "loose"}),
        openinference(4, [TL_SYSTEM, OI_USER, OI_CALL, TL_BACK], [TL_LAST]),
    ],
    "vercel": [
        vercel(2, [V_SYSTEM, V_USER], toolCalls=json.dumps(
            [{"toolCallId": "c1", "toolName": "probe", "args": json.dumps(ARGS)}])),
        span(3, "ai.toolCall", {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "probe", "ai.toolCall.id": "c1",
                                "ai.toolCall.result": json.dumps("loose")}),
        vercel(4, [V_SYSTEM, V_USER, V_CALL, V_BACK], text="The rudder is loose."),
    ],
    "mlflow": [
        span(2, "m", {"mlflow.spanType": "CHAT_MODEL",
                      "mlflow.spanInputs": json.dumps({"model": "m", "messages": [TL_SYSTEM, V_USER]}),
                      "mlflow.spanOutputs": json.dumps({"choices": [{"message": MLFLOW_CALL}]})}),
        span(4, "m", {"mlflow.spanType": "CHAT_MODEL",
                      "mlflow.spanInputs": json.dumps({"messages": [TL_SYSTEM, V_USER, MLFLOW_CALL, TL_BACK]}),
                      "mlflow.spanOutputs": json.dumps({"choices": [{"message": TL_LAST}]})}),
    ],
}  # fmt: skip


def expect(run):
    assert run.task == "Check the rudder"
    assert [(s.role, s.action) for s in run.steps] == [
        ("system", "You mind the ship."), ("user", "Check the rudder"), ("agent", ""), ("agent", "The rudder is loose.")
    ]  # fmt: skip
    assert calls(run) == [("probe", ARGS)]
    assert answers(run) == ["loose"]
    assert [s.weight for s in run.steps] == [1] * 4


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_gives_the_same_run_whatever_its_scope(name, tmp_path):
    path = write(tmp_path / "trace.jsonl", document(*DIALECTS[name], scope=f"scope of {name}"))
    (run,), refused = both(path)
    assert (refused, run.format, sniff_kind(path)) == ([], "otlp", "trajectories")
    expect(run)
    if name.startswith("genai") and "before" not in name and "details" not in name:
        assert run.agent_steps[0].thought == "ask"


@pytest.mark.parametrize("name", DIALECTS)
def test_protobuf_gives_what_json_gives(name, tmp_path):
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    plain = json.loads(json.dumps(document(*DIALECTS[name])))
    for one in plain["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        # The JSON of protobuf writes ids in base64, that of OTLP in hexadecimal digits; any valid base64 will do.
        one["traceId"], one["spanId"], one["parentSpanId"] = "YWJjZA==", one["spanId"][:16], one["parentSpanId"][:16]
    message = ParseDict(plain, TracesData()).SerializeToString()
    (tmp_path / "whole.binpb").write_bytes(message)
    framed = len(message).to_bytes(4, "big") + message
    (tmp_path / "framed.pb").write_bytes(framed)
    for name_ in ("whole.binpb", "framed.pb"):
        (run,), refused = both(tmp_path / name_)
        assert refused == []
        expect(run)


def test_flat_spans_as_phoenix_exports_them(tmp_path):
    def flat(number, parent, kind, attributes):
        return {"name": "x", "context": {"trace_id": "t", "span_id": str(number)}, "parent_id": parent,
                "span_kind": kind, "start_time": f"2026-01-01T00:00:0{number}", "status_code": "OK",
                "attributes": attributes}  # fmt: skip

    def message(role, content=None, **more):
        return {"message": {"role": role, "content": content, **more}}

    call = {"tool_call": {"id": "c1", "function": {"name": "probe", "arguments": json.dumps(ARGS)}}}
    asked = [message("system", "You mind the ship."), message("user", "Check the rudder")]
    rows = [
        flat(1, None, "AGENT", {}),
        flat(2, "1", "LLM", {"llm": {"model_name": "m", "input_messages": asked,
                                     "output_messages": [message("assistant", tool_calls=[call])]}}),
        flat(3, "1", "TOOL", {"tool": {"name": "probe"}, "output": {"value": "loose"}}),
        flat(4, "1", "LLM", {"llm": {"input_messages": [
            *asked, message("assistant", tool_calls=[call]), message("tool", "loose", tool_call_id="c1")],
            "output_messages": [message("assistant", "The rudder is loose.")]}}),
    ]  # fmt: skip
    for path in (write(tmp_path / "spans.jsonl", *rows), tmp_path / "spans.json"):
        if path.suffix == ".json":
            path.write_text(json.dumps(rows), encoding="utf-8")
        (run,), refused = both(path)
        assert refused == []
        expect(run)
        assert run.agent_model == "m"


def test_langsmith_runs_flat_and_nested(tmp_path):
    def lc(kind, **kwargs):
        return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", kind], "kwargs": kwargs}

    system, user = lc("SystemMessage", content="You mind the ship."), lc("HumanMessage", content="Check the rudder")
    call = lc("AIMessage", content="", tool_calls=[{"name": "probe", "args": ARGS, "id": "c1"}])
    back = lc("ToolMessage", content="loose", tool_call_id="c1")
    last = lc("AIMessage", content="The rudder is loose.")
    root = {"id": "r", "trace_id": "r", "run_type": "chain", "name": "agent", "inputs": {}, "outputs": {},
            "start_time": "1"}  # fmt: skip
    children = [
        {"id": "a", "trace_id": "r", "parent_run_id": "r", "run_type": "llm", "name": "m", "start_time": "2",
         "inputs": {"messages": [[system, user]]}, "outputs": {"generations": [[{"text": "", "message": call}]]}},
        {"id": "b", "trace_id": "r", "parent_run_id": "r", "run_type": "tool", "name": "probe", "start_time": "3",
         "inputs": {"input": str(ARGS)}, "outputs": {"output": back}},
        {"id": "c", "trace_id": "r", "parent_run_id": "r", "run_type": "llm", "name": "m", "start_time": "4",
         "inputs": {"messages": [[system, user, call, back]]},
         "outputs": {"generations": [[{"text": "x", "message": last}]]}},
    ]  # fmt: skip
    (tmp_path / "flat.jsonl").write_text("\n".join(map(json.dumps, [root, *children])))
    (tmp_path / "nested.jsonl").write_text(json.dumps({**root, "child_runs": children}))
    for name in ("flat.jsonl", "nested.jsonl"):
        (run,), refused = both(tmp_path / name)
        assert (refused, run.format) == ([], "trace_stores")
        expect(run)


def test_langfuse_observations_and_traces(tmp_path):
    asked = [{"role": "system", "content": "You mind the ship."}, {"role": "user", "content": "Check the rudder"}]
    call = {"role": "assistant", "content": None, "tool_calls": json.loads(OLD_CALL)}
    listed = [
        {"id": "a", "traceId": "t", "type": "GENERATION", "name": "g", "startTime": "2", "model": "m",
         "input": {"messages": asked}, "output": call},
        {"id": "b", "traceId": "t", "type": "TOOL", "name": "probe", "startTime": "3", "input": ARGS,
         "output": "loose"},
        {"id": "c", "traceId": "t", "type": "GENERATION", "name": "g", "startTime": "4",
         "input": [*asked, call, {"role": "tool", "tool_call_id": "c1", "content": "loose"}],
         "output": {"role": "assistant", "content": "The rudder is loose."}},
    ]  # fmt: skip
    (tmp_path / "flat.jsonl").write_text("\n".join(map(json.dumps, listed)))
    (tmp_path / "trace.jsonl").write_text(json.dumps({"id": "t", "name": "x", "observations": listed}))
    for name in ("flat.jsonl", "trace.jsonl"):
        (run,), refused = both(tmp_path / name)
        assert (refused, run.agent_model) == ([], "m")
        expect(run)


def test_sub_agents_errors_and_last_answers_with_their_counts(tmp_path):
    inner = {"role": "user", "parts": [{"type": "text", "content": "Count the bolts"}]}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "probe", "gen_ai.tool.call.id": "c1"}
    spans = [
        span(1, "invoke_agent bosun", AGENT, parent=0),
        genai(2, [USER], [CALL]),
        span(3, "execute_tool probe", tool, error="the probe broke"),
        span(4, "invoke_agent mate", {**AGENT, "gen_ai.agent.name": "mate"}, parent=3),
        genai(5, [inner], [LAST], parent=4),
        genai(6, [USER, CALL, BACK], [], error="overloaded"),
    ]
    runs, refused = both(write(tmp_path / "t.jsonl", document(*spans[:3]), document(*spans[3:])))
    assert refused == []
    assert [run.task for run in runs] == ["Check the rudder", "Count the bolts"]
    assert sum(len(run.agent_steps) for run in runs) == 2
    assert answers(runs[0]) == ["loose"]
    assert runs[0].notes == ("a call of the model failed: overloaded",)
    alone, _ = both(write(tmp_path / "u.jsonl", document(*spans[:3])))
    assert answers(alone[0]) == ["Error: the probe broke"]


def test_what_is_new_alone_continues_and_a_changed_context_begins_anew(tmp_path):
    other = {"role": "user", "parts": [{"type": "text", "content": "Name this talk"}]}
    spans = [genai(2, [USER], [CALL]), genai(3, [other], [LAST])]
    spans.append(span(4, "chat m", {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps([BACK]),
                                    "gen_ai.output.messages": json.dumps([LAST])}))  # fmt: skip
    runs, _ = both(write(tmp_path / "t.jsonl", document(*spans)))
    assert [run.task for run in runs] == ["Check the rudder", "Name this talk"]
    assert [len(run.agent_steps) for run in runs] == [2, 1]
    assert answers(runs[0]) == ["loose"]


def test_tools_alone_make_an_outline_and_say_so(tmp_path):
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "probe",
            "gen_ai.tool.call.arguments": json.dumps(ARGS), "gen_ai.tool.call.result": "loose"}  # fmt: skip
    asked = {**AGENT, "gen_ai.input.messages": json.dumps([USER]), "gen_ai.output.messages": json.dumps([LAST])}
    spans = [span(1, "invoke_agent bosun", asked, parent=0), span(2, "execute_tool probe", tool)]
    (run,), _ = both(write(tmp_path / "t.jsonl", document(*spans)))
    assert calls(run) == [("probe", ARGS)] and answers(run) == ["loose"]
    assert "not recorded" in run.notes[0]


def test_unknown_dialects_and_unrecorded_content_say_so(tmp_path):
    silent = span(2, "chat m", {"gen_ai.operation.name": "chat"}, parent=0)
    with pytest.raises(InputError, match="hold no message: turn on the recording"):
        both(write(tmp_path / "silent.jsonl", document(silent)))
    foreign = span(2, "GET /", {"http.method": "GET", "acme.llm.prompt": "hello"}, parent=0)
    with pytest.raises(InputError, match=r"of no dialect known here .*acme\.llm\.prompt"):
        both(write(tmp_path / "foreign.jsonl", document(foreign)))
    later = span(3, "GET /", {"http.method": "GET"}, parent=0, trace="b" * 32)
    (run,), (row,) = both(write(tmp_path / "mixed.jsonl", document(genai(2, [USER], [LAST])), document(later)))
    assert run.task == "Check the rudder"
    assert "1 traces of 1 spans" in row.reason


def test_spans_of_no_dialect_still_say_what_lies_below_what(tmp_path):
    spans = [
        span(1, "invoke_agent bosun", AGENT, parent=0),
        span(2, "POST", {"http.method": "POST"}),
        genai(3, [USER], [CALL], parent=2),
        genai(4, [USER, CALL, BACK], [LAST]),
    ]
    (run,), refused = both(write(tmp_path / "t.jsonl", document(*spans)))
    assert (len(run.agent_steps), refused) == (2, [])


def test_a_broken_span_is_one_refused_line(tmp_path):
    bad = document({"name": "chat"})
    (run,), (row,) = both(write(tmp_path / "t.jsonl", document(genai(2, [USER], [LAST])), bad))
    assert (row.line, row.reason) == (2, "a span without `traceId` or `spanId`")
    assert run.task == "Check the rudder"
