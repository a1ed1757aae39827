"""What a data set looks like, by the names of its columns: one row at a time, nothing of values but their types.

The public shapes that are known stand here as tables of names. Where names do not tell, `choice` looks at values.
"""

from __future__ import annotations

from typing import Any

from synthdata.sources.columns import plain_name
from synthdata.sources.fields import RowError
from synthdata.sources.incomplete import missing_half
from synthdata.sources.mapping import ColumnMap

Row = dict[str, Any]

ANSWERS = (
    "output", "response", "completion", "answer", "solution", "reply", "target", "targets", "assistant", "bot", "gpt",
    "generation", "generated_text", "model_output", "canonical_solution", "demonstration", "summary", "highlights",
    "target_text", "output_text", "answers", "ideal", "assistant_response", "model_response", "ground_truth", "gold",
    "final_answer", "response_text", "answer_text", "generated_answer", "reference_answer", "bot_response", "ai",
    "chatbot",
)  # fmt: skip
QUESTIONS = (
    "instruction", "instructions", "prompt", "question", "query", "problem", "user", "human", "user_prompt",
    "user_message", "user_input", "question_text", "prompt_text", "input_text", "inputs", "src", "document", "article",
    "dialogue", "input",
)  # fmt: skip
BESIDE = ("input", "context", "passage", "schema", "knowledge", "background", "choices_text")
SYSTEMS = ("system", "system_prompt", "system_message", "system_instruction")
CHATS = (
    "messages", "conversations", "conversation", "dialog", "dialogue", "dialogs", "chat", "turns", "contents",
    "chat_messages", "items", "data", "thread",
)  # fmt: skip
TOOLS = ("tools", "functions", "tool_definitions", "available_tools")
PAIRS = (
    ("chosen", "rejected"), ("chosen_response", "rejected_response"), ("response_chosen", "response_rejected"),
    ("preferred_output", "non_preferred_output"), ("chosen_messages", "rejected_messages"),
    ("preferred", "dispreferred"),
    ("preferred_response", "rejected_response"), ("win", "lose"), ("winner_response", "loser_response"),
    ("better_response", "worse_response"), ("pos", "neg"), ("accepted", "rejected"),
    ("output_chosen", "output_rejected"),
)  # fmt: skip
LISTS = ("generations", "responses", "completions", "outputs", "candidates", "samples", "instances")
LABELS = ("label", "kto_tag", "desirable")
_CHAT_ROLES = frozenset(("system", "user", "assistant", "tool", "human", "gpt", "prompter"))
_TRACE = frozenset(
    "trace_id traceid span_id spanid parent_span_id parentspanid resource_spans resourcespans parent_uuid parentuuid"
    " session_id sessionid run_type runtype observations steps trajectory traj events spans action observation"
    " start_time end_time latency".split()
)


def shape_of(row: Row) -> ColumnMap | None:
    """The mapping that the row's names make plain by themselves, an answer among them; None where they do not.

    Null values count as absent.

    Raises:
        RowError: the names say that such rows are no samples.
    """
    if isinstance(row.get("content"), str):
        return _own(row)
    names = _names(row)
    inner = row.get("fields")
    if isinstance(inner, dict) and ({"responses", "suggestions", "status"} & names.keys()):
        inner_shape = shape_of(inner)
        return None if inner_shape is None else inner_shape.below("fields")
    for inner_shape in (
        _preference(row, names),
        _chat(row, names),
        _calls(row, names),
        _marked(row, names),
        _lists(row, names),
    ):
        if inner_shape is not None:
            return inner_shape
    return _asked_and_answered(row, names)


def _names(row: Row) -> dict[str, str]:
    """The columns that hold something, by their plain names."""
    names: dict[str, str] = {}
    for key, value in row.items():
        if value is not None:
            names.setdefault(plain_name(str(key)), key)
    return names


def _first(names: dict[str, str], known: tuple[str, ...]) -> str:
    return next((names[name] for name in known if name in names), "")


def _own(row: Row) -> ColumnMap:
    role = row.get("role")
    if isinstance(role, str) and role.lower() in _CHAT_ROLES and "context" not in row:
        raise RowError(
            "a single chat message; write the messages of one conversation as a list, `messages`, in one row"
        )
    return ColumnMap("candidates", content=("content",), context=("context",) if "context" in row else ())


