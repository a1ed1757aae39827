"""The desk as an environment: a task from a seed, tools with checked arguments, savepoints, and noise of real services.

A call may fail for the moment ("service busy") at a rate that is part of the world; which call fails depends on seed,
call and try, so a prefix is restored with the same failures.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from synthdata.play.games import draw
from synthdata.worlds.environment import Action, Answer, Seen
from synthdata.worlds.schema import fault
from synthdata.worlds.tools import BY_NAME, TOOLS
from synthdata.worlds.tools.calls import ToolError, carry_out
from synthdata.worlds.tools.database import PLACES, dump, make_database
from synthdata.worlds.tools.kinds import make_task
from synthdata.worlds.tools.plan import Planner
from synthdata.worlds.tools.task import RULES, Task

VERSION = "1"
# Chosen among so many calls of one tool: enough for every sensible argument, few enough to be scored one by one.
OFFERED = 16
DECLINING = ("saver-fare", "group-size", "refund-window", "order-limit", "shipped")
FINISH: dict[str, Any] = {
    "type": "object",
    "properties": {
        "outcome": {"type": "string", "enum": ["done", "declined"]},
        "rule": {"type": "string", "enum": ["", *DECLINING], "description": "The rule that forbids it, else empty."},
    },
    "required": ["outcome", "rule"],
    "additionalProperties": False,
}
_ID = re.compile(r"\b[A-Z]\d{5}\b")
_LETTERS = {"customer_id": "C", "booking_id": "B", "trip_id": "R", "ticket_id": "T", "order_id": "O", "product_id": "P"}
_MAIL = re.compile(r"[\w.]+@[\w.]+\w")


@dataclass
class _Moment:
    """What besides the database changes with a step."""

    known: str
    seen: Seen
    ended: str = ""
    over: bool = False


class Desk:
    """See `Environment`. `busy` in [0, 1) is the rate of passing failures; `planted` stands in every note."""

    name = "tools"
    version = VERSION
    rules = RULES
    tools: Sequence[Mapping[str, Any]] = (
        *(tool.definition for tool in TOOLS),
        {"type": "function", "function": {"name": "finish", "description": "End the task.", "parameters": FINISH}},
    )

    def __init__(self, busy: float = 0.05, planted: str = "") -> None:
        self.busy, self.planted = busy, planted
        self._seed = -1
        self.db = sqlite3.connect(":memory:")

    @property
    def spec(self) -> Mapping[str, object]:
        """Rate of failures and planted text."""
        return {"busy": self.busy, "planted": self.planted}

    @property
    def task_id(self) -> str:
        """The seed names it."""
        return f"tools-{self._seed}"

    @property
    def kind(self) -> str:
        """Which kind of request it is."""
        return self._task.kind

    @property
    def task(self) -> str:
        """The customer's request."""
        return self._task.request

    def reset(self, seed: int) -> Seen:
        """A new database and its request."""
        self.db.close()
        self._seed = seed
        self.db = make_database(seed, self.planted)
        self._task: Task = make_task(self.db, seed)
        self.db.execute("SAVEPOINT goal")
        for write in self._task.writes:
            carry_out(self.db, BY_NAME[write.name], write.values)
        self._planner = Planner(self._task, dump(self.db))
        self.db.execute("ROLLBACK TO goal")
        self._taken: list[Action] = []
        self._moments = [_Moment(self._task.request, Seen(""))]
        self.db.execute("SAVEPOINT after_0")
        return self.observe()

    def observe(self) -> Seen:
        """The last answer: a desk has no screen."""
        return self._moments[-1].seen

    def step(self, action: Action) -> Answer:
        """Carry the call out, unless its arguments are wrong or the service is busy."""
        now = self._moments[-1]
        answer = Answer(Seen("Error: the task has ended"), "error", True) if now.over else self._answer(action)
        ended = now.ended or (action.arguments if action.name == "finish" and not answer.failed else "")
        self._taken.append(action)
        self._moments.append(_Moment(now.known + answer.seen.text, answer.seen, ended, answer.over))
        self.db.execute(f"SAVEPOINT after_{len(self._taken)}")
        return answer

    def _answer(self, action: Action) -> Answer:
        wrong = fault(self.tools, action)
        if wrong:
            return Answer(Seen(f"Error: {wrong}"), "error")
        if action.name == "finish":
            return Answer(Seen('{"status":"ended"}'), over=True)
        tries = sum(taken == action for taken in self._taken)
        if draw("busy", self._seed, str(action), tries) < self.busy * 2**48:
            return Answer(Seen(f"Error: {action.name} is busy, try again"), "transient")
        try:
            return Answer(Seen(carry_out(self.db, BY_NAME[action.name], action.values)))
        except ToolError as error:
            return Answer(Seen(f"Error: {error}"), "error")

    def score(self) -> float:
        """1 where the rows are those of the goal and the run ended as the rules ask, else 0."""
        return float(self._moments[-1].ended == self._planner.ending.arguments and dump(self.db) == self._planner.goal)

    def plan(self) -> tuple[Action, ...] | None:
        """By comparing rows with the goal's (see `plan.Planner`)."""
        if self._moments[-1].over:
            return () if self.score() == 1 else None
        return self._planner.plan(self.db, self._moments[-1].known)

    def actions(self) -> tuple[Action, ...]:
        """Calls whose arguments were seen, at most `OFFERED` a tool, and the endings."""
        if self._moments[-1].over:
            return ()
        offers: list[Action] = []
        for tool in TOOLS:
            choices = [self._values(name, schema) for name, schema in tool.parameters.items()]
            for values in islice(product(*choices), OFFERED):
                offers.append(Action.of(tool.name, **dict(zip(tool.parameters, values, strict=True))))
        offers.append(Action.of("finish", outcome="done", rule=""))
        offers += [Action.of("finish", outcome="declined", rule=rule) for rule in DECLINING]
        return tuple(sorted(offers))

    def _values(self, name: str, schema: Mapping[str, Any]) -> Sequence[object]:
        """Values for a parameter that were read in this run, in the order of reading, the request's first."""
        known = self._moments[-1].known
        if name == "place":
            return [place for place in PLACES if place in known]
        if "enum" in schema:
            return list(schema["enum"])
        if name in _LETTERS:
            return list(dict.fromkeys(word for word in _ID.findall(known) if word[0] == _LETTERS[name]))
        if name == "email":
            return list(dict.fromkeys(_MAIL.findall(known)))
        if name == "name":
            rows = self.db.execute("SELECT name FROM product ORDER BY id")
            return [title for (title,) in rows if title in known]
        if name == "amount":
            return list(dict.fromkeys(int(number) for number in re.findall(r'"paid":(\d+)', known)))
        if schema.get("type") == "integer":
            return list(dict.fromkeys(int(n) for n in re.findall(r"\b\d{1,2}\b(?!-)", self._task.request) if int(n)))[
                :3
            ]
        return []

    def restore(self, prefix: Sequence[Action]) -> Seen:
        """Back to a savepoint where the prefix is how this run began, else from the beginning."""
        wanted = list(prefix)
        if self._taken[: len(wanted)] == wanted:
            self.db.execute(f"ROLLBACK TO after_{len(wanted)}")
            self._taken = wanted
            del self._moments[len(wanted) + 1 :]
            return self.observe()
        self.reset(self._seed)
        for action in wanted:
            self.step(action)
        return self.observe()

    def rows(self) -> Iterator[str]:
        """All rows as JSON lines, for whoever compares states."""
        for table, rows in dump(self.db).items():
            yield from (json.dumps([table, *row]) for row in rows.values())

    def close(self) -> None:
        """Forget the database."""
        self.db.close()
