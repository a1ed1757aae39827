"""Runs that are the beginning of another run: request logs that grow, and copied sessions. Such a run is the same run.

The turns of a run are hashed one after the other, so that a run knows the hash of each of its beginnings, eight bytes
each. Runs wait in a window until later ones can no longer take them in. A run that left the window before its longer
one came stays a run; of the longer one its steps then carry no weight, so that no deed is trained twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

from synthdata.records import QuarantinedRow, Step, Trajectory

# Bytes of turns that wait. A longer run that comes later than that after its beginning does not take it in.
WINDOW = 32 << 20
_REPEATED = "{} earlier states of this run were logged too, the first in {}; they are read once, here"
READ_BEFORE = "this step was read as part of an earlier run already, and is imitated there"
# Stands for a run that has left the window.
_LEFT = 0
_OUTCOMES: dict[bool | None, int] = {None: 0, True: 1, False: 2}

Item = Trajectory | QuarantinedRow


def without_beginnings(items: Iterable[Item]) -> Iterator[Item]:
    """The items in their order, without runs that are the beginning of another one among them.

    Two runs are compared by task, task id and turns; outcomes that differ make different runs. A beginning that was
    logged with thoughts, before a longer run that was logged without, gives its thoughts to the longer one.
    """
    window = _Window()
    for item in items:
        window.add(item)
        yield from window.leaving(WINDOW)
    yield from window.leaving(-1)


@dataclass(slots=True)
class _Waiting:
    item: Item
    size: int
    states: int = 0
    first: str = ""


@dataclass(frozen=True, slots=True)
class _Hashes:
    """The hashes of a run's beginnings, of its whole with and without thoughts, and how many bytes its turns are.

    `steps` says for each beginning how many steps it holds. Beginnings after the first thought know thoughts.
    """

    beginnings: tuple[int, ...]
    steps: tuple[int, ...]
    whole: int
    plain: int
    size: int


class _Window:
    """Runs that wait, in their order, and the hashes of all that ever came."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._size = 0
        self._number = 0
        # Runs before this one have left.
        self._first = 1
        self._taken: set[int] = set()
        self._beginnings: dict[int, int] = {}
        self._ends: dict[int, list[int]] = {}

    def add(self, item: Item) -> None:
        """The next item: it is taken in by an earlier run, or takes earlier ones in, and waits."""
        number = self._number = self._number + 1
        if isinstance(item, QuarantinedRow):
            self._wait(number, _Waiting(item, len(item.head)))
            return
        hashes = _hashes(item)
        owner = next((found for key in _keys(hashes.whole, item.success) if (found := self._beginnings.get(key))), None)
        if owner is not None:
            longer = self._waiting.get(owner)
            if longer is not None:
                longer.states, longer.first = longer.states + 1, longer.first or item.source
            return
        outcome = _OUTCOMES[item.success]
        for whole in {hashes.whole, hashes.plain}:
            self._ends.setdefault(whole * 3 + outcome, []).append(number)
        entry = self._taking(item, hashes)
        self._beginnings.update(dict.fromkeys((begun * 3 + outcome for begun in hashes.beginnings), number))
        self._wait(number, entry)

    def leaving(self, most: int) -> Iterator[Item]:
        """The first items, until what waits is at most that many bytes."""
        while self._waiting and self._size > most:
            number = next(iter(self._waiting))
            entry = self._waiting.pop(number)
            self._first = number + 1
            self._size -= entry.size
            if entry.states and isinstance(entry.item, Trajectory):
                note = _REPEATED.format(entry.states, entry.first)
                yield replace(entry.item, notes=(*entry.item.notes, note))
            else:
                yield entry.item

    def _wait(self, number: int, entry: _Waiting) -> None:
        self._waiting[number] = entry
        self._size += entry.size

    def _taking(self, run: Trajectory, hashes: _Hashes) -> _Waiting:
        """The run with what it takes from earlier ones that it continues: their count and their thoughts."""
        entry = _Waiting(run, hashes.size)
        read = 0
        for begun, steps in zip(hashes.beginnings, hashes.steps, strict=True):
            for key in _keys(begun, run.success):
                numbers = self._ends.pop(key, ())
                for number in numbers:
                    self._take(entry, number)
                if any(number < self._first and number not in self._taken for number in numbers):
                    self._ends[key] = [_LEFT]
                    read = steps
        if read and isinstance(entry.item, Trajectory):
            entry.item = _weightless(entry.item, read)
        return entry

    def _take(self, entry: _Waiting, number: int) -> None:
        shorter = self._waiting.pop(number, None)
        run = entry.item
        if shorter is None:
            return
        self._taken.add(number)
        if isinstance(run, Trajectory) and isinstance(shorter.item, Trajectory):
            self._size -= shorter.size
            entry.states += shorter.states + 1
            entry.first = entry.first or shorter.first or shorter.item.source
            entry.item = _with_thoughts(run, shorter.item)


def _keys(digest: int, success: bool | None) -> tuple[int, ...]:
    """What a run of this outcome may be the same as: one of the same outcome, or one of which it is not known."""
    if success is None:
        return (digest * 3, digest * 3 + 1, digest * 3 + 2)
    return (digest * 3, digest * 3 + _OUTCOMES[success])


def _with_thoughts(run: Trajectory, shorter: Trajectory) -> Trajectory:
    shared = len(shorter.steps)
    pairs = list(zip(run.steps[:shared], shorter.steps, strict=True))
    if not any(known.thought and not step.thought for step, known in pairs):
        return run
    steps = [replace(step, thought=step.thought or known.thought) for step, known in pairs]
    return replace(run, steps=(*steps, *run.steps[shared:]))


def _weightless(run: Trajectory, steps: int) -> Trajectory:
    read = (replace(step, weight=0, notes=(*step.notes, READ_BEFORE)) for step in run.steps[:steps] if step.weight)
    known = {step.idx: step for step in read if step.role == "agent"}
    return replace(run, steps=tuple(known.get(step.idx, step) for step in run.steps))


def _hashes(run: Trajectory) -> _Hashes:
    chain = blake2b(f"{run.task_id}\0{run.task}".encode("utf-8", "surrogatepass"), digest_size=8)
    # The same chain without thoughts, from the first thought on.
    plain = None
    beginnings: list[int] = []
    steps: list[int] = []
    size = 0
    for step in run.steps:
        data = _begun(step)
        if step.thought and plain is None:
            plain = chain.copy()
        chain.update(data)
        if plain is not None:
            plain.update(data)
            chain.update(step.thought.encode("utf-8", "surrogatepass"))
            size += len(step.thought)
        size += len(data)
        beginnings.append(int.from_bytes(chain.digest(), "big"))
        steps.append(step.idx + 1)
        for answer in step.observations:
            data = f"\2{answer.content}".encode("utf-8", "surrogatepass")
            chain.update(data)
            if plain is not None:
                plain.update(data)
            size += len(data)
            beginnings.append(int.from_bytes(chain.digest(), "big"))
            steps.append(step.idx + 1)
    whole = beginnings.pop() if beginnings else 0
    end = int.from_bytes(plain.digest(), "big") if plain is not None else whole
    return _Hashes(tuple(beginnings), tuple(steps[: len(beginnings)]), whole, end, size)


def _begun(step: Step) -> bytes:
    calls = step.call_text if step.tool_calls else ""
    return f"\1{step.role}\0{step.action}\0{calls}".encode("utf-8", "surrogatepass")