def _texty(value: object) -> bool:
    """A text, a turn or a list of turns: what an answer or a question may be."""
    return isinstance(value, str | dict) or is_turns(value)


def is_turns(value: object, loose: bool = False) -> bool:
    """Whether a column holds turns: objects with a role or a pair in them, pairs; where `loose`, also bare texts."""
    if isinstance(value, str):
        return value.lstrip()[:2] in ("[{", "[[")
    if isinstance(value, dict):
        return loose and any(isinstance(value.get(key), list) for key in ("role", "from"))
    if not isinstance(value, list) or not value:
        return False
    first = value[0]
    if isinstance(first, dict):
        return bool({"role", "from", "speaker", "human", "user", "input"} & first.keys())
    if isinstance(first, list):
        return loose and len(first) == 2 and all(isinstance(part, str | None) for part in first)
    return loose and len(value) > 1 and all(isinstance(part, str) for part in value)


def _objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _around(names: dict[str, str], row: Row) -> dict[str, Any]:
    """System prompt, tools and an undesirable's label beside question and answer."""
    label = _first(names, LABELS)
    system = _first(names, SYSTEMS)
    return {
        "system": system if isinstance(row.get(system), str | list | dict) else "",
        "tools": _first(names, TOOLS),
        "label": label
        if isinstance(row.get(label), bool) or row.get(label) in ("true", "false", "True", "False")
        else "",
    }


def _preference(row: Row, names: dict[str, str]) -> ColumnMap | None:
    pair = next(((a, b) for a, b in PAIRS if a in names and b in names), None)
    if pair is None:
        return None
    chosen, rejected = names[pair[0]], names[pair[1]]
    if not (_texty(row[chosen]) and _texty(row[rejected])):
        return None
    around = _around(names, row) | {"chosen": chosen, "rejected": rejected, "label": ""}
    nested = row.get("input")
    if isinstance(nested, dict) and isinstance(nested.get("messages"), list):
        tools = "input.tools" if nested.get("tools") else ""
        return ColumnMap("OpenAI preference", **around | {"messages": "input.messages", "tools": tools})
    turns = next((names[name] for name in CHATS if name in names and is_turns(row[names[name]])), "")
    first = isinstance(row[chosen], list) and len(row[chosen]) > 1
    asked = _asked(row, names)
    if turns and not (first or asked):
        return ColumnMap("preference chat", **around | {"messages": turns})
    return ColumnMap("preference", context=() if first else asked, **around)


def _chat(row: Row, names: dict[str, str]) -> ColumnMap | None:
    turns = next((names[name] for name in CHATS if name in names and is_turns(row[names[name]], loose=True)), "")
    # A list of objects of that name is a chat, though perhaps one that is not understood.
    turns = turns or next(
        (
            names[name]
            for name in CHATS[:3]
            if name in names and row[names[name]] and isinstance(row[names[name]], list)
        ),
        "",
    )
    if not turns:
        return None
    rejected = _first(names, ("rejected_response", "rejected_messages"))
    value = row[turns]
    first = value[0] if isinstance(value, list) else {}
    shape = "ShareGPT" if isinstance(first, dict) and "from" in first else "chat"
    return ColumnMap(shape, messages=turns, rejected=rejected, **_around(names, row))


def _calls(row: Row, names: dict[str, str]) -> ColumnMap | None:
    """xLAM and its like: a query, tools, and the calls that answer it."""
    query, answers, tools = names.get("query", ""), names.get("answers", ""), names.get("tools", "")
    if not (query and answers and tools and isinstance(row[query], str)):
        return None
    return ColumnMap("function calls", content=(answers,), context=(query,), tools=tools)


def _marked(row: Row, names: dict[str, str]) -> ColumnMap | None:
    """A conversation as one text with marks of who speaks, and Axolotl's segments."""
    chat = names.get("chat", "")
    if chat and isinstance(row[chat], str) and "ASSISTANT:" in row[chat]:
        return ColumnMap("marked chat", messages=chat, system=_first(names, SYSTEMS))
    segments = names.get("segments", "")
    items = row.get(segments)
    if isinstance(items, list) and items and isinstance(items[0], dict) and {"label", "text"} <= items[0].keys():
        return ColumnMap("segments", messages=segments)
    return None


