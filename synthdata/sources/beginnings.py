"""Runs that are the beginning of another run: request logs that grow, and copied sessions. Such a run is the same run.

The turns of a run are hashed one after the other, so that a run knows the hash of each of its beginnings, eight bytes
each. Runs wait in a window until later ones can no longer take them in. A run that left the window before its longer
one came stays a run; of the longer one its steps then carry no weight, so that no deed is trained twice.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

from synthdata.records import QuarantinedRow, Step, Trajectory

# Bytes of memory that waiting runs may hold. A longer run that comes later than that after its beginning does not take
# it in.
WINDOW = 32 << 20
# What a step takes beside its texts, and what a turn's answer does, measured on ordinary logs.
_STEP_BYTES, _ANSWER_BYTES = 600, 200
_REPEATED = "{} earlier states of this run were logged too, the first in {}; they are read once, here"
READ_BEFORE = "this step was read as part of an earlier run already, and is imitated there"
# What a run of an outcome may be the same as: one of the same outcome, or one of which it is not known.
_SAME: dict[bool | None, tuple[bool | None, ...]] = {
    None: (None, True, False), True: (None, True), False: (None, False),
}  # fmt: skip
# Hashes that are held as a set before they become a sorted block.
_BLOCK = 1 << 17

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


@dataclass(frozen=True, slots=True)
class _Hashes:
    """The hashes of a run's beginnings and of its whole, and about how many bytes of memory it takes.

    `steps` says for each beginning how many steps it holds. Beginnings after the first thought know thoughts. `ends`
    are the whole, and the whole without thoughts where it has any.
    """

    beginnings: tuple[int, ...]
    steps: tuple[int, ...]
    whole: int
    ends: tuple[int, ...]
    size: int


@dataclass(slots=True)
class _Waiting:
    item: Item
    size: int
    hashes: _Hashes | None = None
    states: int = 0
    first: str = ""


class _Digests:
    """Hashes of 64 bits at eight bytes each, however many they become: sorted blocks that are searched by halving."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._blocks: list[array[int]] = []

    def update(self, digests: Iterable[int]) -> None:
        self._recent.update(digests)
        if len(self._recent) >= _BLOCK:
            self._blocks.append(array("Q", sorted(self._recent)))
            self._recent.clear()

    def among(self, digests: tuple[int, ...]) -> set[int]:
        """Those of the digests that are here."""
        repeats = self._recent.intersection(digests)
        for block in self._blocks:
            for digest in digests:
                place = bisect_left(block, digest)
                if place < len(block) and block[place] == digest:
                    repeats.add(digest)
        return repeats


class _Outcome:
    """Where the runs of one outcome begin and end: those that wait, and those that left."""

    def __init__(self) -> None:
        # The run that waits and has this beginning; the runs that wait and end so.
        self.beginnings: dict[int, int] = {}
        self.ends: dict[int, dict[int, None]] = {}
        self.left_beginnings = _Digests()
        self.left_ends = _Digests()

    def enter(self, hashes: _Hashes, number: int) -> None:
        """A run begins to wait."""
        for end in hashes.ends:
            self.ends.setdefault(end, {})[number] = None
        self.beginnings.update(dict.fromkeys(hashes.beginnings, number))

    def taken(self, hashes: _Hashes, number: int) -> None:
        """A run that waited is the beginning of another: nothing ends there any more, and its beginnings are those."""
        for end in hashes.ends:
            numbers = self.ends[end]
            del numbers[number]
            if not numbers:
                del self.ends[end]

    def leave(self, hashes: _Hashes, number: int) -> None:
        """A run has left the window."""
        self.taken(hashes, number)
        for begun in hashes.beginnings:
            if self.beginnings.get(begun) == number:
                del self.beginnings[begun]
        self.left_beginnings.update(hashes.beginnings)
        self.left_ends.update(hashes.ends)


