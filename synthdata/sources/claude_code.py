"""Claude Code sessions: the JSONL files of its projects folder, and what its SDK streams.

As a user sees the session: streamed snapshots of one message are one turn, error messages of the interface are no turn
of the agent, sub-agents that ran inside are runs of their own, what a command printed is no task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from synthdata.sources.fields import RowError, as_name, as_object
from synthdata.sources.files import Row
from synthdata.sources.parts import Answer, read_content
from synthdata.sources.sessions import ReadRun, SessionItem, each_row, run_of
from synthdata.sources.steps import Draft, close
from synthdata.sources.turn_reader import folded

NAME = "claude_code"
_KEYS = ("sessionId", "leafUuid", "parentUuid", "messageId", "session_id")
# What the interface puts into the user's mouth: commands, what they printed, its own warnings.
_COMMANDS = (
    "<command-name>", "<command-message>", "<local-command-stdout>", "<local-command-stderr>", "<local-command-caveat>",
    "<bash-input>", "<bash-stdout>", "<bash-stderr>", "Caveat: The messages below were generated",
)  # fmt: skip
_ASIDE = (*_COMMANDS, "[Request interrupted")
_OTHER = "session "
_INTERFACE_MODEL = "<synthetic>"
_ERRORS = "messages of the interface, such as API errors, are not turns of the agent; left out: {}"


def sniff(value: object) -> str | None:
    """None if this row is an event of a session, else why not."""
    event = isinstance(value, dict) and isinstance(value.get("type"), str) and "role" not in value
    # The types of AG-UI's events are in capitals.
    if event and isinstance(value, dict) and not value["type"].isupper() and any(key in value for key in _KEYS):
        return None
    return "no Claude Code event (`type` with `sessionId`)"


_COPIES = "events that stood in the file before, word for word, were left out: {}"
_TAKEN_BACK = "events of branches that the user left, to go on from before them, were left out: {}"


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
    read, refused = each_row(rows, _event)
    yield from refused
    links = _links(rows)
    once = _once(read)
    events = _shown(_in_order(once, links), links)
    left_out = [(len(read) - len(once), _COPIES), (len(once) - len(events), _TAKEN_BACK)]
    chains: dict[str, _Chain] = {}
    owners: dict[str, str] = {}
    first = next((_session(event.body) for event in events if _session(event.body)), "")
    for event in events:
        name = _chain_name(event.body, owners, links, first)
        chain = chains.setdefault(name, _Chain(event.row.line))
        try:
            _take(chain, event)
        except RowError as error:
            yield event.row.quarantined(str(error))
    for name, chain in sorted(chains.items(), key=lambda item: item[0] != ""):
        for snapshot in chain.by_message.values():
            snapshot.finish()
        steps = close(folded(chain.turns))
        counts = [(chain.errors, _ERRORS), *(left_out if name == "" else ())]
        notes = [note.format(count) for count, note in counts if count]
        if steps or name == "":
            run = run_of(steps, chain.model, notes, chain.task or chain.asked)
            yield ReadRun(chain.line, replace(run, truncated=name == "" and any(map(_broke_off, rows))))


def _broke_off(row: Row) -> bool:
    """Whether this is the SDK's last word on a run that ended at a limit or with an error."""
    value = row.value
    if not isinstance(value, dict) or value.get("type") != "result":
        return False
    return value.get("is_error") is True or as_text(value.get("subtype")).startswith("error")


def _once(events: list[_Event]) -> list[_Event]:
    """The events without copies: a file that was put together from others, or written twice, says the same again."""
    known: dict[str, dict[str, Any]] = {}
    kept = []
    for event in events:
        own = as_text(event.body.get("uuid"))
        if not own or known.get(own) != event.message:
            kept.append(event)
        known[own] = event.message
    return kept


def _in_order(events: list[_Event], links: dict[str, str]) -> list[_Event]:
    """The events with none before the one that it follows; the order of the file otherwise."""
    places = {as_text(event.body.get("uuid")): place for place, event in enumerate(events)}
    ready: list[_Event] = []
    waiting: dict[str, list[_Event]] = {}
    for place, event in enumerate(events):
        parent = links.get(as_text(event.body.get("uuid")), "")
        if places.get(parent, -1) > place:
            waiting.setdefault(parent, []).append(event)
            continue
        freed = [event]
        while freed:
            ready.append(freed.pop())
            freed += reversed(waiting.pop(as_text(ready[-1].body.get("uuid")), []))
    # Events that follow each other in a ring.
    return [*ready, *(event for listed in waiting.values() for event in listed)]


def _shown(events: list[_Event], links: dict[str, str]) -> list[_Event]:
    """The events without what the user took back: of several prompts at one place the last was gone on from."""
    latest: dict[str, str] = {}
    for event in events:
        if _is_prompt(event):
            latest[as_text(event.body.get("parentUuid"))] = as_text(event.body.get("uuid"))
    taken_back = {
        as_text(event.body.get("uuid"))
        for event in events
        if _is_prompt(event) and latest[as_text(event.body.get("parentUuid"))] != event.body["uuid"]
    }
    for own, parent in links.items() if taken_back else ():
        if parent in taken_back:
            taken_back.add(own)
    return [event for event in events if as_text(event.body.get("uuid")) not in taken_back]


def _is_prompt(event: _Event) -> bool:
    """Whether a user wrote this, at a place in the session that the event names."""
    body, content = event.body, event.message["content"]
    if event.kind != "user" or body.get("isMeta") or not as_text(body.get("parentUuid")):
        return False
    listed = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = [part.get("text") for part in listed if isinstance(part, dict) and part.get("type") == "text"]
    return bool(body.get("uuid") and texts) and len(texts) == len(listed) and not str(texts[0]).startswith(_ASIDE)


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


def _links(rows: Sequence[Row]) -> dict[str, str]:
    """Of every event, bookkeeping too, the one that it follows; in the order of the file."""
    values = [row.value for row in rows if isinstance(row.value, dict)]
    return {value["uuid"]: as_text(value.get("parentUuid")) for value in values if as_text(value.get("uuid"))}


def _session(event: dict[str, Any]) -> str:
    return as_text(event.get("sessionId")) or as_text(event.get("session_id"))


def _chain_name(event: dict[str, Any], owners: dict[str, str], links: dict[str, str], first: str) -> str:
    """Empty for the file's first session, else the name of another one or of a sub-agent.

    A sub-agent's is its id, the call that began it, or its first event. What follows an event of a session belongs to
    it, whatever id it has: resumed sessions change theirs.
    """
    parent, own = as_text(event.get("parentUuid")), as_text(event.get("uuid"))
    name = ""
    other = f"{_OTHER}{_session(event)}"
    apart = parent not in owners and parent not in links and _session(event) not in ("", first)
    # A session begins with a user's words; a stray event of the agent is no session.
    if apart and (event["type"] == "user" or other in owners):
        owners[other] = name = other
    if owners.get(parent, "").startswith(_OTHER):
        name = owners[parent]
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
