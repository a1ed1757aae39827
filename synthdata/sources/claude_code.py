"""Claude Code sessions: the JSONL files of its projects folder, and what its SDK streams.

As a user sees the session: streamed snapshots of one message are one turn, error messages of the interface are no turn
of the agent, sub-agents that ran inside are runs of their own, what a command printed is no task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from synthdata.sources.fields import RowError, as_name, as_object
from synthdata.sources.files import Row
from synthdata.sources.messages import folded
from synthdata.sources.parts import Answer, read_content
from synthdata.sources.sessions import ReadRun, SessionItem, each_row, run_of
from synthdata.sources.steps import Draft, close

NAME = "claude_code"
_KEYS = ("sessionId", "leafUuid", "parentUuid", "messageId", "session_id")
# What the interface puts into the user's mouth: commands, what they printed, its own warnings.
_COMMANDS = (
    "<command-name>", "<command-message>", "<local-command-stdout>", "<local-command-stderr>", "<local-command-caveat>",
    "<bash-input>", "<bash-stdout>", "<bash-stderr>", "Caveat: The messages below were generated",
)  # fmt: skip
_INTERFACE_MODEL = "<synthetic>"
_ERRORS = "messages of the interface, such as API errors, are not turns of the agent; left out: {}"


def sniff(value: object) -> str | None:
    """None if this row is an event of a session, else why not."""
    event = isinstance(value, dict) and isinstance(value.get("type"), str) and "role" not in value
    # The types of AG-UI's events are in capitals.
    if event and isinstance(value, dict) and not value["type"].isupper() and any(key in value for key in _KEYS):
        return None
    return "no Claude Code event (`type` with `sessionId`)"


@dataclass(slots=True)
class _Event:
    row: Row
    kind: str
    body: dict[str, Any]
    message: dict[str, Any]


@dataclass(slots=True)
class _Chain:
    """The events of one agent: the session's own, or a sub-agent's."""

    line: int
    turns: list[Draft | Answer] = field(default_factory=list)
    by_message: dict[str, _Snapshot] = field(default_factory=dict)
    task: str = ""
    asked: str = ""
    model: str = ""
    errors: int = 0


@dataclass(slots=True)
class _Snapshot:
    """A message of the agent in the making: its events bring blocks one by one, or the whole anew with more in it."""

    draft: Draft
    blocks: list[dict[str, Any]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def take(self, block: dict[str, Any]) -> None:
        """Each block once, in its latest state: words that grew replace what they grew from."""
        kind, identity = str(block.get("type")), block.get("id")
        key = f"{kind} {identity}" if isinstance(identity, str) else kind
        place = self.places.get(key)
        if place is not None and (key != kind or _grew(self.blocks[place], block)):
            self.blocks[place] = block
            return
        self.places[key] = len(self.blocks)
        self.blocks.append(block)

    def finish(self) -> None:
        """Write the blocks into the draft."""
        read = read_content(self.blocks, "content")
        self.draft.action, self.draft.thought = "\n".join(filter(None, read.texts)), "\n".join(read.thoughts)
        self.draft.unfit, self.draft.media = list(read.unknown), read.media
        self.draft.calls.clear()
        self.draft.take(read.calls)


def _grew(old: dict[str, Any], new: dict[str, Any]) -> bool:
    for key in ("text", "thinking"):
        before, now = old.get(key), new.get(key)
        if isinstance(before, str) and isinstance(now, str):
            return now.startswith(before)
    return old == new


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The session's run, then those of its sub-agents in the order in which they began; refused events first."""
    events, refused = each_row(rows, _event)
    yield from refused
    chains: dict[str, _Chain] = {}
    owners: dict[str, str] = {}
    for event in events:
        name = _chain_name(event.body, owners)
        chain = chains.setdefault(name, _Chain(event.row.line))
        try:
            _take(chain, event)
        except RowError as error:
            yield event.row.quarantined(str(error))
    for name, chain in sorted(chains.items(), key=lambda item: item[0] != ""):
        for snapshot in chain.by_message.values():
            snapshot.finish()
        steps = close(folded(chain.turns))
        notes = [_ERRORS.format(chain.errors)] if chain.errors else []
        if steps or name == "":
            yield ReadRun(chain.line, run_of(steps, chain.model, notes, chain.task or chain.asked))


def _event(row: Row) -> _Event | None:
    """The event of a row, None for bookkeeping; types that nobody knows yet are bookkeeping too.

    Raises:
        RowError: an event of the conversation without its message.
    """
    value = row.value
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise RowError("not an event of a Claude Code session")
    kind = value["type"]
    if kind not in ("user", "assistant"):
        return None
    message = value.get("message")
    if not isinstance(message, dict) or "content" not in message:
        raise RowError(f"an event of type {kind} without `message.content`")
    return _Event(row, kind, value, message)


def _chain_name(event: dict[str, Any], owners: dict[str, str]) -> str:
    """Empty for the session itself, else the sub-agent's name: its id, the call that began it, or its first event."""
    parent, own = as_text(event.get("parentUuid")), as_text(event.get("uuid"))
    name = ""
    if event.get("isSidechain") is True:
        name = as_text(event.get("agentId")) or owners.get(parent, "") or f"from {own or 'start'}"
    elif event.get("parent_tool_use_id"):
        name = as_text(event["parent_tool_use_id"])
    if own:
        owners[own] = name
    return name


def as_text(value: object) -> str:
    """A text, or nothing."""
    return value if isinstance(value, str) else ""


def _take(chain: _Chain, event: _Event) -> None:
    where = f"line {event.row.line}"
    if event.kind == "assistant":
        _take_agent(chain, event, where)
    else:
        _take_user(chain, event, where)


def _take_agent(chain: _Chain, event: _Event, where: str) -> None:
    model = as_name(event.message.get("model"), f"{where}.model")
    if event.body.get("isApiErrorMessage") or model == _INTERFACE_MODEL:
        chain.errors += 1
        return
    chain.model = chain.model or model
    content = event.message["content"]
    listed = content if isinstance(content, list) else [content]
    blocks = [as_object({"type": "text", "text": b} if isinstance(b, str) else b, f"{where}.content") for b in listed]
    read = read_content(blocks, f"{where}.content")
    identity = as_text(event.message.get("id")) or f"event {event.row.line}"
    snapshot = chain.by_message.get(identity)
    if snapshot is None:
        snapshot = chain.by_message[identity] = _Snapshot(Draft("agent"))
        chain.turns.append(snapshot.draft)
    for block in blocks:
        snapshot.take(block)
    # The ids of its calls are known at once, so that answers find them.
    snapshot.draft.take(read.calls)
    chain.turns += read.answers


def _take_user(chain: _Chain, event: _Event, where: str) -> None:
    read = read_content(event.message["content"], f"{where}.content")
    chain.turns += read.answers
    text = "\n".join(filter(None, read.texts))
    if not text and read.answers:
        return
    printed = text.startswith(_COMMANDS)
    aside = bool(event.body.get("isMeta") or event.body.get("isCompactSummary") or printed)
    chain.turns.append(Draft("system" if aside else "user", text, media=read.media))
    if not aside:
        chain.task = chain.task or text
    elif not text.startswith(("<local-command", "Caveat:")):
        chain.asked = chain.asked or text
