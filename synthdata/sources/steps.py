"""Steps in the making, shared by every reader whose log is a sequence of turns and answers.

Here answers find their calls, whatever the order in which they were logged, and turns that nobody should imitate get
weight 0: fixed greetings, empty turns, calls that no tool could take.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from synthdata.records import Media, Observation, Step, ToolCall
from synthdata.sources.calls import ReadCall
from synthdata.sources.parts import Answer

Role = Literal["agent", "user", "system"]
EMPTY = "an empty turn is no answer"
GREETING = "a greeting before anybody spoke is fixed, not chosen"
COPIED = "copied from an earlier context, not done here"
EARLY = "an answer stood before its call"
# How a log says in a plain user turn that this is what a tool or an environment gave back (docs/formats.md).
CAME_BACK = re.compile(
    r"\s*(?:"
    r"(?:Observation|OBSERVATION|Obs)(?:\s+\d{1,4})?\s*:"
    r"|\[?(?:Tool|TOOL|Function|FUNCTION|Execution|EXECUTION|Command|COMMAND|Action|ACTION)[ _]"
    r"(?:result|Result|RESULT|output|Output|OUTPUT|response|Response|RESPONSE)s?\b[^\n:\]]{0,80}[:\]]"
    r"|EXECUTION RESULT of \["
    r"|\[[\w-]{3,60}(?: for '[^\n]{0,2000}')?\] Result:"
    r"|exitcode: -?\d{1,4} \("
    r"|<(?:observation|tool_response|tool_result|tool_output|function_results?|function_response|returncode"
    r"|execution_result|command_output|result)\b"
    r"|\[TOOL_RESULTS\]"
    r")"
)


@dataclass(slots=True)
class Draft:
    """A step in the making: answers that arrive later still find their place in it.

    `unfit` are the reasons why it may not be imitated, `repaired` what was mended.
    """

    role: Role
    action: str = ""
    thought: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    optimal: bool | None = None
    unfit: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    name: str = ""

    def take(self, calls: Iterable[ReadCall]) -> None:
        """Add calls with what was repaired in them and why they are unfit."""
        for read in calls:
            self.calls.append(read.call)
            self.repaired += [read.repaired] if read.repaired else []
            self.unfit += [read.unfit] if read.unfit else []

    def heard(self, answer: Answer) -> None:
        """Add an answer to what came back."""
        self.observations.append(answer.observation)
        self.media += answer.media

    @property
    def blank(self) -> bool:
        """Neither words nor calls."""
        return not self.calls and not self.action.strip()


class Fold:
    """Turns and answers in the order of the log, folded into drafts.

    It never searches back, so a hostile log of orphaned answers costs no more than others. `calls_to_come` are the ids
    of all calls of the run, where they are known beforehand: an answer that names one of them waits for it.
    """

    def __init__(self, calls_to_come: frozenset[str] = frozenset()) -> None:
        self.drafts: list[Draft] = []
        self._caller: Draft | None = None
        self._by_call: dict[str, Draft] = {}
        self._to_come = calls_to_come
        self._early: dict[str, list[Answer]] = {}

    def add(self, draft: Draft) -> None:
        """The next turn."""
        self.drafts.append(draft)
        if draft.calls:
            self.called(draft)

    def called(self, draft: Draft) -> None:
        """The draft has calls (or further ones): answers that came early are put to them."""
        self._caller = draft
        for call in draft.calls:
            if call.call_id:
                self._by_call[call.call_id] = draft
                for answer in self._early.pop(call.call_id, ()):
                    draft.heard(answer)
                    draft.repaired.append(EARLY)

    def answer(self, answer: Answer) -> None:
        """Put an answer to the latest step that made the call it names.

        One that names a call still to come waits for it. One that names no known call goes to the latest caller while
        that waits for an answer, else to the latest step; one before any step makes a system step of its own.
        """
        name = answer.observation.call_id or ""
        named = self._by_call.get(name)
        waiting = self._caller
        if named:
            named.heard(answer)
        elif name in self._to_come:
            self._early.setdefault(name, []).append(answer)
        elif waiting and len(waiting.observations) < len(waiting.calls):
            waiting.heard(answer)
        else:
            if not self.drafts:
                self.add(Draft("system"))
            self.drafts[-1].heard(answer)


def close(drafts: Sequence[Draft]) -> tuple[Step, ...]:
    """The drafts as numbered steps, each with its weight and the reasons for it."""
    spoken = next((i for i, draft in enumerate(drafts) if draft.role == "user" or draft.observations), len(drafts))
    greetings = spoken if spoken < len(drafts) else 0
    return tuple([_step(number, draft, number < greetings) for number, draft in enumerate(drafts)])


def _step(number: int, draft: Draft, greeting: bool) -> Step:
    unfit = draft.unfit
    calls, seen = tuple(draft.calls), tuple(draft.observations)
    if not (unfit or draft.repaired or draft.media or draft.optimal or greeting) and (calls or draft.action.strip()):
        return Step(number, draft.role, draft.action, draft.thought, calls, seen, draft.optimal, name=draft.name)
    if draft.role == "agent" and draft.blank:
        unfit = [*unfit, EMPTY]
    elif draft.role == "agent" and greeting and not draft.calls:
        unfit = [*unfit, GREETING]
    return Step(
        number,
        draft.role,
        draft.action,
        draft.thought,
        calls,
        seen,
        draft.optimal,
        weight=0 if unfit else 1,
        notes=tuple(dict.fromkeys((*draft.repaired, *unfit))) if draft.repaired or unfit else (),
        media=tuple(draft.media),
        name=draft.name,
    )


def heard_back(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts with user turns that are what a tool gave back as observations of the agent's turn before.

    Only where the log knows no answers of another kind, and the agent's turn made no call: then a user turn that
    begins with `Observation:`, `Tool result:`, `<tool_response>` and the like is what came back.
    """
    if any(draft.observations for draft in drafts):
        return list(drafts)
    kept: list[Draft] = []
    for draft in drafts:
        before = kept[-1] if kept else None
        if draft.role == "user" and before and before.role == "agent" and CAME_BACK.match(draft.action):
            before.observations.append(Observation(draft.action))
            before.media += draft.media
        else:
            kept.append(draft)
    return kept
