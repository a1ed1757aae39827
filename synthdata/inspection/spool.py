"""All texts of a path in one temporary file, read again by number: memory holds 24 bytes a text, not the text.

What could not be read is counted by reason, with the place of the first. A shared preamble is cut here on reading.
"""

from __future__ import annotations

import os
import re
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from synthdata.inspection.reading import Text
from synthdata.protocols import Advance, no_advance
from synthdata.records import QuarantinedRow
from synthdata.similarity.preamble import Preamble

_REASONS = 50
_HEARD = 500
_BATCH_CHARS = 1 << 21
_BATCH_ROWS = 4096


@dataclass(frozen=True)
class Unreadable:
    """A reason for which rows could not be used, how many, and the place of the first."""

    reason: str
    rows: int
    first: str


class Spool:
    """Texts by number 0, 1, ... in the order of reading. Close it, or use it as a context: the file is removed then."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the spool
        self._starts = array("Q", [0])
        self._lines = array("Q")
        self._names: dict[str, int] = {}
        self._owners = array("I")
        self._reasons: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self.fields: Counter[str] = Counter()
        self.preamble: Preamble | None = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._lines)

    def fill(self, items: Iterable[Text | QuarantinedRow], progress: Advance = no_advance) -> None:
        """Take in all texts; those that cannot be used are counted by reason."""
        for number, item in enumerate(items, 1):
            if isinstance(item, QuarantinedRow):
                self._refuse(item)
            else:
                data = item.text.encode("utf-8", "replace")
                self._file.write(data)
                self._starts.append(self._starts[-1] + len(data))
                self._lines.append(item.line)
                self._owners.append(self._names.setdefault(item.file, len(self._names)))
                self.fields[item.field] += 1
            if number % _HEARD == 0:
                progress(_HEARD)
        progress((len(self) + self._reasons.total()) % _HEARD)
        self._file.flush()

    def _refuse(self, row: QuarantinedRow) -> None:
        # Place and offending value differ from row to row; what is left names the kind of fault.
        reason = re.sub(r" at (line|byte|column) .*", "", row.reason)
        if reason not in self._first and len(self._first) >= _REASONS:
            reason = "other reasons"
        self._reasons[reason] += 1
        self._first.setdefault(reason, f"{row.file}, row {row.line}: {row.reason}")

    @property
    def unreadable(self) -> list[Unreadable]:
        """The reasons, the most frequent first."""
        order = sorted(self._reasons, key=lambda reason: (-self._reasons[reason], reason))
        return [Unreadable(reason, self._reasons[reason], self._first[reason]) for reason in order]

    def raw(self, i: int) -> str:
        """The text as it was read."""
        start, stop = self._starts[i], self._starts[i + 1]
        return os.pread(self._file.fileno(), stop - start, start).decode("utf-8")

    def text(self, i: int) -> str:
        """The text without the shared preamble, if one was found."""
        return self.raw(i) if self.preamble is None else self.preamble.cut(self.raw(i))

    def texts(self, rows: Iterable[int]) -> list[str]:
        """Several texts."""
        return [self.text(int(i)) for i in rows]

    def place(self, i: int) -> str:
        """File and row of a text, for people."""
        return f"{list(self._names)[self._owners[i]]}, row {self._lines[i]}"

    def batches(self, rows: Sequence[int] | None = None) -> Iterator[tuple[list[int], list[str]]]:
        """Numbers and texts in batches of some megabytes; all of them, or the rows given."""
        numbers: list[int] = []
        texts: list[str] = []
        size = 0
        for i in range(len(self)) if rows is None else rows:
            numbers.append(int(i))
            texts.append(self.text(int(i)))
            size += len(texts[-1])
            if size >= _BATCH_CHARS or len(texts) >= _BATCH_ROWS:
                yield numbers, texts
                numbers, texts, size = [], [], 0
        if texts:
            yield numbers, texts
