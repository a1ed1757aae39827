"""Which rows are written: split by task, then the largest set that keeps the real share and the wishes of the caller.

Sizes alone are looked at, never texts; every order is a seeded function of keys. The share is held in each container
that is trained on by itself, by rows and by trained tokens (docs/export.md).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, NamedTuple

from synthdata.errors import RefusedError
from synthdata.export.kinds import Kind
from synthdata.records import content_hash
from synthdata.settings import ExportSettings
from synthdata.text.numbers import percent

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_ORDER_BITS = 16


class SourceSize(NamedTuple):
    """One source of rows: its key, whether it counts as real, its split, and rows and trained tokens by container."""

    key: str
    real: bool
    split: Split
    rows: tuple[int, ...]
    tokens: tuple[int, ...]
    types: tuple[int, ...] = ()


@dataclass(frozen=True)
class ExportLimits:
    """What the caller asks for beside the settings: `tokens` trained at most, `mix` the share of them that is real."""

    tokens: int | None = None
    mix: float | None = None
    exact: bool = False


@dataclass(frozen=True)
class Choice:
    """The keys to write, what was left out and why, and the train split's real share by container as (rows, tokens)."""

    keys: frozenset[str]
    notes: tuple[str, ...]
    shares: dict[str, tuple[float, float]]
    train_rows: int


def containers(kinds: AbstractSet[Kind]) -> dict[str, tuple[Kind, ...]]:
    """The sets of kinds that a trainer would mix, by name: `messages` holds the rows of `sft` in another form."""
    lesson: tuple[Kind, ...] = ("lesson",) if "lesson" in kinds else ()
    forms: tuple[Kind, ...] = ("sft", "messages")
    made: dict[str, tuple[Kind, ...]] = {name: (name, *lesson) for name in forms if name in kinds}
    return made or ({"lesson": lesson} if lesson else {})


def split_of(task: str, aside: AbstractSet[str], settings: ExportSettings) -> Split:
    """The split of all rows of a task: test for tasks that calibration set aside, else by a seeded hash of the task."""
    if task in aside:
        return "test"
    place = int(content_hash(str(settings.seed), task, length=13), 16) / float(1 << 52)
    if place < settings.test_share:
        return "test"
    return "validation" if place < settings.test_share + settings.validation_share else "train"


def choose(
    entries: Sequence[SourceSize], names: Sequence[str], settings: ExportSettings, wishes: ExportLimits
) -> Choice:
    """The entries to write; those of validation and test all stay.

    Without `mix` every real row is taken: what is trained accumulates. With it real rows are drawn until the share is
    reached. Where there is too little real data, rows that are not real are left out until the share holds.

    Raises:
        RefusedError: rows had to be left out and `exact` was asked for, or fewer than `min_rows` are left to train on.
    """
    train = [entry for entry in entries if entry.split == "train"]
    real = _ordered([e for e in train if e.real], settings)
    other = _ordered([e for e in train if not e.real], settings, rare_first=False)
    share = max(settings.real_share, wishes.mix or 0.0) if names else 0.0
    notes: list[str] = []
    if wishes.tokens is not None:
        natural = _tokens(real) / max(1, _tokens(real) + _tokens(other))
        other = _within(other, round((1 - max(share, natural)) * wishes.tokens))
        real = _within(real, wishes.tokens - _tokens(other))
        notes.append(f"--tokens {wishes.tokens}: {_tokens(real) + _tokens(other)} trained tokens drawn")
    kept = _shrunk(real, other, share, len(names))
    if wishes.mix is not None:
        real = _until(real, kept, share, len(names))
    if len(kept) < len(other):
        left_out = len(other) - len(kept)
        why = f"{left_out} of {len(other)} rows that are not real left out, so that {percent(share)} is real"
        if wishes.exact:
            raise RefusedError(f"{why}; --exact forbids that: add successful real runs, or ask for less")
        notes.append(f"the largest set that keeps the real share: {why}, by rows and by trained tokens")
    chosen = [*real, *kept]
    left = max((sum(e.rows[i] for e in chosen) for i in range(len(names))), default=len(chosen))
    least = max(1, settings.min_rows)
    if left < least:
        raise RefusedError(
            f"{left} rows can be trained on with a real share of {percent(share)} ({len(real)} real and "
            f"{len(other)} other sources in the train split), an export needs {least}; add successful real runs, or "
            "run more rounds and see `status` for what starves them"
        )
    shares = {name: _share(real, chosen, i) for i, name in enumerate(names)}
    rest = [entry.key for entry in entries if entry.split != "train"]
    return Choice(frozenset([*(e.key for e in chosen), *rest]), tuple(notes), shares, left)


