"""Who speaks in a message: the names that dialects of chat logs give to an agent, a user, a system and a tool."""

from __future__ import annotations

from typing import Any

from synthdata.sources.steps import Role

# Names of speakers in small letters: of roles, of LangChain's types, of AutoGen's message classes.
_AGENTS = (
    "assistant ai model bot agent gpt chatgpt chatbot aimessage aimessagechunk assistantmessage assistant_message "
    "tool-call tool_call function_call textmessage toolcallrequestevent toolcallsummarymessage thoughtevent "
    "handoffmessage stopmessage"
).split()
_USERS = "user human humanmessage humanmessagechunk usermessage user_message human_message customer".split()
_SYSTEMS = "system developer systemmessage systemmessagechunk root platform".split()
_ANSWERS = (
    "tool function toolresult tool_result tool-result tool_response tool-response ipython toolmessage toolmessagechunk "
    "functionmessage observation environment toolcallexecutionevent functionexecutionresultmessage function_response "
    "tool_output bashexecution"
).split()
ROLES: dict[str, Role | None] = {
    **dict.fromkeys(_AGENTS, "agent"),
    **dict.fromkeys(_USERS, "user"),
    **dict.fromkeys(_SYSTEMS, "system"),
    **dict.fromkeys(_ANSWERS, None),
}
# The roles of almost every log, exactly as they are written.
USUAL: dict[str, Role | None] = {
    "assistant": "agent", "user": "user", "system": "system", "developer": "system", "tool": None, "function": None,
}  # fmt: skip
# Parts first: an interface that has them keeps their words once more as `content`.
CONTENTS = ("parts", "content", "blocks", "items", "Items", "value", "text")
NOBODY = object()


def spoken_by(item: dict[str, Any]) -> Role | object | None:
    """The role of a message; None for a tool's answer, `NOBODY` where it does not say."""
    speaker = item.get("role", item.get("from", item.get("Role")))
    if isinstance(speaker, dict):
        speaker = speaker.get("Label", speaker.get("label"))
    if isinstance(speaker, str):
        return USUAL[speaker] if speaker in USUAL else ROLES.get(speaker.lower(), NOBODY)
    kind = item.get("type")
    if not isinstance(kind, str) or not any(key in item for key in CONTENTS):
        return NOBODY
    role = ROLES.get(kind.lower(), NOBODY)
    # AutoGen's agents and users speak in messages of the same type; the source tells them apart.
    return "user" if role == "agent" and str(item.get("source")).lower() in _USERS else role


def speaker_name(name: str, role: Role) -> str:
    """Who spoke, where the log's name says more than the role does."""
    return "" if ROLES.get(name.strip().lower(), "") == role else name
