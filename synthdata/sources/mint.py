"""MINT benchmark outputs: `state` with a chat `history`, and `task`.

The first user message of every run repeats a long few-shot prompt. Rule: of that message only what follows the last
line `Task:` is kept, where the message ends with the task's prompt; any other first message is kept whole.
"""

from __future__ import annotations

import re

from synthdata.records import Observation, Trajectory, content_hash
from synthdata.sources.fields import as_flag, as_list, as_name, as_object
from synthdata.sources.parts import content_text
from synthdata.sources.steps import Draft, close
from synthdata.sources.turn_reader import drafts_from

NAME = "mint"
# A thought holds no opening of another: linear in the text, whatever it holds.
_THOUGHT = re.compile(r"<thought>((?:(?!<thought>).)*?)</thought>", re.DOTALL)
_REPLY = "Observation:\n"
_FEEDBACK = "\n\nExpert feedback:\n"
_CUT = ("max_steps", "error")


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    state = value.get("state") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(state, dict) or not isinstance(value.get("task"), dict):
        return "no objects `state` and `task`"
    if not isinstance(state.get("history"), list):
        return "no list `state.history`"
    return None if isinstance(value["task"].get("prompt"), str) else "no text `task.prompt`"


def read(value: object) -> list[Trajectory]:
    """One run; stopped by its step limit or by an error it is truncated.

    An environment's reply is the observation of the agent's turn before; the expert's feedback that follows the reply
    is a user step.
    """
    row = as_object(value, "row")
    state, task = as_object(row["state"], "state"), as_object(row["task"], "task")
    prompt = content_text(task.get("prompt"))
    drafts: list[Draft] = []
    for draft in drafts_from(as_list(state.get("history"), "state.history")):
        drafts += _turn(draft, prompt, first=not drafts, replies_to=drafts[-1] if drafts else None)
    success = as_flag(state.get("success"), "state.success")
    # Three of MINT's data sets share the name `reasoning` and count from 0: the prompt tells them apart.
    names = (as_name(task.get("task_name"), "task.task_name"), as_name(task.get("task_id"), "task.task_id"))
    return [
        Trajectory(
            task=prompt,
            steps=close(drafts),
            task_id="/".join((*names, content_hash(prompt, length=8))),
            success=success,
            reward=None if success is None else float(success),
            truncated=state.get("terminate_reason") in _CUT,
        )
    ]


def _turn(draft: Draft, prompt: str, *, first: bool, replies_to: Draft | None) -> list[Draft]:
    words = draft.action
    if draft.role == "agent":
        draft.thought = "\n".join(text.strip() for text in _THOUGHT.findall(words))
        draft.action = _THOUGHT.sub("", words).strip()
        return [draft]
    if first:
        draft.action = _without_shots(words, prompt)
        return [draft]
    if replies_to is None or not words.startswith(_REPLY):
        return [draft]
    reply, mark, feedback = words.removeprefix(_REPLY).partition(_FEEDBACK)
    replies_to.observations.append(Observation(reply))
    return [Draft("user", mark.lstrip() + feedback)] if mark else []


def _without_shots(message: str, prompt: str) -> str:
    before, mark, asked = message.rpartition("\nTask:\n")
    ends_so = mark and message.rstrip().endswith(prompt.rstrip())
    if ends_so and before.strip():
        # The prompt itself may hold such a line.
        return asked.strip() if prompt.strip() in asked else prompt
    return message
