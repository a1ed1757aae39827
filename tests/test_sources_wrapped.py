"""Logs of frameworks and chat programs whose messages stand inside something else, or a line each."""

from __future__ import annotations

import json

import pytest

from synthdata.errors import InputError
from synthdata.export.conversation import conversation
from synthdata.records import Origin, QuarantinedRow, Trajectory
from synthdata.sources import read_candidates, read_trajectories, sniff_kind
from synthdata.sources.wrapped import conversations

ARGS = {"rope": 3}
TEXT = json.dumps(ARGS)
ASK, END = "Splice the rope.", "The rope is spliced."
USER, DONE = {"role": "user", "content": ASK}, {"role": "assistant", "content": END}
CALL = {"id": "x", "type": "function", "function": {"name": "splice", "arguments": TEXT}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
HELD = {"role": "tool", "tool_call_id": "x", "content": "held"}
CHAT = [USER, CALLS, HELD, DONE]
ITEMS = [
    {"type": "function_call", "call_id": "x", "name": "splice", "arguments": TEXT},
    {"type": "function_call_output", "call_id": "x", "output": "held"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": END}]},
]
LANGCHAIN = [
    {"type": "human", "content": ASK, "name": None},
    {"type": "ai", "content": "", "tool_calls": [{"name": "splice", "args": ARGS, "id": "x", "type": "tool_call"}]},
    {"type": "tool", "content": "held", "tool_call_id": "x", "name": "splice"},
    {"type": "ai", "content": END},
]


def adk(author, role, *parts):
    return {"id": "e", "author": author, "invocationId": "i", "content": {"role": role, "parts": list(parts)}}


def strands(role, *content):
    return {"message": {"role": role, "content": list(content)}, "message_id": 0, "created_at": "2026-01-02"}


ROWS = {
    "LangGraph": {"values": {"messages": LANGCHAIN}, "next": [], "config": {"configurable": {"thread_id": "t"}}},
    "Agents SDK": {"input": ASK, "new_items": [{"raw_item": item} for item in ITEMS], "final_output": END},
    "Responses": {"id": "r", "object": "response", "input": [USER], "output": ITEMS, "tools": []},
    "batch": {
        "custom_id": "1",
        "body": {"model": "m", "messages": CHAT[:3]},
        "response": {"status_code": 200, "body": {"choices": [{"index": 0, "message": DONE}]}},
    },
    "proxy": {"request_body": {"messages": CHAT[:3]}, "response_body": {"choices": [{"message": DONE}]}},
    "ART": {"messages_and_choices": [*CHAT[:3], {"finish_reason": "stop", "index": 0, "message": DONE}], "reward": 1},
    "Agno": {"session_id": "s", "runs": [{"run_id": "r", "messages": CHAT}]},
    "AgentBench": {"index": 0, "output": {"status": "completed", "history": CHAT}},
    "AG2": {
        "chat_history": [
            {"content": ASK, "role": "assistant", "name": "asker"},
            {**CALLS, "name": "doer"},
            {"role": "tool", "content": "held", "tool_responses": [{**HELD}]},
            {"content": END, "role": "user", "name": "doer"},
        ],
        "summary": "It is spliced.",
    },
    "ADK": {
        "id": "s",
        "state": {},
        "events": [
            adk("user", "user", {"text": ASK}),
            adk("doer", "model", {"functionCall": {"id": "x", "name": "splice", "args": ARGS}}),
            adk("doer", "user", {"functionResponse": {"id": "x", "name": "splice", "response": "held"}}),
            adk("doer", "model", {"text": END}),
        ],
    },
    "OpenCode": {
        "info": {"id": "ses"},
        "messages": [
            {"info": {"role": "user"}, "parts": [{"type": "text", "text": ASK}]},
            {
                "info": {"role": "assistant"},
                "parts": [
                    {"type": "step-start", "snapshot": "a"},
                    {
                        "type": "tool",
                        "callID": "x",
                        "tool": "splice",
                        "state": {"status": "completed", "input": ARGS, "output": "held"},
                    },
                ],
            },
            {"info": {"role": "assistant"}, "parts": [{"type": "text", "text": END}]},
        ],
    },
    "Gemini CLI": {
        "sessionId": "s",
        "messages": [
            {"id": "1", "type": "user", "content": [{"text": ASK}]},
            {"id": "2", "type": "info", "content": "Update available"},
            {
                "id": "3",
                "type": "gemini",
                "content": "",
                "thoughts": [{"subject": "Rope", "description": "It is torn."}],
                "toolCalls": [
                    {
                        "id": "x",
                        "name": "splice",
                        "args": ARGS,
                        "result": [{"functionResponse": {"id": "x", "name": "splice", "response": "held"}}],
                    }
                ],
            },
            {"id": "4", "type": "gemini", "content": END},
        ],
    },
    "Haystack": {
        "messages": [
            {"role": "user", "content": [{"text": ASK}]},
            {"role": "assistant", "content": [{"tool_call": {"tool_name": "splice", "arguments": ARGS, "id": "x"}}]},
            {
                "role": "tool",
                "content": [{"tool_call_result": {"result": "held", "error": False, "origin": {"id": "x"}}}],
            },
            {"role": "assistant", "content": [{"text": END}]},
        ]
    },
    "LlamaIndex": {
        "messages": [
            {"role": "user", "blocks": [{"block_type": "text", "text": ASK}], "additional_kwargs": {}},
            {"role": "assistant", "blocks": [], "additional_kwargs": {"tool_calls": [CALL]}},
            {
                "role": "tool",
                "blocks": [{"block_type": "text", "text": "held"}],
                "additional_kwargs": {"tool_call_id": "x"},
            },
            {"role": "assistant", "blocks": [{"block_type": "text", "text": END}]},
        ]
    },
}
FILES = {
    "plain lines": CHAT,
    "named sessions": [{**message, "session_id": "s"} for message in CHAT],
    "Strands": [
        strands("user", {"text": ASK}),
        strands("assistant", {"toolUse": {"toolUseId": "x", "name": "splice", "input": ARGS}}),
        strands("user", {"toolResult": {"toolUseId": "x", "status": "success", "content": [{"text": "held"}]}}),
        strands("assistant", {"text": END}),
    ],
    "Goose": [
        {"working_dir": "/", "description": "d"},
        {"role": "user", "created": 1, "content": [{"type": "text", "text": ASK}]},
        {"role": "assistant", "content": [
            {"type": "toolRequest", "id": "x", "toolCall": {
                "status": "success", "value": {"name": "splice", "arguments": ARGS}}}]},
        {"role": "user", "content": [
            {"type": "toolResponse", "id": "x", "toolResult": {
                "status": "success", "value": [{"type": "text", "text": "held"}]}}]},
        {"role": "assistant", "content": [{"type": "text", "text": END}]},
    ],
    "Cursor": [
        {"role": "user", "message": {"content": [{"type": "text", "text": ASK}]}},
        {"role": "assistant", "message": {"content": [
            {"type": "tool_use", "id": "x", "name": "splice", "input": ARGS}]}},
        {"role": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "x", "content": "held"}]}},
        {"role": "assistant", "message": {"content": [{"type": "text", "text": END}]}},
    ],
}  # fmt: skip


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def both(path):
    found = list(read_trajectories(path, origin=Origin.REAL))
    return [x for x in found if isinstance(x, Trajectory)], [x for x in found if isinstance(x, QuarantinedRow)]


