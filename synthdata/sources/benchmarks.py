"""Runs in the result files of ToolBench and of the Berkeley function calling leaderboard, as rows of `messages`."""

from __future__ import annotations

import re
from typing import Any

Row = dict[str, Any]
_STEP = re.compile(r"step_\d{1,6}")
# What a leaderboard's log keeps for itself.
_SILENT = ("handler_log", "state_info", "inference_input")


def tool_bench(row: Row) -> list[Row]:
    """The last of the growing conversations of an answer: it holds all the others."""
    answer = row.get("answer_generation")
    talks = answer.get("train_messages") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(talks, list) or not talks:
        return []
    last = max((talk for talk in talks if isinstance(talk, list)), key=len, default=[])
    if not last or not all(isinstance(message, dict) and "role" in message for message in last):
        return []
    tools = answer.get("function")
    task = answer.get("query")
    around = {"tools": tools, "task": task if isinstance(task, str) else None}
    return [{"messages": last, **{key: item for key, item in around.items() if item}}]


def function_calling(row: Row) -> list[Row]:
    """A result of several turns with its log: what was asked, what the model gave at each step, what came back."""
    log = row.get("inference_log")
    if not isinstance(log, list):
        return []
    messages: list[Any] = []
    for turn in log:
        asked = turn.get("begin_of_turn_query") if isinstance(turn, dict) else None
        if not isinstance(turn, dict) or not isinstance(asked, list):
            continue
        messages += asked
        for key, entries in turn.items():
            if _STEP.fullmatch(key) and isinstance(entries, list):
                messages += [_entry(one) for one in entries if isinstance(one, dict) and one.get("role") not in _SILENT]
    answered = any(isinstance(message, dict) and message.get("role") == "assistant" for message in messages)
    return [{"messages": messages, "task_id": row.get("id")}] if answered else []


def _entry(entry: Row) -> Row:
    """A message of a step; calls stand in its content as `{name: arguments}`."""
    content = entry.get("content")
    if entry.get("role") != "assistant" or not isinstance(content, list) or not content:
        return entry
    if all(isinstance(call, dict) and len(call) == 1 for call in content):
        calls = [{"name": name, "arguments": given} for call in content for name, given in call.items()]
        return {**entry, "content": "", "tool_calls": calls}
    if all(isinstance(call, str) for call in content):
        return {**entry, "content": "[" + ", ".join(content) + "]"}
    return entry
