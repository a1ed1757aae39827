"""tau-bench rows (`task_id`, `reward`, `info`, `traj`, `trial`), tau2 results (`info`, `tasks`, `simulations`).

How the messages become steps is in `messages`. tau2's user may call tools too: those steps keep the role user. What the
simulated user was instructed to do and to hide is not read: the agent never saw it, so the task is what the user said
first. The greeting that tau2 puts before it is fixed, and no step to imitate.
"""

from __future__ import annotations

from typing import Any

from synthdata.records import Trajectory, canonical_json
from synthdata.sources.fields import as_list, as_name, as_object
from synthdata.sources.openai_chat import first_user
from synthdata.sources.outcome import read_reward
from synthdata.sources.turn_reader import steps_from

NAME = "tau_bench"
# Both benchmarks compute a product of zeros and ones; the tolerance is tau-bench's own.
_FULL = 1.0 - 1e-6


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    if not isinstance(value, dict):
        return "not an object"
    if isinstance(value.get("traj"), list) and "reward" in value:
        return None
    if isinstance(value.get("simulation"), dict) and isinstance(value["simulation"].get("messages"), list):
        return None
    return "neither `traj` with `reward` nor a tau2 simulation with `messages`"


def split(value: object) -> list[object]:
    """The simulations of a tau2 results file, each with the file's `info`; empty for anything else."""
    if not (isinstance(value, dict) and isinstance(value.get("simulations"), list)):
        return []
    return [{"simulation": simulation, "info": value.get("info")} for simulation in value["simulations"]]


def read(value: object) -> list[Trajectory]:
    """One run; its task is the first user message."""
    row = as_object(value, "row")
    return [_tau2(row) if "simulation" in row else _tau(row)]


def _tau(row: dict[str, Any]) -> Trajectory:
    steps = steps_from(row["traj"])
    notes: list[str] = []
    reward = read_reward(row.get("reward"), "reward", notes)
    return Trajectory(
        task=first_user(steps),
        steps=steps,
        task_id=as_name(row.get("task_id"), "task_id"),
        success=None if reward is None else reward >= _FULL,
        reward=reward,
        notes=tuple(notes),
    )


def _tau2(row: dict[str, Any]) -> Trajectory:
    run = as_object(row["simulation"], "simulation")
    steps = steps_from(as_list(run.get("messages"), "simulation.messages"))
    info = as_object(row.get("info"), "info")
    agent = as_object(info.get("agent_info"), "info.agent_info")
    tools = as_object(info.get("environment_info"), "info.environment_info").get("tool_defs")
    notes: list[str] = []
    rewards = as_object(run.get("reward_info"), "simulation.reward_info")
    reward = read_reward(rewards.get("reward"), "reward_info.reward", notes)
    return Trajectory(
        task=first_user(steps),
        steps=steps,
        task_id=as_name(run.get("task_id"), "simulation.task_id"),
        success=None if reward is None else reward >= _FULL,
        reward=reward,
        agent_model=as_name(agent.get("llm"), "info.agent_info.llm"),
        tools=canonical_json(tools) if tools else "",
        truncated=run.get("termination_reason") == "max_steps",
        notes=tuple(notes),
    )
