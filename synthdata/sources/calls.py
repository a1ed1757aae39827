"""Tool calls as SDKs and frameworks log them, and what their arguments become.

A call has a name, or its row is refused; arguments are found under one of the known names, or the row is refused: what
is not understood is never emptied. Arguments are JSON text of an object wherever the log allows it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from synthdata.records import ToolCall, canonical_json
from synthdata.sources.fields import RowError, as_name, as_object, shortened

_HALF = re.compile("[\ud800-\udfff]")
# Where the call itself stands inside the item that a log lists.
_BODIES = (
    "function", "function_call", "functionCall", "toolUse", "tool_use", "toolInvocation", "tool_call", "toolCall",
    "custom",
)  # fmt: skip
_NAMES = ("name", "tool_name", "toolName", "function_name", "functionName", "FunctionName", "function", "tool")
_IDS = ("id", "call_id", "tool_call_id", "toolCallId", "tool_use_id", "toolUseId", "callId", "Id", "tool_id")
_ARGUMENTS = (
    "arguments", "args", "input", "parameters", "kwargs", "params", "Arguments", "tool_input", "toolInput",
    "action_input", "tool_args", "tool_arguments", "tool_parameters", "function_args", "function_arguments",
    "args_json", "args_dict", "json_args", "raw_input", "rawInput", "inputs",
    "tool_kwargs",
)  # fmt: skip
# Fields beside a call that are no arguments, in a call that has none.
_BESIDE = frozenset({
    *_BODIES, *_NAMES, *_IDS, "type", "Type", "$type", "kind", "part_kind", "content_type", "index", "status", "state",
    "PluginName", "plugin_name", "server_label", "server_name", "title", "description", "view", "error", "parse_error",
    "requestor", "caller", "namespace", "timestamp", "created_at", "duration", "metadata", "Metadata", "extra",
    "extra_content", "cache_control", "thoughtSignature", "thought_signature", "signature", "providerOptions",
    "providerMetadata", "provider_options", "provider_metadata", "providerExecuted", "callProviderMetadata", "dynamic",
    "result", "output", "response", "response_item_id", "provider_name", "provider_details", "additional_kwargs",
    "cause", "step_id", "step", "role", "content", "text", "ModelId", "InnerContent", "internal", "object",
    "text_signature", "block_type",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A call, what was repaired in it, and why it may not be imitated; both texts are empty where all is well."""

    call: ToolCall
    repaired: str = ""
    unfit: str = ""


def read_call(value: object, where: str) -> ReadCall:
    """The call that one item of a log stands for.

    Known shapes: OpenAI's `function`, legacy `function_call` and custom tools, flat calls of the Responses API,
    LangChain's `args`, Anthropic's and Bedrock's `input`, Gemini's `functionCall`, Vercel's `toolName`, pydantic-ai's
    `tool_name`, Semantic Kernel's `FunctionName` with `PluginName`, Inspect's `function` as the name itself.

    Raises:
        RowError: no name, or no arguments where something else stands that may be them.
    """
    plain = _plain(value)
    if plain is not None:
        return plain
    outer = as_object(value, where)
    inner = next((key for key in _BODIES if isinstance(outer.get(key), dict)), "")
    body: dict[str, Any] = outer[inner] if inner else outer
    name = _name(body, where) or (_name(outer, where) if inner else "")
    if not name.strip():
        raise RowError(f"`{where}` is a tool call without a name; add the tool's name, or leave the call out")
    identity = next((text for node in (outer, body) for key in _IDS if (text := as_name(_id(node, key), where))), "")
    free_text = inner == "custom" or str(outer.get("type")).startswith("custom")
    given = [node[key] for node in (body, outer) for key in _ARGUMENTS if key in node and key != inner]
    if not given:
        _nothing_lost(body, name, where)
    # A log that keeps several of the names fills one of them.
    arguments = next((value for value in given if value not in (None, "", {})), next(iter(given), None))
    text, repaired, unfit = read_arguments(_unpacked(arguments), free_text=free_text)
    shown = f"arguments of {name}: "
    return ReadCall(ToolCall(name, text, identity or None), repaired and shown + repaired, unfit and shown + unfit)


