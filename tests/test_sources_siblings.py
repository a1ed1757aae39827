"""Kinds of trouble in logs, each in formats and orders of its own: nothing emptied, doubled, or put to another call."""

from __future__ import annotations

import json

import pytest

from synthdata.export.conversation import conversation
from synthdata.records import Origin, QuarantinedRow, Trajectory
from synthdata.sources import read_trajectories


def both(path):
    found = list(read_trajectories(path, origin=Origin.REAL))
    return [x for x in found if isinstance(x, Trajectory)], [x for x in found if isinstance(x, QuarantinedRow)]


def read(tmp_path, *rows):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    runs, refused = both(path)
    assert refused == []
    return runs


def chat(*messages, **around):
    return {"messages": [{"role": "user", "content": "Trim the sail"}, *messages], **around}


def call(**fields):
    return {"role": "assistant", "content": "", "tool_calls": [{"id": "a", **fields}]}


def answer(identity="a", words="trimmed"):
    return {"role": "tool", "tool_call_id": identity, "content": words}


END = {"role": "assistant", "content": "The sail is trimmed."}


def deeds(run):
    return [(step.action, step.weight) for step in run.agent_steps]


@pytest.mark.parametrize("fields", [
    {"name": "trim", "arguments": None, "args": {"by": 2}},
    {"name": "trim", "arguments": "", "input": {"by": 2}},
    {"name": "trim", "args": {}, "parameters": '{"by":2}'},
    {"toolName": "trim", "args": None, "input": {"by": 2}},
    {"function": {"name": "trim", "arguments": None}, "arguments": {"by": 2}},
    {"function": {"name": "trim"}, "args": {"by": 2}},
    {"function": {"name": "trim", "arguments": {"by": 2}}, "args": {}},
])  # fmt: skip
def test_of_several_names_of_arguments_the_one_that_is_filled_counts(fields, tmp_path):
    (run,) = read(tmp_path, chat(call(**fields), answer(), END))
    (made,) = run.agent_steps[0].tool_calls
    assert (made.name, json.loads(made.arguments)) == ("trim", {"by": 2})


@pytest.mark.parametrize("fields", [
    {"name": "trim", "arguments": None, "args": {}}, {"function": {"name": "trim"}}, {"name": "trim", "input": ""},
])  # fmt: skip
def test_a_call_without_arguments_under_any_name_has_none(fields, tmp_path):
    (run,) = read(tmp_path, chat(call(**fields), answer(), END))
    assert [made.arguments for made in run.agent_steps[0].tool_calls] == ["{}"]


@pytest.mark.parametrize(("around", "success", "reward"), [
    ({"success": None, "resolved": False}, False, None),
    ({"success": "", "reward": ""}, None, None),
    ({"reward": None, "score": 0.25}, None, 0.25),
    ({"metadata": {"success": False}}, False, None),
    ({"extra": {"resolved": 0}, "metrics": {"reward": 0.5}}, False, 0.5),
    ({"reward_info": {"reward": 0.0}}, None, 0.0),
    ({"success": True, "metadata": {"success": False}}, True, None),
    ({"metadata": {"success": "mostly", "score": "high"}}, None, None),
    ({"info": {"success": 0.5}, "metadata": None}, None, None),
])  # fmt: skip
def test_outcomes_are_found_where_logs_keep_them_and_no_null_hides_one(around, success, reward, tmp_path):
    (run,) = read(tmp_path, chat(END, **around))
    assert (run.success, run.reward) == (success, reward)


def test_openhands_outcomes_of_the_evaluation(tmp_path):
    history = [
        {"id": 0, "source": "user", "action": "message", "args": {"content": "Trim"}},
        {"id": 1, "source": "agent", "action": "message", "args": {"content": "Trimmed."}},
    ]
    for report, success in (({"resolved": False}, False), ({"resolved": True}, True), ({}, None)):
        (run,) = read(tmp_path, {"instance_id": "i", "history": history, "test_result": {"report": report}})
        assert run.success is success


def step(number, source, **fields):
    return {"step_id": number, "source": source, "message": "", **fields}


def made(identity):
    return [{"tool_call_id": identity, "function_name": "trim", "arguments": {"n": identity}}]


def results(*pairs):
    return {"results": [{"source_call_id": identity, "content": words} for identity, words in pairs]}


def atif(*steps):
    agent = {"name": "x", "version": "1"}
    first = {"step_id": 1, "source": "user", "message": "Trim the sail"}
    return {"schema_version": "ATIF-v1.6", "session_id": "s", "agent": agent, "steps": [first, *steps]}


