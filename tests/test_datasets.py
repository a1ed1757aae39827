"""Data sets in the shapes that people have: what becomes the text, what stays a chat, what is refused in which words.

All content is invented; the names of columns are those of public data sets and of the tools that write them.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from synthdata.errors import InputError
from synthdata.records import QuarantinedRow
from synthdata.records.chat import Chat
from synthdata.sources.dataset import Reading, read_samples
from synthdata.sources.mapping import ColumnMap, parse_map
from synthdata.sources.samples import Sample

ASK = "What grows on the north side of the old mill?"
TOLD = "Mostly moss, and in wet years a thin line of ferns."
WORSE = "Nothing at all grows there, not even in spring."
PLACE = "The mill stands by the river and faces south."
USER, AGENT, BAD = (
    {"role": "user", "content": ASK},
    {"role": "assistant", "content": TOLD},
    {"role": "assistant", "content": WORSE},
)
SYSTEM = {"role": "system", "content": "Answer in one sentence."}
CHAT = [USER, AGENT]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "look", "arguments": {"at": "mill"}}}
HUMAN, GPT = {"from": "human", "value": ASK}, {"from": "gpt", "value": TOLD}


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path, mapping: ColumnMap | None = None) -> tuple[list[Sample], list[QuarantinedRow], Reading]:
    reading = Reading()
    found = list(read_samples(path, max_row_bytes=1 << 20, mapping=mapping, reading=reading))
    broken = [item for item in found if isinstance(item, QuarantinedRow)]
    return [item.sample for item in found if not isinstance(item, QuarantinedRow)], broken, reading


def chat_of(path) -> Chat:
    chat = one(path).chat
    assert chat is not None
    return chat


def one(path, mapping: ColumnMap | None = None) -> Sample:
    found, broken, _ = read(path, mapping)
    assert broken == []
    return found[0]


# A row, and the context and content that it must give: plain pairs of texts, no chat.
PAIRS: dict[str, tuple[dict[str, Any], str]] = {
    "own": ({"content": TOLD, "context": ASK, "text": WORSE}, ASK),
    "alpaca": ({"instruction": ASK, "input": "", "output": TOLD}, ASK),
    "alpaca with input": ({"instruction": ASK, "input": PLACE, "output": TOLD}, f"{ASK}\n{PLACE}"),
    "alpaca with its prompt": ({"instruction": ASK, "input": "", "output": TOLD, "text": ASK + TOLD}, ASK),
    "prompt-completion": ({"prompt": ASK, "completion": TOLD}, ASK),
    "prompt-response": ({"prompt": ASK, "response": TOLD, "timestamp": "2024-05-01T10:00:00", "name": "A B"}, ASK),
    "question-answer": ({"question": ASK, "answer": TOLD}, ASK),
    "dolly": ({"instruction": ASK, "context": PLACE, "response": TOLD, "category": "open_qa"}, f"{ASK}\n{PLACE}"),
    "oa instructions": ({"INSTRUCTION": ASK, "RESPONSE": TOLD, "SOURCE": "web", "METADATA": {}}, ASK),
    "camel case": ({"userPrompt": ASK, "modelResponse": TOLD}, ASK),
    "spaces in names": ({"Question Text": ASK, "Answer Text": TOLD}, ASK),
    "math": ({"problem": ASK, "solution": TOLD, "answer": "72", "level": "5"}, ASK),
    "flan": ({"inputs": ASK, "targets": TOLD, "task": "cot"}, ASK),
    "seq2seq": ({"input": ASK, "output": TOLD}, ASK),
    "news": ({"article": ASK, "highlights": TOLD, "id": "ab12cd34"}, ASK),
    "dialogue summary": ({"id": "1", "dialogue": ASK, "summary": TOLD}, ASK),
    "text to sql": ({"question": ASK, "context": PLACE, "answer": TOLD}, f"{ASK}\n{PLACE}"),
    "squad": ({"id": "5a", "context": PLACE, "question": ASK, "answers": {"text": [TOLD, TOLD], "answer_start": [1]}},
              f"{ASK}\n{PLACE}"),
    "medical": ({"question": ASK, "options": {"A": "moss"}, "answer": TOLD, "answer_idx": "A"}, ASK),
    "code": ({"task_id": "x/1", "prompt": ASK, "canonical_solution": TOLD, "entry_point": "f"}, ASK),
    "synthetic textbook": ({"prompt": ASK, "text": TOLD, "token_length": 12, "audience": "general"}, ASK),
    "plain text": ({"text": TOLD, "meta": {"a": 1}, "url": "https://mill.example/a", "timestamp": "2024-01-02"}, ""),
    "unknown name": ({"uuid": "0af3-99", "blurb": TOLD, "created_at": "2024-01-02", "score": 0.3}, ""),
    "argilla record": ({"id": "1", "status": "completed", "fields": {"instruction": ASK, "response": TOLD}}, ASK),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_question_and_its_answer(name, tmp_path):
    row, context = PAIRS[name]
    assert one(written(tmp_path / "a.jsonl", row, row)) == Sample(TOLD, context)


# A row, and the messages that it must give.
CHATS: dict[str, tuple[object, list[dict[str, Any]]]] = {
    "messages": ({"messages": [SYSTEM, *CHAT]}, [SYSTEM, *CHAT]),
    "messages with a prompt": ({"prompt": ASK, "prompt_id": "a1", "messages": CHAT, "category": "QA"}, CHAT),
    "a bare list": (CHAT, CHAT),
    "conversational prompt and completion": ({"prompt": [SYSTEM, USER], "completion": [AGENT]}, [SYSTEM, *CHAT]),
    "keys beside are kept": (
        {"messages": [USER | {"name": "Ada"}, AGENT | {"weight": 1, "id": 7}]},
        [USER | {"name": "Ada"}, AGENT | {"weight": 1, "id": 7}],
    ),
    "sharegpt": ({"id": "x", "conversations": [{"from": "system", "value": SYSTEM["content"]}, HUMAN, GPT]},
                 [SYSTEM, *CHAT]),
    "sharegpt as a bare list": ([HUMAN, GPT], CHAT),
    "sharegpt in other roles": (
        {"conversations": [{"role": "User", "value": ASK}, {"from": "bot", "content": TOLD, "weight": 0.5}]},
        [USER, AGENT | {"weight": 0.5}],
    ),
    "system beside": ({"system": SYSTEM["content"], "conversations": [HUMAN, GPT]}, [SYSTEM, *CHAT]),
    "a system of its own": ({"system": "Not this.", "messages": [SYSTEM, *CHAT]}, [SYSTEM, *CHAT]),
    "orca": ({"id": "n.1", "system_prompt": SYSTEM["content"], "question": ASK, "response": TOLD}, [SYSTEM, *CHAT]),
    "alpaca with history": (
        {"instruction": ASK, "input": "", "output": TOLD, "system": "", "history": [["Is it old?", "It is."]]},
        [{"role": "user", "content": "Is it old?"}, {"role": "assistant", "content": "It is."}, *CHAT],
    ),
    "ultrachat": ({"id": "0", "data": [ASK, TOLD, "And south?", WORSE]},
                  [*CHAT, {"role": "user", "content": "And south?"}, BAD]),
    "xtuner": ({"conversation": [{"system": SYSTEM["content"], "input": ASK, "output": TOLD}]}, [SYSTEM, *CHAT]),
    "pairs as objects": ({"conversation_id": 1, "conversation": [{"human": ASK, "assistant": TOLD}]}, CHAT),
    "wildchat": (
        {"conversation_hash": "a0", "conversation": [USER | {"toxic": False}, AGENT | {"toxic": False}], "turn": 1},
        [USER | {"toxic": False}, AGENT | {"toxic": False}],
    ),
    "gemini": (
        {"systemInstruction": {"parts": [{"text": SYSTEM["content"]}]},
         "contents": [{"role": "user", "parts": [{"text": ASK}]}, {"role": "model", "parts": [{"text": TOLD}]}]},
        [SYSTEM, *CHAT],
    ),
    "json text in a column": ({"messages": json.dumps(CHAT), "id": 3}, CHAT),
    "lists in a struct": ({"conversations": {"from": ["human", "gpt"], "value": [ASK, TOLD]}}, CHAT),
    "parts": (
        {"messages": [{"role": "user", "content": [{"type": "text", "value": ASK}]}, AGENT]},
        [{"role": "user", "content": [{"type": "text", "value": ASK}]}, AGENT],
    ),
    "open assistant turns": (
        {"messages": [{"role": "prompter", "text": ASK}, {"role": "assistant", "text": TOLD}]}, CHAT
    ),
    "segments": ({"segments": [{"label": False, "text": ASK}, {"label": True, "text": TOLD}]}, CHAT),
    "glaive": (
        {"system": SYSTEM["content"],
         "chat": f"USER: {ASK}\n\n\nASSISTANT: {TOLD} <|endoftext|>\n\n\nFUNCTION RESPONSE: moss\n\n\n"},
        [SYSTEM, *CHAT, {"role": "tool", "content": "moss"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHATS)
def test_a_chat_keeps_its_turns(name, tmp_path):
    row, messages = CHATS[name]
    assert list(chat_of(written(tmp_path / "a.jsonl", row, row)).messages) == messages


def test_what_a_gate_reads_of_a_chat(tmp_path):
    turns = [
        SYSTEM,
        USER,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "moss"},
    ]
    found = one(written(tmp_path / "a.jsonl", {"messages": [*turns, AGENT, {"role": "user", "content": "Thanks"}]}))
    assert found.content == TOLD
    assert found.context == (
        f'system: Answer in one sentence.\nuser: {ASK}\nassistant: look({{"at":"mill"}})\ntool: moss\nuser: Thanks'
    )
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, {"type": "text", "text": ASK}]
    found = one(written(tmp_path / "b.jsonl", {"messages": [{"role": "user", "content": parts}, AGENT]}))
    assert re.fullmatch(rf"user: \[image_url, 69 bytes, [0-9a-f]{{12}}\]\n{re.escape(ASK)}", found.context), (
        found.context
    )
    weighed = [USER, AGENT, {"role": "user", "content": "Again?"}, BAD | {"weight": 0}]
    assert one(written(tmp_path / "c.jsonl", {"messages": weighed})).content == TOLD


CALLED = [USER, {"role": "assistant", "content": "", "tool_calls": [CALL]}, {"role": "tool", "content": "moss"}, AGENT]
CALLS: dict[str, dict[str, Any]] = {
    "llama-factory": {
        "conversations": [HUMAN, {"from": "function_call", "value": json.dumps(CALL["function"])},
                          {"from": "observation", "value": "moss"}, GPT],
        "tools": json.dumps([TOOL]),
    },
    "lists": {"messages": CALLED, "tools": [TOOL]},
    "anthropic": {
        "messages": [
            USER,
            {"role": "assistant", "content": [{"type": "tool_use", "name": "look", "input": {"at": "mill"}}]},
            {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "moss"}]}]},
            AGENT,
        ],
        "tools": [TOOL],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_calls_answers_and_tools_are_read(name, tmp_path):
    found = chat_of(written(tmp_path / "a.jsonl", CALLS[name]))
    messages = [{"content": "", **message} for message in found.messages]
    assert (messages, list(found.tools), found.content) == (CALLED, [TOOL], TOLD)


def test_calls_that_answer_a_query(tmp_path):
    row = {"id": 1, "query": ASK, "answers": json.dumps([CALL["function"]] * 2), "tools": json.dumps([TOOL])}
    found = chat_of(written(tmp_path / "a.jsonl", row))
    assert list(found.messages) == [USER, {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}]
    assert (found.context, found.content) == (ASK, 'look({"at":"mill"})\nlook({"at":"mill"})')


MARKED = "\n\nHuman: {}\n\nAssistant: {}"
PREFERENCES: dict[str, dict[str, Any]] = {
    "texts": {"prompt": ASK, "chosen": TOLD, "rejected": WORSE},
    "alpaca": {"instruction": ASK, "input": "", "chosen": TOLD, "rejected": WORSE},
    "with the chat in both": {
        "prompt": ASK,
        "chosen": CHAT,
        "rejected": [USER, BAD],
        "messages": CHAT,
        "score_chosen": 8,
    },
    "trl": {"prompt": [USER], "chosen": [AGENT], "rejected": [BAD]},
    "llama-factory": {"conversations": [HUMAN], "chosen": GPT, "rejected": {"from": "gpt", "value": WORSE}},
    "openai": {"input": {"messages": [USER], "tools": []}, "preferred_output": [AGENT], "non_preferred_output": [BAD]},
    "marks": {"chosen": MARKED.format(ASK, TOLD), "rejected": MARKED.format(ASK, WORSE)},
    "other names": {"question": ASK, "chosen_response": TOLD, "rejected_response": WORSE},
}


@pytest.mark.parametrize("name", PREFERENCES)
def test_of_a_preference_the_better_answer_is_the_text_and_the_worse_is_kept(name, tmp_path):
    found = chat_of(written(tmp_path / "a.jsonl", PREFERENCES[name]))
    assert (found.content, found.context) == (TOLD, ASK)
    assert (list(found.messages), list(found.rejected), found.prompt_length) == (CHAT, [BAD], 1)


def test_the_whole_conversation_before_a_preference_is_its_prompt(tmp_path):
    before = [SYSTEM, USER, {"role": "assistant", "content": "Which side?"}, {"role": "user", "content": "North."}]
    found = chat_of(written(tmp_path / "a.jsonl", {"chosen": [*before, AGENT], "rejected": [*before, BAD]}))
    assert (list(found.messages), list(found.rejected), found.prompt_length) == ([*before, AGENT], [BAD], 4)
    swift = {"messages": [*before, AGENT], "rejected_messages": [*before, BAD]}
    assert list(chat_of(written(tmp_path / "b.jsonl", swift)).rejected) == [BAD]


@pytest.mark.parametrize(
    "rows",
    [
        [{"prompt": ASK, "completion": TOLD, "label": True}, {"prompt": ASK, "completion": WORSE, "label": False}],
        [{"messages": CHAT, "kto_tag": True}, {"messages": [USER, BAD], "kto_tag": False}],
    ],
)
def test_a_row_whose_label_is_false_is_no_sample_and_is_counted(rows, tmp_path):
    found, broken, reading = read(written(tmp_path / "a.jsonl", *rows))
    assert ([sample.content for sample in found], broken) == ([TOLD], [])
    assert sum(reading.not_samples.values()) == 1
    assert any(line.startswith("not samples: 1 row: ") for line in reading.lines())
    assert found[0].chat.label is True


def test_a_label_that_is_a_class_does_not_take_rows_out(tmp_path):
    rows = [{"text": f"{TOLD} {i}", "label": i % 2} for i in range(6)]
    assert len(read(written(tmp_path / "a.jsonl", *rows))[0]) == 6


def test_several_answers_to_one_question_are_several_samples(tmp_path):
    rows = [
        {"id": "1", "prompt": ASK, "model": "g", "generations": [TOLD, WORSE], "partition": [0, 1]},
        {"instruction": ASK, "models": ["a", "b"],
         "completions": [{"response": TOLD, "overall_score": 7}, {"response": WORSE}]},
        {"id": "s", "name": "mill", "instruction": ASK,
         "instances": [{"input": "", "output": TOLD}, {"input": PLACE, "output": WORSE}]},
    ]  # fmt: skip
    for i, row in enumerate(rows):
        first, second = read(written(tmp_path / f"{i}.jsonl", row))[0]
        assert (first.content, first.context, first.index) == (TOLD, ASK, 0)
        assert (second.content, second.index) == (WORSE, 1)
        assert second.context == (f"{ASK}\n{PLACE}" if i == 2 else ASK)


def test_texts_alone(tmp_path):
    assert one(written(tmp_path / "a.jsonl", TOLD)) == Sample(TOLD)
    (tmp_path / "b.json").write_text(json.dumps([TOLD, WORSE]))
    assert [sample.content for sample in read(tmp_path / "b.json")[0]] == [TOLD, WORSE]


@pytest.mark.parametrize("name", ["data", "rows", "examples", "train"])
def test_a_document_that_wraps_its_rows(name, tmp_path):
    row = {"question": ASK, "answer": TOLD}
    value = {"version": "1", name: [{"row_idx": 0, "row": row}] if name == "rows" else [row]}
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert one(tmp_path / "a.json") == Sample(TOLD, ASK)


UNCLEAR: dict[str, tuple[list[dict[str, Any]], str]] = {
    "two texts": ([{"premise": ASK, "hypothesis": TOLD, "label": 1}], "--map content=hypothesis"),
    "two answers": ([{"prompt": ASK, "response_0": TOLD, "response_1": WORSE, "better_response_id": 0}], "response_0"),
    "a prompt beside an unknown text": ([{"prompt": ASK, "musings": TOLD}], "--map content=musings"),
    "short answers": ([{"input": "( [", "target": "] )", "answer": ")"}], "--map content=target"),
    "numbers, dates and ids": ([{"n": 3, "when": "2024-01-02 10:00:00", "key": "a-1", "sha256": "ab" * 32}],
                              "`n` (numbers), `when` (dates), `key` (ids), `sha256` (ids)"),
    "an answer that is a number": ([{"question": ASK, "answer": "72"}], "--map content="),
    "traces": ([{"traceId": "a1", "name": "run 1", "timestamp": "2024-01-02", "observations": [{}]}], "agent runs"),
    "spans": ([{"trace_id": "a1", "span_id": "b", "name": "a b", "start_time": 1}], "agent runs"),
    "tokens": ([{"input_ids": [1, 2], "labels": [1, 2]}], "token numbers"),
    "trees": ([{"message_id": "a", "parent_id": "b", "text": TOLD, "role": "assistant"}], "conversation trees"),
    "columns": ([{"instruction": [ASK, ASK], "output": [TOLD, TOLD]}], "one object a row"),
    "an arena": ([{"question_id": "q", "winner": "model_a", "conversation_a": CHAT, "conversation_b": CHAT}], "--map"),
    "two texts with known names": ([{"task_id": 2, "text": ASK, "code": TOLD}], "--map content="),
}  # fmt: skip


@pytest.mark.parametrize("name", UNCLEAR)
def test_what_is_not_clear_is_asked_in_few_words(name, tmp_path):
    rows, wanted = UNCLEAR[name]
    with pytest.raises(InputError) as caught:
        read(written(tmp_path / "a.jsonl", *rows))
    text = str(caught.value)
    assert wanted in text
    assert text.startswith("a.jsonl: ")
    assert len(text) < 450
    assert caught.value.exit_code == 2


def test_a_single_message_a_line_is_refused_with_the_cure(tmp_path):
    with pytest.raises(InputError, match="as a list, `messages`, in one row"):
        read(written(tmp_path / "a.jsonl", USER, AGENT))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "hologram", "x": 1}]}, AGENT]},
         "`messages[0].content[0]` is a part of type 'hologram'"),
        ({"messages": [{"role": "wizard", "content": "x"}, AGENT]}, "`messages[0].role` is 'wizard'"),
        ({"messages": [USER]}, "no message of role assistant"),
        ({"messages": [{"said": "x"}, AGENT]}, "`messages[0]` is no turn"),
        ({"messages": "[{'role': 'user', 'content': 'x'}]"}, "Python's own notation: write the column with json.dumps"),
        ({"conversations": [HUMAN, {"from": "function_call", "value": "look at it"}]}, "but not JSON"),
        ({"conversations": [HUMAN, {"from": "function_call", "value": "{}"}]}, "a tool call without a name"),
        ({"prompt": ASK, "completion": 3}, "`completion`"),
        ({"prompt": ASK}, "no text"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_understood_is_refused_alone(row, reason, tmp_path):
    good = {"prompt": ASK, "completion": TOLD}
    found, broken, _ = read(written(tmp_path / "a.jsonl", good, good, row, good))
    assert len(found) == 3
    assert (broken[0].line, reason in broken[0].reason) == (3, True), broken[0].reason


# --map


def test_the_map_overrides_and_joins_and_reaches_into_objects(tmp_path):
    row = {"instruction": ASK, "input": PLACE, "output": WORSE, "more": {"told": TOLD}, "label": False}
    path = written(tmp_path / "a.jsonl", row)
    assert one(path, parse_map(["content=more.told,context=instruction+input"])) == Sample(TOLD, f"{ASK}\n{PLACE}")
    assert one(path, parse_map({"content": "instruction+output"})) == Sample(f"{ASK}\n{WORSE}")
    assert one(path, parse_map((), ["output"])) == Sample(WORSE)
    found, _, reading = read(path, parse_map("content=output,label=label"))
    assert (found, sum(reading.not_samples.values())) == ([], 1)


def test_a_map_is_stored_and_shown_as_it_was_given(tmp_path):
    given = parse_map("content=output,context=instruction+input")
    assert given is not None
    _, _, reading = read(written(tmp_path / "a.jsonl", {"instruction": ASK, "input": "", "output": TOLD}), given)
    assert reading.lines() == ["read as given by --map: content = output, context = instruction + input (1 row)"]
    (facts,) = reading.facts()["maps"]
    assert facts["columns"] == {"content": "output", "context": "instruction+input"}
    assert parse_map(facts["columns"]) == given


@pytest.mark.parametrize("given", ["output", "colour=x", "content=", "content=a,content=b", "context=a", "label=a+b"])
def test_a_map_that_says_nothing_is_refused(given):
    with pytest.raises(InputError, match=r"--map"):
        parse_map(given)


def test_a_map_of_an_absent_column_names_those_that_are_there(tmp_path):
    path = written(tmp_path / "a.jsonl", {"instruction": ASK, "output": TOLD})
    with pytest.raises(InputError, match=r"no row has the column `answer` .* `instruction`, `output`"):
        read(path, parse_map("content=answer"))
