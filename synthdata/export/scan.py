"""The first walk over the pieces: sizes, splits, copies, and what must not leave; texts are not kept."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from synthdata.errors import RefusedError
from synthdata.export.choice import SourceSize, containers, split_of
from synthdata.export.collect import ExportPool, Source, whole_text
from synthdata.export.containers import fields_of, obstacle
from synthdata.export.conversation import count_tokens
from synthdata.export.kinds import HIDDEN, PICTURES, Kind, Row
from synthdata.gate.heldout import HeldOut, Overlap
from synthdata.records.chat import is_weighed_in
from synthdata.settings import ExportSettings

_SHOWN = 5
# A lesson and the step that it teaches can be left out one without the other: the largest set may need that.
_PARTS: tuple[tuple[Kind, ...], ...] = (("sft", "messages"), ("lesson",))


@dataclass
class Scan:
    """What the pieces come to.

    `owners` maps the digest of each row to the piece that is first to have it: the same step of two runs, or of two
    reviews of one, is one row. `dropped` are real runs that overlap with the held-out list, `left_out` counts pieces
    with rows that no trainer could read, by reason, and `pictures` names all that some row may show.
    """

    entries: list[SourceSize] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    owners: dict[bytes, str] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    pictures: set[str] = field(default_factory=set)


def scan(
    pool: ExportPool, heldout: HeldOut, kinds: Sequence[Kind], settings: ExportSettings, progress: Callable[[int], None]
) -> Scan:
    """Walk the pool once.

    Raises:
        RefusedError: an admitted row, or the run it speaks of, overlaps with the held-out list.
    """
    sources, sets = Scan(), containers(frozenset(kinds))
    overlapping: list[tuple[str, str]] = []
    known: dict[str, Overlap | None] = {}
    for piece in pool.pieces():
        progress(1)
        overlap = None if heldout.is_empty else _overlap(piece, heldout, known)
        if overlap is not None:
            if piece.provenance.get("round") is None:
                sources.dropped.add(piece.key)
            else:
                overlapping.append((piece.key, f"{overlap.kind}: {overlap.span}"))
            continue
        _count(piece, kinds, sets, pool.aside, settings, sources)
    if overlapping:
        shown = "; ".join(f"{key} ({what})" for key, what in overlapping[:_SHOWN])
        raise RefusedError(
            f"{len(overlapping)} admitted rows overlap with the held-out list: {shown}. Take them out with "
            "`retract CORPUS --id ID`, then export again"
        )
    return sources


def _overlap(piece: Source, heldout: HeldOut, known: dict[str, Overlap | None]) -> Overlap | None:
    """What the texts of a piece share with the list, else all of its run; of many pieces of a run it is read once."""
    own = next((o for text in piece.told if text and (o := heldout.overlap(text)) is not None), None)
    if own is not None or piece.run is None:
        return own
    if piece.run.id not in known:
        known[piece.run.id] = heldout.overlap(whole_text(piece.run))
    return known[piece.run.id]


def own_rows(piece: Source, kind: Kind, owners: Mapping[bytes, str]) -> list[Row]:
    """The rows of a piece that no piece before it has."""
    return [row for row in piece.rows.get(kind, ()) if owners.get(digest(kind, row)) == piece.key]


def digest(kind: Kind, row: Row) -> bytes:
    """16 bytes that tell rows apart by their columns."""
    columns = {name: value for name, value in row.items() if name not in HIDDEN}
    text = f"{kind} {json.dumps(columns, ensure_ascii=False, sort_keys=True)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def _count(
    piece: Source,
    kinds: Sequence[Kind],
    sets: Mapping[str, tuple[Kind, ...]],
    aside: AbstractSet[str],
    settings: ExportSettings,
    sources: Scan,
) -> None:
    rows: dict[Kind, list[Row]] = {}
    reasons = {piece.obstacle} - {""}
    for kind in kinds:
        held = {id(row): obstacle(row) for row in piece.rows.get(kind, ())}
        reasons |= set(held.values()) - {""}
        made = [(digest(kind, row), row) for row in piece.rows.get(kind, ()) if not held[id(row)]]
        rows[kind] = [row for key, row in made if sources.owners.setdefault(key, piece.key) == piece.key]
        for row in rows[kind]:
            sources.fields |= fields_of(row)
            sources.pictures.update(row.get(PICTURES, {}).values())
    sources.left_out.update(reasons)
    split = split_of(piece.task, aside, settings)
    types: tuple[int, ...] = ()
    if settings.protect_tail and piece.real:
        words = {word for content, _ in piece.views for word in content.lower().split()}
        types = tuple(sorted(zlib.crc32(word.encode()) for word in words))
    if not sets and any(rows.values()):
        sources.entries.append(SourceSize(piece.key, piece.real, split, (), (), types))
    for part in _PARTS if sets else ():
        sizes = [[row for kind in parts if kind in part for row in rows[kind]] for parts in sets.values()]
        if any(sizes):
            tokens = tuple(sum(trained_tokens(row) for row in size) for size in sizes)
            counts = tuple(len(size) for size in sizes)
            sources.entries.append(SourceSize(entry_key(piece.key, part[0]), piece.real, split, counts, tokens, types))


def entry_key(key: str, kind: Kind) -> str:
    """The key under which the imitated rows of a piece are chosen: its lesson apart from its step or text."""
    return f"{key} lesson" if kind == "lesson" else key


def trained_tokens(row: Row) -> int:
    """Tokens of a row that a trainer takes the loss on: the completion, or the turns of weight 1."""
    if "messages" in row:
        return count_tokens([turn for turn in row["messages"] if turn["role"] == "assistant" and is_weighed_in(turn)])
    return count_tokens(row["completion"])