def test_atif_answers_find_their_calls_from_other_steps(tmp_path):
    late = atif(
        step(2, "agent", tool_calls=made("a")),
        step(3, "agent", tool_calls=made("b"), observation=results(("b", "two"), ("a", "one"))),
    )
    early = atif(
        step(2, "agent", tool_calls=made("a"), observation=results(("a", "one"), ("b", "two"))),
        step(3, "agent", tool_calls=made("b")),
    )
    for log in (late, early):
        (run,) = read(tmp_path, log)
        assert [[seen.content for seen in deed.observations] for deed in run.agent_steps] == [["one"], ["two"]]


def test_atif_answers_of_the_own_step_stay_there(tmp_path):
    log = atif(
        step(2, "agent", tool_calls=made("a"), observation=results(("a", "one"))),
        step(3, "agent", tool_calls=made("a"), observation=results(("a", "two"), (None, "more"))),
        step(4, "system", observation=results((None, "the wind turns"), ("z", "again"))),
    )
    (run,) = read(tmp_path, log)
    assert [[seen.content for seen in step.observations] for step in run.steps] == [
        [], ["one"], ["two", "more"], ["the wind turns", "again"]
    ]  # fmt: skip


def test_no_exported_answer_names_a_call_that_is_not_there(tmp_path):
    two = {"role": "assistant", "content": "", "tool_calls": [
        {"id": name, "function": {"name": "trim", "arguments": "{}"}} for name in ("a", "b")
    ]}  # fmt: skip
    (run,) = read(tmp_path, chat(two, answer("zz", "one"), answer("b", "two"), END))
    said = [message for _, message in conversation(run) if message["role"] == "tool"]
    assert [(message["tool_call_id"], message["content"]) for message in said] == [("a", "one"), ("b", "two")]
    (run,) = read(tmp_path, chat(two, answer("b", "two"), answer("a", "one"), END))
    said = [message for _, message in conversation(run) if message["role"] == "tool"]
    # In the order of the calls, which is all that most templates tell.
    assert [(message["tool_call_id"], message["content"]) for message in said] == [("a", "one"), ("b", "two")]


def test_later_states_of_a_message_are_that_message(tmp_path):
    def state(words, identity="m", **more):
        return {"role": "assistant", "id": identity, "content": words, **more}

    calls = [{"id": "a", "function": {"name": "trim", "arguments": "{}"}}]
    (run,) = read(tmp_path, chat(state("I"), state("I trim"), state("I trim it", tool_calls=calls), answer(), END))
    assert deeds(run) == [("I trim it", 1), ("The sail is trimmed.", 1)] and len(run.agent_steps[0].tool_calls) == 1
    (run,) = read(tmp_path, chat(state("Yes", "m"), state("Yes, and more", "n"), state("No", "n")))
    assert deeds(run) == [("Yes", 1), ("Yes, and more", 1), ("No", 1)]
    pieces = [{"type": "AIMessageChunk", "id": "r", "content": words} for words in ("The sail ", "is ", "up")]
    (run,) = read(tmp_path, chat(*pieces))
    assert deeds(run) == [("The sail is up", 1)]


def test_a_turn_that_says_it_is_an_error_is_not_imitated(tmp_path):
    failed = {"role": "assistant", "content": "API Error: 529", "error": {"code": 529}}
    (run,) = read(tmp_path, chat(failed, {"role": "assistant", "content": "Trimmed", "error": None}, END))
    assert [weight for _, weight in deeds(run)] == [0, 1, 1]


def test_a_prompt_beside_the_messages_is_not_said_twice(tmp_path):
    system = {"role": "system", "content": "You sail."}
    (run,) = read(tmp_path, {"system": "You sail.", "messages": [system, END]})
    assert [s.action for s in run.steps if s.role == "system"] == ["You sail."]
    (run,) = read(tmp_path, {"system": "You row.", "messages": [system, END]})
    assert [s.action for s in run.steps if s.role == "system"] == ["You row.", "You sail."]


def event(kind, own, parent, content, session="s", **more):
    message = {"role": kind, "content": content}
    if kind == "assistant":
        message |= {"id": f"m-{own}", "model": "m", "content": [{"type": "text", "text": content}]}
    return {"type": kind, "uuid": own, "parentUuid": parent, "sessionId": session, "message": message, **more}


ASKED, SAID = event("user", "u1", None, "Trim"), event("assistant", "a1", "u1", "Trimmed.")


def told(run):
    return [s.action for s in run.steps]


def test_claude_code_events_that_were_copied_into_the_file_are_read_once(tmp_path):
    for rows in ([ASKED, ASKED, SAID, SAID], [ASKED, SAID, ASKED, SAID]):
        (run,) = read(tmp_path, *rows)
        assert told(run) == ["Trim", "Trimmed."] and "left out: 2" in run.notes[0]
    again = [event("user", "u2", "a1", "Trim"), event("assistant", "a2", "u2", "Trimmed.")]
    (run,) = read(tmp_path, ASKED, SAID, *again)
    assert told(run) == ["Trim", "Trimmed."] * 2 and run.notes == ()


