"""Runs that are the beginning of another run: request logs that grow, and copied sessions. Such a run is the same run.

Every run is passed through once: its turns are hashed one after the other, so that a run knows the hash of each of its
beginnings. A run whose end is a beginning of another is left out, and that other says so. Until all are seen the runs
wait, in memory or, from some size on, in a temporary file.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b

from synthdata.records import QuarantinedRow, Step, Trajectory, canonical_json, from_json, to_json

# Characters of waiting runs that are kept in memory; what is more waits in a temporary file.
MOST_IN_MEMORY = 64 << 20
_REPEATED = "{} earlier states of this run were logged too, the first in {}; they are read once, here"

_OUTCOMES: dict[bool | None, int] = {None: 0, True: 1, False: 2}

Item = Trajectory | QuarantinedRow


def without_beginnings(items: Iterable[Item]) -> Iterator[Item]:
    """The items in their order, without runs that are the beginning of another one among them.

    Two runs are compared by task and turns. A beginning that was logged with thoughts, before a longer run that was
    logged without, gives its thoughts to the longer one. Outcomes that differ make different runs.
    """
    ends = _Ends()
    with _Waiting() as waiting:
        for item in items:
            if isinstance(item, Trajectory):
                ends.add(item)
            waiting.put(item)
        yield from _settled(ends.settle(), waiting)


@dataclass(slots=True)
class _Settled:
    """For each run that is left out the number of the run that it is a beginning of; `counts` for those others."""

    owners: dict[int, int]
    counts: dict[int, int] = field(default_factory=dict)


def _settled(settled: _Settled, waiting: _Waiting) -> Iterator[Item]:
    thoughts: dict[int, dict[int, str]] = {}
    first: dict[int, str] = {}
    number = -1
    for item in waiting:
        if isinstance(item, QuarantinedRow):
            yield item
            continue
        number += 1
        owner = settled.owners.get(number)
        if owner is not None:
            first.setdefault(owner, item.source)
            thoughts.setdefault(owner, {}).update({step.idx: step.thought for step in item.steps if step.thought})
        elif number in settled.counts:
            note = _REPEATED.format(settled.counts[number], first.get(number, "a later row"))
            yield _with_thoughts(replace(item, notes=(*item.notes, note)), thoughts.pop(number, {}))
        else:
            yield item


def _with_thoughts(run: Trajectory, thoughts: dict[int, str]) -> Trajectory:
    if not any(step.idx in thoughts and not step.thought for step in run.steps):
        return run
    return replace(run, steps=tuple(_with_thought(step, thoughts.get(step.idx, "")) for step in run.steps))


def _with_thought(step: Step, thought: str) -> Step:
    return replace(step, thought=thought) if thought and not step.thought else step


class _Ends:
    """The hashes of all beginnings of all runs, eight bytes each, with the number of a run that begins so."""

    def __init__(self) -> None:
        self._beginnings: dict[int, int] = {}
        self._ends: list[tuple[int, int, bool | None]] = []

    def add(self, run: Trajectory) -> None:
        """The next run."""
        number = len(self._ends)
        chain = blake2b(f"{run.task_id}\0{run.task}".encode("utf-8", "surrogatepass"), digest_size=8)
        plain = chain.copy()
        passed = 0
        thinks = False
        for step in run.steps:
            for words, thought in _turns(step):
                if passed:
                    self._beginnings[passed * 3 + _OUTCOMES[run.success]] = number
                data = words.encode("utf-8", "surrogatepass")
                chain.update(data)
                if thought:
                    thinks = True
                    chain.update(thought.encode("utf-8", "surrogatepass"))
                plain.update(data)
                passed = int.from_bytes(chain.digest(), "big")
        self._ends.append((passed, int.from_bytes(plain.digest(), "big") if thinks else passed, run.success))

    def settle(self) -> _Settled:
        """Which runs are left out."""
        owners: dict[int, int] = {}
        for number, (end, plain, success) in enumerate(self._ends):
            owner = self._longer(end, success)
            if owner is None and plain != end:
                # Logged again without thoughts: only a later run can be given them.
                later = self._longer(plain, success)
                owner = later if later is not None and later > number else None
            if owner is not None and owner != number:
                owners[number] = owner
        last = {number: _last(owners, number) for number in owners}
        settled = _Settled(last)
        for owner in last.values():
            settled.counts[owner] = settled.counts.get(owner, 0) + 1
        return settled

    def _longer(self, end: int, success: bool | None) -> int | None:
        outcomes = (True, False, None) if success is None else (success, None)
        return next(
            (n for outcome in outcomes if (n := self._beginnings.get(end * 3 + _OUTCOMES[outcome])) is not None), None
        )


def _last(owners: dict[int, int], number: int) -> int:
    while number in owners:
        number = owners[number]
    return number


def _turns(step: Step) -> Iterator[tuple[str, str]]:
    """The step as turns: what was said and called, then each answer."""
    calls = "\0".join(f"{call.name}\0{call.arguments}" for call in step.tool_calls)
    yield f"\1{step.role}\0{step.action}\0{calls}", step.thought
    for answer in step.observations:
        yield f"\2{answer.content}", ""


class _Waiting:
    """Items in their order, in memory as long as they are small."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._size = 0
        # Closed by `__exit__`.
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="synthdata-")  # noqa: SIM115

    def __enter__(self) -> _Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, item: Item) -> None:
        """Add an item behind all others."""
        if self._size <= MOST_IN_MEMORY:
            self._size += _size(item)
            self._items.append(item)
        else:
            kind, text = (
                ("run", to_json(item)) if isinstance(item, Trajectory) else ("row", canonical_json(asdict(item)))
            )
            self._file.write(f"{kind} {text}\n")

    def __iter__(self) -> Iterator[Item]:
        yield from self._items
        self._items = []
        self._file.seek(0)
        for line in self._file:
            kind, _, text = line.rstrip("\n").partition(" ")
            yield from_json(Trajectory, text) if kind == "run" else QuarantinedRow(**json.loads(text))


def _size(item: Item) -> int:
    if isinstance(item, QuarantinedRow):
        return len(item.head) + len(item.reason)
    return sum(
        len(step.action)
        + len(step.thought)
        + len(step.call_text)
        + sum(len(seen.content) for seen in step.observations)
        for step in item.steps
    )