def _lists(row: Row, names: dict[str, str]) -> ColumnMap | None:
    """Several answers to one question, as texts or as objects with a text in them."""
    name = next((names[name] for name in LISTS if name in names and isinstance(row[names[name]], list)), "")
    items = row[name] if name else []
    if not items or _first(names, ANSWERS):
        return None
    around = _around(names, row)
    asked = _asked(row, names)
    if all(isinstance(item, str) for item in items):
        return ColumnMap("several answers", content=(name,), context=asked, **around)
    first = items[0]
    inner = next((key for key in (*ANSWERS, "text", "content") if isinstance(first, dict) and key in first), "")
    if not inner:
        return None
    beside = (f"{name}.input",) if isinstance(first.get("input"), str) and inner != "input" else ()
    return ColumnMap("several answers", content=(f"{name}.{inner}",), context=(*asked, *beside), **around)


def _asked(row: Row, names: dict[str, str]) -> tuple[str, ...]:
    """The question, and what stands beside it."""
    first = next((names[name] for name in QUESTIONS if name in names and _texty(row[names[name]])), "")
    beside = [names[name] for name in BESIDE if name in names and isinstance(row[names[name]], str)]
    return tuple(dict.fromkeys(filter(None, (first, *beside))))


def _asked_and_answered(row: Row, names: dict[str, str]) -> ColumnMap | None:
    if row.get("prompt") is not None and row.get("completion") is not None:
        # The names alone say what the row is, whatever stands there.
        own = isinstance(row.get("context"), str)
        around = _around(names, row)
        return ColumnMap(
            "prompt-completion", content=("completion",), context=("context" if own else "prompt",), **around
        )
    asked = _asked(row, names)
    answers = [names[name] for name in ANSWERS if name in names and _texty(row[names[name]])]
    answers = [name for name in answers if name not in asked]
    if not asked or len(answers) != 1:
        return None
    answer = answers[0]
    if isinstance(row[answer], dict) and not {"role", "from"} & row[answer].keys():
        if not isinstance(row[answer].get("text"), list | str):
            return None
        answer += ".text"
    history = names.get("history", "")
    around = _around(names, row) | {"history": history if isinstance(row.get(history), list | str) else ""}
    return ColumnMap(_named(asked, answer), content=(answer,), context=asked, **around)


def _named(asked: tuple[str, ...], answer: str) -> str:
    answer = answer.removesuffix(".text").rpartition(".")[2]
    question = plain_name(asked[0].rpartition(".")[2])
    if question == "instruction" and plain_name(answer) == "output":
        return "Alpaca"
    return f"{question}-{plain_name(answer)}"


def refusal(row: object) -> str:
    """Why rows like this one are no samples, where it is plain from their names; else empty."""
    if not isinstance(row, dict):
        return ""
    half = missing_half(row)
    if half:
        return half
    names = {plain_name(str(key)) for key in row} | {str(key).lower() for key in row}
    if {"input_ids"} & names:
        return "the rows are token numbers (`input_ids`), not texts: give the texts that they were made from"
    if {"parent_id", "text", "role"} <= names or ("replies" in names or isinstance(_inner(row), list)):
        return "the rows are parts of conversation trees: write each path of a tree as one list of `messages`"
    lists = [key for key, value in row.items() if isinstance(value, list | dict)]
    if lists and len(lists) == len(row) and len({len(value) for value in row.values()}) == 1 and len(row) > 1:
        return "one object of columns: write one object a row (pandas: to_json(orient='records', lines=True))"
    if len(names & _TRACE) >= 2 or "resourcespans" in names or _objects(row.get("steps")):
        return (
            "traces or logs of agent runs, not samples, by their keys: see `synthdata docs formats` for `synthdata run`"
        )
    return ""


def _inner(row: Row) -> object:
    prompt = row.get("prompt")
    return prompt.get("replies") if isinstance(prompt, dict) else None
