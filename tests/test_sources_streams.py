"""Streams of events, stores of spans, service logs and transcripts: each tells the same run, and each fault is said."""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import random

import pytest

from synthdata.errors import InputError
from synthdata.records import Origin, QuarantinedRow, Trajectory
from synthdata.sources import read_candidates, read_trajectories, sniff_kind

ARGS = {"rope": 3, "how": {"knots": [1, None, "ü"], "tight": ""}}
TEXT = json.dumps(ARGS)
ASK, END, THINK = "Splice the rope.", "The rope is spliced.", "It is torn."
USER, DONE = {"role": "user", "content": ASK}, {"role": "assistant", "content": END}
CALLS = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "x", "type": "function", "function": {"name": "splice", "arguments": TEXT}}],
}
HELD = {"role": "tool", "tool_call_id": "x", "content": "held"}
HUMAN = {"type": "human", "content": ASK, "id": "1"}
AI = {"type": "ai", "content": "", "id": "2", "tool_calls": [{"name": "splice", "args": ARGS, "id": "x"}]}
TOOL = {"type": "tool", "content": "held", "tool_call_id": "x", "id": "3"}
LAST = {"type": "ai", "content": END, "id": "4"}
UPDATES = [{"__start__": {"messages": [HUMAN]}}, {"agent": {"messages": [AI]}}, {"tools": {"messages": [TOOL]}},
           {"agent": {"messages": [LAST]}, "memory": None}]  # fmt: skip


def span(kind, name, given, made, number):
    attributes = {"mlflow.spanType": kind, "mlflow.spanInputs": given, "mlflow.spanOutputs": made}
    return name, str(number), "0" if number else None, {k: json.dumps(v) for k, v in attributes.items()}, number


SPANS = [
    span("AGENT", "agent", {"q": ASK}, END, 0),
    span("CHAT_MODEL", "llm", {"messages": [USER]}, {"choices": [{"message": CALLS}]}, 1),
    span("TOOL", "splice", ARGS, "held", 2),
    span("CHAT_MODEL", "llm", {"messages": [USER, CALLS, HELD]}, {"choices": [{"message": DONE}]}, 3),
]
MLFLOW_2 = [{"name": n, "context": {"span_id": i, "trace_id": "t"}, "parent_id": p, "attributes": a, "start_time": s,
             "status_code": "OK"} for n, i, p, a, s in SPANS]  # fmt: skip
MLFLOW_3 = [{"name": n, "span_id": i, "trace_id": "t", "parent_span_id": p, "attributes": a, "status": {"code": "OK"},
             "start_time_unix_nano": s} for n, i, p, a, s in SPANS]  # fmt: skip


def weave(number, op, given, made):
    return {
        "id": str(number), "trace_id": "t", "op_name": f"weave:///a/b/op/{op}:v1", "inputs": given, "output": made,
        "parent_id": None if op == "work" else "0", "started_at": f"2026-01-01T00:00:0{number}Z",
    }  # fmt: skip


def agents(number, data):
    return {
        "object": "trace.span", "id": str(number), "trace_id": "t", "parent_id": "1" if number > 1 else None,
        "started_at": f"2026-01-01T00:00:0{number}", "span_data": data,
    }  # fmt: skip


def adk(author, role, *parts, **more):
    return {"author": author, "invocationId": "i", "content": {"role": role, "parts": list(parts)}, **more}


def letta(kind, identity, **fields):
    return {"id": identity, "message_type": kind, **fields}


