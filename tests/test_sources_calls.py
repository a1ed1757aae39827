"""Call shapes: whatever SDK logged a call, its name and arguments come out, or the row is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.records import Origin, QuarantinedRow, Trajectory
from synthdata.sources import read_trajectories

DONE = {"role": "assistant", "content": "The rope is spliced."}


def read(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = list(read_trajectories(path, origin=Origin.REAL))
    return [x for x in found if isinstance(x, Trajectory)], [x for x in found if isinstance(x, QuarantinedRow)]


def calls(run):
    return [(c.name, json.loads(c.arguments), c.call_id) for s in run.steps for c in s.tool_calls]


def answers(run):
    return [(o.content, o.call_id) for s in run.steps for o in s.observations]


ARGS = {"rope": 3, "knot": "bowline"}
TEXT = json.dumps(ARGS)
ASK = {"role": "user", "content": "Splice the rope"}


def chat(*messages):
    return {"messages": [ASK, *messages, DONE]}


SHAPES = {
    "openai": chat(
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "x", "type": "function", "function": {"name": "splice", "arguments": TEXT}}]},
        {"role": "tool", "tool_call_id": "x", "content": "held"},
    ),
    "openai object": chat(
        {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "splice", "arguments": ARGS}}]},
        {"role": "tool", "tool_call_id": "x", "content": "held"},
    ),
    "langchain dict": chat(
        {"type": "ai", "content": "", "tool_calls": [{"name": "splice", "args": ARGS, "id": "x", "type": "tool_call"}]},
        {"type": "tool", "content": "held", "tool_call_id": "x", "name": "splice", "id": "m2"},
    ),
    "langchain serialised": chat(
        {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"], "kwargs": {
            "content": "", "tool_calls": [{"name": "splice", "args": ARGS, "id": "x"}],
            "additional_kwargs": {"tool_calls": [
                {"id": "x", "type": "function", "function": {"name": "splice", "arguments": TEXT}}]}}},
        {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "ToolMessage"],
         "kwargs": {"content": "held", "tool_call_id": "x"}},
    ),
    "langchain stored": chat(
        {"type": "ai", "data": {"content": "", "tool_calls": [{"name": "splice", "args": ARGS, "id": "x"}]}},
        {"type": "tool", "data": {"content": "held", "tool_call_id": "x"}},
    ),
    "langchain over anthropic": chat(
        {"type": "ai", "content": [{"type": "tool_use", "id": "x", "name": "splice", "input": ARGS}],
         "tool_calls": [{"name": "splice", "args": ARGS, "id": "x"}]},
        {"type": "tool", "content": "held", "tool_call_id": "x"},
    ),
    "anthropic": chat(
        {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "splice", "input": ARGS}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "held"}]},
    ),
    "bedrock": chat(
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "x", "name": "splice", "input": ARGS}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "x", "content": [{"text": "held"}]}}]},
    ),
    "gemini": {"contents": [
        {"role": "user", "parts": [{"text": "Splice the rope"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "x", "name": "splice", "args": ARGS}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "x", "name": "splice", "response": "held"}}]},
        {"role": "model", "parts": [{"text": "The rope is spliced."}]}]},
    "vercel model messages": chat(
        {"role": "assistant", "content": [
            {"type": "tool-call", "toolCallId": "x", "toolName": "splice", "input": ARGS}]},
        {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "x", "toolName": "splice",
                                      "output": {"type": "text", "value": "held"}}]},
    ),
    "vercel ui part": {"messages": [
        {"role": "user", "parts": [{"type": "text", "text": "Splice the rope"}]},
        {"role": "assistant", "parts": [
            {"type": "step-start"},
            {"type": "tool-splice", "toolCallId": "x", "state": "output-available", "input": ARGS, "output": "held"}]},
        {"role": "assistant", "parts": [{"type": "text", "text": "The rope is spliced."}]}]},
    "vercel tool invocation": chat(
        {"role": "assistant", "content": "", "parts": [{"type": "tool-invocation", "toolInvocation": {
            "state": "result", "toolCallId": "x", "toolName": "splice", "args": ARGS, "result": "held"}}]},
    ),
    "responses items": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Splice the rope"}]},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "zzz"},
        {"type": "function_call", "id": "fc_1", "call_id": "x", "name": "splice", "arguments": TEXT},
        {"type": "function_call_output", "call_id": "x", "output": "held"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "The rope is spliced."}]}],
    "pydantic-ai": [
        {"kind": "request", "parts": [{"part_kind": "user-prompt", "content": "Splice the rope"}]},
        {"kind": "response", "parts": [
            {"part_kind": "tool-call", "tool_name": "splice", "args": TEXT, "tool_call_id": "x"}]},
        {"kind": "request", "parts": [
            {"part_kind": "tool-return", "tool_name": "splice", "content": "held", "tool_call_id": "x"}]},
        {"kind": "response", "parts": [{"part_kind": "text", "content": "The rope is spliced."}]}],
    "semantic kernel": chat(
        {"role": "assistant", "items": [{"content_type": "function_call", "id": "x", "name": "splice",
                                         "arguments": TEXT}]},
        {"role": "tool", "items": [{"content_type": "function_result", "id": "x", "name": "splice", "result": "held"}]},
    ),
    "semantic kernel of .net": {"messages": [
        {"Role": {"Label": "user"}, "Items": [{"$type": "TextContent", "Text": "Splice the rope"}]},
        {"Role": {"Label": "assistant"}, "Items": [
            {"$type": "FunctionCallContent", "Id": "x", "FunctionName": "splice", "Arguments": ARGS}]},
        {"Role": {"Label": "tool"}, "Items": [
            {"$type": "FunctionResultContent", "CallId": "x", "FunctionName": "splice", "Result": "held"}]},
        {"Role": {"Label": "assistant"}, "Items": [{"$type": "TextContent", "Text": "The rope is spliced."}]}]},
    "autogen events": [
        {"type": "TextMessage", "source": "user", "content": "Splice the rope"},
        {"type": "ToolCallRequestEvent", "source": "bosun", "content": [
            {"id": "x", "name": "splice", "arguments": TEXT}]},
        {"type": "ToolCallExecutionEvent", "source": "bosun", "content": [
            {"call_id": "x", "name": "splice", "content": "held", "is_error": False}]},
        {"type": "TextMessage", "source": "bosun", "content": "The rope is spliced."}],
    "autogen context": [
        {"type": "UserMessage", "source": "user", "content": "Splice the rope"},
        {"type": "AssistantMessage", "source": "a", "content": [{"id": "x", "name": "splice", "arguments": TEXT}]},
        {"type": "FunctionExecutionResultMessage", "content": [{"call_id": "x", "content": "held", "is_error": False}]},
        {"type": "AssistantMessage", "source": "a", "content": "The rope is spliced."}],
    "genai parts": [
        {"role": "user", "parts": [{"type": "text", "content": "Splice the rope"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "x", "name": "splice", "arguments": ARGS}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "x", "response": "held"}]},
        {"role": "assistant", "parts": [{"type": "text", "content": "The rope is spliced."}]}],
    "inspect": chat(
        {"role": "assistant", "content": "", "tool_calls": [{"id": "x", "function": "splice", "arguments": ARGS,
                                                             "type": "function", "view": {"title": "t"}}]},
        {"role": "tool", "content": "held", "tool_call_id": "x", "function": "splice"},
    ),
    "mcp": chat(
        {"role": "assistant", "content": "", "tool_calls": [{"id": "x", "name": "splice", "parameters": ARGS}]},
        {"role": "tool", "tool_call_id": "x", "content": [{"type": "text", "text": "held"}]},
    ),
    "openclaw": chat(
        {"role": "assistant", "content": [{"type": "toolCall", "id": "x", "name": "splice", "arguments": ARGS}]},
        {"role": "toolResult", "toolCallId": "x", "toolName": "splice", "content": [{"type": "text", "text": "held"}]},
    ),
    "a request with its response": {
        "model": "m", "messages": [ASK, {"role": "assistant", "tool_calls": [
            {"id": "x", "function": {"name": "splice", "arguments": TEXT}}]},
            {"role": "tool", "tool_call_id": "x", "content": "held"}],
        "response": {"choices": [{"index": 0, "message": DONE, "finish_reason": "stop"}]}},
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_every_call_shape_gives_the_same_run(name, tmp_path):
    path = tmp_path / "log.json"
    path.write_text(json.dumps(SHAPES[name]), encoding="utf-8")
    (run,) = read_trajectories(path, origin=Origin.REAL)
    assert isinstance(run, Trajectory)
    assert run.task == "Splice the rope"
    assert calls(run) == [("splice", ARGS, "x")]
    assert answers(run) == [("held", "x")]
    assert [(s.role, s.action) for s in run.steps] == [
        ("user", "Splice the rope"), ("agent", ""), ("agent", "The rope is spliced.")
    ]  # fmt: skip
    assert all(s.weight == 1 and s.notes == () for s in run.steps)


CUSTOM = {
    "chat": chat(
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "x", "type": "custom", "custom": {"name": "patch", "input": "*** Begin\n+ tar"}}]},
        {"role": "tool", "tool_call_id": "x", "content": "ok"},
    ),
    "item": [ASK, {"type": "custom_tool_call", "call_id": "x", "name": "patch", "input": "*** Begin\n+ tar"},
             {"type": "custom_tool_call_output", "call_id": "x", "output": "ok"}, DONE],
}  # fmt: skip


@pytest.mark.parametrize("name", CUSTOM)
def test_free_text_of_a_custom_tool_becomes_an_object(name, tmp_path):
    path = tmp_path / "log.json"
    path.write_text(json.dumps(CUSTOM[name]), encoding="utf-8")
    (run,) = read_trajectories(path, origin=Origin.REAL)
    assert calls(run) == [("patch", {"input": "*** Begin\n+ tar"}, "x")]
    assert answers(run) == [("ok", "x")]
    assert [s.weight for s in run.agent_steps] == [1, 1]


def test_calls_that_run_at_the_provider_are_read(tmp_path):
    items = [
        ASK,
        {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "knots"}},
        {"type": "local_shell_call", "call_id": "l", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "local_shell_call_output", "call_id": "l", "output": "rope"},
        {"type": "code_interpreter_call", "id": "c", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]},
        {"type": "mcp_call", "id": "p", "name": "tie", "arguments": "{}", "output": "tied"},
        DONE,
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(items), encoding="utf-8")
    (run,) = read_trajectories(path, origin=Origin.REAL)
    assert [(name, identity) for name, _, identity in calls(run)] == [
        ("web_search", "w"), ("local_shell", "l"), ("code_interpreter", "c"), ("tie", "p")
    ]  # fmt: skip
    assert calls(run)[1][1] == {"type": "exec", "command": ["ls"]}
    assert [identity for _, identity in answers(run)] == ["l", "c", "p"]


NAMELESS = [
    {"role": "assistant", "tool_calls": [{"id": "x", "function": {"arguments": "{}"}}]},
    {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "", "arguments": "{}"}}]},
    {"role": "assistant", "tool_calls": [{"id": "x", "args": {"a": 1}}]},
    {"role": "assistant", "function_call": {"arguments": "{}"}},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "input": {}}]},
    {"role": "assistant", "content": [{"functionCall": {"args": {}}}]},
]


@pytest.mark.parametrize("message", NAMELESS)
def test_a_call_without_a_name_is_refused_with_its_place(message, tmp_path):
    runs, refused = read(tmp_path / "log.jsonl", chat(message), chat(*SHAPES["openai"]["messages"][1:3]))
    assert len(runs) == 1
    assert [(row.file, row.line) for row in refused] == [("log.jsonl", 1)]
    assert "without a name" in refused[0].reason and "messages[1]" in refused[0].reason


def test_arguments_that_cannot_be_found_are_refused_and_not_emptied(tmp_path):
    odd = {"role": "assistant", "tool_calls": [{"id": "x", "name": "go", "direction": {"to": "north"}}]}
    plain = {
        "role": "assistant",
        "tool_calls": [{"id": "x", "type": "function", "function": {"name": "go"}, "index": 0}],
    }
    (run,), (row,) = read(tmp_path / "log.jsonl", chat(plain), chat(odd))
    assert calls(run) == [("go", {}, "x")]
    assert row.line == 2 and "`direction` may be them" in row.reason


ARGUMENTS = [
    ("", "{}", 1), (None, "{}", 1), ("  ", "{}", 1), ("null", "{}", 1), ({}, "{}", 1), ("{}", "{}", 1),
    ('{"a":  1}', '{"a":  1}', 1), ({"b": 1, "a": 2}, '{"a":2,"b":1}', 1),
    (json.dumps('{"a": 1}'), '{"a": 1}', 1), ('"  "', "{}", 1),
    ('{"a": 1', '{"a": 1', 0), ("a=1", "a=1", 0), ("[5]", "[5]", 0), ([5], "[5]", 0), (5, "5", 0), ("5", "5", 0),
    ('{"a": NaN}', '{"a": NaN}', 0), ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}', 0), ("{'a': 1}", "{'a': 1}", 0),
    ("[" * 5000, "[" * 5000, 0), (json.dumps("\ud83d no {"), json.dumps("\ud83d no {"), 0),
]  # fmt: skip


@pytest.mark.parametrize(("given", "kept", "weight"), ARGUMENTS, ids=range(len(ARGUMENTS)))
def test_arguments_are_an_object_or_carry_no_weight(given, kept, weight, tmp_path):
    message = {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "go", "arguments": given}}]}
    (run,), _ = read(tmp_path / "log.jsonl", chat(message))
    (call,) = run.steps[1].tool_calls
    assert (call.arguments, run.steps[1].weight) == (kept, weight)
    assert bool(run.steps[1].notes) == (weight == 0 or given in (json.dumps('{"a": 1}'), '"  "'))
    assert weight == 0 or isinstance(json.loads(call.arguments), dict)


NAME = st.text(st.characters(categories=["Ll"]), min_size=1, max_size=8)
VALUE = st.dictionaries(st.text(max_size=6), st.integers() | st.booleans() | st.text(max_size=12), max_size=3)
TURN = st.lists(st.tuples(NAME, VALUE), max_size=3)


def written(style, number, made):
    """One turn of the agent with its calls, and the answers to them, in an SDK's own shape."""
    ids = [f"c{number}-{i}" for i in range(len(made))]
    pairs = list(zip(ids, made, strict=True))
    if style == "openai":
        listed = [{"id": i, "function": {"name": n, "arguments": json.dumps(a)}} for i, (n, a) in pairs]
        turn = {"role": "assistant", "content": f"turn {number}", "tool_calls": listed}
        return [turn, *({"role": "tool", "tool_call_id": i, "content": f"r{i}"} for i in ids)]
    if style == "anthropic":
        parts = [{"type": "tool_use", "id": i, "name": n, "input": a} for i, (n, a) in pairs]
        turn = {"role": "assistant", "content": [{"type": "text", "text": f"turn {number}"}, *parts]}
        back = [{"type": "tool_result", "tool_use_id": i, "content": f"r{i}"} for i in ids]
        return [turn, *([{"role": "user", "content": back}] if back else [])]
    if style == "gemini":
        parts = [{"functionCall": {"id": i, "name": n, "args": a}} for i, (n, a) in pairs]
        turn = {"role": "model", "parts": [{"text": f"turn {number}"}, *parts]}
        back = [{"functionResponse": {"id": i, "name": n, "response": f"r{i}"}} for i, (n, _) in pairs]
        return [turn, *([{"role": "user", "parts": back}] if back else [])]
    if style == "items":
        words = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": f"turn {number}"}]}
        asked = [{"type": "function_call", "call_id": i, "name": n, "arguments": json.dumps(a)} for i, (n, a) in pairs]
        return [words, *asked, *({"type": "function_call_output", "call_id": i, "output": f"r{i}"} for i in ids)]
    listed = [{"name": n, "args": a, "id": i, "type": "tool_call"} for i, (n, a) in pairs]
    turn = {"type": "ai", "content": f"turn {number}", "tool_calls": listed}
    return [turn, *({"type": "tool", "content": f"r{i}", "tool_call_id": i} for i in ids)]


@given(st.sampled_from(["openai", "anthropic", "gemini", "items", "langchain"]), st.lists(TURN, min_size=1, max_size=5))
def test_number_and_order_of_turns_calls_arguments_and_answers_are_kept(style, turns):
    from synthdata.sources.openai_chat import read as read_chat

    messages = [ASK]
    for number, made in enumerate(turns):
        messages += written(style, number, made)
    (run,) = read_chat(json.loads(json.dumps({"messages": messages})))
    assert [s.action for s in run.agent_steps] == [f"turn {number}" for number in range(len(turns))]
    expected = [(name, arguments) for made in turns for name, arguments in made]
    assert [(name, arguments) for name, arguments, _ in calls(run)] == expected
    ids = [f"c{n}-{i}" for n, made in enumerate(turns) for i in range(len(made))]
    assert answers(run) == [(f"r{i}", i) for i in ids]
    assert [c.call_id for s in run.steps for c in s.tool_calls] == ids
