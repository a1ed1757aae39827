"""The second walk over the pieces: chosen rows without personal data, into every container, with their provenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synthdata.export.answers import answers_nothing
from synthdata.export.choice import SPLITS, Split
from synthdata.export.collect import Source
from synthdata.export.containers import IMAGES, Jsonl, ParquetShards
from synthdata.export.conversation import Message, is_longer
from synthdata.export.dialects import (
    DialectError,
    images_of,
    nanochat,
    openai,
    sharegpt,
    sharegpt_kto,
    sharegpt_preference,
)
from synthdata.export.gallery import Gallery, paths
from synthdata.export.kinds import AS_CAME, IMITATED, KINDS, PICTURES, STEP, Kind, Row
from synthdata.export.pictures import SEEN, as_came_with_urls, in_words, with_parts, with_tokens
from synthdata.export.scan import Scan, entry_key, own_rows
from synthdata.export.stubs import MAX_LENGTH
from synthdata.protocols import Redactor
from synthdata.records import Trajectory
from synthdata.text.redaction import SECRET, Pseudonyms, redact_row, run_labels, run_texts, without_secrets

LATE_SYSTEM = "a system's turn that is not the first"
STRAY_ANSWER = "an answer of a tool that nothing called"
SEVERAL_CALLS = "several calls in one turn"
# Rows of a round stand in the gate's order, not by run; what is known of a run is its few values that must not leave.
_KEPT_RUNS = 4096
_PROVENANCE = (
    "id", "external_id", "origin", "trajectory_id", "task_id", "source", "licence", "generator", "prompt_sha256",
    "sample_index", "lineage_depth", "round", "position", "cell", "judged",
)  # fmt: skip
_WHOLE = ("sample_index", "lineage_depth", "round", "position", "cell")
PROVENANCE = "provenance.parquet"


@dataclass
class Written:
    """What the walk wrote: rows by kind and split, by file, by source, redactions by kind, and the keys written.

    `unheld` counts rows that a dialect cannot hold, by dialect and reason; `over_length` rows by kind that are longer
    than the configs' `max_length`, as far as words and bytes tell; `answers_first` rows by kind in which the assistant
    speaks before any user; `odd_turns` rows with a turn that some templates stop at or cut, by reason and kind.
    """

    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    sources: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    unheld: Counter[tuple[str, str]] = field(default_factory=Counter)
    over_length: Counter[str] = field(default_factory=Counter)
    answers_first: Counter[str] = field(default_factory=Counter)
    odd_turns: Counter[tuple[str, str]] = field(default_factory=Counter)


class Writer:
    """Containers that open with their first row; the survey says which fields and which copies there are.

    `keys` are the entries whose imitated rows are wanted; rows of other kinds are written for every piece.
    """

    def __init__(
        self,
        folder: Path,
        kinds: Sequence[Kind],
        survey: Scan,
        keys: AbstractSet[str],
        keep_personal_data: bool,
        redactors: Sequence[Redactor] = (),
        gallery: Gallery | None = None,
    ) -> None:
        self.done = Written()
        # No pictures leave where none of the rows has any, whatever was asked for.
        self._gallery = gallery if gallery is not None and gallery.exported and IMAGES in survey.fields else None
        self._words = gallery.worded if gallery is not None else Counter()
        fields = survey.fields if self._gallery is not None else survey.fields - {IMAGES}
        self._folder, self._kinds, self._fields, self._wanted = folder, kinds, fields, keys
        self._owners, self._dropped, self._keep = survey.owners, survey.dropped, keep_personal_data
        self._parquet: dict[tuple[Kind, Split], ParquetShards] = {}
        self._jsonl: dict[str, Jsonl] = {}
        self._redactors = tuple(redactors)
        self._runs: dict[str, Pseudonyms] = {}
        self._provenance = _ProvenanceFile(folder / PROVENANCE)

    def add(self, piece: Source, split: Split) -> dict[Kind, int]:
        """Write the rows of a piece that are wanted and not there yet; how many of each kind that were."""
        counts: dict[Kind, int] = {}
        if piece.key in self._dropped:
            return counts
        hide = self._hiding(self._known(piece))
        # Names of files, licences and tasks leave in provenance, manifest and card.
        piece = replace(piece, provenance={name: _plain(value) for name, value in piece.provenance.items()})
        for kind in self._kinds:
            if kind in IMITATED and entry_key(piece.key, kind) not in self._wanted:
                continue
            for row in own_rows(piece, kind, self._owners):
                self._row(piece, kind, split, hide(row))
                counts[kind] = counts.get(kind, 0) + 1
        if counts:
            self.done.keys.add(piece.key)
            shown = piece.provenance
            self.done.sources[shown.get("source") or "", shown.get("licence") or "", shown["origin"]] += 1
        return counts

    def look(self, piece: Source) -> None:
        """Hold the pictures of a piece against its texts, before the first of any piece leaves."""
        if self._gallery is not None:
            self._gallery.compare([row for rows in piece.rows.values() for row in rows], self._known(piece))

    def close(self) -> Written:
        """End all files."""
        for shards in self._parquet.values():
            self.done.files |= shards.close()
        for file in self._jsonl.values():
            self.done.files |= file.close()
        self.done.files[PROVENANCE] = self._provenance.close()
        rows = self.done.rows
        for kind in (kind for kind in KINDS if kind in rows):
            splits = rows.pop(kind)
            rows[kind] = {split: splits[split] for split in SPLITS if split in splits}
        return self.done

    def _row(self, piece: Source, kind: Kind, split: Split, row: Row) -> None:
        step = row.pop(STEP, None)
        place = (kind, split)
        if place not in self._parquet:
            self._parquet[place] = ParquetShards(self._folder / kind, split, kind, self._fields)
        number = self._parquet[place].rows
        if self._gallery is None or kind not in SEEN:
            row, count = in_words(row)
            self._words[kind] += count
            self._parquet[place].add(row)
            self._line(f"jsonl/{kind}.{split}.jsonl", row)
            self._dialects(kind, split, row)
        else:
            self._pictured(self._gallery, kind, split, row)
        if is_longer(row, MAX_LENGTH):
            self.done.over_length[kind] += 1
        if answers_first(row):
            self.done.answers_first[kind] += 1
        self.done.odd_turns.update((reason, kind) for reason in odd_turns(row))
        self._provenance.add({"kind": kind, "split": split, "row": number, "step": step} | piece.provenance)
        by_split = self.done.rows.setdefault(kind, {})
        by_split[split] = by_split.get(split, 0) + 1

    def _pictured(self, gallery: Gallery, kind: Kind, split: Split, row: Row) -> None:
        """A row of an export with pictures: as parts and images for TRL, and in each dialect as it has them."""
        row = gallery.without_withheld(kind, row)
        parts, names = with_parts(row)
        self._words[kind] += in_words(row)[1] - len(names)
        self._parquet[kind, split].add(parts | {IMAGES: gallery.cells(kind, names)})
        self._line(f"jsonl/{kind}.{split}.jsonl", parts | {IMAGES: paths(names)})
        tokens, order = with_tokens(row)
        came = as_came_with_urls(row, gallery.picture_store) if kind == "messages" else None
        self._dialects(kind, split, tokens | {IMAGES: paths(order)}, came)

    def _dialects(self, kind: Kind, split: Split, row: Row, came: Row | None = None) -> None:
        """The row in every dialect that can hold it; `came` is its other form for the dialect that wants that."""
        for dialect, write in _DIALECTS.get(kind, {}).items():
            try:
                self._line(_dialect_file(dialect, kind, split), write(came if came and dialect == "openai" else row))
            except DialectError as reason:
                self.done.unheld[dialect, str(reason)] += 1

    def _line(self, name: str, row: Mapping[str, Any]) -> None:
        if name not in self._jsonl:
            self._jsonl[name] = Jsonl(self._folder / name)
        self._jsonl[name].add(row)

    def _known(self, piece: Source) -> list[Pseudonyms]:
        """Placeholders are those of the run; what only the texts beside it show, as a made-up name, comes after."""
        known = [self._of_run(piece.run)] if piece.run is not None else []
        if piece.told:
            known.append(Pseudonyms.of(piece.told, self._redactors))
        return [one.only(SECRET) if self._keep else one for one in known]

    def _hiding(self, known: Sequence[Pseudonyms]) -> Callable[[Row], Row]:
        # The rows of a piece share most of their turns.
        hiding = [(one, dict[str, tuple[str, Counter[str]]]()) for one in known if one.placeholders]

        def hide(row: Row) -> Row:
            source = {AS_CAME: row.pop(AS_CAME)} if AS_CAME in row else {}
            # Names of files are hashes, which must stay what they are.
            names = {PICTURES: row.pop(PICTURES)} if PICTURES in row else {}
            for one, seen in hiding:
                row, hits = redact_row(row, one, seen)
                self.done.redacted.update(hits)
                # The same turns once more, as they came: counted once.
                source, _ = redact_row(source, one, seen)
            return row | source | names

        return hide

    def _of_run(self, run: Trajectory) -> Pseudonyms:
        if run.id not in self._runs:
            if len(self._runs) >= _KEPT_RUNS:
                self._runs.pop(next(iter(self._runs)))
            self._runs[run.id] = Pseudonyms.of(run_texts(run), self._redactors, run_labels(run))
        return self._runs[run.id]


def _plain(value: object) -> object:
    return without_secrets(value) if isinstance(value, str) else value


class _ProvenanceFile:
    """Where each row comes from, in the order in which rows were written."""

    def __init__(self, path: Path) -> None:
        self._path, self._rows = path, 0
        self._writer: Any = None
        self._waiting: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._waiting.append({name: row.get(name) for name in ("kind", "split", "row", "step", *_PROVENANCE)})
        self._rows += 1
        if len(self._waiting) >= 4096:
            self._flush()

    def close(self) -> int:
        self._flush()
        if self._writer is not None:
            self._writer.close()
        return self._rows

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        whole = {"row", "step", *_WHOLE}
        schema = pa.schema(
            [
                (name, pa.int64() if name in whole else pa.string())
                for name in ("kind", "split", "row", "step", *_PROVENANCE)
            ]
        )
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, schema)
        self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=schema))
        self._waiting = []


def answers_first(row: Row) -> bool:
    """Whether the assistant speaks before any user does, as where it greets."""
    roles = [turn["role"] for turn in _turns(row) if turn["role"] != "system"]
    return roles[:1] == ["assistant"]


def odd_turns(row: Row) -> Iterator[str]:
    """What in a row of turns some chat templates stop at, or drop."""
    turns = _turns(row)
    if any(turn["role"] == "system" for turn in turns[1:]):
        yield LATE_SYSTEM
    if answers_nothing(turns):
        yield STRAY_ANSWER
    if any(len(turn.get("tool_calls") or ()) > 1 for turn in turns):
        yield SEVERAL_CALLS


def _turns(row: Row) -> list[Message]:
    columns = ("messages",) if "messages" in row else ("prompt", "completion", "chosen")
    return [turn for column in columns for turn in row.get(column) or () if isinstance(turn, dict)]


def _sft_sharegpt(row: Row) -> Row:
    return sharegpt(row["prompt"], row["completion"][0], row.get("tools", ())) | images_of(row)


# How a row of a kind reads in another dialect; each is refused where the dialect cannot hold it.
_DIALECTS: dict[Kind, dict[str, Callable[[Row], Row]]] = {
    "sft": {"llamafactory": _sft_sharegpt},
    "preference": {"llamafactory": sharegpt_preference},
    "kto": {"llamafactory": sharegpt_kto},
    "messages": {"openai": openai, "nanochat": nanochat},
}


def _dialect_file(dialect: str, kind: Kind, split: Split) -> str:
    return f"llamafactory/{kind}.{split}.jsonl" if dialect == "llamafactory" else f"{dialect}/{split}.jsonl"
