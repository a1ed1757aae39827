"""smolagents: the steps of an agent's memory (`agent.memory.get_full_steps()`), as a list or under `steps`.

A code agent's call of its interpreter is the code that stands in its own words: the words are the action then.
"""

from __future__ import annotations

from typing import Any

from synthdata.records import Trajectory
from synthdata.sources.calls import read_call
from synthdata.sources.fields import as_list, as_object
from synthdata.sources.messages import folded
from synthdata.sources.openai_chat import first_user
from synthdata.sources.parts import Answer, content_text, read_answer
from synthdata.sources.steps import Draft, close

NAME = "smolagents"
_INTERPRETER = "python_interpreter"
# A key of each kind of step.
_KINDS = frozenset(("step_number", "task", "system_prompt", "plan", "output"))


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    steps = _steps(value)
    numbered = any(isinstance(step, dict) and "step_number" in step for step in steps)
    if numbered and all(isinstance(step, dict) and not _KINDS.isdisjoint(step) for step in steps):
        return None
    return "no memory of smolagents (steps with `step_number`)"


def read(value: object) -> list[Trajectory]:
    """One run. Planning steps are thoughts of their own turn, which carries no weight."""
    turns: list[Draft | Answer] = []
    for number, item in enumerate(_steps(value)):
        step = as_object(item, f"steps[{number}]")
        where = f"steps[{number}]"
        if "step_number" in step:
            turns += _action(step, where)
        elif step.get("system_prompt"):
            turns.append(Draft("system", content_text(step["system_prompt"])))
        elif step.get("task"):
            turns.append(Draft("user", content_text(step["task"])))
        elif step.get("plan"):
            turns.append(Draft("agent", thought=content_text(step["plan"])))
    steps = close(folded(turns))
    return [Trajectory(task=first_user(steps), steps=steps)]


def _steps(value: object) -> list[Any]:
    listed = value.get("steps") if isinstance(value, dict) else value
    return listed if isinstance(listed, list) else []


def _action(step: dict[str, Any], where: str) -> list[Draft | Answer]:
    message = as_object(step.get("model_output_message"), f"{where}.model_output_message")
    words = step.get("model_output", message.get("content"))
    draft = Draft("agent", content_text(words))
    calls = as_list(step.get("tool_calls"), f"{where}.tool_calls")
    reads = [read_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(calls)]
    draft.take(read for read in reads if not (read.call.name == _INTERPRETER and draft.action.strip()))
    seen, error = step.get("observations"), step.get("error")
    if seen in (None, "") and not error:
        return [draft]
    identity = draft.calls[0].call_id if len(draft.calls) == 1 else None
    return [draft, read_answer(seen, identity, f"{where}.observations", error)]