@pytest.mark.parametrize("name", [*ROWS, *FILES])
def test_a_known_wrapping_gives_the_run_that_is_in_it(name, tmp_path):
    path = write(tmp_path / "x.jsonl", FILES.get(name) or [ROWS[name]])
    assert sniff_kind(path) == "trajectories"
    (run,), refused = both(path)
    called = [(c.name, json.loads(c.arguments), c.call_id) for s in run.steps for c in s.tool_calls]
    assert (run.task, called, refused) == (ASK, [("splice", ARGS, "x")], [])
    assert [o.content for s in run.steps for o in s.observations] == ["held"]
    assert run.agent_steps[-1].action == END and all(step.weight for step in run.steps)
    if name in SERVICES:
        (found,) = read_candidates(path, origin=Origin.REAL)
        (call,) = json.loads(found.chat)["messages"][1]["tool_calls"]
        given = call["function"]["arguments"]
        assert found.content == END and (call["function"]["name"], call["id"]) == ("splice", "x")
        assert json.loads(given) == ARGS
    else:
        with pytest.raises(InputError, match="agent runs"):
            list(read_candidates(path, origin=Origin.REAL))


# What `admit` takes as a chat with tools.
SERVICES = ("batch", "proxy", "Haystack", "Responses", "LlamaIndex")


