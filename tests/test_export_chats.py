"""Chats that are admitted leave as they came: in messages, OpenAI, ShareGPT and nanochat, or a dialect says why not."""

from __future__ import annotations

import json
import warnings
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

import pytest
from chat_corpus import chat_corpus, ordinary_runs, pairs_and_labels
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import lessons

from synthdata.export.build import ExportReport, ExportRequest, export
from synthdata.export.chats import chat_rows
from synthdata.export.containers import Jsonl, ParquetShards, fields_of, obstacle
from synthdata.export.conversation import conversation, estimated_tokens, is_longer
from synthdata.export.dialects import DialectError, nanochat, openai, sharegpt
from synthdata.export.kinds import HIDDEN
from synthdata.records import Chat, Observation, Step, ToolCall, Trajectory
from synthdata.records.chat import Message, content_words

words = st.text(st.characters(blacklist_categories=("Cs",)), max_size=10)
numbers = st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.none() | st.sampled_from([0.5, -2.25, 1e-7, 3e200])
values = st.recursive(
    numbers | words, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2)
)
arguments = st.dictionaries(words, values, max_size=3)


@st.composite
def messages(draw: st.DrawFn) -> list[Message]:
    """Turns in any order of roles, with names, ids, weights, parts and calls, arguments as objects or as text."""
    made: list[Message] = [{"role": "system", "content": draw(words)}] if draw(st.booleans()) else []
    for role in draw(st.lists(st.sampled_from(["user", "assistant", "tool"]), min_size=1, max_size=7)):
        turn: Message = {"role": role, "content": draw(words)}
        if draw(st.integers(0, 4)) == 0:
            turn["content"] = [{"type": "text", "text": draw(words)} for _ in range(draw(st.integers(1, 2)))]
        if role != "tool" and draw(st.booleans()):
            turn["name"] = draw(words)
        if role == "tool":
            turn |= draw(st.sampled_from([{}, {"tool_call_id": "c1"}, {"tool_call_id": "c0"}, {"tool_call_id": "?"}]))
        if role == "assistant":
            turn |= draw(st.sampled_from([{}, {}, {"weight": 0}, {"weight": 1}]))
            if draw(st.booleans()):
                called = draw(st.lists(arguments, min_size=1, max_size=3))
                ids = draw(st.sampled_from([["c0", "c1", "c2"], ["c0", "c1", "c2"], ["", None, "c1"]]))
                turn["tool_calls"] = [call(*one, as_text=draw(st.booleans())) for one in zip(called, ids, strict=False)]
                turn["content"] = draw(st.sampled_from([turn["content"], None, ""]))
            if draw(st.integers(0, 3)) == 0:
                turn["reasoning_content"] = draw(words)
        made.append(turn)
    return [*made, {"role": "assistant", "content": "the end"}]


def call(one: dict[str, Any], name: str | None, *, as_text: bool) -> Message:
    given = json.dumps(one, ensure_ascii=False) if as_text else one
    own = {} if name is None else {"id": name}
    return {**own, "type": "function", "function": {"name": "look", "arguments": given}}


def same(turns: list[Message]) -> list[Message]:
    """What must not change: everything, where a text of parts is its words and arguments are the object they say."""
    made = []
    for turn in turns:
        one = turn | {"content": content_words(turn["content"])}
        if "tool_calls" in turn:
            one["tool_calls"] = [with_object(item) for item in turn["tool_calls"]]
        made.append(one)
    return made


def with_object(item: Message) -> Message:
    given = item["function"]["arguments"]
    return item | {"function": item["function"] | {"arguments": json.loads(given) if isinstance(given, str) else given}}


def unnamed(turns: list[Message]) -> list[Message]:
    """The turns without the ids of calls; answers in a row are put in one order, since they leave in that of calls."""
    made: list[Message] = []
    for answers, batch in groupby(turns, key=lambda turn: turn["role"] == "tool"):
        bare = [{name: value for name, value in turn.items() if name != "tool_call_id"} for turn in batch]
        made += sorted(bare, key=repr) if answers else bare
    for turn in made:
        if "tool_calls" in turn:
            turn["tool_calls"] = [{k: v for k, v in item.items() if k != "id"} for item in turn["tool_calls"]]
    return made


def paired(turns: list[Message]) -> bool:
    """Whether every call but those of the last turn is answered right behind it, and every answer is one to a call."""
    for i, turn in enumerate(turns[:-1]):
        behind = list(takewhile(lambda one: one["role"] == "tool", turns[i + 1 :]))
        called = {item["id"] for item in turn.get("tool_calls", ())}
        if turn["role"] != "tool" and called != {one.get("tool_call_id") for one in behind}:
            return False
    return turns[0]["role"] != "tool"


