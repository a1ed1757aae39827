"""Shapes of public logs and chat sets: each says the same, and comes out the same, as a sample and as a run."""

from __future__ import annotations

import json

import pytest
from one_row import chat_of, run_of

from synthdata.export.chats import chat_rows
from synthdata.records import Candidate, Origin, QuarantinedRow
from synthdata.sources.dataset import read_candidates

ARGS = {"city": "Paris"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": SCHEMA}}
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": json.dumps(ARGS)}}
ASKED = {"role": "user", "content": "Will it rain in Paris?"}
CALLED = {"role": "assistant", "content": "I look.", "tool_calls": [CALL]}
SEEN = {"role": "tool", "tool_call_id": "c1", "content": "dry"}
DONE = {"role": "assistant", "content": "It stays dry."}


def haystack(role, *parts):
    return {"role": role, "meta": {}, "name": None, "content": list(parts)}


HAYSTACK_CALL = {"tool_call": {"tool_name": "get_weather", "arguments": ARGS, "id": "c1", "extra": None}}
HAYSTACK_ANSWER = {"tool_call_result": {"result": "dry", "origin": HAYSTACK_CALL["tool_call"], "error": False}}
HAYSTACK = [
    haystack("user", {"text": ASKED["content"]}),
    haystack(
        "assistant", {"reasoning": {"reasoning_text": "It may.", "extra": {}}}, {"text": "I look."}, HAYSTACK_CALL
    ),
    haystack("tool", HAYSTACK_ANSWER),
    haystack("assistant", {"text": DONE["content"]}),
]


def llama_index(role, *blocks, **more):
    return {"role": role, "additional_kwargs": more, "blocks": list(blocks)}


def block(text):
    return {"block_type": "text", "text": text}


SHAPES = {
    "haystack": {"messages": HAYSTACK},
    "haystack before 2.9": {"messages": [{f"_{key}": value for key, value in turn.items()} for turn in HAYSTACK]},
    "llama index": {"messages": [
        llama_index("user", block(ASKED["content"])),
        llama_index("assistant", block("I look."), {
            "block_type": "tool_call", "tool_call_id": "c1", "tool_name": "get_weather", "tool_kwargs": ARGS}),
        llama_index("tool", block("dry"), tool_call_id="c1"),
        llama_index("assistant", block(DONE["content"])),
    ]},
    "anthropic's classes without their type": {"messages": [
        ASKED,
        {"role": "assistant", "content": [
            {"thinking": "It may.", "signature": "x"}, {"text": "I look."},
            {"id": "c1", "name": "get_weather", "input": ARGS}]},
        {"role": "user", "content": [{"tool_use_id": "c1", "content": "dry", "is_error": None}]},
        {"role": "assistant", "content": [{"text": DONE["content"]}]},
    ]},
    "calls as JSON text": {"messages": [ASKED, CALLED | {"tool_calls": json.dumps([CALL])}, SEEN, DONE]},
    "a call in a turn of its own": {"messages": [
        ASKED, {"role": "assistant", "content": "I look."},
        {"role": "tool_call", "content": json.dumps({"name": "get_weather", "arguments": ARGS})},
        {"role": "tool_response", "content": "dry"}, DONE]},
    "the same in Python's notation": {"messages": json.dumps([
        ASKED, {"role": "assistant", "content": "I look."},
        {"role": "tool_call", "content": repr({"name": "get_weather", "arguments": json.dumps(ARGS)})},
        {"role": "tool_response", "content": "dry"}, DONE])},
    "columns of null": {"messages": [
        ASKED | {"tool_calls": None, "function_call": None},
        CALLED | {"function_call": None, "refusal": None, "audio": None, "annotations": None, "name": None},
        SEEN | {"tool_calls": None}, DONE]},
    "parts with marks of a cache": {"messages": [
        {"role": "user", "content": [
            {"type": "text", "text": ASKED["content"], "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "It may.", "signature": "x"}, {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "c1", "name": "get_weather", "input": ARGS,
             "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1",
                                      "content": [{"type": "text", "text": "dry"}]}]},
        {"role": "assistant", "content": [{"type": "text", "text": DONE["content"]}]},
    ]},
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_leaves_as_the_same_chat(name, tmp_path):
    (row,) = chat_rows(chat_of(tmp_path / "x.jsonl", SHAPES[name]))["messages"]
    asked, called, seen, done = row["messages"]
    assert (asked["role"], asked["content"]) == ("user", ASKED["content"])
    assert (called["role"], called["content"]) == ("assistant", "I look.")
    assert [call["function"] for call in called["tool_calls"]] == [{"name": "get_weather", "arguments": ARGS}]
    assert (seen["role"], seen["content"]) == ("tool", "dry")
    assert (done["role"], done["content"]) == ("assistant", DONE["content"])


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_read_as_the_same_run(name, tmp_path):
    run = run_of(tmp_path / "x.jsonl", SHAPES[name])
    assert [(step.role, step.action, step.weight) for step in run.steps] == [
        ("user", ASKED["content"], 1), ("agent", "I look.", 1), ("agent", DONE["content"], 1),
    ]  # fmt: skip
    (call,) = run.steps[1].tool_calls
    assert (call.name, json.loads(call.arguments)) == ("get_weather", ARGS)
    assert [seen.content for seen in run.steps[1].observations] == ["dry"]


PLACES = {
    "a column": {"tools": [TOOL]},
    "a column of JSON text": {"tools": json.dumps([TOOL])},
    "a column of another name": {"available_tools": json.dumps([TOOL])},
    "the metadata": {"metadata": json.dumps({"tools": [TOOL]})},
    "the system message": {},
}


@pytest.mark.parametrize("place", PLACES)
def test_tools_are_found_where_a_set_keeps_them(place, tmp_path):
    system = {"role": "system", "content": "Be brief."} | ({} if PLACES[place] else {"tools": json.dumps([TOOL])})
    row = {"messages": [system, ASKED, CALLED, SEEN, DONE]} | PLACES[place]
    assert list(chat_of(tmp_path / "x.jsonl", row).tools) == [TOOL]
    assert json.loads(run_of(tmp_path / "x.jsonl", row).tools) == [TOOL]


def test_metadata_without_tools_are_none(tmp_path):
    for metadata in ("{", "[]", json.dumps({"tools": []}), {"tools": None}, None):
        row = {"messages": [ASKED, DONE], "metadata": metadata}
        assert not chat_of(tmp_path / "x.jsonl", row).tools
        assert run_of(tmp_path / "x.jsonl", row).tools == ""


def test_calls_in_turns_one_after_the_other_were_made_at_once(tmp_path):
    turns = [{"role": "tool_call", "content": json.dumps({"name": name, "arguments": {}})} for name in ("a", "b")]
    answers = [{"role": "tool_response", "content": text} for text in ("first", "second")]
    row = {"messages": [ASKED, *turns, *answers, DONE, ASKED, turns[0], answers[0], turns[1], answers[1], DONE]}
    named = [
        [call["function"]["name"] for call in turn["tool_calls"]]
        for turn in chat_of(tmp_path / "x.jsonl", row).messages
        if turn.get("tool_calls")
    ]
    assert named == [["a", "b"], ["a"], ["b"]]
    steps = [step for step in run_of(tmp_path / "x.jsonl", row).steps if step.tool_calls]
    assert [[call.name for call in step.tool_calls] for step in steps] == named
    assert [[seen.content for seen in step.observations] for step in steps] == [
        ["first", "second"], ["first"], ["second"],
    ]  # fmt: skip


def test_a_call_that_is_not_learnt_joins_no_words_that_are(tmp_path):
    call = {"role": "tool_call", "content": json.dumps({"name": "a", "arguments": {}}), "loss": False}
    row = {
        "messages": [ASKED, {"role": "assistant", "content": "I look."}, call, {"role": "tool", "content": "x"}, DONE]
    }
    assert [turn["role"] for turn in chat_of(tmp_path / "x.jsonl", row).messages].count("assistant") == 3
    assert [step.weight for step in run_of(tmp_path / "x.jsonl", row).agent_steps] == [1, 0, 1]


@pytest.mark.parametrize("key", ["reasoning", "thinking", "reasoning_content"])
def test_a_thought_leaves_under_the_name_that_templates_read(key, tmp_path):
    chat = chat_of(tmp_path / "x.jsonl", {"messages": [ASKED, DONE | {key: "I know."}]})
    assert chat.messages[1] == DONE | {key: "I know."}
    (row,) = chat_rows(chat)["sft"]
    assert row["completion"][0]["reasoning_content"] == "I know."


def test_what_is_not_understood_is_refused_and_not_emptied(tmp_path):
    broken = [
        {"messages": [ASKED, CALLED | {"tool_calls": "[{"}, SEEN, DONE]},
        {"messages": [ASKED, {"role": "tool_call", "content": "{'name': get_weather}"}, SEEN, DONE]},
        {"messages": [llama_index("user", block("x")), llama_index("assistant", {"block_type": "chart", "rows": []})]},
    ]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*broken, {"messages": [ASKED, DONE]}]), encoding="utf-8")
    found = list(read_candidates(path, origin=Origin.SYNTHETIC))
    assert [type(item) for item in found] == [QuarantinedRow, QuarantinedRow, QuarantinedRow, Candidate]
