"""The chain of seals: what each write put into the corpus, said twice, so that nothing can go or change unseen.

`seals/ahead.jsonl` gets a line before a write, `seals/done.jsonl` the same line after it. So a kill leaves at most one
line that stands in the first file alone, and the corpus itself shows whether that write took place. Each line holds the
hash of the line before it. Rows are sealed by their content, not by the files that they lie in.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from synthdata.errors import CorruptStoreError
from synthdata.io.files import atomic_write, own_file, parsed_json
from synthdata.io.refusals import unless_refused
from synthdata.records import canonical_json

FOLDER, AHEAD, DONE = "seals", "ahead.jsonl", "done.jsonl"
REPAIR = "`verify CORPUS --repair` restores what can be proven, else restore it from a copy"


@dataclass(frozen=True)
class Seal:
    """One write. Of rows: table, its version after the write, and the rows whose key lies from `low` to `high`.

    `rows` and `digest` are those of all rows of that range after the write. Of files: their sha256 by path in the
    corpus, empty where the file was removed. `found` says that the content was older than the seals, and was sealed as
    it was found.
    """

    number: int
    before: str
    table: str = ""
    version: int = 0
    low: int = 0
    high: int = 0
    rows: int = 0
    digest: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    found: bool = False

    @property
    def line(self) -> str:
        """The seal as it stands in both files, without the newline."""
        return canonical_json(asdict(self))

    @property
    def hash(self) -> str:
        """What the next seal calls the one before it."""
        return hashlib.sha256(self.line.encode()).hexdigest()


@dataclass(frozen=True)
class Seals:
    """The seals of all writes that ended, and the one of a write that may not have ended."""

    done: tuple[Seal, ...]
    pending: Seal | None = None

    def files(self, under: str = "") -> dict[str, str]:
        """The sha256 of each sealed file under a folder of the corpus, by its path."""
        hashes: dict[str, str] = {}
        for seal in self.done:
            hashes |= {path: value for path, value in seal.files.items() if path.startswith(under)}
        return {path: value for path, value in hashes.items() if value}

    def ranges(self, table: str) -> list[Seal]:
        """The last seal of each range of a table's rows, in the order of their keys."""
        last = {(seal.low, seal.high): seal for seal in self.done if seal.table == table}
        return [last[key] for key in sorted(last)]

    def version(self, table: str) -> int:
        """The lowest version that the table can be at."""
        return max((seal.version for seal in self.done if seal.table == table), default=0)


class SealBook:
    """The two files of one corpus, for reading by anybody and for writing by the holder of the writer lock.

    `end` looks in the corpus whether the write of a pending seal took place, and clears away what a write that did not
    has left.
    """

    def __init__(self, corpus: Path, end: Callable[[Seal], bool]) -> None:
        self._folder = corpus / FOLDER
        self._end = end
        self._read: tuple[object, Seals] | None = None

    def there(self) -> bool:
        """Whether this corpus is sealed; one of before version 0.3 is not until it is written to."""
        return self._folder.is_dir()

    def read(self) -> Seals:
        """All seals.

        Raises:
            CorruptStoreError: a file is missing, or the two contradict each other or themselves.
        """
        state = _state(self._folder)
        if self._read is None or self._read[0] != state:
            self._read = state, read_seals(self._folder)
        return self._read[1]

    def rows(self, table: str, version: int, low: int, high: int, rows: int, digest: str) -> None:
        """Write ahead that the next commit makes a range of a table hold these rows."""
        self._announce(lambda n, before: Seal(n, before, table, version, low, high, rows, digest))

    def files(self, sums: Mapping[str, str]) -> None:
        """Write ahead that files with these sha256 come to stand at these paths."""
        self._announce(lambda n, before: Seal(n, before, files=dict(sums)))

    def confirm(self) -> None:
        """Say that the write which was announced has ended."""
        seals = self.read()
        assert seals.pending is not None
        _append(self._folder / DONE, seals.pending.line)
        self._read = _state(self._folder), Seals((*seals.done, seals.pending))

    def settle(self) -> None:
        """End what a killed writer left: confirm its write if it took place, else take its seal back."""
        for name in (AHEAD, DONE):
            _cut_torn(self._folder / name)
        seals = self.read()
        if seals.pending is None:
            return
        if self._end(seals.pending):
            self.confirm()
        else:
            write_chain(self._folder / AHEAD, seals.done)

    def _announce(self, make: Callable[[int, str], Seal]) -> None:
        self.settle()
        seals = self.read()
        seal = make(seals.done[-1].number + 1, seals.done[-1].hash)
        _append(self._folder / AHEAD, seal.line)
        self._read = _state(self._folder), Seals(seals.done, seal)


def begin_chain(folder: Path, seals: Sequence[Seal]) -> None:
    """Fill an empty folder with both files of a new chain."""
    for name in (AHEAD, DONE):
        write_chain(folder / name, seals)


def write_chain(path: Path, seals: Sequence[Seal]) -> None:
    """Replace a file of the chain as a whole."""
    atomic_write(path, "".join(f"{seal.line}\n" for seal in seals), mode=0o600)


def read_seals(folder: Path) -> Seals:
    """Both files of a chain, compared.

    Raises:
        CorruptStoreError: one is missing, damaged, or behind the other.
    """
    ahead, done = read_chain(folder / AHEAD), read_chain(folder / DONE)
    if len(ahead) - len(done) not in (0, 1) or ahead[: len(done)] != done or not done:
        raise CorruptStoreError(f"{folder}: {DONE} ({len(done)} seals) is not {AHEAD} ({len(ahead)} seals); {REPAIR}")
    return Seals(done, ahead[-1] if len(ahead) > len(done) else None)


def read_chain(path: Path) -> tuple[Seal, ...]:
    """The seals of one file in their order; a last line that a kill cut off is not there.

    Raises:
        CorruptStoreError: the file is missing, or a line is no seal or does not follow the one before it.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        damage = CorruptStoreError(f"{path}: cannot be read ({error.strerror}); {REPAIR}")
        raise unless_refused(error, path, damage) from error
    seals: list[Seal] = []
    before = ""
    for number, line in enumerate(lines, 1):
        try:
            seal = Seal(**parsed_json(line))
        except (ValueError, TypeError) as error:
            raise CorruptStoreError(f"{path}, line {number}: is no seal ({error}); {REPAIR}") from error
        if seal.number != number - 1 or seal.before != before:
            raise CorruptStoreError(f"{path}, line {number}: does not follow the seal before it; {REPAIR}")
        seals.append(seal)
        before = hashlib.sha256(line).hexdigest()
    if seals and seals[-1].hash != before:
        raise CorruptStoreError(f"{path}, line {len(seals)}: is not as it was written; {REPAIR}")
    return tuple(seals)


def _state(folder: Path) -> object:
    """What changes when somebody else writes one of the files."""
    states = []
    for name in (AHEAD, DONE):
        with suppress(OSError):
            stat = (folder / name).stat()
            states.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return states


def _cut_torn(path: Path) -> None:
    with suppress(FileNotFoundError):
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            own_file(path)
            os.truncate(path, whole)


def _append(path: Path, line: str) -> None:
    own_file(path)
    with path.open("ab") as file:
        start = file.tell()
        try:
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            # A full disk: half a line must not stand before the next one.
            os.truncate(path, start)
            raise
