"""tau-bench rows (`task_id`, `reward`, `info`, `traj`, `trial`), tau2 results (`info`, `tasks`, `simulations`).

The messages are chat messages; how they become steps is in `openai_chat`. tau2's user may call tools too: those steps
keep the role user.
"""

from __future__ import annotations

from typing import Any

from synthdata.records import Trajectory, canonical_json
from synthdata.sources.fields import as_list, as_name, as_number, as_object, content_text
from synthdata.sources.openai_chat import first_user, steps_from

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
    """The simulations of a tau2 results file, each with its task and the file's `info`; empty for anything else."""
    if not (isinstance(value, dict) and isinstance(value.get("simulations"), list)):
        return []
    raw_tasks = value.get("tasks")
    listed = [task for task in raw_tasks if isinstance(task, dict)] if isinstance(raw_tasks, list) else []
    tasks = {str(task.get("id")): task for task in listed}
    return [
        {
            "simulation": simulation,
            "task": tasks.get(str(simulation.get("task_id"))) if isinstance(simulation, dict) else None,
            "info": value.get("info"),
        }
        for simulation in value["simulations"]
    ]


def read(value: object) -> list[Trajectory]:
    """One run. The task is the instruction that the simulated user had, else the first user message."""
    row = as_object(value, "row")
    return [_tau2(row) if "simulation" in row else _tau(row)]


def _tau(row: dict[str, Any]) -> Trajectory:
    steps = steps_from(row["traj"])
    info = as_object(row.get("info"), "info")
    task = as_object(info.get("task"), "info.task")
    reward = as_number(row.get("reward"), "reward")
    return Trajectory(
        task=content_text(task.get("instruction")) or first_user(steps),
        steps=steps,
        task_id=as_name(row.get("task_id"), "task_id"),
        success=None if reward is None else reward >= _FULL,
        reward=reward,
    )


def _tau2(row: dict[str, Any]) -> Trajectory:
    run = as_object(row["simulation"], "simulation")
    steps = steps_from(as_list(run.get("messages"), "simulation.messages"))
    info = as_object(row.get("info"), "info")
    agent = as_object(info.get("agent_info"), "info.agent_info")
    tools = as_object(info.get("environment_info"), "info.environment_info").get("tool_defs")
    reward = as_number(as_object(run.get("reward_info"), "simulation.reward_info").get("reward"), "reward_info.reward")
    return Trajectory(
        task=_instructions(row.get("task")) or first_user(steps),
        steps=steps,
        task_id=as_name(run.get("task_id"), "simulation.task_id"),
        success=None if reward is None else reward >= _FULL,
        reward=reward,
        agent_model=as_name(agent.get("llm"), "info.agent_info.llm"),
        tools=canonical_json(tools) if tools else "",
        truncated=run.get("termination_reason") == "max_steps",
    )


def _instructions(task: object) -> str:
    scenario = as_object(as_object(task, "task").get("user_scenario"), "task.user_scenario")
    return content_text(scenario.get("instructions"))