LETTA = [
    letta("user_message", "1", content=ASK),
    letta("reasoning_message", "2", reasoning=THINK),
    letta("tool_call_message", "2", tool_call={"name": "splice", "arguments": TEXT, "tool_call_id": "x"}),
    letta("tool_return_message", "3", tool_return="held", status="success", tool_call_id="x"),
    letta("assistant_message", "4", content=END),
]
BEDROCK = [
    {"role": "user", "content": [{"text": ASK}]},
    {"role": "assistant", "content": [{"toolUse": {"toolUseId": "x", "name": "splice", "input": ARGS}}]},
    {"role": "user", "content": [{"toolResult": {"toolUseId": "x", "content": [{"text": "held"}]}}]},
    {"role": "assistant", "content": [{"text": END}]},
]
AG_UI = [
    {"type": "RUN_STARTED", "threadId": "t", "runId": "r", "input": {"messages": [{**USER, "id": "1"}]}},
    {"type": "REASONING_MESSAGE_CONTENT", "messageId": "t1", "delta": THINK},
    {"type": "TOOL_CALL_START", "toolCallId": "x", "toolCallName": "splice", "parentMessageId": "m1"},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "x", "delta": TEXT[:9]},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "x", "delta": TEXT[9:]},
    {"type": "TOOL_CALL_END", "toolCallId": "x"},
    {"type": "TOOL_CALL_RESULT", "toolCallId": "x", "messageId": "m2", "content": "held"},
    {"type": "STATE_SNAPSHOT", "snapshot": {"a": 1}},
    {"type": "TEXT_MESSAGE_START", "messageId": "m3", "role": "assistant"},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m3", "delta": END[:4]},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m3", "delta": END[4:]},
    {"type": "TEXT_MESSAGE_END", "messageId": "m3"},
    {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"},
]
FILES = {
    "AG-UI": AG_UI,
    "AG-UI snapshot": [*AG_UI[:-1], {"type": "MESSAGES_SNAPSHOT", "messages": [
        USER, {**CALLS, "id": "m1"}, {**HELD, "id": "m2"}, {**DONE, "id": "m3"}]}, AG_UI[-1]],
    "Letta": LETTA,
    "Letta, newest first": [{**row, "date": f"2026-01-0{9 - i}"} for i, row in enumerate(LETTA[::-1])],
    "Letta's agent file": [{"agents": [{"agent_type": "letta_v1", "id": "a", "messages": [
        {**m, "tool_returns": []} for m in (USER, CALLS, HELD, DONE)]}]}],
    "LangGraph updates": UPDATES,
    "LangGraph tuples": [["updates", row] for row in UPDATES],
    "LangGraph's server": [{"event": "metadata", "data": {}}, *({"event": "updates", "data": u} for u in UPDATES)],
    "LangGraph values": [{"event": "values", "data": {"messages": m}} for m in ([HUMAN], [HUMAN, AI, TOOL, LAST])],
    "LangGraph replaces": [
        UPDATES[0], {"agent": {"messages": [{**AI, "tool_calls": [], "content": "no"}]}}, *UPDATES[1:]],
    "MLflow 2": [{"info": {"request_id": "t"}, "data": {"spans": MLFLOW_2}}],
    "MLflow 3": [{"info": {"trace_id": "t"}, "data": {"spans": MLFLOW_3}}],
    "MLflow's table": [{"trace_id": "t", "request": ASK, "response": END, "spans": MLFLOW_3}],
    "Weave": [
        weave(0, "work", {"q": ASK}, END),
        weave(1, "openai.chat.completions.create", {"messages": [USER]}, {"choices": [{"message": CALLS}]}),
        weave(2, "splice", ARGS, "held"),
        weave(3, "openai.chat.completions.create", {"messages": [USER, CALLS, HELD]}, {"choices": [{"message": DONE}]}),
    ],
    "Agents SDK": [
        {"object": "trace", "id": "t", "workflow_name": "w"},
        agents(1, {"type": "agent", "name": "doer"}),
        agents(2, {"type": "generation", "input": [USER], "output": [CALLS]}),
        agents(3, {"type": "function", "name": "splice", "input": TEXT, "output": "held"}),
        agents(4, {"type": "generation", "input": [USER, CALLS, HELD], "output": [DONE]}),
    ],
    "ADK": [
        adk("user", "user", {"text": ASK}),
        adk("doer", "model", {"functionCall": {"id": "x", "name": "splice", "args": ARGS}}),
        adk("doer", "user", {"functionResponse": {"id": "x", "name": "splice", "response": "held"}}),
        adk("doer", "model", {"text": "The rope"}, partial=True),
        adk("doer", "model", {"text": END}, partial=False),
    ],
    "Bedrock's log": [{
        "schemaType": "ModelInvocationLog", "modelId": "m", "operation": "Converse",
        "input": {"inputBodyJson": {"messages": BEDROCK[:3]}},
        "output": {"outputBodyJson": {"output": {"message": BEDROCK[3]}, "stopReason": "end_turn"}},
    }],
    "Anthropic's batch": [{
        "custom_id": "a", "params": {"messages": [USER, CALLS, HELD]},
        "result": {"type": "succeeded", "message": {"role": "assistant", "content": [{"type": "text", "text": END}]}},
    }],
    "Cohere 1": [{"message": "", "chat_history": [
        {"role": "USER", "message": ASK},
        {"role": "CHATBOT", "message": "", "tool_calls": [{"name": "splice", "parameters": ARGS}]},
        {"role": "TOOL", "tool_results": [{"call": {"name": "splice"}, "outputs": "held"}]},
        {"role": "CHATBOT", "message": END},
    ]}],
    "ToolBench": [{"answer_generation": {"query": ASK, "function": [], "train_messages": [
        [USER, CALLS], [USER, CALLS, HELD, DONE]]}}],
    "function calling leaderboard": [{"id": "multi_turn_1", "result": [], "inference_log": [
        [{"role": "state_info"}],
        {"begin_of_turn_query": [USER], "step_0": [
            {"role": "inference_input", "content": ""}, {"role": "assistant", "content": [{"splice": TEXT}]},
            {"role": "handler_log", "content": "decoded"}, {"role": "tool", "content": "held"}],
         "step_1": [{"role": "assistant", "content": END}, {"role": "handler_log", "content": "none"}]},
    ]}],
    "SWE-smith": [{"instance_id": "i", "messages": json.dumps([USER, CALLS, HELD, DONE])}],
    "OpenHands' rollouts": [{"instance_id": "i", "trajectory": [USER, CALLS, HELD, DONE], "resolved": None}],
}  # fmt: skip


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def both(path):
    read = list(read_trajectories(path, origin=Origin.REAL))
    return [x for x in read if isinstance(x, Trajectory)], [x for x in read if isinstance(x, QuarantinedRow)]