def masked(turns: list[Message]) -> list[Message]:
    """Weight 0 on assistant turns that say nothing: they are never learnt."""
    silent = [
        t["role"] == "assistant" and not t.get("tool_calls") and not content_words(t["content"]).strip() for t in turns
    ]
    return [turn | {"weight": 0} if off else turn for turn, off in zip(turns, silent, strict=True)]


@given(messages(), words, st.integers(0, 200))
def test_a_row_is_longer_than_a_limit_where_its_estimate_is(turns, text, limit):
    for row in (
        {"messages": chat_rows(Chat(turns))["messages"][0]["messages"]},
        {"prompt": text * 9, "labels": [True]},
    ):
        assert is_longer(row, limit) == (estimated_tokens(row) > limit)


@given(messages(), st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": arguments}), max_size=2))
def test_any_chat_equals_what_came_in(turns: list[Message], tools: list[Any]) -> None:
    chat = Chat.from_json(Chat(turns, tools).to_json())
    rows = chat_rows(chat)
    (row,) = rows["messages"]
    assert unnamed(row["messages"]) == unnamed(masked(same(turns))) and row.get("tools", []) == tools
    assert all(item["id"] for item in calls_in(row["messages"]))
    for i, one in zip(chat.answers[-4:], rows["sft"], strict=True):
        told = [*one["prompt"], *one["completion"]]
        assert told == [{k: v for k, v in turn.items() if k != "weight"} for turn in row["messages"][: i + 1]]
    if any("reasoning_content" in turn for turn in turns):
        with pytest.raises(DialectError, match="reasoning_content"):
            openai(row)
    elif not paired(row["messages"]):
        with pytest.raises(DialectError, match="answer"):
            openai(row)
    else:
        assert unnamed(same(openai(row)["messages"])) == unnamed(masked(same(turns)))
        assert all(isinstance(c["function"]["arguments"], str) for c in calls_in(openai(row)["messages"]))
    held = None
    try:
        held = nanochat(row)["messages"]
    except DialectError:
        spoken = turns[1:] if turns[0]["role"] == "system" else turns
        orderly = [t["role"] for t in spoken] == ["assistant" if i % 2 else "user" for i in range(len(spoken))]
        plain = not any(t.get(name) is not None for t in turns for name in _UNHELD)
        learnt = all(t["role"] != "assistant" or t.get("weight") != 0 for t in row["messages"])
        assert not (orderly and plain and learnt and len(spoken) % 2 == 0)
    if held is not None:
        assert held == [{"role": t["role"], "content": content_words(t["content"])} for t in turns]


# What nanochat cannot hold.
_UNHELD = ("name", "tool_calls", "tool_call_id", "reasoning_content")


def calls_in(turns: list[Message]) -> list[Message]:
    return [item for turn in turns for item in turn.get("tool_calls", ())]


@settings(max_examples=15)
@given(st.lists(messages(), min_size=1, max_size=4))
def test_both_containers_give_back_the_objects(
    tmp_path_factory: pytest.TempPathFactory, many: list[list[Message]]
) -> None:
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("rows")
    rows = [row for turns in many for row in chat_rows(Chat(turns, [{"name": "look"}]))["messages"]]
    shards = ParquetShards(folder / "messages", "train", "messages", {n for row in rows for n in fields_of(row)})
    file = Jsonl(folder / "jsonl" / "a.jsonl")
    for row in rows:
        assert not obstacle(row)
        shards.add(row)
        file.add(row)
    file.close()
    (name,) = shards.close()
    expected = [{key: value for key, value in row.items() if key not in HIDDEN} for row in rows]
    text = (folder / "jsonl" / "a.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.splitlines()] == expected
    stored = pq.read_table(folder / name).to_pylist()
    found = [{"messages": [json.loads(t) for t in r["messages"]], "tools": json.loads(r["tools"])} for r in stored]
    assert found == expected


def test_what_no_reader_could_take_is_refused_with_the_reason() -> None:
    asked = {"role": "user", "content": "q"}

    def row(given: Any) -> dict[str, Any]:
        turn = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": given}}]}
        return chat_rows(Chat([asked, turn]))["messages"][0]

    for given_, kept in (
        ("", {}),
        (None, {}),
        ("null", {}),
        ('{"a": 1}', {"a": 1}),
        ({"a": 2**63 - 1}, {"a": 2**63 - 1}),
    ):
        made = row(given_)
        assert made["messages"][1]["tool_calls"][0]["function"]["arguments"] == kept and not obstacle(made)
    for given_ in ("{broken", "[1]", '"text"', '{"a": 1, "a": 2}', [1]):
        assert "no JSON object" in obstacle(row(given_))
    assert "64 bits" in obstacle(row({"a": 2**63}))
    picture = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    assert chat_rows(Chat([asked | {"content": picture}, {"role": "assistant", "content": "a"}])) == {}


def test_shapes_that_templates_do_not_read_are_made_alike() -> None:
    called = {"name": "f", "arguments": "{}"}
    turns = [
        {"role": "developer", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": None},
        {"role": "assistant", "content": None, "function_call": called},
        {"role": "function", "name": "f", "content": "r"},
        {"role": "assistant", "content": "x", "tool_calls": []},
    ]
    (row,) = chat_rows(Chat(turns, [{"name": "f", "parameters": {}}]))["messages"]
    assert row["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a\nb"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "call_2_0", "type": "function", "function": {"name": "f", "arguments": {}}}]},
        {"role": "tool", "name": "f", "content": "r", "tool_call_id": "call_2_0"},
        {"role": "assistant", "content": "x"},
    ]  # fmt: skip
    assert row["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {}}}]


def test_pairs_and_labels_leave_as_they_came() -> None:
    pair, label = pairs_and_labels()[0], pairs_and_labels()[-1]
    rows = chat_rows(pair)
    assert rows["preference"] == [
        {"prompt": pair.messages[:1], "chosen": pair.messages[1:], "rejected": list(pair.rejected)}
    ]
    assert rows["sft"] == [{"prompt": pair.messages[:1], "completion": pair.messages[1:]}]
    wrong = chat_rows(label)
    assert label.label is False and set(wrong) == {"kto"}
    assert wrong["kto"] == [{"prompt": label.messages[:1], "completion": label.messages[1:], "label": False}]


@pytest.fixture(scope="module")
def exported(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Chat], Path, ExportReport, list[str]]:
    folder = tmp_path_factory.mktemp("chats")
    runs = ordinary_runs(shared_data, folder)
    silent = {"role": "assistant", "content": ""}
    chats = [Chat([*run["messages"], silent], run["tools"]) for run in runs] + pairs_and_labels()
    lines: list[str] = []
    corpus = chat_corpus(folder / "c", chats)
    report = export(corpus, folder / "out", announce=lines.append)
    return chats, folder / "out", report, lines


