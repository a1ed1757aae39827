"""Conversations inside what frameworks and services put around them, as rows of `messages`.

Nothing of a message is read here but who speaks, where its format says that elsewhere: what messages hold is for
`messages` and `turns` to understand. A row of none of these shapes gives nothing and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from synthdata.sources import adk, benchmarks, chat_apps, cloud_logs, span_values
from synthdata.sources.messages import is_message

Row = dict[str, Any]
Shapes = tuple[Callable[[Row], list[Row]], ...]

# A row of a trace store is for its own reader, whatever its input and output hold.
_SPANS = ("traceId", "trace_id", "span_id", "run_type", "observations", "resourceSpans", "parent_run_id")
# Every wrapping has one of these.
_MARKS = frozenset((
    "values", "new_items", "output", "outputs", "response", "response_body", "result", "messages_and_choices", "runs",
    "history", "events", "chat_history", "trajectory", "mapping", "chat_messages", "sessionId", "info", "agents",
    "eval_cases", "evalCases", "schemaType", "answer_generation", "inference_log",
))  # fmt: skip
_REQUESTS = ("body", "request_body", "request", "inputs", "params")
_AROUND = (
    "tools", "functions", "system", "task", "task_id", "success", "reward", "score", "truncated", "model", "resolved",
    "instance_id",
)  # fmt: skip


def conversations(value: object) -> list[Row]:
    """The conversations in a row of a known wrapping, each an object with `messages`; empty for any other row."""
    return agent_runs(value) or chats(value)


def agent_runs(value: object) -> list[Row]:
    """Those of a row as a framework of agents writes it: a run, with or without tools."""
    return _first(_AGENTS, value)


def chats(value: object) -> list[Row]:
    """Those of a row as a service or a chat program writes it: a sample, or a run where a tool was called."""
    return _first(_SERVICES, value)


def _first(shapes: Shapes, value: object) -> list[Row]:
    # Almost every row has none of these names: one look at all of them.
    if not isinstance(value, dict) or (_MARKS.isdisjoint(value) and not isinstance(value.get("messages"), str)):
        return []
    if any(key in value for key in _SPANS):
        return []
    return next((rows for shape in shapes if (rows := shape(value))), [])


def _is_chat(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_message, value))


def _around(row: Row) -> Row:
    return {key: row[key] for key in _AROUND if row.get(key) is not None}


def _state(row: Row) -> list[Row]:
    """LangGraph: a snapshot of a thread's state."""
    values = row.get("values")
    if not isinstance(values, dict) or not _is_chat(values.get("messages")):
        return []
    config = row.get("config")
    place = config.get("configurable") if isinstance(config, dict) else None
    thread = place.get("thread_id") if isinstance(place, dict) else None
    return [{"messages": values["messages"], **({"task_id": thread} if isinstance(thread, str | int) else {})}]


def _agent_result(row: Row) -> list[Row]:
    """OpenAI's Agents SDK: what went in, and the items that the run made."""
    items = row.get("new_items")
    if not isinstance(items, list) or not items:
        return []
    made = [item["raw_item"] if isinstance(item, dict) and "raw_item" in item else item for item in items]
    asked = _asked(row.get("input"))
    return [{"messages": [*asked, *made], **_around(row)}] if asked and _is_chat(made) else []


def _asked(value: object) -> list[Any]:
    if isinstance(value, str) and value:
        return [{"role": "user", "content": value}]
    return value if isinstance(value, list) and _is_chat(value) else []


def _response(row: Row) -> list[Row]:
    """A response of OpenAI's Responses API beside its input."""
    asked, made = _asked(row.get("input")), row.get("output")
    if not asked or not isinstance(made, list) or not _is_chat(made):
        return []
    instructions = row.get("instructions")
    first = [{"role": "system", "content": instructions}] if isinstance(instructions, str) and instructions else []
    return [{"messages": [*first, *asked, *made], **_around(row)}]


def _exchange(row: Row) -> list[Row]:
    """A request and its answer: batch files, proxies, caches, DSPy's history."""
    request = next((row[key] for key in _REQUESTS if isinstance(row.get(key), dict)), row)
    asked = next((request[key] for key in ("messages", "contents") if _is_chat(request.get(key))), None)
    answer = _answer(row)
    if asked is None or answer is None:
        return []
    system = request.get("system", request.get("systemInstruction"))
    return [{"messages": [*asked, answer], **_around(row | request), **({"system": system} if system else {})}]


def _answer(row: Row) -> Row | None:
    """The first answer of a response, whatever it is packed in."""
    for key in ("response", "response_body", "output", "outputs", "result"):
        value = row.get(key)
        if isinstance(value, list) and value and isinstance(value[0], str) and key == "outputs":
            return {"role": "assistant", "content": value[0]}
        if not isinstance(value, dict):
            continue
        for node in (value, value.get("body")):
            answer = _first_answer(node)
            if answer is not None:
                return answer
    return None


