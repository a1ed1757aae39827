"""The same rows in the dialects of trainers that do not read OpenAI messages with objects: ShareGPT, nanochat, OpenAI.

A row leaves in a dialect with its turns as they are, or not at all: what a dialect cannot hold is refused with the
reason, and the export counts it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from synthdata.export.answers import answers_nothing, paired_by_order, unanswered, with_ids
from synthdata.export.chats import openai_messages
from synthdata.export.conversation import Message, message_text
from synthdata.export.kinds import AS_CAME, Row

_OTHER_SIDE = ("human", "observation")
# What LLaMA-Factory puts between the answers to parallel calls when it reads OpenAI messages.
NEXT_ANSWER = "\n</tool_response>\n<tool_response>\n"
# Its marks of a call beside words, the same in all its templates but those of LFM2.
CALL_MARKS = ("<tool_call>", "</tool_call>")
THOUGHT_MARKS = ("<think>\n", "\n</think>\n\n")
# Who speaks, in a turn that is not yet in its row.
_NAME = "name"
_OPENAI = {"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "weight", "audio"}
_NANOCHAT = {"role", "content", "weight", "train", "loss"}


class DialectError(ValueError):
    """Why a dialect cannot hold a row; the export counts rows by this text."""


def sharegpt(prompt: Sequence[Message], completion: Message, tools: Sequence[object] = ()) -> Row:
    """`{"conversations", "system", "tools", "names"}`: human or observation at odd places, gpt or calls at even ones.

    `names` is JSON text of who speaks in each turn, empty where no turn has a name: a key within turns that not all of
    them have would stop readers of large files.

    Raises:
        DialectError: the turns do not alternate so, or a call cannot be told from the words before it.
    """
    system, turns = _prompt(prompt)
    turns.append(_turn(completion))
    names = _names(turns)
    return {"conversations": turns, "system": system, "tools": _tools(tools), "names": names}


def sharegpt_preference(row: Row) -> Row:
    """`{"conversations", "chosen", "rejected", ...}`, the two answers one turn each; in `names` they come last.

    Raises:
        DialectError: as `sharegpt`, or an answer of several turns.
    """
    if len(row["chosen"]) != 1 or len(row["rejected"]) != 1:
        raise DialectError("an answer of several turns")
    system, turns = _prompt(row["prompt"])
    pair = {"chosen": _turn(row["chosen"][0]), "rejected": _turn(row["rejected"][0])}
    names = _names([*turns, *pair.values()])
    made = {"conversations": turns, **pair, "system": system, "tools": _tools(row.get("tools", ())), "names": names}
    return made | images_of(row)


def sharegpt_kto(row: Row) -> Row:
    """A conversation with `kto_tag`, true where its last turn is the right thing to do.

    Raises:
        DialectError: as `sharegpt`.
    """
    messages = [*row["prompt"], *row["completion"]]
    return sharegpt(messages[:-1], messages[-1], row.get("tools", ())) | {"kto_tag": row["label"]} | images_of(row)


def images_of(row: Row) -> Row:
    """`{"images"}` of an export with pictures, one for each `<image>` of the row's turns; nothing of any other.

    Raises:
        DialectError: words that hold the mark of a picture, which no reader can tell from one.
    """
    if "images" not in row:
        return {}
    turns = [turn for name in ("prompt", "completion", "chosen", "rejected") for turn in row.get(name, ())]
    if sum(message_text(turn).count("<image>") for turn in turns) != len(row["images"]):
        raise DialectError("words that hold the mark of a picture")
    return {"images": row["images"]}


def nanochat(row: Row) -> Row:
    """`{"messages"}`: an optional system turn, then user and assistant in turn, all plain text.

    Raises:
        DialectError: other roles or fields, a turn out of order, or an assistant turn that must not be learnt, since
            nanochat trains on all of them.
    """
    turns = row["messages"]
    if row.get("images"):
        raise DialectError("a turn with a picture")
    for turn in turns:
        strange = sorted(name for name, value in turn.items() if name not in _NANOCHAT and value is not None)
        if strange:
            raise DialectError(f"a turn with `{strange[0]}`")
        if turn["role"] == "assistant" and (turn.get("weight") == 0 or not turn["content"].strip()):
            raise DialectError("an assistant turn of weight 0: it trains on all of them")
    spoken = turns[1:] if turns and turns[0]["role"] == "system" else turns
    expected = ["assistant" if i % 2 else "user" for i in range(len(spoken))]
    if len(spoken) % 2 or [turn["role"] for turn in spoken] != expected:
        raise DialectError("user and assistant do not take turns")
    return {"messages": [{"role": turn["role"], "content": turn["content"]} for turn in turns]}


def openai(row: Row) -> Row:
    """`{"messages", "tools"}` with arguments as JSON text and `weight` 0 or 1, as OpenAI's fine-tuning takes them.

    Raises:
        DialectError: a field that it does not know, such as a thought, a weight between 0 and 1, or a call without its
            answer, one of which makes services refuse the whole file.
    """
    made = []
    for came, turn in zip(row.get(AS_CAME) or row["messages"], row["messages"], strict=True):
        strange = sorted(name for name, value in came.items() if name not in _OPENAI and value is not None)
        if strange:
            raise DialectError(f"a turn with `{strange[0]}`")
        if came.get("weight") not in (None, 0, 1):
            raise DialectError("a weight between 0 and 1")
        masked = {"weight": 0} if turn.get("weight") == 0 else {}
        made.append({name: value for name, value in came.items() if value is not None or name == "content"} | masked)
    made = with_ids(openai_messages(made))
    if unanswered(made):
        raise DialectError("a call that no answer follows")
    if answers_nothing(made):
        raise DialectError("an answer of a tool that nothing called")
    tools = {"tools": row["tools"]} if row.get("tools") else {}
    return {"messages": made, **tools}


def _prompt(prompt: Sequence[Message]) -> tuple[str, list[Row]]:
    """The system's words and the turns, which end on the other side."""
    system = ""
    if prompt and prompt[0]["role"] == "system":
        if prompt[0].get("name"):
            raise DialectError("a system turn with a name")
        system, prompt = prompt[0]["content"], prompt[1:]
    if not paired_by_order(prompt):
        raise DialectError("answers to some of several calls: order alone tells which is of which")
    turns: list[Row] = []
    for message in prompt:
        turn = _turn(message)
        if turns and turns[-1]["from"] == turn["from"] == "observation":
            turns[-1]["value"] += f"{NEXT_ANSWER}{turn['value']}"
            continue
        turns.append(turn)
    sides = [turn["from"] in _OTHER_SIDE for turn in turns]
    if sides != [i % 2 == 0 for i in range(len(turns))] or len(turns) % 2 == 0:
        raise DialectError("the two sides do not take turns")
    return system, turns


