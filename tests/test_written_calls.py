"""Calls that were written as text: read as calls where they are some, left as text where they are spoken of."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_row import chat_of, run_of

from synthdata.errors import InputError
from synthdata.export.chats import chat_rows
from synthdata.records import Candidate, Origin, QuarantinedRow
from synthdata.sources import read_trajectories
from synthdata.sources.dataset import Reading, read_candidates
from synthdata.sources.gemma import gemma_object
from synthdata.sources.kinds import sniff_kind

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
TOOL = {"name": "get_weather", "description": "The weather of a city", "parameters": SCHEMA}
ARGS = {"city": "Paris's </tool_call> quarter", "days": 3}
THOUGHT = {"city": "<think>a</think> <tool_call>{", "days": 3}
PLAIN = {"city": "Paris", "days": 3}
CALL = {"name": "get_weather", "arguments": ARGS}
ASKED = {"role": "user", "content": "Will it rain in Paris?"}
DONE = {"role": "assistant", "content": "It stays dry for three days."}


def prompt(tools=TOOL):
    return {"role": "system", "content": f"Answer with calls.\n<tools>\n{json.dumps(tools)}\n</tools>\nBe brief."}


def admitted(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    reading = Reading()
    return list(read_candidates(path, origin=Origin.SYNTHETIC, reading=reading)), reading


def calls_of(chat):
    return [
        (call["function"]["name"], json.loads(text) if isinstance(text := call["function"]["arguments"], str) else text)
        for turn in chat.messages
        for call in turn.get("tool_calls", ())
    ]


def said(*turns, tools=TOOL):
    return {"messages": [prompt(tools), ASKED, *turns]}


def answered(text, answer="dry", tools=TOOL):
    return said({"role": "assistant", "content": text}, {"role": "tool", "content": answer}, DONE, tools=tools)


FORMS = {
    "hermes": (f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>", ARGS),
    "python": (f"<tool_call>\n{ {'arguments': ARGS, 'name': 'get_weather'}!r}\n</tool_call>\n", ARGS),
    "closed by the turn": (f"<tool_call>\n{json.dumps(CALL)}", ARGS),
    "after a thought": (f"<think>\nA <tool_call> {{ is due.\n</think>\n<tool_call>{json.dumps(CALL)}</tool_call>",
                        ARGS),
    "arguments as text": (f"<tool_call>{json.dumps(CALL | {'arguments': json.dumps(ARGS)})}</tool_call>", ARGS),
    "glaive": ('<functioncall> {"name": "get_weather", "arguments": \'{"city": "it\'s", "days": 3}\'} <|endoftext|>',
               {"city": "it's", "days": 3}),
    "llama": ('<|python_tag|>{"type": "function", "name": "get_weather", "parameters": {"city": "Paris", "days": 3}}'
              "<|eom_id|>", PLAIN),
    "llama built in": ('<|python_tag|>get_weather.call(city="Paris", days=3)<|eom_id|>', PLAIN),
    "llama function": ('<function=get_weather>{"city": "Paris", "days": 3}</function>', PLAIN),
    "qwen coder": ("<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n"
                   "</parameter>\n</function>\n</tool_call>", PLAIN),
    "glm": ("<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n"
            "<arg_value>3</arg_value>\n</tool_call>", PLAIN),
    "mistral": (f"[TOOL_CALLS] [{json.dumps(CALL)}]</s>", ARGS),
    "mistral later": (f"[TOOL_CALLS]get_weather[ARGS]{json.dumps(ARGS)}", ARGS),
    "kimi": ("<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
             f"{json.dumps(ARGS)}<|tool_call_end|><|tool_calls_section_end|>", ARGS),
    "deepseek": ("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
                 f"{json.dumps(ARGS)}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", ARGS),
    "granite": (f"<|tool_call|>[{json.dumps(CALL)}]", ARGS),
    "lfm": ('<|tool_call_start|>[get_weather(city="Paris", days=3)]<|tool_call_end|>', PLAIN),
    "minimax": ('<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">Paris</parameter>\n'
                '<parameter name="days">3</parameter>\n</invoke>\n</minimax:tool_call>', PLAIN),
    "tags with a prefix": ('<atem:function_calls>\n<atem:invoke name="get_weather">\n<atem:parameter name="city">'
                           'Paris</atem:parameter>\n<atem:parameter name="days">3</atem:parameter>\n'
                           "</atem:invoke>\n</atem:function_calls>", PLAIN),
    "deepseek, types said": ('<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_weather">\n<｜DSML｜parameter '
                             'name="city" string="true">Paris</｜DSML｜parameter>\n<｜DSML｜parameter name="days" '
                             'string="false">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
                             PLAIN),
    "nemotron": (f"<TOOLCALL>[{json.dumps(CALL)}]</TOOLCALL>", ARGS),
    "jamba": (f"<tool_calls>[{json.dumps(CALL)}]</tool_calls>", ARGS),
    "internlm": (f"<|action_start|><|plugin|>\n{json.dumps({'name': 'get_weather', 'parameters': ARGS})}<|action_end|>",
                 ARGS),
    "olmo": ('<function_calls>\nget_weather(city="Paris", days=3)\n</function_calls>', PLAIN),
    "gemma": ('<|tool_call>call:get_weather{city:<|"|>Paris<|"|>,days:3}<tool_call|><turn|>', PLAIN),
    "function gemma": ("<start_function_call>call:get_weather{city:<escape>Paris<escape>,days:3}<end_function_call>",
                       PLAIN),
    "gpt-oss after its prompt": (' to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Paris", '
                                 '"days": 3}<|call|>', PLAIN),
    "a thought in an argument": (f"<tool_call>\n{json.dumps(CALL | {'arguments': THOUGHT})}\n</tool_call>", THOUGHT),
    "after a thought that its prompt opened": (f"A <tool_call> is due.\n</think>\n<tool_call>{json.dumps(CALL)}"
                                               "</tool_call>", ARGS),
    "brackets": ('[get_weather(city="Paris", days=3)]', PLAIN),
    "brackets after a thought": ('<think>\nIt may.\n</think>\n\n[get_weather(city="Paris", days=3)]', PLAIN),
    "bare json, its turn ended": (json.dumps({"name": "get_weather", "parameters": ARGS}) + "<|eot_id|>", ARGS),
    "bare json": (json.dumps({"name": "get_weather", "parameters": PLAIN}), PLAIN),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_a_call_of_a_sample_and_of_a_run(name, tmp_path):
    text, arguments = FORMS[name]
    chat = chat_of(tmp_path / "chat.jsonl", answered(text))
    assert calls_of(chat) == [("get_weather", arguments)]
    run = run_of(tmp_path / "run.jsonl", answered(text))
    (call,) = [call for step in run.steps for call in step.tool_calls]
    assert (call.name, json.loads(call.arguments)) == ("get_weather", arguments)
    assert [step.weight for step in run.agent_steps] == [1, 1]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_a_call_at_the_end_of_a_conversation_that_defines_the_tool(name, tmp_path):
    text, arguments = FORMS[name]
    chat = chat_of(tmp_path / "chat.jsonl", said({"role": "assistant", "content": text}))
    assert calls_of(chat) == [("get_weather", arguments)]


def test_words_before_stay_words_and_order_of_calls_is_kept(tmp_path):
    second = {"name": "get_weather", "arguments": {"city": "Lyon"}}
    text = f"I look.\n<tool_call>\n{json.dumps(CALL)}\n</tool_call>\n<tool_call>\n{json.dumps(second)}\n</tool_call>"
    chat = chat_of(tmp_path / "x.jsonl", answered(text))
    assert calls_of(chat) == [("get_weather", ARGS), ("get_weather", {"city": "Lyon"})]
    assert chat.messages[2]["content"] == "I look."


def test_several_calls_of_glaive_in_one_turn(tmp_path):
    form = """<functioncall> {"name": "get_weather", "arguments": '{"city": "CITY"}'} <|endoftext|>"""
    one, other = (form.replace("CITY", city) for city in ("it's <functioncall>", "Lyon"))
    chat = chat_of(tmp_path / "x.jsonl", answered(f"I look.\n{one}\n{other}"))
    assert calls_of(chat) == [("get_weather", {"city": "it's <functioncall>"}), ("get_weather", {"city": "Lyon"})]
    assert chat.messages[2]["content"] == "I look."


def test_calls_between_thoughts_are_all_read(tmp_path):
    first, second = (json.dumps({"name": "get_weather", "arguments": {"city": city}}) for city in ("Paris", "Lyon"))
    text = (
        f"<think>I call.</think><tool_call>{first}</tool_call><think>A <tool_call> more.</think>\n"
        f"<tool_call>{second}</tool_call>"
    )
    chat = chat_of(tmp_path / "x.jsonl", answered(text))
    assert calls_of(chat) == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Lyon"})]


GEMMA = [
    ('{a:<|"|>x{y},[z]:"<|"|>,b:[1,-2.5,1e-7,[],{}],c:{d:true,e:null},f:<|"|><|"|>}',
     {"a": 'x{y},[z]:"', "b": [1, -2.5, 1e-7, [], {}], "c": {"d": True, "e": None}, "f": ""}),
    ('{ \n"a":1}', None), ("{a:1,a:2}", None), ("{a:paris}", None), ("{a:1", None), ("{a 1}", None),
    ("{a:" * 60 + "1" + "}" * 60, None), ("{a:1.2.3}", None), ("{,}", None),
    ('{<|"|>a b<|"|>:1,\u043a:2}', {"a b": 1, "\u043a": 2}), ("{}", {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), GEMMA)
def test_objects_as_gemma_writes_them(text, value):
    if value is None:
        with pytest.raises(ValueError):
            gemma_object(text, 0)
    else:
        assert gemma_object(text, 0) == (value, len(text))


def test_tools_of_the_prompt_become_tools_and_its_words_stay(tmp_path):
    for tools in (json.dumps(TOOL), json.dumps([TOOL]), repr([{"type": "function", "function": TOOL}])):
        row = answered(FORMS["hermes"][0])
        row["messages"][0] = {"role": "system", "content": f"You have:\n<tools> {tools} </tools>\nBe brief."}
        chat = chat_of(tmp_path / "x.jsonl", row)
        assert [tool.get("function", tool) for tool in chat.tools] == [TOOL]
        assert chat.messages[0]["content"] == "You have:\nBe brief."


def test_tools_that_stand_beside_a_chat_leave_its_prompt_as_it_is(tmp_path):
    row = answered(FORMS["hermes"][0])
    chat = chat_of(tmp_path / "x.jsonl", row | {"tools": [TOOL]})
    assert chat.messages[0] == row["messages"][0]
    assert list(chat.tools) == [TOOL]


@pytest.mark.parametrize("text", [
    'You are Bob. Profile:\n{"name": "Bob", "description": "a helper"}',
    'Use this model:\n{"name": "small", "parameters": {"temperature": 0.5}}',
    "Wrap tools in <tools> [names] </tools> tags.",
    "Here is JSON:\n[{]",
])  # fmt: skip
def test_what_else_stands_in_a_prompt_stays_there(text, tmp_path):
    row = {"messages": [{"role": "system", "content": text}, ASKED, DONE]}
    chat = chat_of(tmp_path / "x.jsonl", row)
    assert chat.messages[0]["content"] == text
    assert not chat.tools


def test_answers_lose_their_tags_and_several_are_several(tmp_path):
    call = FORMS["hermes"][0]
    answer = "<tool_response>\ndry\n</tool_response>\n<tool_response>\nwet\n</tool_response>"
    row = said({"role": "assistant", "content": call + "\n" + call}, {"role": "user", "content": answer}, DONE)
    chat = chat_of(tmp_path / "x.jsonl", row)
    assert [turn["content"] for turn in chat.messages if turn["role"] == "tool"] == ["dry", "wet"]
    run = run_of(tmp_path / "run.jsonl", row)
    assert [seen.content for step in run.steps for seen in step.observations] == ["dry", "wet"]
    assert sniff_kind(tmp_path / "run.jsonl") == "trajectories"


def test_a_hermes_row_leaves_with_calls_answers_and_tools(tmp_path):
    system = prompt(repr([{"type": "function", "function": TOOL}]).replace('"', "'"))["content"]
    turns = [("system", system), ("human", "Rain?"), ("gpt", FORMS["python"][0]),
             ("tool", '<tool_response>\n{"name": "get_weather", "content": {"sky": "dry"}}\n</tool_response>\n'),
             ("gpt", "It stays dry.")]  # fmt: skip
    chat = chat_of(tmp_path / "x.jsonl", {"conversations": [{"from": who, "value": text} for who, text in turns]})
    first, second = chat_rows(chat)["sft"]
    assert first["completion"][0]["tool_calls"][0]["function"] == CALL
    answer = second["prompt"][-1]
    assert answer["content"] == '{"name": "get_weather", "content": {"sky": "dry"}}'
    assert answer["tool_call_id"] == first["completion"][0]["tool_calls"][0]["id"]


def test_a_glaive_row_leaves_with_its_tool_and_without_its_marks(tmp_path):
    row = {
        "system": f"SYSTEM: You have these functions. Use them if required -\n{json.dumps(TOOL, indent=4)}\n",
        "chat": f"USER: Rain?\n\n\nASSISTANT: {FORMS['glaive'][0]}\n\n\nFUNCTION RESPONSE: {{}}\n\n\n"
        "ASSISTANT: It stays dry. <|endoftext|>\n",
    }
    chat = chat_of(tmp_path / "x.jsonl", row)
    assert calls_of(chat) == [("get_weather", FORMS["glaive"][1])]
    assert chat.messages[0]["content"].rstrip() == "You have these functions. Use them if required -"
    assert [tool["name"] for tool in chat.tools] == ["get_weather"]


def test_names_with_blanks_and_names_that_python_keeps_for_itself(tmp_path):
    tool = {"name": "Market Trends API", "description": "Trends", "parameters": {"type": "dict", "properties": {}}}
    text = "[Market Trends API(from=\"it's [a], (b)\", max-n=-3, deep={'k': [True, None, 1.5]}), Market Trends API()]"
    row = {
        "system": f"You can invoke:\n{json.dumps([tool])}. \nPut calls as [func(name=value)]",
        "conversations": [{"from": "user", "value": "Trends?"}, {"from": "assistant", "value": text}],
    }
    chat = chat_of(tmp_path / "x.jsonl", row)
    arguments = {"from": "it's [a], (b)", "max-n": -3, "deep": {"k": [True, None, 1.5]}}
    assert calls_of(chat) == [("Market Trends API", arguments), ("Market Trends API", {})]


SPOKEN_OF = {
    "in a sentence": "Qwen's models open a call with <tool_call> and close it with </tool_call>.",
    "in backticks": f"Write `{FORMS['hermes'][0].replace(chr(10), '')}` and wait.",
    "in a block of code": f"Like this:\n```\n{FORMS['hermes'][0]}\n```",
    "as a pattern": "The pattern:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args>}\n</tool_call>",
    "of another tool": '<tool_call>\n{"name": "book_hotel", "arguments": {}}\n</tool_call>',
    "before more words": f"{FORMS['hermes'][0]}\nis what such a call looks like.",
    "brackets of Python": '[book_hotel(city="Paris")]',
    "a list of numbers": "[1, 2, 3]",
    "an object with a name": '{"name": "Paris", "arguments": {"for": ["rain"]}}',
    "tags of others in a sentence": "Jamba has <tool_calls> and OLMo <function_calls>, and Gemma writes <|tool_call>.",
    "a tag of this page": "Write <invoke name=> there, <x:invoke name=> here.",
    "a program": "<|python_tag|>import math\nprint(math.pi)",
}  # fmt: skip


@pytest.mark.parametrize("name", SPOKEN_OF)
def test_what_only_speaks_of_calls_stays_text(name, tmp_path):
    text = SPOKEN_OF[name]
    row = said({"role": "assistant", "content": text})
    chat = chat_of(tmp_path / "x.jsonl", row)
    assert chat.messages[2]["content"] == text
    assert "tool_calls" not in chat.messages[2]
    step = run_of(tmp_path / "run.jsonl", row).agent_steps[0]
    assert (step.action, step.tool_calls, step.weight) == (text, (), 1)


def test_a_call_of_a_tool_that_nothing_defines_is_text_and_counted(tmp_path):
    row = {"messages": [ASKED, {"role": "assistant", "content": FORMS["hermes"][0]}]}
    (found,), reading = admitted(tmp_path / "x.jsonl", row)
    assert isinstance(found, Candidate)
    assert reading.text_calls == 1
    assert any("look like calls" in line for line in reading.lines())
    (step,) = run_of(tmp_path / "run.jsonl", row).agent_steps
    assert "left as text" in step.notes[0]


BROKEN = {
    "json": '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}\n</tool_call>',
    "no name": '<tool_call>\n{"arguments": {"city": "Paris"}}\n</tool_call>',
    "a list of arguments": '<tool_call>\n{"name": "get_weather", "arguments": ["Paris"]}\n</tool_call>',
    "a key twice": '<tool_call>\n{"name": "get_weather", "arguments": {"city": "a", "city": "b"}}\n</tool_call>',
    "an argument without a name": '[get_weather("Paris")]',
    "an expression": '[get_weather(city=open("x"))]',
    "an argument that is not closed": "<function=get_weather>\n<parameter=city>\nParis\n</function>",
    "a text of Gemma that is not closed": '<|tool_call>call:get_weather{city:<|"|>Paris,days:3}<tool_call|>',
    "a line of OLMo": '<function_calls>\nget_weather(city="Paris"\n</function_calls>',
    "the second of two": f"{FORMS['hermes'][0]}\n<tool_call>\n{{\"name\": \"get_weather\", \n</tool_call>",
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_call_that_cannot_be_read_is_refused_and_never_half(name, tmp_path):
    found, _ = admitted(tmp_path / "x.jsonl", answered(BROKEN[name]), answered(FORMS["hermes"][0]))
    assert isinstance(found[0], QuarantinedRow)
    assert isinstance(found[1], Candidate)
    assert "`messages[2]` holds a call as text that cannot be read" in found[0].reason
    run = run_of(tmp_path / "run.jsonl", answered(BROKEN[name]))
    assert (run.agent_steps[0].action, run.agent_steps[0].weight) == (BROKEN[name], 0)
    assert not run.agent_steps[0].tool_calls


def test_a_preference_has_calls_on_both_sides(tmp_path):
    worse = FORMS["hermes"][0].replace("quarter", "street")
    row = {"system": prompt()["content"], "prompt": "Rain?", "chosen": FORMS["hermes"][0], "rejected": worse}
    chat = chat_of(tmp_path / "x.jsonl", row)
    (pair,) = chat_rows(chat)["preference"]
    sides = [pair[side][0]["tool_calls"][0]["function"]["arguments"]["city"] for side in ("chosen", "rejected")]
    assert sides == [ARGS["city"], ARGS["city"].replace("quarter", "street")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["city", "days", "a b"]), JSON, max_size=3), st.booleans())
def test_arguments_come_out_as_they_went_in(tmp_path_factory, arguments, in_python):
    call = {"name": "get_weather", "arguments": arguments}
    text = f"<tool_call>\n{repr(call) if in_python else json.dumps(call)}\n</tool_call>"
    chat = chat_of(tmp_path_factory.mktemp("x") / "x.jsonl", answered(text))
    assert calls_of(chat) == [("get_weather", arguments)]


@pytest.mark.parametrize("piece", [
    "<tool_call>{", '<tool_call>{"a": ', "<tool_call>{'a': ", "<tool_call> x ", "`<tool_call>`", "[f(",
    "<think></think>", "<function=f><parameter=a>", "```<tool_call>", "<tools>[", "\n{",
    "<think>", "<thinking><tool_calls>[", "<function_calls>f(", "<x:invoke name=", "<|tool_call>call:f{a:",
])  # fmt: skip
def test_long_texts_of_marks_are_read_in_their_length(piece, tmp_path):
    row = said({"role": "assistant", "content": piece * 20_000})
    row["messages"][0]["content"] = piece * 20_000
    (found,), _ = admitted(tmp_path / "x.jsonl", row)
    assert isinstance(found, Candidate)


MIND2WEB = {"annotation_id": "a", "confirmed_task": "Book a flight", "action_reprs": ["[button] Book -> CLICK"]}


def test_pages_with_actions_are_refused_with_what_to_write(tmp_path):
    path = tmp_path / "x.jsonl"
    for read in (sniff_kind, lambda path: list(read_trajectories(path, origin=Origin.REAL))):
        path.write_text(json.dumps(MIND2WEB | {"actions": [{"operation": {"op": "CLICK"}}]}) + "\n", encoding="utf-8")
        with pytest.raises(InputError, match=r"Mind2Web.*the action as the assistant's"):
            read(path)


def test_a_task_that_was_confirmed_is_a_sample_like_others(tmp_path):
    (found,), _ = admitted(
        tmp_path / "x.jsonl", {"confirmed_task": "yes", "prompt": "Rain?", "response": "It stays dry."}
    )
    assert isinstance(found, Candidate)


def test_tools_are_not_taken_out_of_the_middle_of_what_cannot_be_read(tmp_path):
    whole = json.dumps([{"type": "function", "function": TOOL}, TOOL], indent=1)
    for text, tools in ((f"<|tools|>{whole}<|end|>", 2), (f"Tools:\n{whole[:-1]},]\nBe brief.", 0), (whole[:-2], 0)):
        row = {"messages": [{"role": "system", "content": text}, ASKED, DONE]}
        chat = chat_of(tmp_path / "x.jsonl", row)
        assert len(chat.tools) == tools
        assert tools or chat.messages[0]["content"] == text


CHANNELS = (
    "<|channel|>analysis<|message|>It may.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather "
    '<|constrain|>json<|message|>{"city": "Paris", "days": 3}<|call|>'
)


def test_channels_are_thoughts_words_and_calls(tmp_path):
    answer = '<|start|>functions.get_weather to=assistant<|channel|>commentary<|message|>{"sky": "dry"}<|end|>'
    last = {
        "role": "assistant",
        "content": "<|channel|>analysis<|message|>So.<|end|><|channel|>final<|message|>Dry.<|return|>",
    }
    row = {"messages": [ASKED, {"role": "assistant", "content": CHANNELS}, {"role": "tool", "content": answer}, last]}
    chat = chat_of(tmp_path / "x.jsonl", row)
    assert calls_of(chat) == [("get_weather", PLAIN)]
    said = [(turn["content"], turn.get("reasoning_content", "")) for turn in chat.messages[1:]]
    assert said == [("", "It may."), ('{"sky": "dry"}', ""), ("Dry.", "So.")]
    run = run_of(tmp_path / "run.jsonl", row)
    assert [(step.action, step.thought) for step in run.agent_steps] == [("", "It may."), ("Dry.", "So.")]


def test_channels_that_are_spoken_of_or_broken(tmp_path):
    spoken = "A turn of gpt-oss begins with <|channel|>analysis<|message|> and ends with <|return|>."
    broken = CHANNELS.replace('"days": 3}', '"days": ')
    rows = [{"messages": [ASKED, {"role": "assistant", "content": text}]} for text in (spoken, broken)]
    kept, refused = admitted(tmp_path / "x.jsonl", *rows)[0]
    assert kept.content == spoken
    assert isinstance(refused, QuarantinedRow)


def test_a_call_in_tags_of_its_tools_name_where_the_answer_names_it(tmp_path):
    text = "<thinking>\nI list.\n</thinking>\n<execute_command>\n<command>ls | grep '<a>'</command>\n</execute_command>"
    said = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    answer = [{"type": "text", "text": "[execute_command for 'ls'] Result:"}, {"type": "text", "text": "a.txt"}]
    row = {"messages": [ASKED, said, {"role": "user", "content": answer}, DONE]}
    chat = chat_of(tmp_path / "x.jsonl", row)
    assert calls_of(chat) == [("execute_command", {"command": "ls | grep '<a>'"})]
    assert [turn["role"] for turn in chat.messages] == ["user", "assistant", "tool", "assistant"]
    (call,) = [call for step in run_of(tmp_path / "run.jsonl", row).steps for call in step.tool_calls]
    assert json.loads(call.arguments) == {"command": "ls | grep '<a>'"}
    row["messages"][2] = {"role": "user", "content": "[read_file for 'a'] Result:\nx"}
    assert not calls_of(chat_of(tmp_path / "x.jsonl", row))


def test_each_answer_in_a_turn_of_its_own_loses_its_tags(tmp_path):
    call = FORMS["hermes"][0]
    seen = [{"role": "tool", "content": f"<tool_response>\n{text}\n</tool_response>"} for text in ("dry", "wet")]
    chat = chat_of(tmp_path / "x.jsonl", said({"role": "assistant", "content": call + call}, *seen, DONE))
    assert [turn["content"] for turn in chat.messages if turn["role"] == "tool"] == ["dry", "wet"]


def test_answers_to_calls_that_came_as_calls_stay_as_they_came(tmp_path):
    structured = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": CALL}]}
    turns = [structured, {"role": "tool", "content": "<tool_response>dry</tool_response>"}, DONE]
    assert chat_of(tmp_path / "x.jsonl", said(*turns)).messages[2:] == turns


def test_a_broken_call_that_is_not_learnt_stays_text(tmp_path):
    turn = {"role": "assistant", "content": BROKEN["json"], "weight": 0}
    chat = chat_of(tmp_path / "x.jsonl", said(turn, {"role": "tool", "content": "no call"}, DONE))
    assert chat.messages[2] == turn
