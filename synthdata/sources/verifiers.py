"""verifiers: `traces.jsonl` (episodes of traces whose messages form a graph) and the older `results.jsonl`.

Messages that the model did not sample, such as turns that the environment wrote in its name, are history.
"""

from __future__ import annotations

from typing import Any

from synthdata.records import Trajectory, canonical_json
from synthdata.sources.fields import RowError, as_count, as_list, as_name, as_object
from synthdata.sources.messages import is_message
from synthdata.sources.openai_chat import first_user
from synthdata.sources.outcome import read_reward
from synthdata.sources.parts import Answer
from synthdata.sources.steps import COPIED, Draft, close
from synthdata.sources.turn_reader import TurnReader, folded, steps_from

NAME = "verifiers"
_CUT = ("max_turns", "max_input_tokens", "max_output_tokens", "max_total_tokens", "context_length")
SHARED = "stands in an earlier branch of the same trace, and is imitated there"


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    if not isinstance(value, dict):
        return "not an object"
    if _is_trace(value):
        return None
    traces = value.get("traces")
    if isinstance(traces, list) and traces and all(map(_is_trace, traces)):
        return None
    prompt, completion = value.get("prompt"), value.get("completion")
    rolled = "example_id" in value and "reward" in value
    if rolled and _is_chat(prompt) and _is_chat(completion):
        return None
    return "neither `traces` with `nodes`, nor `prompt` and `completion` with `example_id` and `reward`"


def read(value: object) -> list[Trajectory]:
    """The branches of every trace as runs; of an older row its one run."""
    row = as_object(value, "row")
    if "traces" in row:
        traces = [as_object(trace, f"traces[{i}]") for i, trace in enumerate(as_list(row["traces"], "traces"))]
        return [run for trace in traces for run in _branches(trace)]
    return _branches(row) if "nodes" in row else [_rollout(row)]


def _is_trace(value: object) -> bool:
    nodes = value.get("nodes") if isinstance(value, dict) else None
    return isinstance(nodes, list) and bool(nodes) and all(isinstance(n, dict) and "message" in n for n in nodes)


def _is_chat(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_message, value))


def _branches(trace: dict[str, Any]) -> list[Trajectory]:
    """One run a leaf, in the order of the leaves. A message that several branches share is imitated in the first."""
    nodes = [as_object(node, f"nodes[{i}]") for i, node in enumerate(as_list(trace["nodes"], "nodes"))]
    parents = [_parent(node, i) for i, node in enumerate(nodes)]
    leaves = sorted(set(range(len(nodes))) - {parent for parent in parents if parent is not None})
    depths = _depths(parents)
    if sum(depths[leaf] for leaf in leaves) > _MOST * len(nodes):
        raise RowError(f"{len(leaves)} branches share most of {len(nodes)} messages; write the branches as rows")
    seen: set[int] = set()
    runs = []
    for leaf in leaves:
        path = [leaf]
        while (parent := parents[path[-1]]) is not None:
            path.append(parent)
        runs.append(_run(trace, nodes, path[::-1], seen))
        seen.update(path)
    return runs


# A graph whose branches together are longer than so many times its messages is refused: each message becomes a step.
_MOST = 50


def _parent(node: dict[str, Any], place: int) -> int | None:
    parent = as_count(node.get("parent"), f"nodes[{place}].parent")
    if parent is not None and parent >= place:
        raise RowError(f"`nodes[{place}].parent` is {parent}: a message cannot follow a later one")
    return parent


def _depths(parents: list[int | None]) -> list[int]:
    depths: list[int] = []
    for parent in parents:
        depths.append(1 if parent is None else depths[parent] + 1)
    return depths


def _run(trace: dict[str, Any], nodes: list[dict[str, Any]], path: list[int], seen: set[int]) -> Trajectory:
    reader = TurnReader()
    turns: list[Draft | Answer] = []
    for place in path:
        for turn in reader.add(nodes[place]["message"], f"nodes[{place}].message"):
            if isinstance(turn, Draft) and turn.role == "agent":
                turn.unfit += [COPIED] if nodes[place].get("sampled") is False else []
                turn.unfit += [SHARED] if place in seen else []
            turns.append(turn)
    steps = close(folded(turns))
    notes: list[str] = []
    reward = _reward(trace.get("rewards"), notes)
    task, agent = trace.get("task"), trace.get("agent")
    about = task if isinstance(task, dict) else {}
    config = agent.get("config") if isinstance(agent, dict) else None
    tools = trace.get("tools")
    return Trajectory(
        task=first_user(steps),
        steps=steps,
        task_id=as_name(about.get("key") or about.get("hash"), "task.key"),
        reward=reward,
        success=reward == 1.0 if reward in (0.0, 1.0) else None,
        agent_model=as_name(config.get("model"), "agent.config.model") if isinstance(config, dict) else "",
        tools=canonical_json(tools) if tools else "",
        truncated=trace.get("stop_condition") in _CUT,
        notes=tuple(notes),
    )


def _reward(rewards: object, notes: list[str]) -> float | None:
    """The sum of the weighted rewards, as verifiers has it; null where nothing was scored."""
    named = as_object(rewards, "rewards")
    scored = {name: item for name, item in named.items() if isinstance(item, dict)}
    if not scored:
        return None
    total = 0.0
    for name, item in scored.items():
        score = read_reward(item.get("score"), f"rewards.{name[:60]}", notes)
        weight = read_reward(item.get("weight", 1.0), f"rewards.{name[:60]}.weight", notes)
        total += (score or 0.0) * (1.0 if weight is None else weight)
    return total


def _rollout(row: dict[str, Any]) -> Trajectory:
    prompt, completion = as_list(row["prompt"], "prompt"), as_list(row["completion"], "completion")
    steps = steps_from([*prompt, *completion])
    notes: list[str] = []
    reward = read_reward(row.get("reward"), "reward", notes)
    tools = row.get("tool_defs", row.get("oai_tools"))
    return Trajectory(
        task=first_user(steps),
        steps=steps,
        task_id="/".join(filter(None, (_text(row.get("task")), as_name(row.get("example_id"), "example_id")))),
        reward=reward,
        success=reward == 1.0 if reward in (0.0, 1.0) else None,
        tools=canonical_json(tools) if tools else "",
        truncated=row.get("is_truncated") is True or row.get("stop_condition") in _CUT,
        notes=tuple(notes),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
