"""Inspect: its `.eval` logs (a zip of samples) and its JSON logs; every sample is a run."""

from __future__ import annotations

from typing import Any

from synthdata.records import Trajectory, canonical_json
from synthdata.sources.fields import RowError, as_list, as_name, as_object
from synthdata.sources.messages import is_message
from synthdata.sources.openai_chat import first_user
from synthdata.sources.outcome import read_reward
from synthdata.sources.parts import content_text
from synthdata.sources.turn_reader import steps_from

NAME = "inspect"
_ATTACHED = "attachment://"
# How Inspect's scorers write correct, incorrect and partly correct.
_PARTIAL = 0.5
_VERDICTS = {"C": 1.0, "I": 0.0, "P": _PARTIAL}


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    if not isinstance(value, dict):
        return "not an object"
    sample = value.get("sample")
    if not isinstance(sample, dict) or not isinstance(value.get("eval"), dict):
        return "no Inspect log (`eval` with `samples`)"
    return None if isinstance(sample.get("messages"), list) else "an Inspect sample without `messages`"


def split(value: object) -> list[object]:
    """The samples of a JSON log, each with the log's `eval`; empty for anything else."""
    if not (isinstance(value, dict) and isinstance(value.get("samples"), list) and isinstance(value.get("eval"), dict)):
        return []
    return [{"eval": value["eval"], "sample": sample} for sample in value["samples"]]


def read(value: object) -> list[Trajectory]:
    """One sample. The task is its first user message; success and reward are those of its only score.

    A sample that a limit or an error ended is truncated.
    """
    row = as_object(value, "row")
    about, sample = as_object(row["eval"], "eval"), as_object(row["sample"], "sample")
    attachments = as_object(sample.get("attachments"), "sample.attachments")
    messages = as_list(sample["messages"], "sample.messages")
    steps = steps_from(_attached(messages, attachments) if attachments else messages)
    notes: list[str] = []
    success, reward = _outcome(as_object(sample.get("scores"), "sample.scores"), notes)
    identity = "/".join(filter(None, (as_name(about.get("task"), "eval.task"), _id(sample.get("id")))))
    tools = _attached(_tools(sample), attachments)
    return [
        Trajectory(
            task=first_user(steps) or _input(sample.get("input")),
            steps=steps,
            task_id=identity,
            success=success,
            reward=reward,
            agent_model=as_name(about.get("model"), "eval.model"),
            tools=canonical_json(tools) if tools else "",
            truncated=sample.get("limit") is not None or sample.get("error") is not None,
            notes=tuple(notes),
        )
    ]


def _id(value: object) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _input(value: object) -> str:
    listed = isinstance(value, list) and all(map(is_message, value))
    return first_user(steps_from(value)) if listed else content_text(value)


def _attached(value: Any, attachments: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """The messages with long texts and images, which Inspect keeps aside, put back where they stood."""
    if isinstance(value, str):
        if value.startswith(_ATTACHED):
            return attachments.get(value.removeprefix(_ATTACHED), value)
        return value
    if isinstance(value, list):
        return [_attached(item, attachments) for item in value]
    if isinstance(value, dict):
        return {key: _attached(item, attachments) for key, item in value.items()}
    return value


def _outcome(scores: dict[str, Any], notes: list[str]) -> tuple[bool | None, float | None]:
    if len(scores) != 1:
        if scores:
            notes.append(f"{len(scores)} scorers judged this sample; no single outcome was read")
        return None, None
    ((name, score),) = scores.items()
    value = score.get("value") if isinstance(score, dict) else score
    if isinstance(value, str) and value in _VERDICTS:
        verdict = _VERDICTS[value]
        return None if verdict == _PARTIAL else verdict == 1.0, verdict
    try:
        reward = read_reward(value, f"scores.{name[:60]}", notes)
    except RowError as error:
        notes.append(f"{error}; not read")
        return None, None
    return (reward == 1.0 if reward in (0.0, 1.0) else None), reward


def _tools(sample: dict[str, Any]) -> list[Any]:
    """The tools as the first call of the model was given them."""
    events = sample.get("events")
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and event.get("event") == "model" and isinstance(event.get("tools"), list):
            return list(event["tools"])
    return []