def test_claude_code_sessions_in_one_file_are_runs_of_their_own(tmp_path):
    other = [event("user", "v1", None, "Row", "t"), event("assistant", "b1", "v1", "Rowed.", "t")]
    runs = read(tmp_path, ASKED, SAID, *other)
    assert [(run.task, told(run)) for run in runs] == [("Trim", ["Trim", "Trimmed."]), ("Row", ["Row", "Rowed."])]
    (run,) = read(tmp_path, ASKED, SAID, event("assistant", "b1", "x", "Stray.", "t"))
    assert told(run) == ["Trim", "Trimmed.", "Stray."]
    between = {"type": "system", "uuid": "x1", "parentUuid": "a1", "sessionId": "t"}
    resumed = [event("user", "v1", "x1", "Row", "t"), event("assistant", "b1", "v1", "Rowed.", "t")]
    (run,) = read(tmp_path, ASKED, SAID, between, *resumed)
    assert told(run) == ["Trim", "Trimmed.", "Row", "Rowed."]


def test_claude_code_branches_that_the_user_left_are_left_out(tmp_path):
    left = [event("user", "u2", "a1", "Row"), event("assistant", "a2", "u2", "Rowed.")]
    taken = [event("user", "u3", "a1", "Drift"), event("assistant", "a3", "u3", "Drifting.")]
    (run,) = read(tmp_path, ASKED, SAID, *left, *taken)
    assert told(run) == ["Trim", "Trimmed.", "Drift", "Drifting."] and "left out: 2" in run.notes[0]
    aside = event("user", "u2", "a1", "[Request interrupted by user]")
    (run,) = read(tmp_path, ASKED, SAID, aside, *taken)
    assert told(run) == ["Trim", "Trimmed.", "[Request interrupted by user]", "Drift", "Drifting."]


def test_claude_code_events_in_another_order_are_read_by_their_links(tmp_path):
    rows = [ASKED, SAID, event("user", "u2", "a1", "Row"), event("assistant", "a2", "u2", "Rowed.")]
    for order in ([3, 1, 0, 2], [3, 2, 1, 0], [0, 1, 2, 3]):
        (run,) = read(tmp_path, *(rows[i] for i in order))
        assert told(run) == ["Trim", "Trimmed.", "Row", "Rowed."]
    ring = [event("user", "u1", "a1", "Trim"), SAID]
    (run,) = read(tmp_path, *ring)
    assert sorted(told(run)) == ["Trim", "Trimmed."]


@pytest.mark.parametrize(("last", "truncated"), [
    ({"subtype": "error_max_turns"}, True), ({"subtype": "success", "is_error": True}, True),
    ({"subtype": "success", "is_error": False}, False),
])  # fmt: skip
def test_claude_code_streams_that_broke_off_are_truncated(last, truncated, tmp_path):
    (run,) = read(tmp_path, ASKED, SAID, {"type": "result", "sessionId": "s", **last})
    assert run.truncated is truncated


def test_openhands_observations_go_to_the_event_that_caused_them(tmp_path):
    history = [
        {"id": 0, "source": "user", "action": "message", "args": {"content": "Trim"}},
        {"id": 1, "source": "agent", "action": "delegate", "args": {"agent": "mate"}},
        {"id": 2, "source": "agent", "action": "run", "args": {"command": "trim"}},
        {"id": 3, "source": "agent", "observation": "run", "content": "trimmed", "cause": 2},
        {"id": 4, "source": "agent", "observation": "delegate", "content": "the mate is done", "cause": 1},
    ]
    (run,) = read(tmp_path, {"instance_id": "i", "history": history})
    assert [[seen.content for seen in deed.observations] for deed in run.agent_steps] == [
        ["the mate is done"], ["trimmed"]
    ]  # fmt: skip


def span(number, outputs, start):
    said = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": [{"role": "user", "content": "Trim"}],
            "gen_ai.output.messages": outputs}  # fmt: skip
    about = [{"key": k, "value": {"stringValue": v if isinstance(v, str) else json.dumps(v)}} for k, v in said.items()]
    return {"traceId": "a" * 32, "spanId": f"{number:016d}", "name": "chat", "startTimeUnixNano": str(start),
            "attributes": about}  # fmt: skip


def test_spans_that_were_sent_twice_are_read_once(tmp_path):
    def otlp(*spans):
        return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}

    first = span(1, [{"role": "assistant", "content": "Trimmed."}], 1)
    (run,) = read(tmp_path, otlp(first, first), otlp(first))
    assert deeds(run) == [("Trimmed.", 1)]
    runs = read(tmp_path, otlp(first, span(2, [{"role": "assistant", "content": "Trimmed."}], 1)))
    assert len(runs) == 2
