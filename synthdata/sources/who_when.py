"""Who&When: failed runs of teams of agents, each turn by name, beside who went wrong and where.

The labels (`mistake_agent`, `mistake_step`, `mistake_reason`) are opinions on the run, not parts of it: not read.
"""

from __future__ import annotations

import re
from typing import Any

from synthdata.records import Trajectory
from synthdata.sources.fields import RowError, as_flag, as_list, as_name, as_object
from synthdata.sources.parts import content_text
from synthdata.sources.speakers import speaker_name
from synthdata.sources.steps import Draft, close, heard_back
from synthdata.sources.turn_reader import drafts_from

NAME = "who_when"
_SAYS = ("mistake_agent", "mistake_step")
_STANDARD = ("assistant", "user", "system")
_TERMINALS = ("computerterminal", "computer_terminal", "terminal")
# `Orchestrator (thought)`, `Orchestrator (-> WebSurfer)`.
_ROLE = re.compile(r"(?P<name>[^()]{1,80}?)\s*\((?P<aside>[^()]{1,80})\)")


def sniff(value: object) -> str | None:
    """None if this reader can read the value, else why not."""
    if not isinstance(value, dict) or not any(key in value for key in _SAYS):
        return "no `mistake_agent` beside a `history`"
    turns = value.get("history")
    if isinstance(turns, list) and turns and all(isinstance(turn, dict) and "content" in turn for turn in turns):
        return None
    return "no `history` of turns with `content`"


def read(value: object) -> list[Trajectory]:
    """One run; its task is the question. Every turn but the user's is an agent's, by its name."""
    row = as_object(value, "row")
    drafts: list[Draft] = []
    for name, words in as_object(row.get("system_prompt"), "system_prompt").items():
        drafts.append(Draft("system", content_text(words), name=name))
    for number, item in enumerate(as_list(row.get("history"), "history")):
        drafts.append(_turn(as_object(item, f"history[{number}]"), f"history[{number}]"))
    question = content_text(row.get("question"))
    spoken = [draft.role for draft in drafts if draft.role != "system"]
    if question and spoken[:1] == ["agent"]:
        # The generated teams log the question beside the history: their first agent has heard it.
        drafts.insert(len(drafts) - len(spoken), Draft("user", question))
    return [
        Trajectory(
            task=question,
            steps=close(heard_back(drafts)),
            task_id=as_name(row.get("question_ID"), "question_ID"),
            success=as_flag(row.get("is_correct", row.get("is_corrected")), "is_correct"),
        )
    ]


def _turn(turn: dict[str, Any], where: str) -> Draft:
    speaker = as_name(turn.get("role"), f"{where}.role")
    if not speaker:
        raise RowError(f"`{where}` does not say who speaks")
    if speaker in _STANDARD or speaker == "human":
        (draft,) = drafts_from([turn])
        return draft
    aside = _ROLE.fullmatch(speaker)
    name = aside["name"] if aside else speaker
    text = content_text(turn.get("content"))
    if name.lower() in _TERMINALS:
        return Draft("user", text, name=name)
    if aside and aside["aside"] == "thought":
        # A plan for itself: nobody else hears it, and no turn may be taught that does nothing.
        return Draft("agent", thought=text, name=name)
    return Draft("agent", text, name=speaker_name(speaker, "agent"))