def test_names_of_speakers_stay_and_those_that_say_no_more_than_the_role_do_not(tmp_path):
    turns = [USER | {"name": "user"}, USER | {"name": "Ada"}, DONE | {"name": "mate"}, USER | {"name": "Bo"}, DONE]
    (run,), _ = both(write(tmp_path / "x.jsonl", [{"messages": turns}]))
    assert [step.name for step in run.steps] == ["", "Ada", "mate", "Bo", ""]
    told = [message for _, message in conversation(run)]
    assert [message.get("name") for message in told] == [None, "mate", "Bo", None]
    # Neighbours of one role are one message: whose words are whose stands before them.
    assert told[0]["content"] == f"{ASK}\n\nAda: {ASK}"


CHATS = {
    "ChatGPT": {
        "title": "t",
        "current_node": "b2",
        "mapping": {
            "a": {"parent": None, "message": {"author": {"role": "user"}, "content": {"parts": [ASK]}}},
            "b": {"parent": "a", "message": {"author": {"role": "assistant"}, "content": {"parts": ["No."]}}},
            "b2": {"parent": "a", "message": {"author": {"role": "assistant"}, "content": {"parts": [END]}}},
        },
    },
    "Claude": {
        "uuid": "u",
        "chat_messages": [{"sender": "human", "text": ASK}, {"sender": "assistant", "text": END}],
    },
    "batch": {"body": {"messages": [USER]}, "response": {"body": {"choices": [{"message": DONE}]}}},
    "DSPy": {"prompt": None, "messages": [USER], "outputs": [END], "cost": 0.1},
    "cache": {"messages": [USER], "response": {"choices": [{"message": DONE}]}},
}


@pytest.mark.parametrize("name", CHATS)
def test_a_chat_of_a_service_is_a_sample(name, tmp_path):
    path = write(tmp_path / "x.jsonl", [CHATS[name]])
    assert sniff_kind(path) == "candidates"
    (found,) = read_candidates(path, origin=Origin.REAL)
    assert (found.content, found.context) == (END, f"user: {ASK}")


@pytest.mark.parametrize(
    "row",
    [
        {"messages": CHAT}, {"prompt": ASK, "completion": END}, {"custom_id": "1", "body": {"messages": [USER]}},
        {"response": {"body": {"choices": [{"message": DONE}]}}}, {"trace_id": "t", "input": [USER], "output": ITEMS},
        {"events": [{"type": "x", "source": "user"}]}, {"history": CHAT}, {"runs": [1]}, [USER], "text",
    ],
)  # fmt: skip
def test_other_rows_are_left_as_they_are(row):
    assert conversations(row) == []


