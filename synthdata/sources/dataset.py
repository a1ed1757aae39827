"""Data sets in any known shape, from a path or from objects in memory, as candidates: the one reader of all verbs.

Which columns are what is decided once a file, from its first rows (`choice`) and each row's own names (`shapes`), or by
the user's map. `Reading` keeps what was decided and what was left out, so that every verb can say it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from synthdata.errors import InputError
from synthdata.protocols import Pictures, Words
from synthdata.records import Candidate, Origin, QuarantinedRow, canonical_json
from synthdata.settings import RuntimeSettings
from synthdata.sources import message_lines
from synthdata.sources.choice import choose
from synthdata.sources.fields import RowError, as_count, as_name, shortened
from synthdata.sources.files import Row, SourceFile, is_chat, read_rows, refuse
from synthdata.sources.intake import Intake, samples_with_pictures
from synthdata.sources.kept import shown_text
from synthdata.sources.listing import list_data, unread
from synthdata.sources.mapping import ColumnMap
from synthdata.sources.objects import object_rows
from synthdata.sources.picture_parts import COLUMNS
from synthdata.sources.reading import allowed_origin, run_reader
from synthdata.sources.samples import NotASampleError, Sample, samples
from synthdata.sources.shapes import refusal, shape_of
from synthdata.sources.tables import form_of, table_rows
from synthdata.sources.transcripts import is_transcript
from synthdata.sources.worded import chat_with_words
from synthdata.sources.wrapped import chats

HEAD = 200
_SHOWN = 3
# Rows that are asked whether they are runs: the first of a session may be a mere heading.
_LOOKED_AT = 10
_MAX_ROW_BYTES = RuntimeSettings().max_row_bytes
_FIELDS = (
    "id", "source", "licence", "license", "task_id", "trajectory_id", "generator", "origin", "lineage_depth",
    "sample_index", "payload",
)  # fmt: skip
_WRAPPERS = ("data", "rows", "examples", "train")
_PLAIN = ColumnMap("texts")
_CHAT = ColumnMap("chat", messages="messages")


@dataclass
class Reading:
    """What became of an input, filled while it is read: `maps` counts rows by the columns that were taken."""

    maps: Counter[ColumnMap] = field(default_factory=Counter)
    skipped: dict[str, int] = field(default_factory=dict)
    not_samples: Counter[str] = field(default_factory=Counter)
    unread_columns: dict[str, None] = field(default_factory=dict)
    runs: int = 0
    pictures: int = 0
    absent_pictures: int = 0
    #: Turns that look like calls of tools and are text.
    text_calls: int = 0

    def lines(self) -> list[str]:
        """For people: the maps with their rows, columns and files that were not read, rows that are no samples."""
        notes = [f"read as {self.runs:,} agent runs, for contexts of a few of their steps"] if self.runs else []
        notes += [f"read as {mapping} ({rows:,} {_rows(rows)})" for mapping, rows in self.maps.most_common()]
        if self.unread_columns:
            notes.append("columns not read: " + ", ".join(shortened(name, 60) for name in self.unread_columns))
        notes += [f"pictures kept: {self.pictures:,}"] if self.pictures else []
        if self.absent_pictures:
            notes.append(f"pictures named but not beside the file: {self.absent_pictures:,} (their rows keep the name)")
        if self.text_calls:
            notes.append(
                f"turns that look like calls of tools, which nothing defines or answers: {self.text_calls:,} (text)"
            )
        notes += [f"not samples: {rows:,} {_rows(rows)}: {reason}" for reason, rows in self.not_samples.most_common()]
        return [*notes, unread(self.skipped)] if self.skipped else notes

    def facts(self) -> dict[str, Any]:
        """The same as plain JSON, as it is stored with a corpus."""
        maps = [{"shape": m.shape, "given": m.given, "rows": n, "columns": m.roles} for m, n in self.maps.most_common()]
        seen = {"pictures": self.pictures, "absent_pictures": self.absent_pictures, "text_calls": self.text_calls}
        left = {"runs": self.runs, **seen, "not_samples": dict(self.not_samples), "files_not_read": self.skipped}
        return {"maps": maps, "columns_not_read": list(self.unread_columns), **left}


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


@dataclass(frozen=True, slots=True)
class Found:
    """A sample with the row that it comes from and the map by which it was read."""

    row: Row
    sample: Sample
    mapping: ColumnMap


def read_candidates(
    path: Path | str | object,
    *,
    origin: Origin,
    max_row_bytes: int = _MAX_ROW_BYTES,
    mapping: ColumnMap | None = None,
    reading: Reading | None = None,
    pictures: Pictures | None = None,
    words: Words | None = None,
) -> Iterator[Candidate | QuarantinedRow]:
    """All candidates of a file or folder in the order of name and row, or of objects in memory.

    `occurrence` counts the earlier rows of this input that give the same candidate. `source` is the row's own, else the
    file's name relative to `path`. Rows that say that they must not be learnt are counted in `reading` and left out.
    Pictures go to `pictures`, and stand as parts in the chats that they are of; without one they stay as they came.
    `words` reads those of which the row says nothing.

    Raises:
        InputError: nothing there, a damaged file, no usable row at all, columns that are not clear, agent runs instead
            of samples, or a row that calls itself real while `origin` does not.
    """
    seen: Counter[str] = Counter()
    first: list[QuarantinedRow] = []
    reading = Reading() if reading is None else reading
    for sample in read_samples(
        path, max_row_bytes=max_row_bytes, mapping=mapping, reading=reading, pictures=pictures, words=words
    ):
        item = sample if isinstance(sample, QuarantinedRow) else _candidate(sample, origin)
        if isinstance(item, Candidate):
            before = seen[item.id]
            seen[item.id] += 1
            item = replace(item, occurrence=before) if before else item
        elif len(first) < _SHOWN:
            first.append(item)
        yield item
    if not seen:
        raise InputError(_nothing(path, first, reading))


def read_samples(
    path: Path | str | object,
    *,
    max_row_bytes: int,
    mapping: ColumnMap | None,
    reading: Reading,
    pictures: Pictures | None = None,
    words: Words | None = None,
) -> Iterator[Found | QuarantinedRow]:
    """The samples of a path or of objects in memory, and the rows that cannot be used.

    Raises:
        InputError: as `read_candidates`, but for an input without any usable row.
    """
    for found in _found(path, max_row_bytes, mapping, reading, pictures):
        yield found if words is None or isinstance(found, QuarantinedRow) else _worded(found, words)


def _worded(found: Found, words: Words) -> Found:
    before = found.sample.chat
    chat = None if before is None else chat_with_words(before, words)
    if chat is None or chat is before:
        return found
    return replace(found, sample=replace(found.sample, content=chat.content, context=chat.context, chat=chat))


def _found(
    path: Path | str | object,
    max_row_bytes: int,
    mapping: ColumnMap | None,
    reading: Reading,
    pictures: Pictures | None,
) -> Iterator[Found | QuarantinedRow]:
    if not isinstance(path, Path | str):
        rows = _taken(object_rows(path, max_row_bytes), pictures, None, reading)
        yield from _of_rows("the rows given", rows, mapping, reading, alone=True)
        return
    listing = list_data(path)
    reading.skipped.update(listing.skipped)
    for file in listing.files:
        try:
            yield from _of_file(file, max_row_bytes, mapping or listing.maps.get(file.name), reading, pictures)
        except InputError as error:
            if file.alone:
                raise
            yield QuarantinedRow(file.name, 0, str(error).removeprefix(f"{file.name}: "))


def file_rows(
    file: SourceFile, max_row_bytes: int, columns: Iterable[str] = ()
) -> Generator[Row | QuarantinedRow, None, None]:
    """The rows of one data file in whatever form; a document that is one wrapped list gives the items of the list."""
    if file.kind in ("eval", "protobuf") or is_transcript(file):
        yield refuse(file, f"these are agent runs, not samples: give them to `synthdata run CORPUS {file.name}`")
        return
    if form_of(file.name):
        yield from table_rows(file, max_row_bytes, frozenset(columns))
        return
    for row in read_rows(file, max_row_bytes):
        items = _unwrapped(row.value) if isinstance(row, Row) and row.line == 1 and file.kind == "document" else None
        if items is None:
            yield row
        else:
            yield from (Row(file.name, number, item) for number, item in enumerate(items, 1))


def _unwrapped(value: object) -> list[Any] | None:
    """The rows in an object of a few keys that says `data`, `rows`, `examples` or `train`."""
    if not isinstance(value, dict) or len(value) > 4:
        return None
    for name in _WRAPPERS:
        items = value.get(name)
        if (
            isinstance(items, list)
            and items
            and all(isinstance(item, dict) for item in items)
            and "role" not in items[0]
        ):
            # The rows of the hub's viewer stand one level deeper.
            return [item["row"] if isinstance(item.get("row"), dict) else item for item in items]
    return None


def _of_file(
    file: SourceFile, max_row_bytes: int, mapping: ColumnMap | None, reading: Reading, pictures: Pictures | None
) -> Iterator[Found | QuarantinedRow]:
    rows = file_rows(file, max_row_bytes)
    opened = rows if mapping is not None else _opened(rows)
    head = list(islice(opened, HEAD))
    mapper = Mapper(file.name, head, mapping)
    if form_of(file.name) in ("parquet", "arrow") and mapper.columns:
        # Columns of vectors cost much, and nothing is read of them; neither is of pictures that nobody keeps.
        rows.close()
        seen = COLUMNS if pictures is not None else ()
        opened, head = file_rows(file, max_row_bytes, (*mapper.columns, *_FIELDS, *seen)), []
    taken = _taken(chain(head, opened), pictures, file.path.parent, reading)
    yield from _mapped(taken, mapper, reading)


def _taken(
    rows: Iterator[Row | QuarantinedRow], pictures: Pictures | None, folder: Path | None, reading: Reading
) -> Iterator[Row | QuarantinedRow]:
    """The rows with their pictures kept, where they are."""
    if pictures is None:
        yield from rows
        return
    intake = Intake(pictures, folder)
    yield from samples_with_pictures(rows, intake)
    reading.pictures += intake.taken
    reading.absent_pictures += intake.absent


def _opened(rows: Iterable[Row | QuarantinedRow]) -> Iterator[Row | QuarantinedRow]:
    """The rows, with chats in the place of what a service or a chat program put around them."""
    for row in rows:
        inner = chats(row.value) if isinstance(row, Row) else []
        if isinstance(row, Row) and inner:
            yield from (Row(row.file, row.line, item, row.size, row.repaired) for item in inner)
        else:
            yield row


def _of_rows(
    name: str, rows: Iterator[Row | QuarantinedRow], mapping: ColumnMap | None, reading: Reading, alone: bool
) -> Iterator[Found | QuarantinedRow]:
    head = list(islice(rows, HEAD))
    yield from _mapped(chain(head, rows), Mapper(name, head, mapping), reading)


class Mapper:
    """The map of each row of one file: the user's; else the row's own, where its names are plain; else the file's.

    Raises:
        InputError: it is not clear which column is the text, or the rows are runs or no samples at all.
    """

    def __init__(self, file: str, head: list[Row | QuarantinedRow], given: ColumnMap | None) -> None:
        values = [row.value for row in head if isinstance(row, Row)]
        self._given = given
        self._own: dict[tuple[tuple[str, str], ...], ColumnMap | RowError | None] = {}
        objects = [value for value in values if isinstance(value, dict)]
        self.file_map = given
        self.unread: tuple[str, ...] = ()
        if given is None:
            runs = next((name for name in map(run_reader, values[:_LOOKED_AT]) if name), "")
            if runs:
                cure = f"`synthdata run CORPUS {file}`"
                if runs == message_lines.NAME:
                    cure += "; for samples write the messages of one conversation as a list, `messages`, in one row"
                raise InputError(f"{file}: these are agent runs ({runs}), not samples: {cure}")
            self.file_map = choose(file, values)
        elif given.given:
            _check_given(file, objects, given)
        maps = {str(self._lookup(value)) for value in objects}
        #: The columns that are read, where all of the first rows are read alike; empty where they are not.
        self.columns = self.file_map.columns if self.file_map is not None and len(maps) == 1 else ()
        self.columns = tuple(name for path in self.columns for name in (path, path.partition(".")[0]))
        if self.columns:
            names = dict.fromkeys(str(key) for value in objects for key in value)
            self.unread = tuple(name for name in names if name not in self.columns and name not in _FIELDS)

    def of(self, value: object) -> ColumnMap:
        """The map of a row.

        Raises:
            RowError: no map fits it.
        """
        if isinstance(value, str):
            return _PLAIN
        if is_chat(value) or (isinstance(value, list) and value and isinstance(value[0], dict) and "from" in value[0]):
            return _CHAT
        if not isinstance(value, dict):
            raise RowError("not an object with columns, a text or a chat")
        known_map = self._lookup(value)
        if isinstance(known_map, RowError):
            raise known_map
        if known_map is None:
            names = ", ".join(f"`{shortened(str(name), 60)}`" for name in list(value)[:8])
            raise RowError(refusal(value) or f"no text in it that is known; its columns are {names or 'none'}")
        return known_map

    def _lookup(self, value: dict[str, Any]) -> ColumnMap | RowError | None:
        if self._given is not None:
            return self._given
        signature = tuple((key, _type(item)) for key, item in value.items() if item is not None)
        if signature not in self._own:
            try:
                self._own[signature] = shape_of(value)
            except RowError as error:
                self._own[signature] = error
        return self._own[signature] or self.file_map


def _type(value: object) -> str:
    if isinstance(value, str):
        return "json" if value[:1] in "[{" else "text"
    if isinstance(value, list):
        return f"list of {type(value[0]).__name__ if value else 'nothing'}"
    return type(value).__name__


def _check_given(file: str, objects: list[dict[str, Any]], given: ColumnMap) -> None:
    names = list(dict.fromkeys(str(key) for value in objects for key in value))
    if not objects:
        return
    for path in given.columns:
        if path not in names and path.partition(".")[0] not in names:
            has = ", ".join(f"`{shortened(name, 60)}`" for name in names[:20]) or "no column at all"
            raise InputError(f"{file}: no row has the column `{path}` that --map names; the first rows have {has}")


def _mapped(rows: Iterable[Row | QuarantinedRow], mapper: Mapper, reading: Reading) -> Iterator[Found | QuarantinedRow]:
    reading.unread_columns.update(dict.fromkeys(mapper.unread))
    for row in rows:
        if isinstance(row, QuarantinedRow):
            yield row
            continue
        if row.repaired:
            yield row.quarantined(row.repaired[0])
            continue
        try:
            mapping = mapper.of(row.value)
            mapped = [Found(row, sample, mapping) for sample in _samples(row.value, mapping)]
        except NotASampleError as error:
            reading.not_samples[str(error)] += 1
        except (RowError, RecursionError) as error:
            yield row.quarantined(str(error))
        else:
            reading.maps[mapping] += 1
            reading.text_calls += sum(found.sample.left for found in mapped)
            yield from mapped


def _samples(value: object, mapping: ColumnMap) -> Iterable[Sample]:
    if isinstance(value, str):
        return [Sample(value)]
    return samples(value if isinstance(value, dict) else {"messages": value}, mapping)


def _candidate(mapped: Found, origin: Origin) -> Candidate | QuarantinedRow:
    row, sample = mapped.row, mapped.sample
    value = row.value if isinstance(row.value, dict) else {}
    own = mapped.mapping.shape == "candidates"
    stated_origin = value.get("origin")
    known = Origin(stated_origin) if isinstance(stated_origin, str) and stated_origin in list(Origin) else None
    if stated_origin is not None and own and known is None:
        return row.quarantined(f"`origin` must be one of {', '.join(Origin)}")
    try:
        fields: dict[str, Any] = {
            "external_id": _name(value, "id", own),
            "origin": origin if known is None else allowed_origin(known, origin, row),
            "source": _name(value, "source", own) or row.file,
            "licence": _name(value, "licence", own) or _name(value, "license", False),
            "task_id": _name(value, "task_id", own),
            "trajectory_id": _name(value, "trajectory_id", own),
            "lineage_depth": _count(value, "lineage_depth", 1),
            "generator": _name(value, "generator", own),
            "sample_index": _count(value, "sample_index", sample.index),
            "payload": "" if value.get("payload") is None else shown_text(canonical_json(value["payload"])),
        }
    except RowError as error:
        return row.quarantined(str(error))
    if sample.chat is not None:
        return Candidate.of_chat(sample.chat, **fields)
    return Candidate(shown_text(sample.content), shown_text(sample.context), **fields)


def _name(value: dict[str, Any], key: str, strict: bool) -> str:
    """A short text of the row; in a data set of another shape a column of that name may hold anything."""
    item = value.get(key)
    if not strict and (isinstance(item, bool) or not isinstance(item, str | int)):
        return ""
    return as_name(item, key)


def _count(value: dict[str, Any], key: str, absent: int) -> int:
    number = as_count(value.get(key), key)
    return absent if number is None else number


def _nothing(path: object, first: list[QuarantinedRow], reading: Reading) -> str:
    name = path if isinstance(path, Path | str) else "the rows given"
    if reading.not_samples:
        return f"{name}: no usable sample: {'; '.join(reading.lines())}"
    groups: dict[str, QuarantinedRow] = {}
    for row in first:
        groups.setdefault(row.reason, row)
    shown = (
        "\n".join(f"  {row.file}, line {row.line}: {row.reason}" for row in groups.values())
        or "  there is no row in it"
    )
    advice = "say --map content=COLUMN, or see `synthdata docs formats`"
    return f"{name}: no usable sample. The first reason:\n{shown}\n{advice}"
