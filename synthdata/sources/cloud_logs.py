"""What services write around conversations: Bedrock's invocation logs, Cohere's first chat API, Letta's agent files."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]
_COHERE = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system"}


def bedrock(row: Row) -> list[Row]:
    """One invocation: the request as it was sent, and the message that it gave."""
    if not isinstance(row.get("schemaType"), str) or "modelId" not in row:
        return []
    given, made = (row.get(key) for key in ("input", "output"))
    asked = given.get("inputBodyJson") if isinstance(given, dict) else None
    gave = made.get("outputBodyJson") if isinstance(made, dict) else None
    if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list) or not isinstance(gave, dict):
        return []
    inner = gave.get("output")
    answer = inner.get("message") if isinstance(inner, dict) else gave
    if not isinstance(answer, dict) or not isinstance(answer.get("role"), str) or "content" not in answer:
        return []
    config = asked.get("toolConfig")
    tools = config.get("tools") if isinstance(config, dict) else asked.get("tools")
    system = asked.get("system")
    around = {"model": str(row["modelId"]), "tools": tools, "system": system}
    return [{"messages": [*asked["messages"], answer], **{key: item for key, item in around.items() if item}}]


def cohere(row: Row) -> list[Row]:
    """Cohere's first chat API: the history, the new message, the answer where it stands beside them."""
    history = row.get("chat_history")
    if not isinstance(history, list) or not history or not all(map(_is_cohere, history)):
        return []
    messages = [message for turn in history for message in _cohere_turn(turn)]
    preamble, asked = row.get("preamble"), row.get("message")
    if isinstance(preamble, str) and preamble:
        messages.insert(0, {"role": "system", "content": preamble})
    if isinstance(asked, str) and asked:
        messages.append({"role": "user", "content": asked})
    response = row.get("response", row)
    text = response.get("text") if isinstance(response, dict) else None
    if isinstance(text, str) and (text or response.get("tool_calls")):
        messages += _cohere_turn({"role": "CHATBOT", "message": text, "tool_calls": response.get("tool_calls")})
    return [{"messages": messages}]


def _is_cohere(turn: object) -> bool:
    if not isinstance(turn, dict) or not isinstance(turn.get("role"), str):
        return False
    return ("message" in turn and turn["role"].upper() in _COHERE) or isinstance(turn.get("tool_results"), list)


def _cohere_turn(turn: Row) -> list[Row]:
    results = turn.get("tool_results")
    if isinstance(results, list):
        return [{"role": "tool", "content": one.get("outputs") if isinstance(one, dict) else one} for one in results]
    message = {"role": _COHERE[turn["role"].upper()], "content": turn.get("message") or ""}
    calls = turn.get("tool_calls")
    return [message | ({"tool_calls": calls} if calls else {})]


def letta_agents(row: Row) -> list[Row]:
    """The conversations of the agents in an agent file of Letta."""
    agents = row.get("agents")
    if not isinstance(agents, list) or not agents or not all(map(_is_agent, agents)):
        return []
    return [{"messages": agent["messages"], **_named(agent)} for agent in agents if agent["messages"]]


def _is_agent(agent: object) -> bool:
    return isinstance(agent, dict) and isinstance(agent.get("messages"), list) and "agent_type" in agent


def _named(agent: Row) -> Row:
    name = agent.get("id")
    return {"task_id": name} if isinstance(name, str) else {}