def test_what_a_message_says_under_an_unknown_key_is_never_emptied(tmp_path):
    strange = {"messages": [USER, {"role": "assistant", "utterances": "The rope is spliced."}]}
    listed = {"messages": [USER, {"role": "assistant", "chunks": [{"txt": "spliced"}]}]}
    silent = {"messages": [USER, {"role": "assistant", "content": None, "finish_reason": "stop", "index": 3}, DONE]}
    runs, refused = both(write(tmp_path / "x.jsonl", [strange, listed, silent]))
    assert [row.line for row in refused] == [1, 2] and "`utterances` may be what was said" in refused[0].reason
    assert [step.weight for step in runs[0].agent_steps] == [0, 1]


def test_several_unnamed_conversations_of_message_lines_are_refused_named_ones_read(tmp_path):
    system = {"role": "system", "content": "You mend ropes."}
    with pytest.raises(InputError, match="second conversation"):
        both(write(tmp_path / "x.jsonl", [system, *CHAT, system, *CHAT]))
    rows = [turn | {"session_id": name} for turn in (system, *CHAT) for name in ("a", "b")]
    runs, refused = both(write(tmp_path / "y.jsonl", [*rows, {"usage": 3}]))
    assert [len(run.steps) for run in runs] == [4, 4] and [row.line for row in refused] == [11]


SMOL = [
    {"system_prompt": "You write code."},
    {"task": ASK},
    {"step_number": 1, "model_output": "<code>splice(3)</code>", "observations": "held", "tool_calls": [
        {"id": "c", "function": {"name": "python_interpreter", "arguments": "splice(3)"}}]},
    {"plan": "End.", "model_output_message": {"role": "assistant", "content": "End."}},
    {"step_number": 2, "model_output": END},
]  # fmt: skip


def test_memories_of_smolagents_are_runs_however_they_are_packed(tmp_path):
    packed = {"list.json": SMOL, "two.json": [*SMOL, *SMOL[1:]], "nested.json": {"memory": {"steps": SMOL}}}
    for name, value in packed.items():
        (tmp_path / name).write_text(json.dumps(value))
    write(tmp_path / "lines.jsonl", SMOL)
    for name, count in {"list.json": 1, "two.json": 2, "nested.json": 1, "lines.jsonl": 1}.items():
        assert sniff_kind(tmp_path / name) == "trajectories"
        runs, refused = both(tmp_path / name)
        assert (len(runs), refused, {run.task for run in runs}) == (count, [], {ASK})
        assert [step.action for step in runs[0].agent_steps if step.weight] == ["<code>splice(3)</code>", END]


def test_tasks_of_a_crew_are_runs_of_their_agents(tmp_path):
    def entry(task, status, **more):
        return {"timestamp": "t", "task_name": task, "task": f"Do {task}.", "agent": "Mate", "status": status, **more}

    rows = [
        entry("a", "started"),
        entry("a", "completed", output="Done a."),
        entry("b", "started"),
        entry("c", "failed"),
    ]
    (run,), refused = both(write(tmp_path / "x.jsonl", rows))
    assert [(s.role, s.name, s.action) for s in run.steps] == [("user", "", "Do a."), ("agent", "Mate", "Done a.")]
    assert [row.line for row in refused] == [4, 3]


