"""SWE-agent `.traj` files, old (`messages`) and new (`query`), history-only demonstrations, and mini-swe-agent runs.

`trajectory` says what was done and what came back, `history` adds the prompts and the tool calls. Exit status is no
verdict on the patch: success stays unknown.
"""

from __future__ import annotations

import re
from typing import Any

from synthdata.records import Observation, Step, Trajectory
from synthdata.sources.fields import RowError, as_list, as_name, as_object, quoted
from synthdata.sources.files import is_chat
from synthdata.sources.message_calls import read_calls
from synthdata.sources.parts import Answer, content_text, read_answer
from synthdata.sources.steps import Draft, Fold, close
from synthdata.sources.turn_reader import drafts_from

NAME = "swe_agent"
# What stands before and after the issue in the prompts of SWE-agent 0.x, SWE-agent 1.x and mini-swe-agent.
_ISSUE = (
    ("ISSUE:\n", "\nINSTRUCTIONS:"),
    ("<pr_description>", "</pr_description>"),
    ("Please solve this issue: ", "\n\nYou can execute bash commands"),
)
# Opens and closes at the beginning of a line, and ends at the first such line: linear in the text, whatever it holds.
_BLOCK = re.compile(r"^```(?:mswea_bash_command|bash)\n((?:(?!\n```).)*)\n```", re.DOTALL | re.MULTILINE)
# How far ahead in the history a step's turn is looked for.
_AHEAD = 8
_FINISHED = "submitted"


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    if is_chat(value):
        return None if _is_mini(value) else "a list of chat messages without mini-swe-agent's bash blocks"
    if not isinstance(value, dict):
        return "not an object"
    if isinstance(value.get("messages"), list) and _says_mini(value):
        return None
    if _all_have(value.get("trajectory"), ("action", "observation")):
        return None
    if _all_have(value.get("history"), ("role", "content", "agent")):
        return None
    return "neither `trajectory` of `action` and `observation`, nor `history` of messages with `agent`, nor a mini run"


def read(value: object) -> list[Trajectory]:
    """One run. The task is the issue within the first user message that is not a demonstration, or that message."""
    run: dict[str, Any] = value if isinstance(value, dict) else {"messages": value}
    info = as_object(run.get("info"), "info")
    status = info.get("exit_status")
    if "messages" in run:
        steps = close(_environment_answers(_split_blocks(drafts_from(_without_exit(run["messages"])))))
    else:
        steps = _steps(run)
    users = (step.action for step in steps if step.role == "user")
    config = as_object(info.get("config"), "info.config")
    model = as_object(config.get("model"), "info.config.model")
    return [
        Trajectory(
            task=_issue(next(users, "")),
            steps=steps,
            task_id=as_name(run.get("instance_id", info.get("instance_id")), "instance_id"),
            agent_model=as_name(model.get("model_name"), "info.config.model.model_name"),
            truncated=isinstance(status, str) and bool(status) and status.lower() != _FINISHED,
        )
    ]


def _all_have(items: object, keys: tuple[str, ...]) -> bool:
    if not isinstance(items, list) or not items:
        return False
    return all(isinstance(item, dict) and all(key in item for key in keys) for item in items)


def _says_mini(run: dict[str, Any]) -> bool:
    info = run.get("info")
    named = str(run.get("trajectory_format", "")).startswith("mini-swe-agent")
    return named or (isinstance(info, dict) and "mini_version" in info)


def _is_mini(messages: list[dict[str, Any]]) -> bool:
    texts = [content_text(m.get("content")) for m in messages if m.get("role") == "assistant"]
    answers = [content_text(m.get("content")) for m in messages if m.get("role") == "user"]
    blocks = any("```mswea_bash_command" in text for text in texts)
    return blocks or (any(_BLOCK.search(t) for t in texts) and any("<returncode>" in a for a in answers))


def _issue(message: str) -> str:
    for begin, end in _ISSUE:
        _, opened, rest = message.partition(begin)
        issue, closed, _ = rest.partition(end)
        if opened and closed:
            return issue.strip()
    return message


def _without_exit(messages: object) -> list[Any]:
    """mini-swe-agent 2 ends with a message of role `exit`; it is the environment's last word."""
    items = as_list(messages, "messages")
    return [{**m, "role": "user"} if isinstance(m, dict) and m.get("role") == "exit" else m for m in items]


def _split_blocks(drafts: list[Draft]) -> list[Draft]:
    """Where an agent's message holds exactly one bash block, the command is the action and the rest the thought."""
    for draft in drafts:
        blocks = list(_BLOCK.finditer(draft.action)) if draft.role == "agent" else []
        if len(blocks) == 1:
            before, after = draft.action[: blocks[0].start()].strip(), draft.action[blocks[0].end() :].strip()
            draft.thought = "\n\n".join(filter(None, (draft.thought, before, after)))
            draft.action = blocks[0].group(1)
    return drafts


