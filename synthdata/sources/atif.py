"""ATIF, the agent trajectory interchange format, versions 1.0 to 1.8 and later minor ones (they only add fields).

Also what this project's own `collect` writes: outcome and task in the trajectory's `extra`, ground truth in a step's.
Embedded sub-agents become trajectories of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from synthdata.records import Trajectory, canonical_json
from synthdata.sources.calls import ReadCall, read_call
from synthdata.sources.fields import RowError, as_flag, as_list, as_name, as_object, quoted
from synthdata.sources.openai_chat import first_user
from synthdata.sources.outcome import read_reward, read_success
from synthdata.sources.parts import Answer, content_text, read_answer, read_content
from synthdata.sources.steps import COPIED, Draft, Fold, close

NAME = "atif"
_VERSION = re.compile(r"ATIF-v(\d{1,4})\.(\d{1,4})")
_SOURCES: dict[str, Literal["agent", "user", "system"]] = {"agent": "agent", "user": "user", "system": "system"}


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    if not isinstance(value, dict) or "schema_version" not in value:
        return "no `schema_version`"
    match = _VERSION.fullmatch(str(value["schema_version"]))
    if not match:
        return f"`schema_version` is {quoted(str(value['schema_version']))}, not ATIF-v1.x"
    if match.group(1) != "1":
        return (
            f"{match.group(0)} is another major version; ATIF-v1.0 to v1.8 are known: convert the file to one of them"
        )
    return None if isinstance(value.get("steps"), list) else "an ATIF header without a list of `steps`"


def read(value: object) -> list[Trajectory]:
    """The run, then its embedded sub-agents.

    `success`, `score` (or `reward`), `task`, `task_id`, `truncated` and `licence` are looked for in `extra`, then
    `final_metrics.extra`, then `final_metrics`. The task is `task`, else the first user step.
    """
    run = as_object(value, "trajectory")
    agent = as_object(run.get("agent"), "agent")
    metrics = as_object(run.get("final_metrics"), "final_metrics")
    places = (as_object(run.get("extra"), "extra"), as_object(metrics.get("extra"), "final_metrics.extra"), metrics)
    known: dict[str, Any] = {}
    for place in reversed(places):
        known.update({key: item for key, item in place.items() if item is not None})
    raw_steps = as_list(run.get("steps"), "steps")
    steps = close(_answered([_draft(number, item) for number, item in enumerate(raw_steps)]))
    notes: list[str] = []
    tools = agent.get("tool_definitions")
    trajectory = Trajectory(
        task=content_text(known.get("task")) or first_user(steps),
        steps=steps,
        task_id=as_name(known.get("task_id"), "extra.task_id"),
        success=read_success(known.get("success"), "extra.success", notes),
        reward=read_reward(known.get("score", known.get("reward")), "extra.score", notes),
        licence=as_name(known.get("licence"), "extra.licence"),
        agent_model=_model(agent, raw_steps),
        tools=canonical_json(tools) if tools else "",
        truncated=bool(as_flag(known.get("truncated"), "extra.truncated")),
        environment=_environment(known),
        notes=tuple(notes),
    )
    children = as_list(run.get("subagent_trajectories"), "subagent_trajectories")
    return [trajectory, *(inner for child in children for inner in read(child))]


def _environment(known: dict[str, Any]) -> str:
    """What `collect` writes of its games and worlds: enough to make the same one again."""
    game, world = known.get("game"), known.get("world")
    if isinstance(world, dict) and isinstance(world.get("name"), str):
        return canonical_json({"world": world})
    return canonical_json({"textworld": game}) if known.get("source") == "textworld" and isinstance(game, dict) else ""


def _model(agent: dict[str, Any], raw_steps: list[Any]) -> str:
    named = (step.get("model_name") for step in raw_steps if isinstance(step, dict) and step.get("model_name"))
    return as_name(agent.get("model_name") or next(named, None), "agent.model_name")


def _answered(steps: Sequence[tuple[Draft, list[Answer]]]) -> list[Draft]:
    """Answers at the steps that made the calls they name, whichever step reports them; others where they stand."""
    named = frozenset(call.call_id for draft, _ in steps for call in draft.calls if call.call_id)
    fold = Fold(named)
    for draft, answers in steps:
        fold.add(draft)
        for answer in answers:
            if answer.observation.call_id in named:
                fold.answer(answer)
            else:
                draft.heard(answer)
    return fold.drafts


def _draft(number: int, item: object) -> tuple[Draft, list[Answer]]:
    """One step and the answers that it reports.

    What the log says was copied from an earlier context is history, and its deeds carry no weight.
    """
    where = f"steps[{number}]"
    step = as_object(item, where)
    source = step.get("source")
    if not isinstance(source, str) or source not in _SOURCES:
        raise RowError(f"`{where}.source` is {quoted(source)}: none of agent, user, system")
    calls = as_list(step.get("tool_calls"), f"{where}.tool_calls")
    answers = as_object(step.get("observation"), f"{where}.observation").get("results")
    extra = as_object(step.get("extra"), f"{where}.extra")
    words, thoughts = read_content(step.get("message"), where), read_content(step.get("reasoning_content"), where)
    draft = Draft(
        _SOURCES[source],
        "\n".join(words.texts),
        "\n".join((*words.thoughts, *thoughts.thoughts, *thoughts.texts)),
        optimal=as_flag(extra.get("optimal"), f"{where}.extra.optimal"),
        media=words.media,
        unfit=list(words.unknown) if source == "agent" else [],
    )
    draft.take(words.calls)
    draft.take(_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(calls))
    results = as_list(answers, f"{where}.observation.results")
    reported = [_result(item, f"{where}.observation.results[{i}]") for i, item in enumerate(results)]
    if source == "agent" and as_flag(step.get("is_copied_context"), f"{where}.is_copied_context"):
        draft.unfit.append(COPIED)
    return draft, [*words.answers, *reported]


def _call(item: object, where: str) -> ReadCall:
    return read_call(as_object(item, where), where)


def _result(item: object, where: str) -> Answer:
    result = as_object(item, where)
    content = result.get("content")
    reference = result.get("subagent_trajectory_ref")
    if content is None and reference is not None:
        # The answer was another agent's run: the pointer to it is all that there is to show.
        content = {"subagent_trajectory_ref": reference}
    return read_answer(content, result.get("source_call_id"), f"{where}.source_call_id")
