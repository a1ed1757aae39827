"""The pictures that leave with an export: each once as a file in `images/`, and its bytes in the rows that show it.

Where their words are read, those that show what must not leave stay behind; their rows say them in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from synthdata.export.kinds import PICTURES, Kind, Row
from synthdata.export.pictures import FOLDER, without_pictures
from synthdata.export.withheld import PictureScan
from synthdata.pictures.encode import size_of
from synthdata.pictures.store import PictureStore
from synthdata.text.redaction import Pseudonyms


class Gallery:
    """What leaves of a corpus' pictures. `worded` counts by kind pictures of rows that left as words.

    With `exported` False none leaves at all: the export is for models that read texts. Without a `scan` nobody looks at
    what they show.
    """

    def __init__(
        self, picture_store: PictureStore, folder: Path, exported: bool, scan: PictureScan | None = None
    ) -> None:
        self.picture_store, self.exported, self._scan = picture_store, exported, scan
        self.worded: Counter[Kind] = Counter()
        self._folder = folder / FOLDER
        self._sizes: dict[str, dict[str, int]] = {}
        self._shown: Counter[Kind] = Counter()
        self._withheld: Counter[Kind] = Counter()

    def check(self, names: Iterable[str]) -> None:
        """Refuse pictures that cannot leave, before anything is written, and look at the words of the others.

        Raises:
            CorruptStoreError: one is missing, or not what its name says.
        """
        for name in sorted(names) if self.exported else ():
            self.picture_store.read(name)
            if self._scan is not None:
                self._scan.look(name)

    @property
    def scans(self) -> bool:
        """Whether pictures leave, and somebody looks at their words before."""
        return self.exported and self._scan is not None

    def compare(self, rows: Iterable[Row], known: Sequence[Pseudonyms]) -> None:
        """Hold the pictures of a source's rows against what is known to be secret or personal in its texts."""
        if self._scan is not None:
            self._scan.compare({name for row in rows for name in (row.get(PICTURES) or {}).values()}, known)

    def without_withheld(self, kind: Kind, row: Row) -> Row:
        """The row with pictures that must not leave as words."""
        if self._scan is None:
            return row
        row, count = without_pictures(row, self._scan.withheld.keys())
        self._withheld[kind] += count
        return row

    def cells(self, kind: Kind, names: Sequence[str]) -> list[dict[str, Any]]:
        """The pictures as `datasets` keeps them: bytes, and the name of the file.

        Raises:
            CorruptStoreError: one is missing, or not what its name says.
        """
        self._shown[kind] += len(names)
        return [{"bytes": self._put(name), "path": name} for name in names]

    def facts(self) -> dict[str, Any]:
        """For the manifest: how many rows show them, files and bytes, the size of each, and what left as words."""
        return {
            "files": len(self._sizes),
            "bytes": sum(size["bytes"] for size in self._sizes.values()),
            "shown": dict(sorted(self._shown.items())),
            "as_words": dict(sorted(self.worded.items())),
            "withheld": self._held_back(),
            "sizes": dict(sorted(self._sizes.items())),
        }

    def _held_back(self) -> dict[str, Any] | None:
        """Pictures by what they show, and their places in rows by kind; None where nobody looked."""
        if self._scan is None or not self.scans:
            return None
        why = Counter(self._scan.withheld.values())
        return {"because_of": dict(sorted(why.items())), "places": dict(sorted((+self._withheld).items()))}

    def _put(self, name: str) -> bytes:
        data = self.picture_store.read(name)
        if name not in self._sizes:
            self._folder.mkdir(exist_ok=True)
            (self._folder / name).write_bytes(data)
            width, height = size_of(data)
            self._sizes[name] = {"width": width, "height": height, "bytes": len(data)}
        return data


def paths(names: Sequence[str]) -> list[str]:
    """Where the pictures lie, relative to the export."""
    return [f"{FOLDER}/{name}" for name in names]
