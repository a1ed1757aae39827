"""What a file says is what leaves: chats and runs drawn at random, written as logs have them, read and told again."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from synthdata.export.chats import chat_rows
from synthdata.export.conversation import conversation
from synthdata.export.dialects import sharegpt
from synthdata.records import Chat, Origin
from synthdata.records.chat import Message
from synthdata.sources import openai_chat, read_candidates

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12).filter(str.strip)
# A name that says no more than the role is left out; words that begin as an answer does are taken for one.
names = st.sampled_from(["Ada", "mate", "Computer 7", "søren"])
arguments = st.dictionaries(words, st.integers(-9, 9) | words | st.none() | st.lists(words, max_size=2), max_size=3)


@st.composite
def runs(draw: st.DrawFn) -> list[Message]:
    """A conversation as agents have it: turns take turns, calls go out together, each has its answer."""
    made: list[Message] = [{"role": "system", "content": draw(words)}] if draw(st.booleans()) else []
    count = 0
    for _ in range(draw(st.integers(1, 3))):
        named = {"name": draw(names)} if draw(st.booleans()) else {}
        made.append({"role": "user", "content": draw(words)} | named)
        for _ in range(draw(st.integers(0, 2))):
            calls = [_call(f"c{count + i}", draw(arguments)) for i in range(draw(st.integers(1, 3)))]
            count += len(calls)
            made.append({"role": "assistant", "content": draw(st.just("") | words), "tool_calls": calls} | _more(draw))
            answers = [
                {"role": "tool", "tool_call_id": one["id"], "content": draw(st.just("") | words)} for one in calls
            ]
            made += draw(st.permutations(answers))
        made.append({"role": "assistant", "content": draw(words)} | _more(draw))
    return made


def _call(name: str, given_arguments: dict[str, Any]) -> Message:
    return {"id": name, "type": "function", "function": {"name": "look", "arguments": given_arguments}}


def _more(draw: st.DrawFn) -> Message:
    thought = {"reasoning_content": draw(words)} if draw(st.booleans()) else {}
    return thought | ({"name": draw(names)} if draw(st.booleans()) else {})


def in_order(turns: list[Message]) -> list[Message]:
    """The same turns with the answers in the order of their calls, which are numbered as they were made."""
    made: list[Message] = []
    for _, group in groupby(turns, lambda turn: turn["role"]):
        # Turns that answer nothing stay as they are.
        made += sorted(group, key=lambda turn: int(turn.get("tool_call_id", "c0")[1:]))
    return made


def as_log(turns: list[Message], *, text: bool, parts: bool) -> list[Message]:
    """The same turns as another log would have them: arguments as text, contents as parts."""
    made = []
    for turn in turns:
        one = dict(turn)
        if parts and turn["role"] != "tool":
            one["content"] = [{"type": "text", "text": turn["content"]}] if turn["content"] else None
        if text and "tool_calls" in turn:
            one["tool_calls"] = [
                call | {"function": call["function"] | {"arguments": json.dumps(call["function"]["arguments"])}}
                for call in turn["tool_calls"]
            ]
        made.append(one)
    return made


@given(runs(), st.booleans(), st.booleans())
def test_any_run_that_is_read_is_told_as_it_was(turns: list[Message], text: bool, parts: bool) -> None:
    (run,) = openai_chat.read({"messages": as_log(turns, text=text, parts=parts)})
    assert [message for _, message in conversation(run)] == in_order(turns)
    assert all(step.weight for step in run.steps)


@given(st.lists(runs(), min_size=1, max_size=3), st.booleans())
def test_any_chat_that_is_admitted_leaves_as_it_came(many: list[list[Message]], text: bool) -> None:
    rows = [{"messages": as_log(turns, text=text, parts=False), "id": i} for i, turns in enumerate(many)]
    found = list(read_candidates(rows, origin=Origin.REAL))
    assert [candidate.external_id for candidate in found] == [str(i) for i in range(len(many))]
    for candidate, turns in zip(found, many, strict=True):
        chat = Chat.from_json(candidate.chat)
        (row,) = chat_rows(chat)["messages"]
        assert row["messages"] == in_order(turns)


@st.composite
def spoken(draw: st.DrawFn) -> list[Message]:
    """User and assistant in turn, with calls whose answers stand before the next words, as ShareGPT holds them."""
    made: list[Message] = []
    for _ in range(draw(st.integers(1, 3))):
        made.append({"role": "user", "content": draw(words)})
        if draw(st.booleans()):
            made.append({"role": "assistant", "content": "", "tool_calls": [_call("c", draw(arguments))]})
            made.append({"role": "tool", "content": draw(words)})
        made.append({"role": "assistant", "content": draw(words)})
    return made


@given(spoken())
def test_sharegpt_that_was_written_reads_back(turns: list[Message]) -> None:
    row = sharegpt(turns[:-1], turns[-1])
    (found,) = read_candidates([{"conversations": row["conversations"]}], origin=Origin.REAL)
    back = [without_ids(turn) for turn in Chat.from_json(found.chat).messages]
    assert back == [without_ids(turn) for turn in turns]


def without_ids(turn: Message) -> Message:
    """ShareGPT has no ids of calls, and roles and words alone."""
    calls = [{"type": "function", "function": call["function"]} for call in turn.get("tool_calls", ())]
    return {"role": turn["role"], "content": turn["content"] or ""} | ({"tool_calls": calls} if calls else {})