class _Window:
    """Runs that wait, in their order, and the hashes of all that ever came."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._size = 0
        self._number = 0
        self._of: dict[bool | None, _Outcome] = {True: _Outcome(), False: _Outcome(), None: _Outcome()}

    def add(self, item: Item) -> None:
        """The next item: it is taken in by an earlier run, or takes earlier ones in, and waits."""
        number = self._number = self._number + 1
        if isinstance(item, QuarantinedRow):
            self._wait(number, _Waiting(item, len(item.head)))
            return
        hashes = _hashes(item)
        same = [self._of[outcome] for outcome in _SAME[item.success]]
        for known in same:
            longer = self._waiting.get(known.beginnings.get(hashes.whole, 0))
            if longer is not None:
                longer.states, longer.first = longer.states + 1, longer.first or item.source
            if longer is not None or known.left_beginnings.among((hashes.whole,)):
                return
        entry = _Waiting(item, hashes.size, hashes)
        for known in same:
            self._take(entry, hashes, known)
        self._of[item.success].enter(hashes, number)
        self._wait(number, entry)

    def leaving(self, limit: int) -> Iterator[Item]:
        """The first items, until what waits is at most that many bytes."""
        while self._waiting and self._size > limit:
            number = next(iter(self._waiting))
            entry = self._waiting.pop(number)
            self._size -= entry.size
            if isinstance(entry.item, Trajectory) and entry.hashes is not None:
                self._of[entry.item.success].leave(entry.hashes, number)
                if entry.states:
                    note = _REPEATED.format(entry.states, entry.first)
                    entry.item = replace(entry.item, notes=(*entry.item.notes, note))
            yield entry.item

    def _wait(self, number: int, entry: _Waiting) -> None:
        self._waiting[number] = entry
        self._size += entry.size

    def _take(self, entry: _Waiting, hashes: _Hashes, known: _Outcome) -> None:
        """Give the run what it takes from earlier ones that it continues: their count and their thoughts.

        Of one that has left the window only its steps are known: they carry no weight here.
        """
        if not known.ends.keys().isdisjoint(hashes.beginnings):
            for begun in hashes.beginnings:
                for number in list(known.ends.get(begun, ())):
                    self._take_in(entry, number, known)
        left = known.left_ends.among(hashes.beginnings)
        if left and isinstance(entry.item, Trajectory):
            read = (steps for begun, steps in zip(hashes.beginnings, hashes.steps, strict=True) if begun in left)
            entry.item = _weightless(entry.item, max(read))

    def _take_in(self, entry: _Waiting, number: int, known: _Outcome) -> None:
        shorter = self._waiting.pop(number)
        self._size -= shorter.size
        if shorter.hashes is not None:
            known.taken(shorter.hashes, number)
        if isinstance(entry.item, Trajectory) and isinstance(shorter.item, Trajectory):
            entry.states += shorter.states + 1
            entry.first = entry.first or shorter.first or shorter.item.source
            entry.item = _with_thoughts(entry.item, shorter.item)


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
    acted = False
    for step in run.steps:
        data = _begun(step)
        if step.thought and plain is None:
            plain = chain.copy()
        chain.update(data)
        if plain is not None:
            plain.update(data)
            chain.update(step.thought.encode("utf-8", "surrogatepass"))
            size += len(step.thought)
        size += len(data) + _STEP_BYTES
        # No run ends before its agent did anything.
        acted = acted or step.role == "agent"
        if acted:
            beginnings.append(int.from_bytes(chain.digest(), "big"))
            steps.append(step.idx + 1)
        for answer in step.observations:
            data = f"\2{answer.content}".encode("utf-8", "surrogatepass")
            chain.update(data)
            if plain is not None:
                plain.update(data)
            size += len(data) + _ANSWER_BYTES
            if acted:
                beginnings.append(int.from_bytes(chain.digest(), "big"))
                steps.append(step.idx + 1)
    whole = beginnings.pop() if beginnings else 0
    ends = (whole,) if plain is None else (whole, int.from_bytes(plain.digest(), "big"))
    return _Hashes(tuple(beginnings), tuple(steps[: len(beginnings)]), whole, ends, size)


def _begun(step: Step) -> bytes:
    calls = step.call_text if step.tool_calls else ""
    return f"\1{step.role}\0{step.action}\0{calls}".encode("utf-8", "surrogatepass")