@pytest.mark.parametrize("name", FILES)
def test_every_stream_and_store_gives_the_run_that_is_in_it(name, tmp_path):
    path = write(tmp_path / "x.jsonl", FILES[name])
    assert sniff_kind(path) == "trajectories"
    (run,), refused = both(path)
    called = [(c.name, json.loads(c.arguments)) for s in run.steps for c in s.tool_calls]
    assert (run.task, called, refused) == (ASK, [("splice", ARGS)], [])
    assert [o.content for s in run.steps for o in s.observations] == ["held"]
    assert [step.role for step in run.steps] == ["user", "agent", "agent"]
    assert run.agent_steps[-1].action == END and all(step.weight for step in run.steps)
    thought = run.agent_steps[0].thought
    assert thought == (THINK if name.startswith(("AG-UI", "Letta,")) or name == "Letta" else "")


@pytest.mark.parametrize("name", ["AG-UI", "Letta", "LangGraph updates", "ADK", "Weave"])
@pytest.mark.parametrize("form", ["list", "bom, crlf", "gz in a folder"])
def test_the_same_run_however_it_is_packed(name, form, tmp_path):
    rows = FILES[name]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    path = tmp_path / "x.jsonl"
    if form == "list":
        path = tmp_path / "x.json"
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif form == "bom, crlf":
        path.write_bytes(b"\xef\xbb\xbf" + lines.replace("\n", "\r\n").encode())
    else:
        (tmp_path / "deep" / "er").mkdir(parents=True)
        (tmp_path / "deep" / "er" / "x.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
        path = tmp_path / "deep"
    (run,), refused = both(path)
    (plain,), _ = both(write(tmp_path / "y.jsonl", rows))
    assert (run.id, refused) == (plain.id, [])


def test_a_stream_that_was_cut_says_so_and_its_last_words_are_not_learnt(tmp_path):
    (run,), _ = both(write(tmp_path / "x.jsonl", AG_UI[:-3]))
    assert run.truncated and "the stream ends before the run does" in run.notes
    assert [step.weight for step in run.agent_steps] == [1, 0] and run.agent_steps[1].action == END[:4]
    (half,), _ = both(write(tmp_path / "y.jsonl", AG_UI[:4]))
    (step,) = half.agent_steps
    assert (step.weight, step.tool_calls[0].arguments) == (0, TEXT[:9])
    failed = [*AG_UI[:-1], {"type": "RUN_ERROR", "message": "no quota"}]
    (run,), _ = both(write(tmp_path / "z.jsonl", failed))
    assert run.truncated and run.notes == ("the run ended with an error: no quota",)


def test_a_stream_without_its_question_says_so(tmp_path):
    (run,), _ = both(write(tmp_path / "x.jsonl", UPDATES[1:]))
    assert run.task == "" and len(run.agent_steps) == 2 and "what the graph was asked" in run.notes[0]


@pytest.mark.parametrize("name", ["AG-UI", "LangGraph updates", "ADK", "MLflow 2", "Letta"])
def test_a_row_of_another_shape_is_refused_and_the_rest_read(name, tmp_path):
    (run,), (refused,) = both(write(tmp_path / "x.jsonl", [*FILES[name], {"text": "Rope burns hands."}]))
    assert refused.line == len(FILES[name]) + 1 and run.agent_steps[-1].action == END


def test_messages_of_letta_are_no_samples_of_one_line_each(tmp_path):
    with pytest.raises(InputError, match="agent runs"):
        list(read_candidates(write(tmp_path / "x.jsonl", LETTA), origin=Origin.REAL))


def places(value, above=()):
    """Every place below a JSON value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*above, key)
        yield from places(inner, (*above, key)) if isinstance(inner, dict | list) else ()


def test_a_value_of_another_type_anywhere_is_refused_or_read_and_never_a_crash(tmp_path):
    draw = random.Random(7)
    for rows in FILES.values():
        for place in draw.choices(list(places(rows)), k=5):
            broken = copy.deepcopy(rows)
            node = broken
            for key in place[:-1]:
                node = node[key]
            node[place[-1]] = draw.choice([[], {}, 1, None, "x", [1], {"a": 1}, [[]], True, "", {"type": []}])
            path = write(tmp_path / "x.jsonl", broken)
            for read in (sniff_kind, both, lambda x: list(read_candidates(x, origin=Origin.REAL))):
                with contextlib.suppress(InputError):
                    read(path)


WEIGHTS = [{"weight": 0}, {"train": False}, {"loss": False}]


@pytest.mark.parametrize("flag", WEIGHTS, ids=str)
def test_turns_that_a_log_takes_out_of_training_have_no_weight(flag, tmp_path):
    rows = [{"messages": [USER, {**DONE, **flag}, USER, {**DONE, **dict.fromkeys(flag, 1)}, USER, DONE]}]
    (run,), _ = both(write(tmp_path / "x.jsonl", rows))
    assert [step.weight for step in run.agent_steps] == [0, 1, 1]


def test_masked_turns_of_rollouts_have_no_weight(tmp_path):
    turns = [{"role": "user", "text": ASK}, {"role": "ai", "text": "No.", "mask": False}, {"role": "user", "text": "?"},
             {"role": "ai", "text": END, "mask": True}]  # fmt: skip
    row = {"trajectory": turns, "instance_id": "i", "exit_status": "submitted", "target": False}
    (run,), _ = both(write(tmp_path / "x.jsonl", [row]))
    assert [step.weight for step in run.agent_steps] == [0, 1] and run.success is False


def test_what_follows_an_answer_in_one_message_was_said_after_it(tmp_path):
    done = {"type": "tool-splice", "toolCallId": "x", "state": "output-available", "input": ARGS, "output": "held"}
    more = {**done, "toolCallId": "y"}
    begin = {"type": "step-start"}
    told = [begin, {"type": "reasoning", "text": THINK}, done, more, begin, {"type": "text", "text": END}]
    turns = [{"role": "user", "parts": [{"type": "text", "text": ASK}]}, {"role": "assistant", "parts": told}]
    path = write(tmp_path / "x.jsonl", [{"messages": turns}])
    (run,), _ = both(path)
    first, last = run.agent_steps
    assert (first.action, first.thought, len(first.tool_calls), len(first.observations)) == ("", THINK, 2, 2)
    assert (last.action, last.tool_calls, last.observations) == (END, (), ())
    (found,) = read_candidates(path, origin=Origin.REAL)
    roles = [message["role"] for message in json.loads(found.chat)["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "assistant"]
    server = [{"type": "text", "text": "I look."}, {"type": "server_tool_use", "id": "s", "name": "web", "input": {}},
              {"type": "web_search_tool_result", "tool_use_id": "s", "content": "rope"},
              {"type": "text", "text": END}]  # fmt: skip
    (run,), _ = both(write(tmp_path / "y.jsonl", [{"messages": [USER, {"role": "assistant", "content": server}]}]))
    assert [(s.action, len(s.observations)) for s in run.agent_steps] == [("I look.", 1), (END, 0)]


SDKS = {
    "Bedrock": BEDROCK,
    "Gemini": [
        {"role": "user", "parts": [{"text": ASK}]},
        {"role": "model", "parts": [{"functionCall": {"id": "x", "name": "splice", "args": ARGS}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "x", "name": "splice", "response": "held"}}]},
        {"role": "model", "parts": [{"text": END}]},
    ],
    "LangChain": [HUMAN, AI, TOOL, LAST],
    "Vercel": [
        USER,
        {"role": "assistant", "content": [
            {"type": "tool-call", "toolCallId": "x", "toolName": "splice", "input": ARGS}]},
        {"role": "tool", "content": [
            {"type": "tool-result", "toolCallId": "x", "output": {"type": "text", "value": "held"}}]},
        DONE,
    ],
    "Responses": [
        USER,
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": THINK}]},
        {"type": "function_call", "call_id": "x", "name": "splice", "arguments": TEXT},
        {"type": "function_call_output", "call_id": "x", "output": "held"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": END}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SDKS)
def test_chats_of_every_sdk_are_samples_with_standard_messages(name, tmp_path):
    (found,) = read_candidates(write(tmp_path / "x.jsonl", [{"messages": SDKS[name]}]), origin=Origin.REAL)
    user, called, held, done = json.loads(found.chat)["messages"]
    (call,) = called["tool_calls"]
    given = call["function"]["arguments"]
    assert (call["id"], call["function"]["name"]) == ("x", "splice")
    assert (given if isinstance(given, dict) else json.loads(given)) == ARGS
    assert (user["role"], held["role"], held["tool_call_id"], held["content"]) == ("user", "tool", "x", "held")
    assert found.content == END and done["role"] == "assistant"
    assert called.get("reasoning_content") == (THINK if name == "Responses" else None)


def test_what_no_sdk_says_is_refused_as_before(tmp_path):
    for part in ({"type": "hologram", "data": 1}, {"functionCall": {"args": ARGS}}):
        row = {"messages": [USER, {"role": "assistant", "content": [part]}]}
        with pytest.raises(InputError, match=r"not known|without a name"):
            list(read_candidates(write(tmp_path / "x.jsonl", [row]), origin=Origin.REAL))


def test_plans_and_listed_thoughts_are_thoughts(tmp_path):
    planned = {**CALLS, "tool_plan": THINK}
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": THINK}]}, {"type": "text", "text": END}]
    listed = {"role": "assistant", "content": parts}
    path = write(tmp_path / "x.jsonl", [{"messages": [USER, planned, HELD, listed]}])
    (run,), _ = both(path)
    assert [step.thought for step in run.agent_steps] == [THINK, THINK]
    (found,) = read_candidates(path, origin=Origin.REAL)
    assert json.loads(found.chat)["messages"][-1] == {**DONE, "reasoning_content": THINK}


HALVES = [
    ({"id": "simple_0", "result": "[splice(rope=3)]", "latency": 1.5}, "without their questions"),
    ({"id": "simple_0", "question": [[USER]], "function": [{"name": "splice"}]}, "without answers"),
    ({"id": "simple_0", "ground_truth": [{"splice": {"rope": [3]}}]}, "without their questions"),
    ({"custom_id": "a", "response": {"body": {"choices": [{"message": DONE}]}}}, "without their requests"),
    ({"custom_id": "a", "method": "POST", "body": {"messages": [USER]}}, "without their answers"),
    ({"name": "env_0", "memory": ["I forgot the key."], "is_success": False}, "without their steps"),
    ({"id": "u", "results": [{"task_id": "t", "is_resolved": True}]}, "without their steps"),
]


@pytest.mark.parametrize(("row", "reason"), HALVES, ids=range(len(HALVES)))
def test_a_file_of_one_half_says_which_is_missing(row, reason, tmp_path):
    path = write(tmp_path / "x.jsonl", [row, row])
    with pytest.raises(InputError, match=reason):
        sniff_kind(path)
    with pytest.raises(InputError, match=reason):
        list(read_trajectories(path, origin=Origin.REAL))
    with pytest.raises(InputError, match=reason):
        list(read_candidates(path, origin=Origin.REAL))


SCREENS = [
    {"step_num": 1, "action": "click(1, 2)", "response": "I click.\nclick(1, 2)\npress('a')", "reward": 0,
     "done": False, "info": {}, "screenshot_file": "1.png"},
    {"step_num": 1, "action": "press('a')", "response": "I click.\nclick(1, 2)\npress('a')", "reward": 0,
     "done": False, "info": {}, "screenshot_file": "2.png"},
    {"step_num": 2, "action": "DONE", "response": "", "reward": 0, "done": True, "info": {"done": True},
     "screenshot_file": "3.png"},
]  # fmt: skip


def test_steps_on_a_screen_are_one_run_named_by_its_folder(tmp_path):
    (tmp_path / "all" / "task-7").mkdir(parents=True)
    write(tmp_path / "all" / "task-7" / "traj.jsonl", SCREENS)
    (run,), _ = both(tmp_path / "all")
    assert (run.task, run.task_id, run.success, run.reward) == ("", "task-7", None, None)
    assert [step.action for step in run.agent_steps] == [SCREENS[0]["response"], "DONE"]
    assert [o.content for o in run.steps[0].observations] == ["[screenshot 1.png]", "[screenshot 2.png]"]
    assert "neither the task nor its score" in run.notes[0]


TRANSCRIPT = """
#####
BEGIN TRIAL 1
Trial summary: Correct: 1, Incorrect: 0, Halted: 1
#####
------------- BEGIN CORRECT AGENTS -------------

Question: Which rope is longer?
Thought 1: I look it up.
Action 1: Search[rope]
Observation 1: The rope is 3 m.

The other is 2 m.
Thought 2: I know.
Action 2: Finish[the rope]
Observation 2: Answer is CORRECT
Correct answer: the rope

------------- BEGIN HALTED AGENTS --------------

Context: Ropes are long. Question: Which burns?You have tried before.
Reflections:
- I forgot to look.
Thought: I look.
Action: Search[burns]
Observation: Nothing.
Reflections: I should have asked.
Correct answer: none
"""


def test_a_transcript_is_one_run_an_episode(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(TRANSCRIPT, encoding="utf-8")
    assert sniff_kind(path) == "trajectories"
    (right, halted), refused = both(path)
    assert (right.success, right.truncated, halted.success, halted.truncated) == (True, False, False, True)
    assert [(s.thought, s.action) for s in right.agent_steps] == [
        ("I look it up.", "Search[rope]"), ("I know.", "Finish[the rope]")]  # fmt: skip
    assert right.agent_steps[0].observation == "The rope is 3 m.\n\nThe other is 2 m."
    assert halted.task.endswith("- I forgot to look.") and refused == []
    assert [s.role for s in halted.steps] == ["user", "agent", "system"]
    assert halted.steps[-1].action == "Reflections: I should have asked."
    with pytest.raises(InputError, match="agent runs"):
        list(read_candidates(path, origin=Origin.REAL))


def test_transcripts_in_a_folder_are_read_and_notes_are_not(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.txt.gz").write_bytes(gzip.compress(TRANSCRIPT.replace("\n", "\r\n").encode()))
    (tmp_path / "logs" / "notes.txt").write_text("Question: is this a log?\nNo.\n", encoding="utf-8")
    assert sniff_kind(tmp_path / "logs") == "trajectories"
    runs, refused = both(tmp_path / "logs")
    assert len(runs) == 2 and refused == [] and {run.source for run in runs} == {"a.txt.gz"}
    plain = tmp_path / "plain.txt"
    plain.write_text(
        "The rope is long enough.\nAction: none of them is.\nIt holds.\nQuestion: why?\n", encoding="utf-8"
    )
    assert [x.content for x in read_candidates(plain, origin=Origin.REAL)] == [
        "The rope is long enough.", "Action: none of them is.", "It holds.", "Question: why?"]  # fmt: skip


EPISODES = {
    "CoT-context-reflexion-100_questions_8_trials.txt.gz": (800, 0),
    "ReAct-reflexion-100_questions_7_trials.txt.gz": (695, 102),
}


@pytest.mark.parametrize("name", EPISODES)
def test_shared_transcripts_equal_the_raw_text(name, shared_data):
    path = shared_data / "traj-reflexion" / name
    raw = gzip.decompress(path.read_bytes()).decode()
    runs, refused = both(path)
    assert (len(runs) + len(refused), len(refused)) == EPISODES[name]
    assert all("no step of an agent" in row.reason for row in refused)
    acted = [line for line in raw.splitlines() if line.startswith("Action") and line.partition(":")[1]]
    assert len(acted) == sum(len(run.agent_steps) for run in runs)
    assert len(acted) == sum(len(step.observations) for run in runs for step in run.steps)