# datasets leaves the file that it read open until the garbage collector comes by.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_config_opens_and_holds_the_chats_that_were_admitted(
    exported: tuple[list[Chat], Path, ExportReport, list[str]], tmp_path: Path
) -> None:
    chats, out, report, _ = exported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datasets import load_dataset

        loaded = {kind: load_dataset(str(out), kind, cache_dir=str(tmp_path / "hf")) for kind in report.kinds}
    for kind, splits in report.kinds.items():
        assert {split: len(loaded[kind][split]) for split in loaded[kind]} == splits
    rows = [row for split in loaded["messages"].values() for row in split]
    found = {json.dumps(row["messages"], sort_keys=True) for row in rows}
    taught = [chat for chat in chats if chat.label is not False]
    for chat in taught:
        weighed = [t | {"weight": 0} if i < chat.prompt_length and t["role"] == "assistant" else t
                   for i, t in enumerate(masked(same(list(chat.messages))))]  # fmt: skip
        assert json.dumps(weighed, sort_keys=True) in found
    assert len(rows) == len(taught) + 120
    completions = [row["completion"][-1] for split in loaded["sft"].values() for row in split]
    assert all(turn["content"].strip() or turn.get("tool_calls") for turn in completions)
    assert sum(report.kinds["preference"].values()) == 24 and sum(report.kinds["kto"].values()) == 24


def test_one_line_before_writing_says_what_comes_along_and_what_is_replaced(
    exported: tuple[list[Chat], Path, ExportReport, list[str]], tmp_path: Path
) -> None:
    chats, out, report, lines = exported
    assert len(lines) == 1
    for part in (f"{len(chats)} admitted rows", "120 rows of the reference", "--no-reference", "--keep-personal-data"):
        assert part in lines[0]
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["unheld"]["nanochat"] and manifest["over_length"] == {"max_length": 8192, "rows": {}}
    assert any(note.startswith("nanochat/ lacks") for note in report.notes)
    few = chat_corpus(tmp_path / "c", chats[-40:])
    alone = export(few, tmp_path / "out", ExportRequest(reference=False))
    assert sum(alone.kinds["messages"].values()) == sum(chat.label is not False for chat in chats[-40:])
    assert any("no reference rows, by request" in note for note in alone.notes)


