"""The forms in which chat templates and data sets write a tool call as text: what opens one, and what stands in it.

JSON between tags (Hermes, Qwen, Granite, Phi, Mistral, Llama, Cohere), Python's notation in its place (Hermes' data
set), arguments in single quotes (Glaive), a name before its arguments (Kimi, DeepSeek, GLM, Mistral), a tag for each
argument (Qwen's coder models, GLM, MiniMax, DeepSeek 3.2), calls as Python has them (LFM2, ToolACE, OLMo), Gemma's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from synthdata.sources.gemma import gemma_object
from synthdata.sources.literals import closing, json_at, named_arguments, python_value

Call = dict[str, Any]
# The properties of each tool's arguments, by its name.
Schemas = Mapping[str, Mapping[str, Any]]

# What opens a call, with what closes it; without it the turn's end does.
_MARKS = {
    "<tool_call>": "</tool_call>", "<seed:tool_call>": "</seed:tool_call>", "<functioncall>": "</functioncall>",
    "<function_call>": "</function_call>", "<|tool_call|>": "<|/tool_call|>", "<|START_ACTION|>": "<|END_ACTION|>",
    "<|tool_call_start|>": "<|tool_call_end|>", "<|tool_call_begin|>": "<|tool_call_end|>",
    "<｜tool▁call▁begin｜>": "<｜tool▁call▁end｜>", "[TOOL_CALLS]": "[/TOOL_CALLS]", "<|python_tag|>": "<|eom_id|>",
    "<TOOLCALL>": "</TOOLCALL>", "<|action_start|><|plugin|>": "<|action_end|>", "<|tool_call>": "<tool_call|>",
    "<start_function_call>": "<end_function_call>", "<function=": "",
}  # fmt: skip
# Tags around several calls, which others have within as marks of their own: a list in JSON, or calls of Python.
_AROUND = {"<tool_calls>": r"(?=\s{0,20}\[)", "<function_calls>": r"(?=\s{0,20}[A-Za-z_][\w.\-]{0,200}\()"}
# Anthropic's tags, and those that others made of them with a prefix of their own.
_PREFIX = r"(?P<prefix>(?:[\w｜]{1,20}[:｜])?)"
_NAMING = rf"<{_PREFIX}invoke name="
# Of the others some models leave out what closes them.
_MUST_CLOSE = re.compile(
    r"<(?:\w{1,20}:)?tool_call>|<function_call>|<\|tool_call_start|<\|START|<\|tool_call_begin|<｜"
)
OPEN = re.compile("|".join([*map(re.escape, _MARKS), *(mark + more for mark, more in _AROUND.items()), _NAMING]))
_ENDS = ("</s>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>")
_SPACE = re.compile(r"\s*")
# What stands between a name and its arguments.
_NAMED = re.compile(
    r"(?:function<｜tool▁sep｜>)?(?P<id>(?:functions\.)?(?P<name>[A-Za-z_][\w.\-/]{0,200})(?::\d{1,6})?)"
    r"(?:\s|\[ARGS\]|\[CALL_ID\]\w{1,64}|<\|tool_call_argument_begin\|>|<｜tool▁sep｜>|<tool_sep>|```(?:json)?)*"
)
PYTHON_NAME = re.compile(r"\s*([^\[\](){}\"'=,<>]{1,200}?)\s*\(")
_FUNCTION = re.compile(r"<function=(?P<name>[\w.\-/]{1,200})>\s*")
_INVOKE = re.compile(rf"{_NAMING}\"(?P<name>[^\"]{{1,200}})\">\s*")
_GEMMA = re.compile(r"call:([\w.\-/]{1,200})(?=\{)")
_GLAIVE = re.compile(r"\{\s*\"name\"\s*:\s*\"([^\"\\]{1,200})\"\s*,\s*\"arguments\"\s*:\s*'(.*)'\s*\}\s*", re.DOTALL)
_PARAMETERS = (
    (re.compile(r"<parameter=(?P<name>[^>]{1,200})>"), "</parameter>"),
    (re.compile(rf"<{_PREFIX}parameter name=\"(?P<name>[^\"]{{1,200}})\"(?P<more>[^>]{{0,80}})>"), "</{}parameter>"),
    (re.compile(r"<arg_key>(?P<name>[^<]{1,200})</arg_key>\s*<arg_value>"), "</arg_value>"),
)
# A body in Python's notation may hold its own closing tag in a text; it is looked for so often.
_TRIES = 3


class NoCallError(ValueError):
    """What follows a mark does not begin as a call does: the mark is spoken of."""


def block(text: str, mark: re.Match[str], schemas: Schemas) -> tuple[list[Call], int]:
    """The calls of one block and where it ends."""
    opened = mark[0]
    close = _MARKS.get(opened, f"</{opened[1:]}" if opened in _AROUND else "")
    at = _skip(text, mark.end() if close else mark.start())
    sign = text[at : at + 1]
    if opened == "<function_calls>":
        calls, at = _python_lines(text, at, close)
    elif sign == "<":
        calls, at = _tagged(text, at, schemas)
    elif sign in ("{", "["):
        calls, at = _listed(text, at, close)
    else:
        calls, at = _named(text, at, schemas, opened)
    at = _skip(text, at)
    if text.startswith(close, at):
        return calls, at + len(close)
    if at < len(text) and _MUST_CLOSE.match(opened):
        raise ValueError(f"a call is not closed by {close}")
    return calls, at


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _listed(text: str, at: int, close: str) -> tuple[list[Call], int]:
    if text[at] == "[" and PYTHON_NAME.match(text, at + 1):
        return python_calls(text, at)
    return _json_calls(text, at, close)


def _json_calls(text: str, at: int, close: str) -> tuple[list[Call], int]:
    """Objects in JSON; else one in Python's notation, or in Glaive's."""
    try:
        return json_values(text, at)
    except ValueError:
        # Glaive's calls are not closed: the next one ends a call.
        ending = "<functioncall>" if close == _MARKS["<functioncall>"] and close not in text else close
        ends = [found.start() for found in islice(re.finditer(re.escape(ending), text[at:]), _TRIES)]
        ends = ends if ends and ending == close else [*ends, len(text) - at]
        for end in ends:
            try:
                return _loose(text[at : at + end]), at + end
            except ValueError:
                continue
    raise ValueError("a call is neither JSON nor Python's notation")


def json_values(text: str, at: int) -> tuple[list[Call], int]:
    """Objects in JSON, one after the other or as a list."""
    calls: list[Call] = []
    while text[at : at + 1] in ("{", "["):
        value, at = json_at(text, at)
        calls += _objects(value)
        at = _skip(text, at)
        # Llama's models set several apart so.
        at = _skip(text, at + 1) if text[at : at + 1] == ";" else at
    return calls, at


def _loose(body: str) -> list[Call]:
    for silent in _ENDS:
        body = body.rstrip().removesuffix(silent)
    glaive = _GLAIVE.fullmatch(body)
    if glaive is None:
        return _objects(python_value(body))
    inner = glaive[2]
    try:
        arguments, end = json_at(inner, _skip(inner, 0))
    except ValueError:
        # Some rows escape the single quotes inside, which JSON does not know.
        inner = inner.replace("\\'", "'")
        arguments, end = json_at(inner, _skip(inner, 0))
    if inner[end:].strip():
        raise ValueError("more than one value in the arguments of a call")
    return [{"name": glaive[1], "arguments": arguments}]


def _objects(value: object) -> list[Call]:
    """The calls of a value: one, or a list of them."""
    listed = value if isinstance(value, list) else [value]
    calls = [item for item in listed if isinstance(item, dict)]
    if not calls or len(calls) < len(listed):
        raise ValueError("a call is no object")
    return calls


def _named(text: str, at: int, schemas: Schemas, opened: str) -> tuple[list[Call], int]:
    """A name and its arguments: as JSON, in tags, in brackets, or as Gemma writes them."""
    gemma = _GEMMA.match(text, at) if opened in ("<|tool_call>", "<start_function_call>") else None
    if gemma is not None:
        arguments, end = gemma_object(text, gemma.end())
        return [{"name": gemma[1], "arguments": arguments}], end
    name = _NAMED.match(text, at)
    if name is None:
        raise NoCallError
    end = name.end()
    if text[end : end + 1] == "(" and end == name.end("name"):
        if opened == "<|python_tag|>" and not name["name"].endswith(".call"):
            # A program for the interpreter that Llama's models have.
            raise NoCallError
        return _python_call(text, at)
    if text[end : end + 1] == "{":
        arguments, end = json_at(text, end)
        fence = re.compile(r"\s*```").match(text, end)
        identity = {"id": name["id"]} if name["id"] != name["name"] else {}
        return [{"name": name["name"], "arguments": arguments, **identity}], fence.end() if fence else end
    if opened == "<tool_call>" and text.startswith(("<arg_key>", "</tool_call>"), end):
        arguments, end = _parameters(text, end, schemas.get(name["name"], {}))
        return [{"name": name["name"], "arguments": arguments}], end
    raise NoCallError


def _python_call(text: str, at: int) -> tuple[list[Call], int]:
    name = PYTHON_NAME.match(text, at)
    if name is None:
        raise ValueError("a call without a name")
    end = closing(text, name.end() - 1)
    arguments = named_arguments(text[name.end() : end])
    return [{"name": name[1].removesuffix(".call"), "arguments": arguments}], end + 1


def _python_lines(text: str, at: int, close: str) -> tuple[list[Call], int]:
    """A call of Python on each line (OLMo)."""
    calls: list[Call] = []
    while at < len(text) and not text.startswith(close, at):
        listed, at = _python_call(text, at)
        calls += listed
        at = _skip(text, at)
    return calls, at


def python_calls(text: str, at: int) -> tuple[list[Call], int]:
    """`[name(a=1), other name(b="x")]`."""
    calls: list[Call] = []
    end = at + 1
    while True:
        listed, end = _python_call(text, end)
        calls += listed
        end = _skip(text, end)
        if text[end : end + 1] == "]":
            return calls, end + 1
        if text[end : end + 1] != ",":
            raise ValueError("the list of calls is not well formed")
        end += 1


def _tagged(text: str, at: int, schemas: Schemas) -> tuple[list[Call], int]:
    """`<function=name>` with JSON or a tag for each argument, `<invoke name="...">` with such tags."""
    head = _INVOKE.match(text, at)
    close = f"</{head['prefix']}invoke>" if head else "</function>"
    head = head or _FUNCTION.match(text, at)
    if head is None:
        raise NoCallError
    end = head.end()
    if text[end : end + 1] == "{":
        arguments, end = json_at(text, end)
    else:
        arguments, end = _parameters(text, end, schemas.get(head["name"], {}))
    end = _skip(text, end)
    if not text.startswith(close, end):
        raise ValueError(f"a call is not closed by {close}")
    return [{"name": head["name"], "arguments": arguments}], end + len(close)


def _parameters(text: str, at: int, properties: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """A tag for each argument; what the tool's schema does not call a text is read as JSON where it is some."""
    made: dict[str, Any] = {}
    while True:
        at = _skip(text, at)
        opened = next(((m, close) for tag, close in _PARAMETERS if (m := tag.match(text, at))), None)
        if opened is None:
            return made, at
        tag, close = opened
        own = tag.groupdict()
        close = close.format(own.get("prefix"))
        end = text.find(close, tag.end())
        name = own["name"].strip()
        if end < 0 or name in made:
            raise ValueError("an argument of a call stands twice or is not closed")
        schema = _STATED.get((own.get("more") or "").strip(), properties.get(name))
        made[name] = _typed(text[tag.end() : end].removeprefix("\n").removesuffix("\n"), schema)
        at = end + len(close)


# DeepSeek says with each argument whether it is a text.
_STATED: dict[str, object] = {'string="true"': {"type": "string"}, 'string="false"': {"type": "object"}}


def _typed(text: str, schema: object) -> Any:  # noqa: ANN401 - any JSON
    kind = schema.get("type") if isinstance(schema, dict) else None
    kinds = kind if isinstance(kind, list) else [kind]
    if any(kind in (None, "string", "str") for kind in kinds):
        return text
    try:
        value, end = json_at(text.strip(), 0)
        if end == len(text.strip()):
            return value
    except ValueError:
        pass
    try:
        return python_value(text)
    except ValueError:
        return text