def test_failed_runs_of_teams_are_read_by_name(tmp_path):
    made = {
        "question": ASK, "question_ID": "q", "is_correct": False, "mistake_agent": "Coder", "mistake_step": "1",
        "system_prompt": {"Coder": "You code."},
        "history": [
            {"content": "Plan.", "role": "assistant", "name": "Planner"},
            {"content": "splice()", "role": "assistant", "name": "Coder"},
            {"content": "exitcode: 1 (failed)\nCode output: torn", "role": "user", "name": "Computer_terminal"},
            {"content": END, "role": "assistant", "name": "Checker"},
        ],
    }  # fmt: skip
    by_hand = {
        "question": ASK, "mistake_agent": "WebSurfer", "is_corrected": False, "mistake_step": "3",
        "history": [
            {"content": ASK, "role": "human"}, {"content": "I ask.", "role": "Orchestrator (thought)"},
            {"content": "Look it up.", "role": "Orchestrator (-> WebSurfer)"}, {"content": END, "role": "WebSurfer"},
        ],
    }  # fmt: skip
    (first, second), refused = both(write(tmp_path / "x.jsonl", [made, by_hand]))
    assert refused == [] and first.success is second.success is False
    acted = [(step.name, step.action, step.weight) for step in first.agent_steps]
    assert acted == [("Planner", "Plan.", 1), ("Coder", "splice()", 1), ("Checker", END, 1)]
    assert first.steps[1].action == ASK and first.agent_steps[1].observation.endswith("torn")
    told = [(step.name, step.thought, step.weight) for step in second.agent_steps]
    assert told[0] == ("Orchestrator", "I ask.", 0) and told[2] == ("WebSurfer", "", 1)


def test_all_turns_of_the_shared_teams_are_read(shared_data, tmp_path):
    import tarfile

    with tarfile.open(shared_data / "traj-who-when-handcrafted" / "hand-crafted.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    runs, refused = both(tmp_path)
    raw = [json.loads(file.read_text()) for file in sorted(tmp_path.rglob("*.json"))]
    assert (len(runs), refused) == (58, []) and {run.success for run in runs} == {False}
    said = sum(bool(s.action.strip() or s.thought.strip()) + len(s.observations) for run in runs for s in run.steps)
    assert said == sum(bool(turn["content"].strip()) for row in raw for turn in row["history"])


@pytest.mark.parametrize(
    "text",
    [
        '2026-01-05 10:00:00: task="a", status="started"\n2026-01-05 10:00:09: task="a", output="b\nc"\n',
        "Question: which pier?\nThought 1: search\nAction 1: Search[pier]\nObservation 1: north\n",
        "[2026-01-05T10:00:00Z] agent started\n[2026-01-05T10:00:01Z] tool called\n",
    ],
)
def test_lines_of_a_log_are_no_samples(text, tmp_path):
    (tmp_path / "x.txt").write_text(text)
    with pytest.raises(InputError, match=r"begin as those of a log do|agent runs"):
        list(read_candidates(tmp_path / "x.txt", origin=Origin.REAL))


def test_lines_of_prose_are_samples_though_one_tells_the_time(tmp_path):
    (tmp_path / "x.txt").write_text("The pier is old.\n12:30:00 is when the horn blows.\nAction is what counts.\n")
    assert len(list(read_candidates(tmp_path / "x.txt", origin=Origin.REAL))) == 3


def test_the_one_prose_beside_a_list_of_objects_is_not_taken_for_the_text(tmp_path):
    row = {"errand": "Find a flight to Oslo today", "actions": [{"op": "CLICK"}], "clicks": ["a -> b"]}
    with pytest.raises(InputError, match="which column is the text"):
        list(read_candidates(write(tmp_path / "x.jsonl", [row]), origin=Origin.REAL))
    (found,) = read_candidates(write(tmp_path / "y.jsonl", [row | {"actions": 3}]), origin=Origin.REAL)
    assert found.content == row["errand"]


def test_spelled_calls_of_a_chat_keep_their_arguments_or_are_refused(tmp_path):
    def chat(call):
        turns = [{"from": "human", "value": ASK}, {"from": "function_call", "value": json.dumps(call)}]
        return {"conversations": [*turns, {"from": "observation", "value": "held"}, {"from": "gpt", "value": END}]}

    rows = [chat({"name": "splice", key: ARGS}) for key in ("arguments", "args", "input", "values")]
    *kept, refused = read_candidates(write(tmp_path / "x.jsonl", rows), origin=Origin.REAL)
    for found in kept:
        assert json.loads(found.chat)["messages"][1]["tool_calls"][0]["function"]["arguments"] == ARGS
    assert "not under arguments" in refused.reason