def rare_types(counts: Mapping[int, int], share: float) -> frozenset[int]:
    """The word types that make up the rarest `share` of running words (section 7 of the mixing experiments)."""
    total, seen, rare = sum(counts.values()), 0, []
    for word, count in sorted(counts.items(), key=lambda pair: (pair[1], pair[0])):
        seen += count
        if seen > share * total:
            break
        rare.append(word)
    return frozenset(rare)


def _ordered(entries: Sequence[SourceSize], settings: ExportSettings, *, rare_first: bool = True) -> list[SourceSize]:
    seeded = sorted(entries, key=lambda e: (content_hash(str(settings.seed), e.key, length=_ORDER_BITS), e.key))
    return _rare_first(seeded, settings.rare_share) if settings.protect_tail and rare_first else seeded


def _rare_first(entries: list[SourceSize], share: float) -> list[SourceSize]:
    """Greedy order by rare word types not shown yet: a type adds 1 / (1 + times it was drawn before).

    Gains only ever fall, so a stale one in the heap is an upper bound and is recomputed when it comes up.
    """
    rare = rare_types(Counter(word for entry in entries for word in entry.types), share)
    own = [[word for word in entry.types if word in rare] for entry in entries]
    used: Counter[int] = Counter()
    heap = [(-float(len(words)), i) for i, words in enumerate(own)]
    heapq.heapify(heap)
    order = []
    while heap:
        stale, i = heapq.heappop(heap)
        gain = sum(1 / (1 + used[word]) for word in own[i])
        if heap and -gain > heap[0][0] and -gain > stale:
            heapq.heappush(heap, (-gain, i))
            continue
        used.update(own[i])
        order.append(entries[i])
    return order


def _shrunk(real: Sequence[SourceSize], other: Sequence[SourceSize], share: float, containers: int) -> list[SourceSize]:
    """The most entries of `other` that leave `share` real: a uniform draw where that fits, else the shortest."""
    if not containers or share <= 0:
        return list(other)
    ratio = (1 - share) / share
    limits = [ratio * sum(e.rows[i] for e in real) for i in range(containers)]
    limits += [ratio * sum(e.tokens[i] for e in real) for i in range(containers)]
    shortest = _fitting(sorted(other, key=lambda e: (sum(e.tokens), sum(e.rows))), limits)
    uniform = _fitting(other, limits)
    return uniform if len(uniform) >= len(shortest) else shortest


def _fitting(entries: Sequence[SourceSize], limits: Sequence[float]) -> list[SourceSize]:
    """The longest beginning within all limits (rows by container, then tokens by container)."""
    sums = [0] * len(limits)
    for count, entry in enumerate(entries):
        sums = [total + size for total, size in zip(sums, (*entry.rows, *entry.tokens), strict=True)]
        if any(total > limit for total, limit in zip(sums, limits, strict=True)):
            return list(entries[:count])
    return list(entries)


def _within(entries: Sequence[SourceSize], tokens: int) -> list[SourceSize]:
    width = len(entries[0].tokens) if entries else 0
    return _fitting(entries, [float("inf")] * width + [float(tokens)] * width)


def _until(real: Sequence[SourceSize], other: Sequence[SourceSize], share: float, containers: int) -> list[SourceSize]:
    """The shortest beginning of `real` with which `share` is real in every container, by rows and by tokens."""
    ratio = share / (1 - share) if share < 1 else float("inf")
    wanted = [ratio * sum(e.rows[i] for e in other) for i in range(containers)]
    wanted += [ratio * sum(e.tokens[i] for e in other) for i in range(containers)]
    sums = [0] * len(wanted)
    for count, entry in enumerate(real):
        if all(total >= want for total, want in zip(sums, wanted, strict=True)):
            return list(real[:count])
        sums = [total + size for total, size in zip(sums, (*entry.rows, *entry.tokens), strict=True)]
    return list(real)


def _tokens(entries: Sequence[SourceSize]) -> int:
    """Trained tokens of the first container."""
    return sum(entry.tokens[0] for entry in entries if entry.tokens)


def _share(real: Sequence[SourceSize], chosen: Sequence[SourceSize], i: int) -> tuple[float, float]:
    rows, tokens = sum(e.rows[i] for e in chosen), sum(e.tokens[i] for e in chosen)
    return sum(e.rows[i] for e in real) / max(1, rows), sum(e.tokens[i] for e in real) / max(1, tokens)
