"""TapeAgents: tapes of steps, each of a `kind`: what the user said, thoughts, actions, and what came back."""

from __future__ import annotations

from typing import Any

from synthdata.records import Trajectory, canonical_json
from synthdata.sources.calls import read_call
from synthdata.sources.fields import as_list, as_name, as_object
from synthdata.sources.media import without_files
from synthdata.sources.openai_chat import first_user
from synthdata.sources.parts import Answer, content_text, read_answer, read_content
from synthdata.sources.steps import Draft, close
from synthdata.sources.turn_reader import folded

NAME = "tape_agents"
_USERS = ("user", "question", "task", "web_task", "user_message", "image_question")
_SYSTEMS = ("system",)
_WORDS = ("assistant", "assistant_answer", "final_step", "gaia_answer_action", "final_answer_action", "stop")
# What the framework notes for itself.
_SILENT = ("set_next_node", "pass", "call", "respond", "make_observation", "broadcast", "finish_sub_tape")
_BESIDE = ("metadata", "kind")


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    steps = value.get("steps") if isinstance(value, dict) else None
    if not isinstance(steps, list) or not steps or not isinstance(value, dict) or "metadata" not in value:
        return "no tape (`metadata` with `steps`)"
    kinds = all(isinstance(step, dict) and isinstance(step.get("kind"), str) for step in steps)
    return None if kinds else "a step of the tape has no `kind`"


def read(value: object) -> list[Trajectory]:
    """One tape. Steps that one prompt led to are one turn; the task is what the user asked."""
    tape = as_object(value, "tape")
    turns: list[Draft | Answer] = []
    open_turn: tuple[str, Draft] | None = None
    for number, item in enumerate(as_list(tape["steps"], "steps")):
        where = f"steps[{number}]"
        step = as_object(item, where)
        kind = step["kind"]
        about = as_object(step.get("metadata"), f"{where}.metadata")
        if kind in _SILENT:
            continue
        if kind in _USERS or kind in _SYSTEMS:
            words = read_content(step.get("content", step.get("question", step.get("task"))), where)
            turns.append(Draft("user" if kind in _USERS else "system", "\n".join(words.texts), media=words.media))
            open_turn = None
        elif kind == "tool" or "observation" in kind or "result" in kind:
            turns.append(_came_back(step, where))
            open_turn = None
        else:
            prompt = as_name(about.get("prompt_id"), f"{where}.metadata.prompt_id")
            if open_turn is None or not prompt or open_turn[0] != prompt:
                open_turn = (prompt, Draft("agent"))
                turns.append(open_turn[1])
            _deed(open_turn[1], kind, step, where)
    steps = close(folded(turns))
    about = as_object(tape.get("metadata"), "metadata")
    task = as_object(about.get("task"), "metadata.task") if isinstance(about.get("task"), dict) else {}
    return [
        Trajectory(
            task=first_user(steps),
            steps=steps,
            task_id=as_name(task.get("task_id"), "metadata.task.task_id"),
            truncated=bool(about.get("error")),
        )
    ]


def _came_back(step: dict[str, Any], where: str) -> Answer:
    value = step.get("content")
    if value is None:
        value = {key: item for key, item in step.items() if key not in _BESIDE}
    return read_answer(value, step.get("tool_call_id"), f"{where}.tool_call_id")


def _deed(draft: Draft, kind: str, step: dict[str, Any], where: str) -> None:
    fields = {key: item for key, item in step.items() if key not in _BESIDE}
    if "thought" in kind:
        values = [item for item in fields.values() if item not in (None, "", [])]
        draft.thought = _joined(draft.thought, *(content_text(value) for value in values))
    elif isinstance(step.get("tool_calls"), list):
        draft.action = _joined(draft.action, content_text(step.get("content")))
        draft.take(read_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(step["tool_calls"]))
    elif isinstance(step.get("function"), dict):
        draft.take([read_call(step, where)])
    elif kind in _WORDS and isinstance(words := step.get("content", step.get("text")), str):
        draft.action = _joined(draft.action, without_files(words, draft.media))
    else:
        # Typed actions of an environment: the kind is the tool and the fields its arguments.
        draft.take([read_call({"name": kind, "arguments": canonical_json(fields)}, where)])


def _joined(*texts: str) -> str:
    return "\n".join(filter(None, texts))
