"""A run as chat messages, in the OpenAI dialect that trainers share; nothing of the run is lost or moved.

A message is a plain dict: `role`, `content`, and where there is one `reasoning_content`, `tool_calls` (arguments as an
object, as JSON text where the log's text is none), `tool_call_id`, `name` of who speaks among several. Answers to tool
calls have role `tool`; what an environment says to a plain command has role `user`, because chat templates know no
other voice for it. What others say in a row is one message: many templates refuse two of the same voice, or drop the
second. Of several who speak so, each has the name before the words.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synthdata.export.answers import places
from synthdata.records import Step, ToolCall, Trajectory

Message = dict[str, Any]

# Words and single marks; about 1.3 tokens of a usual vocabulary each. Needs no tokenizer, so counts never change.
_TOKEN = re.compile(r"\w+|[^\w\s]")
_CALL = re.compile(r"\s*([A-Za-z_][\w.-]*)\((\{.*\})\)\s*", re.DOTALL)


def conversation(run: Trajectory) -> list[tuple[int | None, Message]]:
    """The messages of a run, each with the index of the agent's step that it is the deed of, None for what others say.

    A run whose agent begins without being told anything is told its task first, unless a user says it later: an agent
    that greets has not heard it yet.
    """
    turns: list[tuple[int | None, Message]] = []
    for step in run.steps:
        turns += _step(step, leading=all(message["role"] == "system" for _, message in turns))
    opening = next((message["role"] for _, message in turns if message["role"] != "system"), "assistant")
    said_later = any(step.role == "user" and step.action == run.task for step in run.steps)
    if opening == "assistant" and run.task and not said_later:
        at = sum(message["role"] == "system" for _, message in turns[: _first_other(turns)])
        turns.insert(at, (None, {"role": "user", "content": run.task}))
    return _joined(turns)


def _joined(turns: Sequence[tuple[int | None, Message]]) -> list[tuple[int | None, Message]]:
    """Neighbouring messages of users as one, with an empty line between them, and of systems alike."""
    made: list[tuple[int | None, Message]] = []
    for idx, message in turns:
        before = made[-1][1] if made else {"role": ""}
        if message["role"] == before["role"] in ("user", "system"):
            alike = message.get("name") == before.get("name")
            texts = (turn["content"] if alike else _named(turn) for turn in (before, message))
            both: Message = {"role": message["role"], "content": "\n\n".join(text for text in texts if text)}
            made[-1] = (None, both | ({"name": message["name"]} if alike and "name" in message else {}))
        else:
            made.append((idx, message))
    return made


def _named(turn: Message) -> str:
    """What a turn says, with the name of who says it before it where it has one."""
    return f"{turn['name']}: {turn['content']}" if "name" in turn else str(turn["content"])


def _first_other(turns: Sequence[tuple[int | None, Message]]) -> int:
    return next((i for i, (_, message) in enumerate(turns) if message["role"] != "system"), len(turns))


def _step(step: Step, *, leading: bool) -> list[tuple[int | None, Message]]:
    if step.role == "agent":
        made: list[tuple[int | None, Message]] = [(step.idx, deed(step))]
    else:
        # A system voice in mid-run is the environment's; templates take a system message at the beginning only.
        role = "system" if step.role == "system" and leading else "user"
        texts = [text for text in (step.action, step.call_text) if text]
        message: Message = {"role": role, "content": "\n".join(texts)} | ({"name": step.name} if step.name else {})
        made = [(None, message)] if texts or not step.observations else []
    agents = step.role == "agent" and bool(step.tool_calls)
    names = [_call_id(step, i) for i in range(len(step.tool_calls))]
    if not agents:
        return made + [(None, {"role": "user", "content": seen.content}) for seen in step.observations]
    # An answer that names no call of the step is told by its place: no message may answer to nothing.
    answered = sorted(
        zip(places(names, [seen.call_id for seen in step.observations]), step.observations, strict=True),
        key=lambda pair: pair[0],
    )
    return made + [(None, {"role": "tool", "tool_call_id": names[i], "content": seen.content}) for i, seen in answered]


def deed(step: Step) -> Message:
    """What the agent did at a step, as an assistant message."""
    message: Message = {"role": "assistant", "content": step.action}
    if step.name:
        message["name"] = step.name
    if step.thought:
        message["reasoning_content"] = step.thought
    if step.tool_calls:
        message["tool_calls"] = [_call(call, _call_id(step, i)) for i, call in enumerate(step.tool_calls)]
    return message


def better_deed(action: str, step: Step) -> Message:
    """A counterfactual action as an assistant message: a tool call where it reads like one and the step made some."""
    match = _CALL.fullmatch(action) if step.tool_calls else None
    named = {"name": step.name} if step.name else {}
    if match and isinstance(object_arguments(match[2]), dict):
        call = ToolCall(match[1], match[2])
        return {"role": "assistant", "content": "", **named, "tool_calls": [_call(call, f"call_{step.idx}_0")]}
    return {"role": "assistant", "content": action, **named}


def message_text(message: Message) -> str:
    """All that a message says as one text: thought, words, and calls as `name(arguments)` lines."""
    calls = [f"{call['function']['name']}({argument_text(call)})" for call in message.get("tool_calls") or ()]
    return "\n".join(part for part in (message.get("reasoning_content"), message["content"], *calls) if part)


def argument_text(call: Message) -> str:
    """The arguments of a call as JSON text."""
    arguments = call["function"]["arguments"]
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def count_tokens(messages: Sequence[Message]) -> int:
    """Words and marks of what the messages say."""
    return sum(len(_TOKEN.findall(message_text(message))) for message in messages)


def estimated_tokens(row: Mapping[str, Any]) -> int:
    """About how many tokens a row comes to: 1.3 a word or mark, or one for four bytes where that is more.

    Of a preference row the longer answer counts; where words are not set apart by spaces, bytes tell more.
    """
    return _estimate(row, _tokens)


def is_longer(row: Mapping[str, Any], tokens: int) -> bool:
    """Whether `estimated_tokens` of a row is over `tokens`; what cannot be so long is not counted."""
    return _estimate(row, _most_tokens) > tokens and estimated_tokens(row) > tokens


def _estimate(row: Mapping[str, Any], count: Callable[[str], int]) -> int:
    answers = max((_size(row[name], count) for name in ("chosen", "rejected") if name in row), default=0)
    rest = (value for name, value in row.items() if name not in ("chosen", "rejected") and not name.startswith("_"))
    return answers + sum(_size(value, count) for value in rest)


def _size(value: object, count: Callable[[str], int]) -> int:
    if isinstance(value, list) and value and isinstance(value[0], dict) and "role" in value[0]:
        # A template sets about so many tokens around each turn.
        return sum(count(message_text(message)) + 5 for message in value)
    return count(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _tokens(text: str) -> int:
    return max(round(1.3 * len(_TOKEN.findall(text))), len(text.encode("utf-8", "surrogatepass")) // 4)


def _most_tokens(text: str) -> int:
    """What `_tokens` is at most: every character a mark, or of four bytes."""
    return round(1.3 * len(text))


def _call(call: ToolCall, name: str) -> Message:
    return {
        "id": name,
        "type": "function",
        "function": {"name": call.name, "arguments": object_arguments(call.arguments)},
    }


def _call_id(step: Step, i: int) -> str:
    # Formats demand an id; one that the log does not have is made from the place of the call.
    return step.tool_calls[i].call_id or f"call_{step.idx}_{i}"


def acts(step: Step) -> bool:
    """Whether a step is a deed to imitate: it says or calls something, and its reader gave it a weight."""
    return step.weight == 1 and bool(step.tool_calls or step.action.strip())


def object_arguments(arguments: object) -> Any:  # noqa: ANN401 - any JSON
    """Arguments as an object, an empty one where there are none.

    Text that is no JSON object stays as it is, and so does one that reading would change.
    """
    if arguments is None or (isinstance(arguments, str) and arguments.strip() in ("", "null")):
        return {}
    if not isinstance(arguments, str):
        return arguments
    value = lossless(arguments)
    return value if isinstance(value, dict) else arguments


def tool_definitions(tools: object) -> list[Any]:
    """Tool definitions as a list of `{"type": "function", "function": ...}`, as templates read them.

    From JSON text or values; definitions without `function` are wrapped, those of another type are left as they are.
    """
    if not tools:
        return []
    value = lossless(tools) if isinstance(tools, str) else tools
    listed = value if isinstance(value, list | tuple) else [value] if isinstance(value, dict) else []
    return [_definition(lossless(tool) if isinstance(tool, str) else tool) for tool in listed]


def _definition(tool: object) -> object:
    if not isinstance(tool, dict) or "function" in tool or "name" not in tool:
        return tool
    if tool.get("type") not in (None, "function"):
        return tool
    return {"type": "function", "function": {name: value for name, value in tool.items() if name != "type"}}


def lossless(text: str) -> Any:  # noqa: ANN401 - any JSON
    """The value of a JSON text, or the text itself where it is none or would not come back the same."""
    try:
        value = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse, parse_float=_exact_float)
        # An escaped half of a surrogate pair is JSON, but no file can hold the character.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return text
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice")
    return made


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _exact_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is out of range")
    return value