def test_rows_longer_than_the_configs_are_counted(tmp_path: Path) -> None:
    long = Chat([{"role": "user", "content": "q"}, {"role": "assistant", "content": "word " * 7000}])
    wide = Chat([{"role": "user", "content": "q"}, {"role": "assistant", "content": "字" * 12000}])
    short = Chat([{"role": "user", "content": "q"}, {"role": "assistant", "content": "word " * 1000}])
    report = export(chat_corpus(tmp_path / "c", [long, wide, short]), tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["over_length"]["rows"] == {"messages": 2, "sft": 2}
    assert any("2 rows of sft are longer" in note for note in report.notes)


def test_a_run_with_an_empty_turn_never_teaches_it() -> None:
    from synthdata.export.kinds import RunLabels, imitated_steps, run_rows
    from synthdata.records import Origin, Step, ToolCall

    steps = (
        Step(0, "user", "Close the valve."),
        Step(1, "agent", "", "I think of it."),
        Step(2, "agent", "", tool_calls=(ToolCall("close", "", "a"),)),
        Step(3, "agent", " \n"),
        Step(4, "agent", "Closed."),
    )
    run = Trajectory("t", steps, success=True, origin=Origin.REAL)
    chosen = imitated_steps(run, RunLabels(), [1, 2, 3, 4])
    assert chosen == [2, 4]
    rows = run_rows(run, RunLabels(), chosen)
    assert [row["completion"][0]["content"] for row in rows["sft"]] == ["", "Closed."]
    assert rows["sft"][0]["completion"][0]["tool_calls"][0]["function"]["arguments"] == {}
    weights = [turn.get("weight") for turn in rows["messages"][0]["messages"]]
    assert weights == [None, 0, 1, 0, 1]


def test_greetings_are_counted_and_an_answer_to_nothing_is_no_row(tmp_path: Path) -> None:
    texts = lessons(9, 5)
    greeting = {"role": "assistant", "content": "Good day, how can I help?"}
    chats = [
        Chat([greeting, {"role": "user", "content": f"Case {i}?"}, {"role": "assistant", "content": text}])
        for i, text in enumerate(texts[:8])
    ]
    told = [{"role": "system", "content": "Be brief."}, greeting, {"role": "user", "content": "Case 9?"}]
    chats.append(Chat([*told, {"role": "assistant", "content": texts[8]}]))
    report = export(chat_corpus(tmp_path / "c", chats), tmp_path / "out", ExportRequest(reference=False))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    # Nine chats; of the last also the greeting, to its system prompt; of the others the greeting answers nothing.
    assert manifest["answers_first"] == {"messages": 9, "sft": 10}
    assert manifest["left_out"] == {"an answer before anybody spoke: most chat templates stop on an empty prompt": 8}
    assert any("the assistant speaks before any user" in note for note in report.notes)
    rows = [json.loads(x) for f in (tmp_path / "out" / "jsonl").glob("sft.*") for x in f.read_text().splitlines()]
    assert all(row["prompt"] for row in rows) and len(rows) == 10


ASKED = {"role": "user", "content": "Paris and Lyon?"}
DRY, WET = ({"role": "tool", "content": text} for text in ("dry", "wet"))
END = {"role": "assistant", "content": "the end"}


def two(*ids: str | None) -> Message:
    called = [call({"city": city}, name, as_text=False) for city, name in zip(("Paris", "Lyon"), ids, strict=True)]
    return {"role": "assistant", "content": "", "tool_calls": called}


def named(turn: Message, name: str) -> Message:
    return turn | {"tool_call_id": name}


@pytest.mark.parametrize(("called", "answers", "order", "ids"), [
    (two("a", "b"), [named(WET, "b"), named(DRY, "a")], ["dry", "wet"], ["a", "b"]),
    (two("a", "b"), [named(DRY, "a"), named(WET, "b")], ["dry", "wet"], ["a", "b"]),
    (two(None, ""), [DRY, WET], ["dry", "wet"], ["call_1_0", "call_1_1"]),
    (two("a", None), [named(WET, "call_1_1"), DRY], ["dry", "wet"], ["a", "call_1_1"]),
    (two("a", "b"), [named(WET, "b"), DRY], ["dry", "wet"], ["a", "b"]),
    (two("a", "b"), [named(DRY, "of another log"), named(WET, "b")], ["dry", "wet"], ["a", "b"]),
    (two("a", "b"), [named(DRY, "a"), named(DRY, "a"), named(WET, "b")], ["dry", "dry", "wet"], ["a", "a", "b"]),
])  # fmt: skip
def test_answers_stand_in_the_order_of_their_calls_and_have_their_ids(
    called: Message, answers: list[Message], order: list[str], ids: list[str]
) -> None:
    """Most templates and ShareGPT print no ids, Gemma's looks calls up by them, services demand them."""
    (row,) = chat_rows(Chat([ASKED, called, *answers, END]))["messages"]
    seen = [turn for turn in row["messages"] if turn["role"] == "tool"]
    assert [turn["content"] for turn in seen] == order
    assert [turn["tool_call_id"] for turn in seen] == ids
    sent = openai(row)["messages"]
    assert [turn["content"] for turn in sent[2:-1]] == [turn["content"] for turn in answers], "as they came"
    pairs = {(turn["tool_call_id"], turn["content"]) for turn in seen}
    assert {(turn["tool_call_id"], turn["content"]) for turn in sent[2:-1]} == pairs
    assert {item["id"] for item in sent[1]["tool_calls"]} == set(ids)


def test_slow_tools_answer_later_calls_than_those_right_before_them() -> None:
    turns = [ASKED, two("a", "b"), named(WET, "b"), two("c", "d"), named(DRY, "a"), named(DRY, "c"), named(WET, "d")]
    (row,) = chat_rows(Chat([*turns, END]))["messages"]
    assert [turn.get("tool_call_id") for turn in row["messages"]] == [None, None, "b", None, "c", "d", "a", None]
    with pytest.raises(DialectError, match="a call that no answer follows"):
        openai(row)
    (*_, last) = chat_rows(Chat([*turns, END]))["sft"]
    with pytest.raises(DialectError, match="order alone"):
        sharegpt(last["prompt"], last["completion"][0])


@pytest.mark.parametrize("turns", [
    [ASKED, two("a", "b"), named(DRY, "a"), END], [ASKED, two("a", "b"), ASKED, END],
    [ASKED, {"role": "assistant", "content": "<call>look</call>"}, DRY, END],
])  # fmt: skip
def test_services_get_no_row_whose_calls_and_answers_are_no_pairs(turns: list[Message]) -> None:
    (row,) = chat_rows(Chat(turns))["messages"]
    with pytest.raises(DialectError, match="answer"):
        openai(row)


def test_a_call_at_the_end_and_the_first_of_two_answers_have_a_place() -> None:
    (row,) = chat_rows(Chat([ASKED, two(None, None)]))["messages"]
    assert [item["id"] for item in openai(row)["messages"][1]["tool_calls"]] == ["call_1_0", "call_1_1"]
    *_, last = chat_rows(Chat([ASKED, two("a", "b"), named(DRY, "a"), END]))["sft"]
    assert sharegpt(last["prompt"], last["completion"][0])["conversations"][2]["value"] == "dry"


def test_answers_of_a_run_stand_in_the_order_of_its_calls() -> None:
    calls = (ToolCall("look", '{"city": "Paris"}', "a"), ToolCall("look", '{"city": "Lyon"}', "b"))
    for seen in (("b", "a"), ("b", None), (None, "a")):
        by_place = {"a": "dry", "b": "wet"}
        left = iter([name for name in ("a", "b") if name not in seen])
        observations = tuple(Observation(by_place[name or next(left)], name) for name in seen)
        step = Step(1, "agent", "", tool_calls=calls, observations=observations)
        run = Trajectory("Paris and Lyon?", (Step(0, "user", "Paris and Lyon?"), step))
        told = [message for _, message in conversation(run) if message["role"] == "tool"]
        assert [(turn["tool_call_id"], turn["content"]) for turn in told] == [("a", "dry"), ("b", "wet")]


def test_turns_that_some_templates_stop_at_or_cut_are_counted(tmp_path: Path) -> None:
    ends = [{"role": "assistant", "content": text} for text in lessons(4, 6)]
    late = {"role": "system", "content": "Speak French."}
    stray = [ASKED, {"role": "assistant", "content": "<call>look</call>"}, DRY]
    orderly = [{"role": "system", "content": "Be brief."}, ASKED, two("a", "b"), named(DRY, "a"), named(WET, "b")]
    chats = [[late, late, ASKED], [ASKED, END, late, ASKED], stray, orderly]
    made = [Chat([*turns, end], prompt_length=len(turns)) for turns, end in zip(chats, ends, strict=True)]
    report = export(chat_corpus(tmp_path / "c", made), tmp_path / "out", ExportRequest(reference=False))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["odd_turns"] == {
        "a system's turn that is not the first": {"messages": 2, "sft": 2},
        "an answer of a tool that nothing called": {"messages": 1, "sft": 1},
        "several calls in one turn": {"messages": 1, "sft": 1},
    }
    assert sum("most others take it" in note for note in report.notes) == 3