def _turn(message: Message) -> Row:
    if message["role"] == "assistant":
        if message.get("tool_calls"):
            return {"from": "function_call", "value": _calls(message)} | _name(message)
        return {"from": "gpt", "value": _words(message)} | _name(message)
    if message["role"] not in ("tool", "user"):
        raise DialectError(f"a turn of role {message['role']} within the conversation")
    if message["role"] == "tool" and NEXT_ANSWER in message["content"]:
        raise DialectError("an answer that holds the mark between two answers")
    if message["role"] == "tool":
        # A tool's name stands in its call.
        return {"from": "observation", "value": message["content"]}
    return {"from": "human", "value": message["content"]} | _name(message)


def _name(message: Message) -> Row:
    return {_NAME: message["name"]} if message.get("name") else {}


def _names(turns: Sequence[Row]) -> str:
    """Who speaks, taken out of the turns."""
    named = [turn.pop(_NAME, "") for turn in turns]
    return json.dumps(named, ensure_ascii=False) if any(named) else ""


def _words(message: Message) -> str:
    """The words of an assistant's turn, its thought before them between the marks that reasoning models use."""
    thought = message.get("reasoning_content")
    return f"{thought.join(THOUGHT_MARKS)}{message['content']}" if thought else str(message["content"])


def _calls(message: Message) -> str:
    """The calls as JSON; words before them are kept apart by the marks that the reader looks for."""
    functions = [call["function"] for call in message["tool_calls"]]
    named = [{"name": one["name"], "arguments": one["arguments"]} for one in functions]
    if not all(isinstance(one["arguments"], Mapping) for one in named):
        raise DialectError("a call whose arguments are no JSON object")
    value = _safe_json(named[0] if len(named) == 1 else named)
    words = _words(message)
    if not words.strip():
        return value
    if any(mark in words for mark in CALL_MARKS):
        raise DialectError("words before a call that hold the mark of a call")
    return f"{words}\n{value.join(CALL_MARKS)}"


def _safe_json(value: object) -> str:
    """JSON in which no mark of a call or a thought can stand: the signs that all of them begin with are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("◁", "\\u25c1")


def _tools(tools: Sequence[object]) -> str:
    return json.dumps(list(tools), ensure_ascii=False) if tools else ""