def _environment_answers(drafts: list[Draft]) -> list[Draft]:
    """User messages after the agent's first turn are the environment's answers to the turn before."""
    kept: list[Draft] = []
    begun = False
    for draft in drafts:
        if draft.role == "user" and begun:
            kept[-1].observations.extend((Observation(draft.action), *draft.observations))
            kept[-1].media += draft.media
        else:
            kept.append(draft)
        begun = begun or draft.role == "agent"
    return kept


def _steps(run: dict[str, Any]) -> tuple[Step, ...]:
    history = [as_object(item, f"history[{i}]") for i, item in enumerate(as_list(run.get("history"), "history"))]
    taken = [as_object(item, f"trajectory[{i}]") for i, item in enumerate(as_list(run.get("trajectory"), "trajectory"))]
    first = next((i for i, m in enumerate(history) if m.get("role") == "assistant"), len(history))
    drafts = [_prompt(message, f"history[{i}]") for i, message in enumerate(history[:first])]
    if not taken:
        return close(drafts + _from_history(history[first:], first))
    turns = [(i, m) for i, m in enumerate(history) if m.get("role") == "assistant"]
    done = [_taken(step, f"trajectory[{i}]") for i, step in enumerate(taken)]
    return close(drafts + _with_calls(done, history, turns))


def _prompt(message: dict[str, Any], where: str) -> Draft:
    role = message.get("role")
    if role not in ("system", "user"):
        raise RowError(f"`{where}.role` is {quoted(role)}: only system and user may speak before the agent does")
    # A demonstration is put before the agent by its harness; the user says the task.
    system = role == "system" or bool(message.get("is_demo"))
    answer = read_answer(message.get("content"), None, where)
    return Draft("system" if system else "user", answer.observation.content, media=answer.media)


def _taken(step: dict[str, Any], where: str) -> Draft:
    action, thought = content_text(step.get("action")), content_text(step.get("thought"))
    if not (action or thought):
        thought = content_text(step.get("response"))
    if "observation" not in step:
        raise RowError(f"`{where}.observation` is missing")
    draft = Draft("agent", action, thought)
    if step["observation"] is not None:
        answer = read_answer(step["observation"], None, where)
        draft.observations, draft.media = [answer.observation], answer.media
    return draft


def _turn(message: dict[str, Any], where: str) -> Draft:
    """An agent's turn as the history has it; a turn without an action of its own is its content."""
    action, thought = content_text(message.get("action")), content_text(message.get("thought"))
    if not (action or thought):
        action = content_text(message.get("content"))
    draft = Draft("agent", action, thought)
    draft.take(read_calls(message, where))
    return draft


def _from_history(messages: list[dict[str, Any]], first: int) -> list[Draft]:
    fold = Fold()
    for number, message in enumerate(messages, first):
        if message.get("role") == "assistant":
            fold.add(_turn(message, f"history[{number}]"))
        else:
            fold.answer(_reply(message, f"history[{number}]"))
    return fold.drafts


def _reply(message: dict[str, Any], where: str) -> Answer:
    return read_answer(message.get("content"), _answered(message), where)


def _answered(message: dict[str, Any]) -> str | None:
    identities = as_list(message.get("tool_call_ids"), "tool_call_ids")
    return as_name(identities[0], "tool_call_ids[0]") if identities else None


def _with_calls(
    done: list[Draft], history: list[dict[str, Any]], turns: list[tuple[int, dict[str, Any]]]
) -> list[Draft]:
    """Give each step the tool calls of its turn in the history: the next turn, at most 8 ahead, of the same action.

    A turn that made tool calls and is in no step becomes a step of its own, where it stood.
    """
    spoken = [_turn(message, f"history[{place}]") for place, message in turns]
    merged: list[Draft] = []
    reached = 0
    for draft in done:
        ahead = range(reached, min(reached + _AHEAD, len(spoken)))
        turn = next((i for i in ahead if spoken[i].action.strip() == draft.action.strip()), None)
        if turn is not None:
            merged += [other for other in spoken[reached:turn] if other.calls]
            place, reached = turns[turn][0], turn + 1
            draft.calls = spoken[turn].calls
            draft.unfit += spoken[turn].unfit
            draft.repaired += spoken[turn].repaired
            _name_answer(draft, history[place + 1 : place + 2])
        merged.append(draft)
    return merged + [other for other in spoken[reached:] if other.calls]


def _name_answer(draft: Draft, following: list[dict[str, Any]]) -> None:
    identity = _answered(following[0]) if following else None
    if identity and len(draft.observations) == 1:
        draft.observations = [Observation(draft.observations[0].content, identity)]