def _unpacked(arguments: object) -> object:
    """pydantic-ai 0.0 kept arguments one level deeper, by how the model gave them."""
    if isinstance(arguments, dict) and len(arguments) == 1:
        return next((arguments[key] for key in ("args_dict", "args_json") if key in arguments), arguments)
    return arguments


def _plain(value: object) -> ReadCall | None:
    """A call as almost every log has it, where all is well with it; else None."""
    function = value.get("function") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(function, dict) or value.get("type") == "custom":
        return None
    name, arguments, identity = function.get("name"), function.get("arguments"), value.get("id")
    if not (isinstance(name, str) and name.strip() and isinstance(arguments, str) and isinstance(identity, str)):
        return None
    return ReadCall(ToolCall(name, arguments, identity)) if _is_object(arguments) else None


def _is_object(text: str) -> bool:
    """Whether this is the JSON of an object with finite numbers and no key twice."""
    if text[:1] == "{" and not ("NaN" in text or "Infinity" in text):
        try:
            # `loads` would look for blanks before and after by an expression each.
            value, end = _PLAIN_DECODER.raw_decode(text)
        except (ValueError, RecursionError):
            return False
        # As many keys as there are ends of keys: a flat object without a key twice.
        if end == len(text) and text.count('":') == len(value):
            return True
    return isinstance(_parsed(text), dict)


def read_arguments(value: object, *, free_text: bool = False) -> tuple[str, str, str]:
    """Arguments as text, what was repaired, and why a call with them may not be imitated.

    None and an empty text are `{}`. A text that is a JSON object stays as it is, one that was encoded twice is decoded
    once; an object becomes canonical JSON. The free text of a custom tool becomes `{"input": text}`. All else stays as
    text and is unfit: no tool could take it.
    """
    if value is None or (isinstance(value, str) and value.strip() in ("", "null")):
        return "{}", "", ""
    if isinstance(value, str):
        if free_text:
            return canonical_json({"input": value}), "", ""
        return _text_arguments(value)
    text = canonical_json(value)
    if isinstance(value, dict):
        return text, "", "" if _finite(text) else "a number in them is not finite"
    return text, "", "no JSON object"


def _text_arguments(text: str) -> tuple[str, str, str]:
    value = _parsed(text)
    if isinstance(value, dict):
        return text, "", ""
    if isinstance(value, str):
        if isinstance(_parsed(value), dict) and not _HALF.search(value):
            return value, "they were encoded twice", ""
        if not value.strip():
            return "{}", "they were encoded twice", ""
    return text, "", "no JSON object" if value is not None else "no JSON"


def _parsed(text: str) -> object:
    """The value of a JSON text; None where it is none, is not finite, or names a key twice."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> float:
    raise ValueError(name)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice")
    return made


_PLAIN_DECODER = json.JSONDecoder()
_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_distinct)


def _finite(text: str) -> bool:
    # Cheap before exact: both spellings of what is not finite hold one of these.
    return not ("NaN" in text or "Infinity" in text) or _parsed(text) is not None


def _name(body: dict[str, Any], where: str) -> str:
    name = next((body[key] for key in _NAMES if body.get(key) is not None and not isinstance(body[key], dict)), None)
    plugin = body.get("PluginName", body.get("plugin_name"))
    text = as_name(name, f"{where}.name")
    return f"{plugin}-{text}" if text and isinstance(plugin, str) and plugin else text


def _id(node: dict[str, Any], key: str) -> object:
    value = node.get(key)
    return None if isinstance(value, dict | list | float | bool) else value


def _nothing_lost(body: dict[str, Any], name: str, where: str) -> None:
    beside = sorted(key for key, value in body.items() if key not in _BESIDE and value not in (None, "", [], {}))
    if beside:
        known = ", ".join(_ARGUMENTS[:4])
        raise RowError(
            f"`{where}`: the arguments of {shortened(name, 60)} are not under {known} or another known name, and "
            f"`{shortened(beside[0], 60)}` may be them; rename it to `arguments`"
        )
