"""smolagents: the steps of an agent's memory (`agent.memory.get_full_steps()`): a list, `steps`, or a line each.

A code agent's call of its interpreter is the code that stands in its own words: the words are the action then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.records import Trajectory
from synthdata.sources.calls import read_call
from synthdata.sources.fields import RowError, as_list, as_object
from synthdata.sources.files import Row
from synthdata.sources.openai_chat import first_user
from synthdata.sources.parts import Answer, content_text, read_answer
from synthdata.sources.sessions import ReadRun, SessionItem
from synthdata.sources.steps import Draft, close
from synthdata.sources.turn_reader import folded

NAME = "smolagents"
_INTERPRETER = "python_interpreter"
# A key of each kind of step.
_KINDS = frozenset(("step_number", "task", "system_prompt", "plan", "output"))
_ACTION = frozenset(("model_output", "tool_calls", "observations", "model_output_message", "code_action"))
# Steps between the actions of one run.
_GOES_ON = frozenset(("plan", "output"))


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    steps = _steps(value)
    numbered = any(isinstance(step, dict) and "step_number" in step for step in steps)
    if numbered and all(isinstance(step, dict) and not _KINDS.isdisjoint(step) for step in steps):
        return None
    return "no memory of smolagents (steps with `step_number`)"


def sniff_step(value: object) -> str | None:
    """None if this row is one step of an action, else why not."""
    if isinstance(value, dict) and "step_number" in value and not _ACTION.isdisjoint(value):
        return None
    return "no step of smolagents (`step_number` with `model_output`, `tool_calls` or `observations`)"


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The runs of a file of steps: a new one begins where the count of steps does."""
    runs: list[list[Row]] = [[]]
    last = 0
    for row in rows:
        value = row.value
        if not isinstance(value, dict) or _KINDS.isdisjoint(value):
            yield row.quarantined(f"{NAME}: no step of an agent's memory")
            continue
        number = value.get("step_number")
        if last and (not isinstance(number, int) or number <= last) and not _GOES_ON & value.keys():
            runs.append([])
            last = 0
        last = number if isinstance(number, int) else last
        runs[-1].append(row)
    for run in filter(None, runs):
        try:
            (made,) = read([row.value for row in run])
        except RowError as error:
            yield run[0].quarantined(f"{NAME}: {error}")
        else:
            yield ReadRun(run[0].line, made)


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
    memory = value.get("memory") if isinstance(value, dict) else None
    around = memory if isinstance(memory, dict) else value
    listed = around.get("steps") if isinstance(around, dict) else around
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