def _first_answer(node: object) -> Row | None:
    if not isinstance(node, dict):
        return None
    choices = node.get("choices", node.get("candidates"))
    first = choices[0] if isinstance(choices, list) and choices else node
    if not isinstance(first, dict):
        return None
    message = next((first[key] for key in ("message", "content") if isinstance(first.get(key), dict)), first)
    return message if isinstance(message.get("role"), str) and ("content" in message or "parts" in message) else None


def _choices(row: Row) -> list[Row]:
    """ART: messages, and the choices that the trained model gave."""
    listed = row.get("messages_and_choices")
    return [{"messages": listed, **_around(row)}] if _is_chat(listed) else []


def _sessions(row: Row) -> list[Row]:
    """Agno: the runs of a session."""
    runs = row.get("runs")
    if not isinstance(runs, list) or not runs:
        return []
    if not all(isinstance(run, dict) and _is_chat(run.get("messages")) for run in runs):
        return []
    return [{"messages": run["messages"], **_around(run)} for run in runs]


def _history(row: Row) -> list[Row]:
    """AgentBench's outputs, and A2A's tasks."""
    inner = row.get("output")
    if isinstance(inner, dict) and _is_chat(inner.get("history")) and "status" in inner:
        return [{"messages": inner["history"]}]
    return [{"messages": row["history"]}] if row.get("kind") == "task" and _is_chat(row.get("history")) else []


def _events(row: Row) -> list[Row]:
    """Google's ADK: a session's events, each with its author and a content of parts."""
    events = row.get("events")
    if not isinstance(events, list) or not events or not all(map(adk.is_event, events)):
        return []
    messages = adk.messages_of(events)
    return [{"messages": messages}] if messages else []


def _asker(row: Row) -> list[Row]:
    """AG2's `chat_history`, which is told from the side of whoever asks: the task itself has role assistant there."""
    turns = row.get("chat_history")
    if not isinstance(turns, list) or not _is_chat(turns):
        return []
    first = turns[0]
    if "name" not in first or first.get("role") != "assistant" or first.get("tool_calls"):
        return [{"messages": turns, **_around(row)}]
    other = {"assistant": "user", "user": "assistant"}
    messages = [
        turn if turn.get("tool_calls") or turn.get("role") not in other else turn | {"role": other[turn["role"]]}
        for turn in turns
    ]
    return [{"messages": messages, **_around(row)}]


def _swe_rollout(row: Row) -> list[Row]:
    """SWE-agent's trajectories as data sets hold them: turns of `role`, `text` and `system_prompt`."""
    turns = row.get("trajectory")
    if not isinstance(turns, list) or not turns:
        return []
    if not all(isinstance(turn, dict) and isinstance(turn.get("role"), str) and "text" in turn for turn in turns):
        return _rollout_messages(row, turns)
    messages: list[Row] = []
    for turn in turns:
        # What a user says after the agent has acted is what its command gave back.
        acted = any(message["role"] in ("ai", "assistant") for message in messages)
        role = "tool" if acted and turn["role"] == "user" else turn["role"]
        masked = {"train": False} if turn.get("mask") is False else {}
        messages.append({"role": role, "content": turn["text"] or turn.get("system_prompt") or "", **masked})
    return [{"messages": messages, **_outcome(row)}]


def _rollout_messages(row: Row, turns: list[Any]) -> list[Row]:
    """The same of OpenHands' rollouts, whose turns are chat messages."""
    if "instance_id" not in row or not _is_chat(turns) or not all("content" in turn for turn in turns):
        return []
    return [{"messages": turns, **_around({"tools": row.get("tools")}), **_outcome(row)}]


def _outcome(row: Row) -> Row:
    status = row.get("exit_status")
    known = {
        "task_id": row.get("instance_id"),
        "success": row.get("resolved") if row.get("target") is None else row["target"],
        "model": row.get("model_name"),
    }
    ended = {"truncated": "submit" not in status} if isinstance(status, str) else {}
    return {**{key: item for key, item in known.items() if item is not None}, **ended}


def _json_text(row: Row) -> list[Row]:
    """Messages as JSON text, as tables of runs and samples keep them (SWE-smith, Toucan)."""
    text = row.get("messages")
    if not isinstance(text, str) or text[:1] != "[":
        return []
    messages = span_values.from_json(text)
    return [{**row, "messages": messages}] if _is_chat(messages) else []


_AGENTS: Shapes = (
    _state, _agent_result, _choices, _sessions, _history, _events, cloud_logs.cohere, _asker, _swe_rollout,
    adk.eval_cases, benchmarks.tool_bench, benchmarks.function_calling, cloud_logs.letta_agents, *chat_apps.AGENTS,
)  # fmt: skip
_SERVICES: Shapes = (_json_text, cloud_logs.bedrock, _response, _exchange, *chat_apps.CHATS)
